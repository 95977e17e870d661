/**
 * Some pairs of numbers of one scope, in order, packed: what `SeenPairs` reads, changes and writes as one row. docs/formats/identity.md
 *
 * Steps from one pair to the next are stored as their change ("delta of delta", as in Pelkonen et al., Gorilla, VLDB 2015). A device that
 * sends evenly costs next to nothing, one whose clock jitters by some milliseconds a byte or two.
 */
import { ByteReader, ByteWriter } from "../core/bytes.ts";

/** Tokens: a run of pairs at the same steps, a pair as it is, and from here on a change of steps. */
const RUN = 0;
const PLAIN = 1;
const CHANGE = 2;
/** Behind a plain token: key and tag as doubles. */
const PLAIN_BYTES = 16;

/** Steps, and changes of steps, are packed below this; others are written as pairs as they are, which stay exact up to 2^53. */
const PACKED_MAX = 2 ** 40;

/** Bytes of a block that has just begun. */
const FIRST_BYTES = 48;

const packed = new ByteWriter(64);

/** The pairs of the block that was unpacked last. */
let keys = new Float64Array(256);
let tags = new Float64Array(256);
/** That block, as long as it is as it was then: a resent batch asks the same one again and again. */
let unpacked: PairBlock | null = null;

/** Ordered by key, then by tag. Both are integers with |n| < 2^53. */
export class PairBlock {
  count = 0;
  lastKey = Number.NEGATIVE_INFINITY;
  #lastTag = Number.NEGATIVE_INFINITY;
  #keyStep = 0;
  #tagStep = 0;
  /** Pairs at the end, at the same steps, that are not in the bytes yet. */
  #run = 0;
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  /** Memory that the pairs take. */
  get bytes(): number {
    return this.#bytes.length;
  }

  /** Whether the pair comes after all that the block holds. */
  isBeyond(key: number, tag: number): boolean {
    return key > this.lastKey || (key === this.lastKey && tag > this.#lastTag);
  }

  /** Adds a pair that is beyond the others. Amortised O(1). */
  append(key: number, tag: number): void {
    if (unpacked === this) unpacked = null;
    const keyStep = key - this.lastKey;
    const tagStep = tag - this.#lastTag;
    if (this.count > 0 && keyStep === this.#keyStep && tagStep === this.#tagStep) this.#run++;
    else {
      packed.reset();
      this.#packRun();
      const change = keyStep - this.#keyStep;
      const tagChange = tagStep - this.#tagStep;
      if (isPacked(keyStep) && isPacked(tagStep) && isPacked(change) && isPacked(tagChange)) {
        const zigzag = change < 0 ? -2 * change - 1 : 2 * change;
        packed.varint(CHANGE + 2 * zigzag + (tagChange === 0 ? 0 : 1));
        if (tagChange !== 0) packed.signed(tagChange);
        this.#keyStep = keyStep;
        this.#tagStep = tagStep;
      } else {
        packed.varint(PLAIN);
        packed.f64(key);
        packed.f64(tag);
        this.#keyStep = 0;
        this.#tagStep = 0;
      }
      this.#push(packed.view());
    }
    this.lastKey = key;
    this.#lastTag = tag;
    this.count++;
  }

  #packRun(): void {
    if (this.#run === 0) return;
    packed.varint(RUN);
    packed.varint(this.#run);
    this.#run = 0;
  }

  #push(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const wider = new Uint8Array(2 * length);
      wider.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = wider;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }

  /** The tags of a key, ascending; a view that is valid until the next call of any block. O(count). */
  tagsOf(key: number): Float64Array {
    if (key > this.lastKey) return tags.subarray(0, 0);
    this.#unpack();
    const first = this.#firstOf(key);
    let end = first;
    while (end < this.count && keys[end] === key) end++;
    return tags.subarray(first, end);
  }

  /** Adds a pair wherever it belongs. @returns false when it is there already; O(count) unless it is beyond the others */
  add(key: number, tag: number): boolean {
    if (this.isBeyond(key, tag)) {
      this.append(key, tag);
      return true;
    }
    this.#unpack();
    let at = this.#firstOf(key);
    while (at < this.count && keys[at] === key && tags[at] < tag) at++;
    if (at < this.count && keys[at] === key && tags[at] === tag) return false;
    const count = this.count + 1;
    reserve(count);
    keys.copyWithin(at + 1, at, count - 1);
    tags.copyWithin(at + 1, at, count - 1);
    keys[at] = key;
    tags[at] = tag;
    this.#pack(0, count);
    return true;
  }

  /**
   * Leaves the pairs from about `at` on to a new block. The pairs of a key stay together.
   * @returns null when all have the same key
   */
  split(near: number): PairBlock | null {
    this.#unpack();
    const { count } = this;
    let at = near;
    while (at > 0 && keys[at] === keys[at - 1]) at--;
    if (at === 0) {
      at = near;
      while (at < count && keys[at] === keys[at - 1]) at++;
    }
    if (at === 0 || at === count) return null;
    const later = new PairBlock();
    later.#pack(at, count);
    this.#pack(0, at);
    return later;
  }

  /** Its least key; Infinity when it is empty. */
  get firstKey(): number {
    if (this.count === 0) return Number.POSITIVE_INFINITY;
    this.#unpack();
    return keys[0];
  }

  /** A copy of its pairs, in order. */
  pairs(): [key: number, tag: number][] {
    this.#unpack();
    return Array.from({ length: this.count }, (_, at) => [keys[at], tags[at]]);
  }

  /** The first pair whose key is not below; the pairs are unpacked. */
  #firstOf(key: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle] < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #unpack(): void {
    if (unpacked === this) return;
    unpacked = this;
    reserve(this.count);
    const from = new ByteReader(this.#bytes);
    let key = Number.NEGATIVE_INFINITY;
    let tag = key;
    let keyStep = 0;
    let tagStep = 0;
    let at = 0;
    while (from.position < this.#length) {
      const token = from.varint();
      let repeat = 1;
      if (token === RUN) repeat = from.varint();
      else if (token === PLAIN) {
        keys[at] = key = from.f64();
        tags[at++] = tag = from.f64();
        keyStep = 0;
        tagStep = 0;
        continue;
      } else {
        const zigzag = Math.floor((token - CHANGE) / 2);
        keyStep += zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
        if ((token - CHANGE) % 2 !== 0) tagStep += from.signed();
      }
      for (; repeat > 0; repeat--) {
        keys[at] = key += keyStep;
        tags[at++] = tag += tagStep;
      }
    }
    for (let left = this.#run; left > 0; left--) {
      keys[at] = key += keyStep;
      tags[at++] = tag += tagStep;
    }
  }

  /** Holds the unpacked pairs [from, to) instead of its own. */
  #pack(from: number, to: number): void {
    this.count = 0;
    this.#length = 0;
    this.#run = 0;
    this.#keyStep = 0;
    this.#tagStep = 0;
    this.lastKey = Number.NEGATIVE_INFINITY;
    this.#lastTag = Number.NEGATIVE_INFINITY;
    // The rows that are read are not this block's any more.
    unpacked = null;
    for (let at = from; at < to; at++) this.append(keys[at], tags[at]);
  }

  /** A varint count, then the tokens. The same pairs give the same bytes. */
  encode(): Uint8Array<ArrayBuffer> {
    packed.reset();
    packed.varint(this.count);
    packed.raw(this.#bytes.subarray(0, this.#length));
    const run = this.#run;
    this.#packRun();
    this.#run = run;
    return packed.finish();
  }

  /** How many pairs its tokens make, without making them: a damaged run may claim any number. */
  #pairs(): number {
    const from = new ByteReader(this.#bytes);
    let pairs = 0;
    while (from.position < this.#length) {
      const token = from.varint();
      pairs += token === RUN ? from.varint() : 1;
      if (token === PLAIN) from.position += PLAIN_BYTES;
      else if (token >= CHANGE && (token - CHANGE) % 2 !== 0) from.varint();
    }
    return pairs;
  }

  /** @throws RangeError for what `encode` cannot have written */
  static decode(bytes: Uint8Array): PairBlock {
    const block = new PairBlock();
    const from = new ByteReader(bytes);
    block.count = from.varint();
    block.#bytes = bytes.slice(from.position);
    block.#length = block.#bytes.length;
    const pairs = block.#pairs();
    if (pairs !== block.count) throw new RangeError(`a block of ${block.count} pairs holds ${pairs}`);
    block.#unpack();
    block.#pack(0, block.count);
    return block;
  }
}

function isPacked(step: number): boolean {
  return step > -PACKED_MAX && step < PACKED_MAX;
}

function reserve(count: number): void {
  if (keys.length >= count) return;
  const [widerKeys, widerTags] = [new Float64Array(2 * count), new Float64Array(2 * count)];
  widerKeys.set(keys);
  widerTags.set(tags);
  keys = widerKeys;
  tags = widerTags;
}
