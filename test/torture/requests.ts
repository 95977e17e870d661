/**
 * Arrivals of a generated history → requests of `POST /readings/{sensor}`, on lanes that each keep their order: a lane is a partition of the
 * history, which the generator lets interleave at will (`order: "any"`). What HTTP cannot carry is left out and counted.
 */
import { decodeRecord, openIn, refused } from "../oracle/decode.ts";
import type { History } from "../oracle/generator.ts";
import type { Arrival } from "../oracle/oracle.ts";
import { Seeded } from "../oracle/seeded.ts";

/** Arrivals that are put together by sensor and key: a device's own stay in order, as its key is always the same. */
const CHUNK_ARRIVALS = 2000;
/** Bytes of a body at most; the server takes 4 MiB. */
const BODY_BYTES_MAX = 1_000_000;

/** Of the objects over several lines, which take a request each, one in so many stays so. */
const MULTI_LINE_SHARE = 1 / 8;
/** What HTTP takes in a header, as Latin-1. */
const HEADER_PATTERN = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/;
/** What a server takes off around a record, in Latin-1: white space and byte order marks before it, white space and NUL behind it. */
const TAKEN_OFF = /^(?:[ \t\r\n\v\f]|\xef\xbb\xbf)+|[ \t\r\n\v\f\0]+$/g;

/** A record as it stands in the log. */
export interface SentRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array;
  /** What it makes. */
  readonly readings: number;
  readonly rejected: number;
}

export interface ReadingsRequest {
  readonly sensor: string;
  readonly records: readonly SentRecord[];
  readonly body: Uint8Array;
  readonly headers: Record<string, string>;
  /** What the server has to answer. */
  readonly answer: { readonly appended: number; readonly rejected?: number };
}

export interface Lanes {
  readonly lanes: readonly (readonly ReadingsRequest[])[];
  /** Readings and what is rejected, by sensor. */
  readonly counts: ReadonlyMap<string, number>;
  /** Arrivals that HTTP cannot carry: nothing in their request is a reading, without a value, larger than a record may be, with a key longer than a header, not one value although over several lines. */
  readonly leftOut: number;
}

/** The requests of a history, a lane for each partition; batch sizes are drawn from `seed`. */
export function lanesOf(history: History, seed: number, sensors = history.options.sensors): Lanes {
  const random = new Seeded(seed);
  const counts = new Map<string, number>(sensors.map((sensor) => [sensor, 0]));
  let leftOut = 0;
  const lanes = Array.from({ length: history.options.partitions }, (_, partition) => {
    const records: { readonly sensor: string; readonly record: SentRecord }[] = [];
    for (const arrival of history.arrivals) {
      if (arrival.partition !== partition || !counts.has(arrival.sensor)) continue;
      const record = recordOf(arrival, random.chance(MULTI_LINE_SHARE), history.options.zone);
      if (record === null) leftOut++;
      else records.push({ sensor: arrival.sensor, record });
    }
    const requests: ReadingsRequest[] = [];
    for (let at = 0; at < records.length; at += CHUNK_ARRIVALS) {
      const groups = Map.groupBy(
        records.slice(at, at + CHUNK_ARRIVALS),
        ({ sensor, record }) => `${sensor} ${record.key === null ? "" : latin1(record.key)}`,
      );
      for (const group of groups.values()) {
        const [{ sensor }] = group;
        const own = group.map(({ record }) => record);
        for (const part of cut(own, random)) {
          const request = requestOf(sensor, part);
          const { appended, rejected = 0 } = request.answer;
          if (appended === 0) leftOut += part.length;
          else requests.push(request);
          if (appended > 0) counts.set(sensor, (counts.get(sensor) ?? 0) + appended + rejected);
        }
      }
    }
    return requests;
  });
  return { lanes, counts, leftOut };
}

/** The record that the server makes of an arrival; null when it cannot be sent. */
function recordOf({ key, value }: Arrival, mayBeMultiLine: boolean, zone: string): SentRecord | null {
  const whole = value === null ? "" : latin1(value).replace(TAKEN_OFF, "");
  const text = mayBeMultiLine || !isJson(whole) ? whole : whole.replaceAll("\n", " ");
  if (text === "" || text.length > 1_048_576 || (key !== null && key.length > 256)) return null;
  if (text.includes("\n") && (!isJson(text) || isJson(text.slice(0, text.indexOf("\n"))))) return null;
  return sentRecord(key === null ? null : headerOf(key), Buffer.from(text, "latin1"), zone);
}

function sentRecord(key: Uint8Array | null, value: Uint8Array, zone: string): SentRecord {
  const outcomes = decodeRecord(value, zone);
  const rejected = outcomes.filter(refused).length;
  return { key, value, readings: outcomes.length - rejected, rejected };
}

/** Names with line breaks and the like cannot be said in a header: such a device has another name here. */
function headerOf(key: Uint8Array): Uint8Array {
  const text = latin1(key);
  return HEADER_PATTERN.test(text) ? key : Buffer.from(`${text.replaceAll(/[^\x20-\x7e\x80-\xff]/g, "~")}.`, "latin1");
}

function isJson(text: string): boolean {
  try {
    JSON.parse(Buffer.from(text, "latin1").toString("utf8"));
    return true;
  } catch {
    return false;
  }
}

/** A value over several lines is a request of its own; others are lines of one body, so many as chance has it. */
function cut(records: readonly SentRecord[], random: Seeded): SentRecord[][] {
  const parts: SentRecord[][] = [];
  let part: SentRecord[] = [];
  let [size, bytes] = [1, 0];
  const end = (): void => {
    if (part.length > 0) parts.push(part);
    part = [];
    bytes = 0;
  };
  for (const record of records) {
    const isAlone = record.value.includes(10);
    if (isAlone || part.length >= size || bytes + record.value.length > BODY_BYTES_MAX) end();
    if (part.length === 0) size = Math.ceil(random.scale(1, CHUNK_ARRIVALS / 4));
    part.push(record);
    bytes += record.value.length + 1;
    // What follows a line that leaves a bracket open is one with it.
    if (isAlone || openIn(latin1(record.value)) > 0) end();
  }
  end();
  return parts;
}

function requestOf(sensor: string, records: readonly SentRecord[]): ReadingsRequest {
  const newline = Buffer.from("\n");
  const body = Buffer.concat(records.flatMap(({ value }, i) => (i === 0 ? [value] : [newline, value])));
  const { key } = records[0];
  const headers = key === null ? {} : { "tidemark-device": latin1(key) };
  const appended = records.reduce((sum, { readings }) => sum + readings, 0);
  const rejected = records.reduce((sum, record) => sum + record.rejected, 0);
  return { sensor, records, body, headers, answer: rejected === 0 ? { appended } : { appended, rejected } };
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Records of one body of the bulk: just under the 4 MiB that a body may have. */
const BULK_RECORDS_PER_BODY = 40_000;
const BULK_DEVICES = 50;

/**
 * Many plain readings of some devices, so that reading the log again takes time: a lane of their own.
 * @param endMs no event time is later; one second lies between two readings of a device
 */
export function bulkLane(sensor: string, records: number, endMs: number): ReadingsRequest[] {
  const requests: ReadingsRequest[] = [];
  const startMs = endMs - Math.ceil(records / BULK_DEVICES) * 1000;
  for (let from = 0; from < records; from += BULK_RECORDS_PER_BODY) {
    const lines: SentRecord[] = [];
    for (let i = from; i < Math.min(records, from + BULK_RECORDS_PER_BODY); i++) {
      const sequence = Math.floor(i / BULK_DEVICES);
      const text = `{"device":"bulk-${i % BULK_DEVICES}","boot":"b","sequence":${sequence},"value":${(i * 7919) % 1009},"time":${startMs + sequence * 1000}}`;
      lines.push({ key: null, value: Buffer.from(text), readings: 1, rejected: 0 });
    }
    requests.push(requestOf(sensor, lines));
  }
  return requests;
}
