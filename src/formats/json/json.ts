/** JSON objects (docs/formats/payload.md): shapes learned from the topic, then the scanner, then JSON.parse, which all say the same; then records of several. */
import { RECORD_BYTES_MAX } from "../../core/limits.ts";
import { TimeReader } from "../../core/time.ts";
import type { Batch, Format, FormatDecoder } from "../format.ts";
import { trimmedEnd, trimmedStart } from "../trim.ts";
import type { UnreadKeyCount } from "../unread-keys.ts";
import { Shape } from "./fields.ts";
import { type LearnedRun, learn } from "./learned.ts";
import { JsonParser } from "./parse.ts";
import { JsonRow } from "./row.ts";
import { JsonScanner } from "./scanner.ts";
import { decodeSeveral } from "./several.ts";

/** Shapes kept per topic: producers of one sensor are of a few kinds. A new one replaces the oldest. */
const SHAPES_MAX = 4;

/** Scanned objects after which one is learned: at first, and at most, while shapes turn out not to repeat. Learning one costs 0.15 ms, some 500 scans. */
const LEARN_AFTER_MIN = 64;
const LEARN_AFTER_MAX = 65_536;

/** Of objects that are scanned the first so many, and then one in so many, are looked at closely: parsed for keys that should perhaps be read. */
const CLOSELY_FIRST = 64;
const CLOSELY_ONE_IN = 256;

/** The format of JSON objects. */
export const json: Format = {
  name: "JSON",
  firstBytes: [123, 91],
  create: (batch) => new JsonDecoder(batch),
};

/**
 * Learning: each object that no shape takes but the scanner does is a miss; after `#learnAfter` misses the next one's shape is learned.
 * If the shapes known took fewer objects than were missed since the last time, the wait doubles, else it starts again from the least.
 */
class JsonDecoder implements FormatDecoder {
  readonly #batch: Batch;
  readonly #row: JsonRow;
  readonly #scanner: JsonScanner;
  readonly #parser: JsonParser;
  readonly #times: TimeReader;
  readonly #learned: LearnedRun[] = [];
  /** Of each the keys that are not read but look as if they should be; null without. */
  readonly #unread: (readonly UnreadKeyCount[] | null)[] = [];
  /** The shape that took the last object: tried first. */
  #current = 0;
  #oldest = 0;
  #hits = 0;
  #misses = 0;
  #learnAfter = LEARN_AFTER_MIN;
  /** Objects scanned so far. */
  #scanned = 0;

  constructor(batch: Batch) {
    this.#batch = batch;
    this.#row = new JsonRow(batch.view);
    this.#scanner = new JsonScanner(batch, this.#row);
    this.#parser = new JsonParser(batch, this.#row);
    this.#times = new TimeReader(batch.context.zone);
  }

  decode(first: number): number {
    const { bytes, records } = this.#batch;
    const { valueStart, valueEnd, count } = records;
    let row = first;
    do {
      for (let next = this.#run(row); next > row; next = this.#run(row)) row = next;
      if (row === count) break;
      const start = valueStart[row];
      const end = valueEnd[row];
      if (row > first && !(start >= 0 && start < end && bytes[start] === 123 && end - start <= RECORD_BYTES_MAX)) break;
      this.#one(row, start, end);
    } while (++row < count);
    return row;
  }

  /** Decodes rows of known shapes. @returns the first row of another shape */
  #run(first: number): number {
    const learned = this.#learned;
    for (let tried = 0; tried < learned.length; tried++) {
      const row = learned[this.#current](this.#batch, this.#times, first);
      if (row > first) {
        this.#hits += row - first;
        const unread = this.#unread[this.#current];
        if (unread !== null) for (const key of unread) key.count += row - first;
        return row;
      }
      this.#current = this.#current + 1 < learned.length ? this.#current + 1 : 0;
    }
    return first;
  }

  /** One record of a shape that is not known. */
  #one(record: number, start: number, end: number): void {
    const isScanned = this.#scanner.scan(start, end, null);
    if (isScanned && this.#row.isInTime(this.#batch, record)) this.#write(record, start, end);
    else {
      const { bytes } = this.#batch;
      const from = trimmedStart(bytes, start, end);
      const to = trimmedEnd(bytes, from, end);
      if (!this.#object(record, from, to)) decodeSeveral(this.#batch, record, from, to, this.#part);
    }
    if (isScanned && ++this.#misses >= this.#learnAfter) this.#learn(start, end);
  }

  /** The object bytes[start, end), scanned or parsed. @returns false when they are none */
  #object(row: number, start: number, end: number): boolean {
    if (this.#batch.bytes[start] !== 123) return false;
    if (!this.#scanner.scan(start, end, null) || !this.#row.isInTime(this.#batch, row)) {
      return this.#parser.decode(row, start, end);
    }
    this.#write(row, start, end);
    return true;
  }

  /** Writes what was scanned, and looks at some closely. */
  #write(row: number, start: number, end: number): void {
    this.#row.write(this.#batch, row);
    if (this.#scanned < CLOSELY_FIRST || this.#scanned % CLOSELY_ONE_IN === 0) this.#parser.unreadKeys(start, end, 1);
    this.#scanned++;
  }

  /** An object of a record of several. */
  readonly #part = (row: number, start: number, end: number): void => {
    if (!this.#object(row, start, end)) this.#batch.reject(row, "unreadable");
  };

  #learn(start: number, end: number): void {
    this.#learnAfter = this.#hits > this.#misses ? LEARN_AFTER_MIN : Math.min(this.#learnAfter * 2, LEARN_AFTER_MAX);
    this.#hits = 0;
    this.#misses = 0;
    const shape = new Shape();
    if (!this.#scanner.scan(start, end, shape)) return;
    const run = learn(this.#batch.bytes, shape, start, end);
    if (run === null || this.#learned.includes(run)) return;
    this.#current = this.#learned.length < SHAPES_MAX ? this.#learned.length : this.#oldest;
    this.#learned[this.#current] = run;
    const unread = this.#parser.unreadKeys(start, end, 0);
    this.#unread[this.#current] = unread.length === 0 ? null : unread;
    this.#oldest = (this.#current + 1) % SHAPES_MAX;
  }
}
