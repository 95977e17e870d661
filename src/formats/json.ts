/** JSON objects (docs/formats/payload.md): shapes learned from the topic, then the scanner, then JSON.parse, which all say the same. */
import { RECORD_BYTES_MAX } from "../core/limits.ts";
import type { Batch, Format, FormatDecoder } from "./format.ts";
import { LearnedShape } from "./json-learned.ts";
import { JsonParser } from "./json-parse.ts";
import { JsonRow } from "./json-row.ts";
import { JsonScanner } from "./json-scanner.ts";

/** Shapes kept per topic: producers of one sensor are of a few kinds. A new one takes the place of the oldest. */
const SHAPES_MAX = 4;

/** Scanned objects after which one is learned: at first, and at most, while shapes turn out not to repeat (learning costs some 10 scans). */
const LEARN_AFTER_MIN = 4;
const LEARN_AFTER_MAX = 65_536;

export const json: Format = {
  name: "JSON object",
  firstBytes: [123],
  create: (batch) => new JsonDecoder(batch),
};

/**
 * Learning: each object that no shape takes but the scanner does is a miss; after `#learnAfter` misses the next one's shape is learned.
 * If the shapes known took fewer objects than were missed since the last time, the wait doubles, else it starts again from the least.
 */
export class JsonDecoder implements FormatDecoder {
  readonly #batch: Batch;
  readonly #row = new JsonRow();
  readonly #scanner: JsonScanner;
  readonly #parser: JsonParser;
  readonly #shapes: LearnedShape[] = [];
  /** The shape that took the last object: tried first. */
  #current = 0;
  #oldest = 0;
  #hits = 0;
  #misses = 0;
  #learnAfter = LEARN_AFTER_MIN;

  constructor(batch: Batch) {
    this.#batch = batch;
    this.#scanner = new JsonScanner(batch, this.#row);
    this.#parser = new JsonParser(batch, this.#row);
  }

  begin(): void {}

  decode(first: number): number {
    const batch = this.#batch;
    const { bytes } = batch;
    const { valueStart, valueEnd, count } = batch.records;
    let row = first;
    do {
      const start = valueStart[row];
      const end = valueEnd[row];
      if ((this.#known(start, end) || this.#scanned(start, end)) && this.#row.isInTime(batch, row)) {
        this.#row.write(batch, row);
      } else {
        this.#parser.decode(row, start, end);
      }
      row++;
    } while (
      row < count &&
      valueStart[row] >= 0 &&
      valueEnd[row] > valueStart[row] &&
      bytes[valueStart[row]] === 123 &&
      valueEnd[row] - valueStart[row] <= RECORD_BYTES_MAX
    );
    return row;
  }

  /** By a shape that is known. */
  #known(start: number, end: number): boolean {
    const shapes = this.#shapes;
    for (let tried = 0; tried < shapes.length; tried++) {
      if (shapes[this.#current].scan(start, end)) {
        this.#hits++;
        return true;
      }
      this.#current = this.#current + 1 < shapes.length ? this.#current + 1 : 0;
    }
    return false;
  }

  #scanned(start: number, end: number): boolean {
    if (!this.#scanner.scan(start, end)) return false;
    if (++this.#misses >= this.#learnAfter) this.#learn(start, end);
    return true;
  }

  #learn(start: number, end: number): void {
    this.#learnAfter = this.#hits > this.#misses ? LEARN_AFTER_MIN : Math.min(this.#learnAfter * 2, LEARN_AFTER_MAX);
    this.#hits = 0;
    this.#misses = 0;
    const shape = LearnedShape.learn(this.#batch, this.#row, this.#scanner.shape, start, end);
    if (shape === null) return;
    this.#current = this.#shapes.length < SHAPES_MAX ? this.#shapes.length : this.#oldest;
    this.#shapes[this.#current] = shape;
    this.#oldest = (this.#current + 1) % SHAPES_MAX;
  }
}
