/** Objects of a shape seen before, in one pass: what lies between a topic's values is compared as 32-bit words, digits are read in fours. First of the JSON paths. */
import { ID_BYTES_MAX, NAME_BYTES_MAX } from "../core/limits.ts";
import { TIME_READ, TimeReader } from "../core/time.ts";
import type { Batch } from "./format.ts";
import { BOOT, DEVICE, ID, SEQUENCE, SHAPE_FIELDS_MAX, type Shape, TEXT, TIME, UNKNOWN, VALUE } from "./json-fields.ts";
import type { JsonRow } from "./json-row.ts";
import { isEpochMs } from "./json-scanner.ts";
import { isWellFormedUtf8 } from "./utf8.ts";

/** Literal bytes of one shape: what is longer is a document, and comparing it is no longer what costs. */
const LITERAL_BYTES_MAX = 1024;

/** Words are read past the end of a record, but never past the end of the batch: so much must follow the record, beside its literals. */
const SLACK_BYTES = 64;

/** Digits of a number read here; a mantissa of 15 digits is exact, and so is what it is divided by. */
const DIGITS_MAX = 15;

/** Four times one byte. */
const ONES = 0x01010101;
const SPACES = 0x20202020;
const QUOTES = 0x22222222;
const ZEROS = 0x30303030;
const BACKSLASHES = 0x5c5c5c5c;
const HIGH_BITS = 0x80808080 | 0;

const POWERS = new Float64Array(23);
for (let i = 0; i < POWERS.length; i++) POWERS[i] = Number(`1e${i}`);

/**
 * One shape: literal, value, literal, value, …, literal. It takes only what the scanner takes, with the same result,
 * and leaves everything else to it: a number of more than 15 digits or with an exponent, an escape, another literal.
 */
export class LearnedShape {
  readonly #batch: Batch;
  readonly #row: JsonRow;
  readonly #times: TimeReader;
  readonly #count: number;
  readonly #kinds = new Uint8Array(SHAPE_FIELDS_MAX + 1);
  /** By field: the first of its literal's words, and the literal's length in bytes; one literal more than fields. */
  readonly #wordAt = new Int32Array(SHAPE_FIELDS_MAX + 2);
  readonly #lengths = new Int32Array(SHAPE_FIELDS_MAX + 1);
  /** By word: where in its literal it stands, its bits, and which of them count. */
  readonly #offsets: Int32Array;
  readonly #words: Int32Array;
  readonly #masks: Int32Array;
  readonly #literalBytes: number;
  /** Where `#number` and `#text` ended; -1: not what was expected. */
  #at = 0;

  private constructor(batch: Batch, row: JsonRow, shape: Shape, start: number, end: number) {
    this.#batch = batch;
    this.#row = row;
    this.#times = new TimeReader(batch.context.zone);
    this.#count = shape.count;
    const offsets: number[] = [];
    const words: number[] = [];
    const masks: number[] = [];
    let from = start;
    for (let field = 0; field <= shape.count; field++) {
      const to = field < shape.count ? shape.start[field] : end;
      this.#kinds[field] = shape.kind[field];
      this.#wordAt[field] = words.length;
      this.#lengths[field] = to - from;
      for (let offset = 0; offset < to - from; offset += 4) {
        // The last word overlaps the one before, or, in a literal shorter than a word, is masked.
        const short = to - from < 4;
        const at = short ? 0 : Math.min(offset, to - from - 4);
        let word = 0;
        for (let i = 0; i < (short ? to - from : 4); i++) word |= batch.bytes[from + at + i] << (8 * i);
        offsets.push(at);
        words.push(word);
        masks.push(short ? (1 << (8 * (to - from))) - 1 : -1);
      }
      if (field < shape.count) from = shape.end[field];
    }
    this.#wordAt[shape.count + 1] = words.length;
    this.#offsets = Int32Array.from(offsets);
    this.#words = Int32Array.from(words);
    this.#masks = Int32Array.from(masks);
    this.#literalBytes = this.#lengths.reduce((sum, length) => sum + length, 0);
  }

  /** Learns from the object bytes[start, end) of the batch, just scanned into `shape`; null when it is not worth it. */
  static learn(batch: Batch, row: JsonRow, shape: Shape, start: number, end: number): LearnedShape | null {
    if (shape.count > SHAPE_FIELDS_MAX) return null;
    const learned = new LearnedShape(batch, row, shape, start, end);
    return learned.#literalBytes <= LITERAL_BYTES_MAX ? learned : null;
  }

  /** Reads the value bytes[start, end) of a record if it has this shape. @returns whether the row holds what it says now */
  scan(start: number, end: number): boolean {
    const { bytes, view } = this.#batch;
    if (end + this.#literalBytes + SLACK_BYTES > bytes.length) return false;
    const row = this.#row;
    row.clear();
    let at = start;
    for (let field = 0; ; field++) {
      for (let word = this.#wordAt[field]; word < this.#wordAt[field + 1]; word++) {
        const differing = view.getInt32(at + this.#offsets[word], true) ^ this.#words[word];
        if ((differing & this.#masks[word]) !== 0) return false;
      }
      at += this.#lengths[field];
      if (field === this.#count) return at === end;
      if (at >= end) return false;
      const kind = this.#kinds[field];
      if (kind < TEXT) {
        const number = this.#number(view, bytes, at);
        at = this.#at;
        if (at < 0) return false;
        if (kind === VALUE) {
          row.value = number; // of 15 digits: no magnitude to refuse
        } else if (kind === SEQUENCE) {
          if (number < 0 || Math.floor(number) !== number) return false;
          row.sequence = number;
        } else if (kind === TIME) {
          row.hasTime = true;
          row.timeMs = Math.floor(number);
          if (!isEpochMs(number, row.timeMs)) return false;
        }
      } else {
        const from = at;
        at = this.#text(view, bytes, at, end);
        if (at < 0 || !this.#take(kind, from, at)) return false;
      }
    }
  }

  #take(kind: number, start: number, end: number): boolean {
    const row = this.#row;
    const length = end - start;
    switch (kind) {
      case DEVICE + TEXT:
        row.deviceBytes = this.#batch.bytes;
        row.deviceStart = start;
        row.deviceEnd = end;
        return length <= NAME_BYTES_MAX;
      case BOOT + TEXT:
        row.bootBytes = this.#batch.bytes;
        row.bootStart = start;
        row.bootEnd = end;
        return length <= NAME_BYTES_MAX;
      case ID + TEXT:
        row.idText = this.#batch.text(start, end);
        return length > 0 && length <= ID_BYTES_MAX;
      case TIME + TEXT:
        if (this.#times.read(this.#batch.bytes, start, end) !== TIME_READ) return false;
        row.hasTime = true;
        row.timeMs = this.#times.startMs;
        return true;
      default:
        return kind === UNKNOWN + TEXT;
    }
  }

  /** A number of at most 15 digits without exponent; sets `#at` to the position after it, or to -1: for another path. */
  #number(view: DataView, bytes: Uint8Array, start: number): number {
    const negative = bytes[start] === 45;
    const first = negative ? start + 1 : start;
    let at = first;
    let mantissa = 0;
    let count = 4;
    for (; count === 4 && at - first <= DIGITS_MAX; at += count) {
      const word = view.getInt32(at, true) ^ ZEROS;
      count = digitCount(word);
      if (count > 0) mantissa = mantissa * POWERS[count] + digitsOf(word, count);
    }
    this.#at = -1;
    let digits = at - first;
    if (digits === 0 || (digits > 1 && bytes[first] === 48)) return 0;
    let scale = 0;
    if (bytes[at] === 46) {
      const point = ++at;
      count = 4;
      for (; count === 4 && at - point <= DIGITS_MAX; at += count) {
        const word = view.getInt32(at, true) ^ ZEROS;
        count = digitCount(word);
        if (count > 0) mantissa = mantissa * POWERS[count] + digitsOf(word, count);
      }
      scale = at - point;
      digits += scale;
      if (scale === 0) return 0;
    }
    if (digits > DIGITS_MAX || (bytes[at] | 32) === 101) return 0; // e, E
    this.#at = at;
    const value = scale === 0 ? mantissa : mantissa / POWERS[scale];
    return negative && value !== 0 ? -value : value;
  }

  /** The closing quote of the text that begins at `start`, or -1: for another path. */
  #text(view: DataView, bytes: Uint8Array, start: number, end: number): number {
    for (let at = start; at < end; at += 4) {
      const word = view.getInt32(at, true);
      const quote = word ^ QUOTES;
      const backslash = word ^ BACKSLASHES;
      // By byte, the high bit: a quote, a backslash, a control character, or beyond ASCII (exact up to the first such byte).
      const special =
        (((quote - ONES) & ~quote) | ((backslash - ONES) & ~backslash) | ((word - SPACES) & ~word) | word) & HIGH_BITS;
      if (special === 0) continue;
      const found = at + ((31 - Math.clz32(special & -special)) >> 3);
      if (found >= end) return -1;
      return bytes[found] === 34 ? found : wideTextEnd(bytes, start, found, end);
    }
    return -1;
  }
}

/** How many bytes of a word, from the first, are digits; the word is already xor-ed with ZEROS. */
function digitCount(word: number): number {
  const others = (((word & 0x7f7f7f7f) + 0x76767676) | word) & HIGH_BITS;
  return others === 0 ? 4 : (31 - Math.clz32(others & -others)) >> 3;
}

/** The number that the first `count` (1 to 4) bytes of a word make; the word is already xor-ed with ZEROS. */
function digitsOf(word: number, count: number): number {
  const digits = word << (32 - 8 * count); // leading zeros instead of what follows
  const pairs = (Math.imul(digits, 10) + (digits >>> 8)) & 0x00ff00ff;
  return (pairs & 0xff) * 100 + (pairs >>> 16);
}

/** The closing quote of a text that is not all ASCII, from its first special byte on; -1 for escapes and malformed UTF-8. */
function wideTextEnd(bytes: Uint8Array, start: number, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = bytes[at];
    if (byte === 34) return isWellFormedUtf8(bytes, start, at) ? at : -1;
    if (byte < 32 || byte === 92) return -1;
  }
  return -1;
}
