/** Names (device, boot) interned by their bytes: decoding turns a name into a small integer without making a string. */

const FIRST_CAPACITY = 1024;

/** First size of the pool of names, words of four bytes. */
const FIRST_POOL = 4096;

/** Odd multipliers with well spread bits (the finalizer of MurmurHash3, Appleby 2011). */
const MIX_WORD = 0x85ebca6b;
const MIX_END = 0xc2b2ae35;

const EMPTY = -1;
const TOMBSTONE = -2;

/**
 * An open-addressing table from (namespace, UTF-8 bytes) to a slot. Slots are dense from 0, and a released one is used again.
 * The namespace keeps sensors apart: device "a" of temperature is not device "a" of humidity.
 * The bytes of all names lie in one pool as little-endian words, the last one padded with zeros: no object per name, compared four bytes at a time.
 */
export class Names {
  #slotAt = new Int32Array(FIRST_CAPACITY * 2).fill(EMPTY);
  #hashOf = new Int32Array(FIRST_CAPACITY);
  #namespaceOf = new Int32Array(FIRST_CAPACITY);
  /** Word of the pool that a name starts at. */
  #startOf = new Int32Array(FIRST_CAPACITY);
  /** Bytes; -1 in a free slot. */
  #lengthOf = new Int32Array(FIRST_CAPACITY);
  #pool = new Int32Array(FIRST_POOL);
  #poolUsed = 0;
  /** Words of the pool that released names left behind. */
  #poolDead = 0;
  /** The words of the name being looked up. */
  #words = new Int32Array(64);
  #free: number[] = [];
  #used = 0;
  #tombstones = 0;

  /** Slots in use. */
  get size(): number {
    return this.#used - this.#free.length;
  }

  /** One more than the highest slot ever used: the length a column by slot needs. */
  get slotLimit(): number {
    return this.#used;
  }

  /** The slot of the name in bytes[start, end), made when it is new. O(length). */
  intern(namespace: number, bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > this.#words.length * 4) this.#words = new Int32Array(length);
    const words = this.#words;
    let hash = namespace;
    let count = 0;
    let at = start;
    for (; at <= end - 4; at += 4) {
      const word = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
      words[count++] = word;
      hash = Math.imul(hash ^ word, MIX_WORD);
      hash ^= hash >>> 15;
    }
    if (at < end) {
      let word = bytes[at];
      if (at + 1 < end) word |= bytes[at + 1] << 8;
      if (at + 2 < end) word |= bytes[at + 2] << 16;
      words[count++] = word;
      hash = Math.imul(hash ^ word, MIX_WORD);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ length, MIX_END);
    hash ^= hash >>> 13;
    const mask = this.#slotAt.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const slot = this.#slotAt[place];
      if (slot === EMPTY) return this.#add(namespace, length, count, hash);
      if (slot >= 0 && this.#hashOf[slot] === hash && this.#is(slot, namespace, length, count)) return slot;
    }
  }

  /** Whether `slot` holds the name in `#words`. */
  #is(slot: number, namespace: number, length: number, count: number): boolean {
    if (this.#lengthOf[slot] !== length || this.#namespaceOf[slot] !== namespace) return false;
    const start = this.#startOf[slot];
    for (let i = 0; i < count; i++) if (this.#pool[start + i] !== this.#words[i]) return false;
    return true;
  }

  #add(namespace: number, length: number, count: number, hash: number): number {
    if ((this.size + this.#tombstones + 1) * 2 > this.#slotAt.length) this.#rehash();
    if (this.#poolUsed + count > this.#pool.length) this.#makeRoom(count);
    const slot = this.#free.pop() ?? this.#used++;
    if (slot >= this.#hashOf.length) {
      this.#hashOf = grown(this.#hashOf);
      this.#namespaceOf = grown(this.#namespaceOf);
      this.#startOf = grown(this.#startOf);
      this.#lengthOf = grown(this.#lengthOf);
    }
    this.#hashOf[slot] = hash;
    this.#namespaceOf[slot] = namespace;
    this.#startOf[slot] = this.#poolUsed;
    this.#lengthOf[slot] = length;
    for (let i = 0; i < count; i++) this.#pool[this.#poolUsed++] = this.#words[i];
    this.#place(slot);
    return slot;
  }

  #place(slot: number): void {
    const mask = this.#slotAt.length - 1;
    let place = this.#hashOf[slot] & mask;
    while (this.#slotAt[place] >= 0) place = (place + 1) & mask;
    if (this.#slotAt[place] === TOMBSTONE) this.#tombstones--;
    this.#slotAt[place] = slot;
  }

  #rehash(): void {
    let capacity = this.#slotAt.length;
    while ((this.size + 1) * 4 > capacity) capacity *= 2;
    this.#slotAt = new Int32Array(capacity).fill(EMPTY);
    this.#tombstones = 0;
    for (let slot = 0; slot < this.#used; slot++) if (this.#lengthOf[slot] >= 0) this.#place(slot);
  }

  /** A new pool without what released names left, at most half full: so that moving names costs O(1) a name, over time. */
  #makeRoom(count: number): void {
    const live = this.#poolUsed - this.#poolDead + count;
    let capacity = FIRST_POOL;
    while (capacity < live * 2) capacity *= 2;
    const pool = new Int32Array(capacity);
    let used = 0;
    for (let slot = 0; slot < this.#used; slot++) {
      if (this.#lengthOf[slot] < 0) continue;
      const start = this.#startOf[slot];
      this.#startOf[slot] = used;
      const end = start + wordsOf(this.#lengthOf[slot]);
      for (let i = start; i < end; i++) pool[used++] = this.#pool[i];
    }
    this.#pool = pool;
    this.#poolUsed = used;
    this.#poolDead = 0;
  }

  /** A copy of the UTF-8 bytes of the name in `slot`. */
  bytes(slot: number): Uint8Array {
    const length = slot < this.#used ? this.#lengthOf[slot] : -1;
    if (!(length >= 0)) throw new Error(`BUG: name slot ${slot} is not in use`);
    const name = new Uint8Array(length);
    const start = this.#startOf[slot];
    for (let i = 0; i < length; i++) name[i] = this.#pool[start + (i >> 2)] >>> ((i & 3) * 8);
    return name;
  }

  isUsed(slot: number): boolean {
    return slot < this.#used && this.#lengthOf[slot] >= 0;
  }

  namespace(slot: number): number {
    return this.#namespaceOf[slot];
  }

  text(slot: number): string {
    return Buffer.from(this.bytes(slot)).toString("utf8");
  }

  /** Forgets the name in `slot`; the slot may be given to another name by the next `intern`. */
  release(slot: number): void {
    if (!(slot < this.#used && this.#lengthOf[slot] >= 0)) throw new Error(`BUG: name slot ${slot} is not in use`);
    const mask = this.#slotAt.length - 1;
    let place = this.#hashOf[slot] & mask;
    while (this.#slotAt[place] !== slot) place = (place + 1) & mask;
    this.#slotAt[place] = TOMBSTONE;
    this.#tombstones++;
    this.#poolDead += wordsOf(this.#lengthOf[slot]);
    this.#lengthOf[slot] = -1;
    this.#free.push(slot);
  }
}

function wordsOf(bytes: number): number {
  return (bytes + 3) >> 2;
}

function grown(column: Int32Array): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(column.length * 2);
  wider.set(column);
  return wider;
}
