/** The bytes of a `POST /readings/{sensor}` body → records for the log, bytes as they are. What is in them is judged when they are read from it; look-into.ts says before what that will be. */
import { TidemarkError } from "../core/errors.ts";
import { RECORD_BYTES_MAX } from "../core/limits.ts";
import { Lines } from "../formats/lines.ts";
import type { Log, NewRecord } from "../log/log.ts";

/** What a door to the log needs of it. */
export type ReadingsLog = Pick<Log, "append">;

/**
 * Each line (\n or \r\n) that is not blank is one record; a line that leaves a bracket open takes all that follows with it, so that a
 * pretty-printed value is one. What is taken off around a reading is taken off around records; they are views of `body`.
 * @param key of every record: the device's name where the values do not have one
 * @param recordsMax a body of more is refused whole
 * @throws TidemarkError "request-invalid" (nothing in it), "request-too-large" (too many), "record-too-large", naming the line
 */
export function recordsOfBody(
  sensor: string,
  body: Uint8Array,
  key: Uint8Array | undefined,
  recordsMax: number,
): NewRecord[] {
  const what = `Cannot append to "${sensor}"`;
  const records: NewRecord[] = [];
  for (const lines = new Lines(body, 0, body.length); lines.next(); ) {
    const length = lines.end - lines.start;
    if (records.length === recordsMax) {
      const wanted = `expected <= ${recordsMax} readings in one request, were more`;
      throw new TidemarkError("request-too-large", `${what}: ${wanted}`);
    }
    if (length > RECORD_BYTES_MAX) {
      const wanted = `payload must be <= ${RECORD_BYTES_MAX} bytes, was ${length} in line ${lines.line}`;
      throw new TidemarkError("record-too-large", `${what}: ${wanted}`);
    }
    const value = body.subarray(lines.start, lines.end);
    records.push(key === undefined ? { value } : { value, key });
  }
  if (records.length === 0)
    throw new TidemarkError("request-invalid", `${what}: expected a reading, was an empty body`);
  return records;
}
