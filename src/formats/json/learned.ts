/** Objects of a shape seen before: a decoder generated from it compares what lies between the values as 32-bit words and reads digits in fours. First of the JSON paths. */
import { ID_BYTES_MAX, NAME_BYTES_MAX, RECORD_BYTES_MAX, TIME_MS_MAX, TIME_MS_MIN } from "../../core/limits.ts";
import { IDENTITY_EXPLICIT, IDENTITY_SEQUENCE } from "../../core/readings.ts";
import { TIME_READ, type TimeReader } from "../../core/time.ts";
import type { Batch } from "../format.ts";
import { isWellFormedUtf8 } from "../utf8.ts";
import {
  BOOT,
  DEVICE,
  FIELD,
  ID,
  SEQUENCE,
  SHAPE_FIELDS_MAX,
  type Shape,
  TEXT,
  TIME,
  UNKNOWN,
  VALUE,
  WIDE,
} from "./fields.ts";
import { PLAIN } from "./skip.ts";

/** Literal bytes of one shape: what is longer is a document, and its words would make a decoder of many kilobytes. */
const LITERAL_BYTES_MAX = 512;

/** Bytes that reading one value may step over before the record's end is noticed: the longest time (64), or a number, and a word. */
const VALUE_BYTES_MAX = 72;

/** Generated decoders kept, for all topics together. Sensors of one make have one shape; the oldest makes room. */
const GENERATED_MAX = 64;

/** Rows of one call: V8 counts calls, and compiles a function that is called a few times for long later than one that is called often. */
const RUN_ROWS_MAX = 512;

/** Texts of at least this many bytes are skipped word by word. */
const LONG_TEXT = 8;

/** Digits of epoch milliseconds from 2001 to 2286. */
const EPOCH_DIGITS = 13;

/**
 * Decodes rows from `first` on into their columns as long as they have the shape. It takes only what the scanner takes, with the same
 * result; a row it stops at is as `Batch.begin` left it.
 * @returns the first row of another shape
 */
export type LearnedRun = (batch: Batch, times: TimeReader, first: number) => number;

const generated = new Map<string, LearnedRun>();

/**
 * The decoder of the object bytes[start, end), just scanned into `shape`; null when it is not worth one.
 * The source holds numbers taken from the bytes, never text. Where generating code is forbidden (Node's
 * --disallow-code-generation-from-strings) there is none, and the scanner goes on.
 */
export function learn(bytes: Uint8Array, shape: Shape, start: number, end: number): LearnedRun | null {
  if (shape.count > SHAPE_FIELDS_MAX) return null;
  const source = generate(bytes, shape, start, end);
  if (source === null) return null;
  const known = generated.get(source);
  if (known !== undefined) return known;
  const run = compile(source);
  if (run === null) return null;
  if (generated.size === GENERATED_MAX) for (const [oldest] of generated.entries().take(1)) generated.delete(oldest);
  generated.set(source, run);
  return run;
}

function compile(source: string): LearnedRun | null {
  try {
    const make = new Function("POWERS", "PLAIN", "isWellFormedUtf8", source);
    return make(POWERS, PLAIN, isWellFormedUtf8);
  } catch (error) {
    if (error instanceof EvalError) return null;
    throw error;
  }
}

const POWERS = new Float64Array(16);
for (let i = 0; i < POWERS.length; i++) POWERS[i] = Number(`1e${i}`);

/**
 * The body of a factory of a LearnedRun: names are interned when the rows are read. In it: `b` the batch's bytes, `v` their DataView, `p` the position, `end` the record's;
 * `return row` gives the row up. Lengths are left to the branch predictor (loops and ifs, not counts computed from masks): where records
 * are alike the processor runs ahead, and where they are not a wrong guess costs what the computation would.
 */
function generate(bytes: Uint8Array, shape: Shape, start: number, end: number): string | null {
  const steps: string[] = [];
  const known = new Set<number>();
  let literalBytes = end - start;
  let from = start;
  for (let field = 0; field < shape.count; field++) {
    const fieldStart = shape.start[field];
    const fieldEnd = shape.end[field];
    const step = stepOf(shape.kind[field], fieldEnd - fieldStart);
    if (step === null) return null;
    steps.push(literal(bytes, from, fieldStart), step);
    known.add(shape.kind[field] & FIELD).add(shape.kind[field] & (FIELD | WIDE));
    literalBytes -= fieldEnd - fieldStart;
    from = fieldEnd;
  }
  steps.push(literal(bytes, from, end));
  if (literalBytes > LITERAL_BYTES_MAX) return null;
  return `"use strict";
function scan(batch, times, first) {
  const { bytes: b, view: v, records, readings, context } = batch;
  const { valueStart, valueEnd, timestamp, count } = records;
  const { value, time, ownTime, device, boot, identity, sequence } = readings;
  const { deviceEnds, bootEnds } = batch;
  const last = b.length - ${literalBytes + VALUE_BYTES_MAX * (shape.count + 1)};
  let row = first;
  const stop = Math.min(count, first + ${RUN_ROWS_MAX});
  for (; row < stop; row++) {
    const start = valueStart[row], end = valueEnd[row];
    if (start < 0 || end > last || end - start > ${RECORD_BYTES_MAX}) return row;
    let p = start, c = 0, d = 0, g = 0, m = 0, k = 0, w = 0, q = 0, x = 0.5;
    let valueOf = 0.5, timeOf = 0.5, sequenceOf = 0.5;
    let deviceAt = 0, deviceEnd = 0, bootAt = 0, bootEnd = 0, idAt = 0, idEnd = 0;
    ${steps.join("\n    ")}
    if (p !== end) return row;
    ${known.has(TIME) ? "time[row] = timeOf; ownTime[row] = 1;" : `x = timestamp[row]; if (!(x >= ${TIME_MS_MIN} && x <= ${TIME_MS_MAX})) return row;`}
    value[row] = valueOf;
    device[row] = ${known.has(DEVICE) ? "deviceAt; deviceEnds[row] = deviceEnd" : "batch.keyDevice(row)"};
    ${known.has(BOOT) ? "boot[row] = bootAt; bootEnds[row] = bootEnd;" : ""}
    ${known.has(ID) ? `identity[row] = ${IDENTITY_EXPLICIT}; batch.setId(row, batch.${known.has(ID + WIDE) ? "text" : "ascii"}(idAt, idEnd));` : ""}
    ${known.has(SEQUENCE) && !known.has(ID) ? `identity[row] = ${IDENTITY_SEQUENCE}; sequence[row] = sequenceOf;` : ""}
  }
  return row;
}
return function run(batch, times, first) {
  const row = scan(batch, times, first);
  ${known.has(DEVICE) ? "if (row > first) batch.internDevices(first, row);" : ""}
  ${known.has(BOOT) ? "if (row > first) batch.internBoots(first, row);" : ""}
  return row;
};`;
}

/** Compares the literal bytes[start, end), a word at a time; the last word overlaps the one before, or is masked when it is the only one. */
function literal(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  const word = (at: number, size: number): number => {
    let bits = 0;
    for (let i = 0; i < size; i++) bits |= bytes[start + at + i] << (8 * i);
    return bits;
  };
  const tests: string[] = [];
  if (length < 4) tests.push(`(v.getInt32(p, true) & ${2 ** (8 * length) - 1}) !== ${word(0, length)}`);
  else {
    for (let at = 0; at < length; at += 4) {
      const place = Math.min(at, length - 4);
      tests.push(`v.getInt32(p + ${place}, true) !== ${word(place, 4)}`);
    }
  }
  return `if (${tests.join(" || ")}) return row; p += ${length};`;
}

function stepOf(kind: number, length: number): string | null {
  switch (kind) {
    case VALUE:
    case VALUE + TEXT:
      return decimal;
    case SEQUENCE:
    case SEQUENCE + TEXT:
      return integer;
    case TIME:
      return length === EPOCH_DIGITS ? epoch : null;
    case UNKNOWN:
      return skippedNumber;
    case UNKNOWN + TEXT:
      return plainText(length);
    case TIME + TEXT:
      // A time has no quote in it, so its length is enough to find its end.
      return `d = p; p += ${length}; if (b[p] !== 34 || times.read(b, d, p) !== ${TIME_READ}) return row; timeOf = times.startMs;`;
    case DEVICE:
      return `${integerName} deviceAt = d; deviceEnd = p;`;
    case BOOT:
      return `${integerName} bootAt = d; bootEnd = p;`;
    case ID:
      return `${integerName} idAt = d; idEnd = p;`;
    case DEVICE + TEXT:
    case DEVICE + TEXT + WIDE:
      return `${textStep(kind, length)} if (p - d > ${NAME_BYTES_MAX}) return row; deviceAt = d; deviceEnd = p;`;
    case BOOT + TEXT:
    case BOOT + TEXT + WIDE:
      return `${textStep(kind, length)} if (p - d > ${NAME_BYTES_MAX}) return row; bootAt = d; bootEnd = p;`;
    case ID + TEXT:
    case ID + TEXT + WIDE:
      return `${textStep(kind, length)} if (p === d || p - d > ${ID_BYTES_MAX}) return row; idAt = d; idEnd = p;`;
    default:
      return null;
  }
}

function textStep(kind: number, length: number): string {
  return (kind & WIDE) === 0 ? plainText(length) : wideText;
}

/** ASCII up to the closing quote; four bytes at a time first where that was worth it. */
function plainText(length: number): string {
  return `d = p;${length < LONG_TEXT ? "" : plainWords}
    while (p < end && PLAIN[b[p]] === 1) p++;
    if (p >= end || b[p] !== 34) return row;`;
}

/** Steps over words in which no byte is a quote, a backslash, a control character or past ASCII (Mycroft's test for a zero byte). */
const plainWords = `
    while (p < end && (w = v.getInt32(p, true), q = w ^ 0x22222222, m = w ^ 0x5c5c5c5c,
      (((q - 0x01010101) & ~q) | ((m - 0x01010101) & ~m) | ((w - 0x20202020) & ~w) | w) & 0x80808080) === 0) p += 4;`;

/** The same with well-formed UTF-8. */
const wideText = `d = p; while (p < end && (PLAIN[b[p]] === 1 || b[p] > 127)) p++;
    if (p >= end || b[p] !== 34 || !isWellFormedUtf8(b, d, p)) return row;`;

/** Loads the next word into `w`, digits as 0 to 9. */
const loadWord = "w = v.getInt32(p, true) ^ 0x30303030;";

/** True when the four bytes of `w` are digits. */
const isFourDigits = "(((w + 0x76767676) | w) & 0x80808080) === 0";

/** The number that the four digits in `w` make, by way of `q`. */
const fourDigits = "(q = (Math.imul(w, 10) + (w >>> 8)) & 0x00ff00ff, (q & 0xff) * 100 + (q >>> 16))";

/** True when the byte at `p` is a digit, which is then in `c`. */
const isDigit = "(c = b[p] - 48) >= 0 && c <= 9";

/** A sequence: up to 15 digits, so an exact integer; JSON has no leading zeros. What may follow a number is the next literal's to say. */
const integer = `d = p; m = 0; ${loadWord}
    if (${isFourDigits}) {
      m = ${fourDigits}; p += 4; ${loadWord}
      if (${isFourDigits}) { m = m * 10000 + ${fourDigits}; p += 4; }
    }
    for (g = p, k = 0; p < g + 7 && ${isDigit}; p++) k = k * 10 + c;
    if (p === d || (b[d] === 48 && p > d + 1)) return row;
    sequenceOf = p > g ? m * POWERS[p - g] + k : m;`;

/** A name that is a number: up to 15 digits, which `String()` prints as they stand. */
const integerName = `d = p; while (p < d + 15 && ${isDigit}) p++;
    if (p === d || (b[d] === 48 && p > d + 1)) return row;`;

/** A value: up to 9 digits, a point, up to 9 more, 15 in all: then number and divisor are exact doubles, and dividing rounds once. */
const decimal = `g = b[p] === 45 ? 1 : 0; p += g;
    for (d = p, k = 0; p < d + 9 && ${isDigit}; p++) k = k * 10 + c;
    if (p === d || (b[d] === 48 && p > d + 1)) return row;
    x = k;
    if (b[p] === 46) {
      for (m = ++p, k = 0; p < m + 9 && ${isDigit}; p++) k = k * 10 + c;
      if (p === m || p - d > 16) return row;
      x = (x * POWERS[p - m] + k) / POWERS[p - m];
    }
    valueOf = g === 0 ? x : 0 - x;`;

/** Epoch milliseconds of 13 digits: 2001 to 2286, so within the years that a reading may have and not like seconds. */
const epoch = `${loadWord} if (!(${isFourDigits}) || (w & 0xff) === 0) return row; m = ${fourDigits}; p += 4;
    ${loadWord} if (!(${isFourDigits})) return row; m = m * 10000 + ${fourDigits}; p += 4;
    ${loadWord} if (!(${isFourDigits})) return row; k = ${fourDigits}; p += 4;
    if (!(${isDigit})) return row; p++;
    timeOf = m * 100000 + (k * 10 + c);`;

/** A number of an unknown key, without exponent. */
const skippedNumber = `if (b[p] === 45) p++;
    for (d = p; p < d + 15 && ${isDigit};) p++;
    if (p === d || (b[d] === 48 && p > d + 1)) return row;
    if (b[p] === 46) { for (m = ++p; p < m + 15 && ${isDigit};) p++; if (p === m) return row; }`;
