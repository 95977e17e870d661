/** Counts of any doubles: open addressing with linear probing; a free place has count 0. */
import { sortedDoubles } from "./sort-doubles.ts";

const FIRST_CAPACITY = 16;
/** Up to this a full table becomes four times as large, past it twice. */
const QUICK_CAPACITY = 256;
/** The table of a question gets an hour or two of readings at once: it begins with this, and becomes four times as large. */
const WIDE_FIRST_CAPACITY = 2048;
const EMPTY = new Float64Array(0);
const NO_COUNTS = new Uint32Array(0);

/** A count fits 32 bits; the first that does not widens them all to doubles. */
const COUNT_MAX = 2 ** 32 - 1;

const floats = new Float64Array(1);
const words = new Int32Array(floats.buffer);

/** A table that grows and never shrinks. */
export class HashedCounts {
  keys = EMPTY;
  counts: Uint32Array | Float64Array = NO_COUNTS;
  distinct = 0;
  #shift = 0;
  readonly #isWide: boolean;

  /** @param isWide many are expected at once */
  constructor(isWide: boolean) {
    this.#isWide = isWide;
  }

  /** About how many bytes of memory the columns hold. */
  get bytes(): number {
    return this.keys.byteLength + this.counts.byteLength;
  }

  add(key: number, times: number): void {
    if (this.keys.length === 0) this.#resize(this.#isWide ? WIDE_FIRST_CAPACITY : FIRST_CAPACITY);
    const at = this.#find(key);
    const before = this.counts[at];
    if (before + times > COUNT_MAX) this.counts = Float64Array.from(this.counts);
    this.counts[at] = before + times;
    if (before !== 0) return;
    this.keys[at] = key;
    if (++this.distinct * 4 > this.keys.length * 3) this.#grow();
  }

  /** The key's place, or the free one where it belongs. */
  #find(key: number): number {
    const { keys, counts } = this;
    const mask = keys.length - 1;
    floats[0] = key;
    let at = Math.imul(words[0] ^ Math.imul(words[1], 0x9e3779b1), 0x85ebca6b) >>> this.#shift;
    while (counts[at] !== 0 && keys[at] !== key) at = (at + 1) & mask;
    return at;
  }

  #resize(capacity: number): void {
    const isDouble = this.counts instanceof Float64Array;
    this.keys = new Float64Array(capacity);
    this.counts = isDouble ? new Float64Array(capacity) : new Uint32Array(capacity);
    this.#shift = Math.clz32(capacity) + 1;
  }

  #grow(): void {
    const { keys, counts } = this;
    this.#resize(keys.length * (this.#isWide || keys.length <= QUICK_CAPACITY ? 4 : 2));
    for (let i = 0; i < keys.length; i++) {
      if (counts[i] === 0) continue;
      const at = this.#find(keys[i]);
      this.keys[at] = keys[i];
      this.counts[at] = counts[i];
    }
  }

  /** Keys ascending, with their counts. */
  sorted(): { keys: Float64Array; counts: Float64Array } {
    const keys = new Float64Array(this.distinct);
    for (let i = 0, n = 0; i < this.keys.length; i++) if (this.counts[i] > 0) keys[n++] = this.keys[i];
    const sorted = { keys: sortedDoubles(keys), counts: new Float64Array(this.distinct) };
    for (let i = 0; i < keys.length; i++) sorted.counts[i] = this.counts[this.#find(sorted.keys[i])];
    return sorted;
  }
}
