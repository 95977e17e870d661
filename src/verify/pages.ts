/** Pages as they are stored, looked at one by one: what is in a second, and in which seconds two pages differ. */
import { ByteReader } from "../core/bytes.ts";
import { messageOf } from "../core/errors.ts";
import { Aggregate } from "../metrics/aggregate.ts";
import { Distribution } from "../metrics/distribution.ts";
import type { Dyadic } from "../metrics/dyadic.ts";
import { pageOf, SECONDS_PER_PAGE } from "../rollups/levels.ts";
import { checksumOf } from "../rollups/page-frame.ts";
import { EncodedSeconds } from "../rollups/seconds-codec.ts";
import type { SecondsPage } from "../rollups/seconds-page.ts";

const CRC_BYTES = 4;

/** Of an exact sum in a line. */
const DIGITS_MAX = 40;

/** A reading of a second. */
export interface Listed {
  /** Event time, ms since the epoch. */
  readonly time: number;
  readonly value: number;
  /** 1 when it came late, else 0. */
  readonly late: number;
}

/** A second that differs between two pages. */
export interface SecondDifference {
  /** Since the epoch. */
  readonly second: number;
  /** Readings that only the expected page has, and that only the stored one has; both null where either keeps sums instead of readings. */
  readonly missing: readonly Listed[] | null;
  readonly extra: readonly Listed[] | null;
  /** All readings of the expected page, with the stored ones' lateness where that is not compared; null: it keeps sums instead. */
  readonly readings: readonly Listed[] | null;
  readonly storedCount: number;
  readonly expectedCount: number;
  /** What each holds, to be read by people. */
  readonly stored: string;
  readonly expected: string;
}

/** Why a page's bytes cannot be its own; null: the checksum is right. */
export function checksumFault(key: number, bytes: Uint8Array): string | null {
  const length = bytes.length - CRC_BYTES;
  if (length <= 0) return `${bytes.length} bytes`;
  const expected = checksumOf(key, bytes.subarray(0, length));
  const stored = new ByteReader(bytes, length).u32();
  return stored === expected ? null : `checksum ${hex(stored)}, that of its bytes is ${hex(expected)}`;
}

function hex(number: number): string {
  return number.toString(16).padStart(8, "0");
}

/** A page of level 0 in its open form, or why there is none. */
export function openSeconds(key: number, bytes: Uint8Array): SecondsPage | string {
  const fault = checksumFault(key, bytes);
  if (fault !== null) return fault;
  try {
    return new EncodedSeconds().open(key, bytes).decode();
  } catch (error) {
    return messageOf(error);
  }
}

const ALL = { sums: true, quantiles: false };

/** The seconds in which two pages of level 0 differ. @param withLate also in which readings came late */
export function differingSeconds(
  key: number,
  stored: SecondsPage | null,
  expected: SecondsPage | null,
  withLate: boolean,
): SecondDifference[] {
  const start = pageOf(key) * SECONDS_PER_PAGE;
  const [own, other] = [listedOf(stored), listedOf(expected)];
  const differences: SecondDifference[] = [];
  for (let i = 0; i < SECONDS_PER_PAGE; i++) {
    const before = own.get(i) ?? [];
    const after = other.get(i) ?? [];
    const isHeavy = isHeavyAt(stored, i) || isHeavyAt(expected, i);
    const [a, b] = [aggregateOf(stored, i), aggregateOf(expected, i)];
    const differs = isHeavy
      ? !isSameAggregate(a, b, withLate) || !isSameValues(valuesOf(stored, i), valuesOf(expected, i))
      : !isSame(before, after) || (withLate && a.late !== b.late);
    if (!differs) continue;
    differences.push({
      second: start + i,
      missing: isHeavy ? null : without(after, before),
      extra: isHeavy ? null : without(before, after),
      readings: isHeavyAt(expected, i) ? null : after.map((reading) => (withLate ? reading : lateAs(before, reading))),
      storedCount: a.count,
      expectedCount: b.count,
      ...differenceTexts(a, b, withLate),
    });
  }
  return differences;
}

/** Readings by second, by time and value. */
function listedOf(page: SecondsPage | null): Map<number, Listed[]> {
  const seconds = new Map<number, Listed[]>();
  if (page === null) return seconds;
  const put = (i: number, ms: number, value: number, late: number): void => {
    const reading = { time: (page.start + i) * 1000 + ms, value, late };
    const readings = seconds.get(i);
    if (readings === undefined) seconds.set(i, [reading]);
    else readings.push(reading);
  };
  page.singles?.each(put);
  for (let i = 0; i < SECONDS_PER_PAGE; i++) page.lists?.eachOf(i, (ms, value, late) => put(i, ms, value, late));
  for (const readings of seconds.values()) readings.sort((a, b) => a.time - b.time || a.value - b.value);
  return seconds;
}

function isHeavyAt(page: SecondsPage | null, i: number): boolean {
  return page?.lists?.heavyRow.has(i) === true;
}

function isSame(a: readonly Listed[], b: readonly Listed[]): boolean {
  return a.length === b.length && a.every(({ time, value }, i) => time === b[i].time && value === b[i].value);
}

/** The reading, late as its like among others; not late when there is none. */
function lateAs(others: readonly Listed[], { time, value }: Listed): Listed {
  const late = others.find((other) => other.time === time && other.value === value)?.late ?? 0;
  return { time, value, late };
}

/** Those of `a` that `b` has not; both in order. */
function without(a: readonly Listed[], b: readonly Listed[]): Listed[] {
  const left = [...b];
  return a.filter(({ time, value }) => {
    const at = left.findIndex((other) => other.time === time && other.value === value);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function aggregateOf(page: SecondsPage | null, i: number): Aggregate {
  const aggregate = new Aggregate(ALL);
  page?.mergeInto(aggregate, i, i + 1, true);
  return aggregate;
}

function valuesOf(page: SecondsPage | null, i: number): Uint8Array {
  const values = new Distribution();
  page?.mergeValues(values, i, i + 1);
  return values.encoded();
}

function isSameValues(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Whether two aggregates are equal to the last bit, but for their values. */
export function isSameAggregate(a: Aggregate, b: Aggregate, withLate: boolean): boolean {
  return (!withLate || a.late === b.late) && exactText(a) === exactText(b);
}

/** Everything that says the same of the same readings. */
function exactText(aggregate: Aggregate): string {
  const { count, seconds, min, max, firstTime, firstValue, lastTime, lastValue } = aggregate;
  const sums = aggregate.exactSums().map(canonical);
  return [count, seconds, min, max, firstTime, firstValue, lastTime, lastValue, ...sums].join(" ");
}

/** One text for one number. */
function canonical({ m, e }: Dyadic): string {
  let [mantissa, exponent] = [m, e];
  while (mantissa !== 0n && (mantissa & 1n) === 0n) {
    mantissa >>= 1n;
    exponent++;
  }
  return mantissa === 0n ? "0" : `${mantissa}·2^${exponent}`;
}

/** What two aggregates that differ hold, to be read by people: what is equal is named only where all of it is. */
export function differenceTexts(a: Aggregate, b: Aggregate, withLate: boolean): { stored: string; expected: string } {
  const [stored, expected] = [partsOf(a, withLate), partsOf(b, withLate)];
  const differing = Object.keys(stored).filter((name) => stored[name] !== expected[name]);
  const names = differing.length === 0 ? ["count"] : differing;
  const text = (parts: Record<string, string>): string => {
    if (parts["count"] === "0") return "nothing";
    return [...new Set(["count", ...names])].map((name) => `${name} ${parts[name]}`).join(", ");
  };
  const other = differing.length === 0 ? ", other values" : "";
  return { stored: text(stored), expected: text(expected) + other };
}

function partsOf(aggregate: Aggregate, withLate: boolean): Record<string, string> {
  const { count, seconds, late, min, max, firstTime, firstValue, lastTime, lastValue } = aggregate;
  const [sum, squares] = aggregate.exactSums().map((exact) => cut(canonical(exact)));
  return {
    count: `${count}`,
    seconds: `${seconds}`,
    min: `${min}`,
    max: `${max}`,
    sum: `${aggregate.sum()} (${sum})`,
    squares,
    first: `${firstValue} at ${timeText(firstTime)}`,
    last: `${lastValue} at ${timeText(lastTime)}`,
    ...(withLate ? { late: `${late}` } : {}),
  };
}

/** The ends of a number that may have a thousand digits: its sums can differ anywhere. */
function cut(text: string): string {
  return text.length <= DIGITS_MAX ? text : `${text.slice(0, DIGITS_MAX / 2)}…${text.slice(-DIGITS_MAX / 2)}`;
}

function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}
