/** The bytes of a `POST /readings/{sensor}` body → records for the log, bytes as they are: what is in them is judged when they are read from the log. */
import { TidemarkError } from "../core/errors.ts";
import { RECORD_BYTES_MAX } from "../core/limits.ts";
import type { Log, NewRecord } from "../log/log.ts";

/** What a door to the log needs of it. */
export type ReadingsLog = Pick<Log, "append">;

const NEWLINE = 10;
const OPEN_LIST = 91;
const OPEN_OBJECT = 123;

/**
 * One JSON value (pretty-printed over many lines too) or bare value is one record; else each line (\n or \r\n) that is not blank is one.
 * Records have no white space around them; they are views of `body`.
 * @param key of every record: the device's name where the values do not have one
 * @param recordsMax a body of more is refused whole
 * @throws TidemarkError "request-invalid" (nothing in it), "request-too-large" (too many), "record-too-large", naming the line
 * @example
 * ```ts
 * const body = new TextEncoder().encode('{"value": 1}\n{"value": 2}\n');
 * const records = recordsOfBody("temperature", body, undefined, 100);
 * assert.deepEqual(records.map(({ value }) => new TextDecoder().decode(value)), ['{"value": 1}', '{"value": 2}']);
 * ```
 */
export function recordsOfBody(
  sensor: string,
  body: Uint8Array,
  key: Uint8Array | undefined,
  recordsMax: number,
): NewRecord[] {
  const start = skipSpace(body, 0, body.length);
  const end = trimEnd(body, start, body.length);
  if (start === end) {
    throw new TidemarkError("request-invalid", `Cannot append to "${sensor}": expected a reading, was an empty body`);
  }
  const records: NewRecord[] = [];
  if (isOneValue(body, start, end)) {
    records.push(recordOf(sensor, body, start, end, key, 1));
    return records;
  }
  let line = 1 + newlinesIn(body, start);
  for (let at = start; at < end; line++) {
    let next = body.indexOf(NEWLINE, at);
    if (next < 0 || next > end) next = end;
    const first = skipSpace(body, at, next);
    const last = trimEnd(body, first, next);
    if (last > first) {
      if (records.length === recordsMax) {
        const text = `Cannot append to "${sensor}": expected <= ${recordsMax} readings in one request, were more`;
        throw new TidemarkError("request-too-large", text);
      }
      records.push(recordOf(sensor, body, first, last, key, line));
    }
    at = next + 1;
  }
  return records;
}

function recordOf(
  sensor: string,
  body: Uint8Array,
  start: number,
  end: number,
  key: Uint8Array | undefined,
  line: number,
): NewRecord {
  if (end - start > RECORD_BYTES_MAX) {
    const wanted = `payload must be <= ${RECORD_BYTES_MAX} bytes, was ${end - start} in line ${line}`;
    throw new TidemarkError("record-too-large", `Cannot append to "${sensor}": ${wanted}`);
  }
  const value = body.subarray(start, end);
  return key === undefined ? { value } : { value, key };
}

/** Whether all of it is one value: without a line break, or when JSON.parse takes the whole and not already the first line. */
function isOneValue(body: Uint8Array, start: number, end: number): boolean {
  const newline = body.indexOf(NEWLINE, start);
  if (newline < 0 || newline >= end) return true;
  // Nothing but a list or an object goes over several lines, and none larger than a record may be is one.
  if ((body[start] !== OPEN_OBJECT && body[start] !== OPEN_LIST) || end - start > RECORD_BYTES_MAX) return false;
  return !isJson(body, start, newline) && isJson(body, start, end);
}

function isJson(body: Uint8Array, start: number, end: number): boolean {
  try {
    JSON.parse(Buffer.from(body.buffer, body.byteOffset + start, end - start).toString("utf8"));
    return true;
  } catch {
    return false;
  }
}

/** JSON's white space. */
function isSpace(byte: number): boolean {
  return byte === 32 || byte === NEWLINE || byte === 13 || byte === 9;
}

function skipSpace(body: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isSpace(body[at])) at++;
  return at;
}

function trimEnd(body: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && isSpace(body[at - 1])) at--;
  return at;
}

function newlinesIn(body: Uint8Array, end: number): number {
  let count = 0;
  for (let i = 0; i < end; i++) if (body[i] === NEWLINE) count++;
  return count;
}
