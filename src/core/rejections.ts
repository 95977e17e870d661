/** Why a record was rejected: bad input is a value, never an exception. Stored with the record's bytes, counted and listed. */
/** Every reason. Their order is stored: new ones go at the end. */
export const REJECTIONS = [
  { code: "empty", text: "the record has no value" },
  { code: "not-a-number", text: "the value is not a number" },
  {
    code: "numeric-string",
    text: "the value is a text that holds a number, but no plain decimal: send it without quotes",
  },
  { code: "not-finite", text: "the value is NaN or infinite" },
  { code: "too-large", text: "the value's magnitude is over 1e150: its square leaves the doubles" },
  { code: "too-small", text: "the value's magnitude is under 1e-140 and not 0: its square leaves the doubles" },
  { code: "unreadable", text: "the record is neither a number nor JSON objects" },
  { code: "value-missing", text: 'the JSON object has no "value"' },
  { code: "time-unreadable", text: "the time is neither epoch milliseconds nor ISO 8601" },
  { code: "time-looks-like-seconds", text: "the time has ten digits and looks like seconds: send milliseconds" },
  {
    code: "time-looks-like-microseconds",
    text: "the time has 16 digits and looks like microseconds: send milliseconds",
  },
  { code: "time-looks-like-nanoseconds", text: "the time has 19 digits and looks like nanoseconds: send milliseconds" },
  { code: "time-looks-like-date", text: "the time's digits look like a date: send it as 2020-01-13T15:12:00Z" },
  { code: "time-out-of-range", text: "the time is outside the years 1 to 9999" },
  { code: "sequence-invalid", text: "the sequence is not an integer from 0 to 9007199254740991" },
  { code: "device-invalid", text: "the device is neither a text nor an integer up to 2^53, or is over 256 bytes" },
  { code: "boot-invalid", text: "the boot is neither a text nor an integer up to 2^53, or is over 256 bytes" },
  { code: "id-invalid", text: "the id is neither a text nor an integer up to 2^53, is empty, or is over 1024 bytes" },
  { code: "sensor-unknown", text: "the reading names a sensor that there is not" },
  { code: "record-too-large", text: "the record's value is over 1 MiB" },
  {
    code: "line-unreadable",
    text: "the line is not line protocol: measurement, tags, a space, fields, and perhaps a space and a time",
  },
] as const;

/** The codes of REJECTIONS. */
export type RejectionCode = (typeof REJECTIONS)[number]["code"];

/** Column value of an accepted reading; a rejected one has `rejectionIndex(code)`. */
export const ACCEPTED = 0;

/** … and of a row that is neither: its record holds nothing that is to be counted. */
export const PASSED_OVER = 255;

const indexByCode = new Map<string, number>(REJECTIONS.map((rejection, i) => [rejection.code, i + 1]));

/** The number of a rejection in a column: 1 is the first of `REJECTIONS`. */
export function rejectionIndex(code: RejectionCode): number {
  return indexByCode.get(code) ?? 0;
}

/** The rejection behind a column's number (1 is the first). */
export function rejectionAt(index: number): (typeof REJECTIONS)[number] {
  return REJECTIONS[index - 1];
}
