/** Counts of any doubles: open addressing with linear probing; a free place has count 0. */

const FIRST_CAPACITY = 16;
/** Up to this a full table becomes four times as large, past it twice. */
const QUICK_CAPACITY = 256;
const EMPTY = new Float64Array(0);

const floats = new Float64Array(1);
const words = new Int32Array(floats.buffer);

export class HashedCounts {
  keys = EMPTY;
  counts = EMPTY;
  distinct = 0;
  #shift = 0;

  add(key: number, times: number): void {
    if (this.keys.length === 0) this.#resize(FIRST_CAPACITY);
    const at = this.#find(key);
    if (this.counts[at] !== 0) {
      this.counts[at] += times;
      return;
    }
    this.keys[at] = key;
    this.counts[at] = times;
    if (++this.distinct * 2 > this.keys.length) this.#grow();
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
    this.keys = new Float64Array(capacity);
    this.counts = new Float64Array(capacity);
    this.#shift = Math.clz32(capacity) + 1;
  }

  #grow(): void {
    const { keys, counts } = this;
    this.#resize(keys.length * (keys.length <= QUICK_CAPACITY ? 4 : 2));
    for (let i = 0; i < keys.length; i++) {
      if (counts[i] === 0) continue;
      const at = this.#find(keys[i]);
      this.keys[at] = keys[i];
      this.counts[at] = counts[i];
    }
  }

  countOf(key: number): number {
    return this.keys.length === 0 ? 0 : this.counts[this.#find(key)];
  }

  sortedKeys(): Float64Array {
    if (this.distinct === 0) return EMPTY;
    const sorted = new Float64Array(this.distinct);
    let n = 0;
    for (let i = 0; i < this.keys.length; i++) if (this.counts[i] > 0) sorted[n++] = this.keys[i];
    return sorted.sort();
  }

  clear(): void {
    this.keys = EMPTY;
    this.counts = EMPTY;
    this.distinct = 0;
  }
}
