/** Names (device, boot) interned by their bytes: decoding turns a name into a small integer without making a string. */

const FIRST_CAPACITY = 1024;

/** First size of the pool of names, words of four bytes. */
const FIRST_POOL = 4096;

/** Odd multipliers with well spread bits (the finalizer of MurmurHash3, Appleby 2011). */
const MIX_WORD = 0x85ebca6b | 0;
const MIX_END = 0xc2b2ae35 | 0;

/** Words of an entry: a quarter of a cache line. */
const ENTRY = 4;

const EMPTY = -1;
const TOMBSTONE = -2;

/** From this many entries on the table outgrows the processor's second-level cache: columns of names are then looked up in steps. */
const LARGE_TABLE = 8192;

/**
 * An open-addressing table from (namespace, UTF-8 bytes) to a slot. Slots are dense from 0, and a released one is used again.
 * The namespace keeps sensors apart: device "a" of temperature is not device "a" of humidity.
 * The bytes of all names lie in one pool as little-endian words, the last one overlapping the one before it (or padded with zeros, in
 * names under four bytes): no object per name, hashed and compared four bytes at a time.
 * @example
 * ```ts
 * const names = new Names();
 * const bytes = new TextEncoder().encode("kitchen,attic,kitchen");
 * const slots = [names.intern(0, bytes, 0, 7), names.intern(0, bytes, 8, 13), names.intern(0, bytes, 14, 21)];
 * assert.deepEqual(slots, [0, 1, 0]);
 * assert.equal(names.text(1), "attic");
 * ```
 */
export class Names {
  #slotAt = new Int32Array(FIRST_CAPACITY * 2).fill(EMPTY);
  /** By slot, ENTRY words: hash, namespace, length in bytes (-1: a free slot), and the word of the pool that the name starts at. */
  #entries = new Int32Array(FIRST_CAPACITY * ENTRY);
  #pool = new Int32Array(FIRST_POOL);
  #poolUsed = 0;
  /** Words of the pool that released names left behind. */
  #poolDead = 0;
  #free: number[] = [];
  #used = 0;
  #tombstones = 0;
  /** Of the rows of `internRows`. */
  #hashes = new Int32Array(0);
  /** Stops V8 removing the prefetch reads as dead code. */
  touched = 0;

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
    return this.internFrom(namespace, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, end);
  }

  /** The slot of a name; -1: it is not interned. O(length). */
  find(namespace: number, bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const hash = hashOf(namespace, view, 0, bytes.length);
    const mask = this.#slotAt.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const slot = this.#slotAt[place];
      if (slot === EMPTY) return -1;
      if (slot >= 0 && this.#isAt(slot, namespace, view, 0, bytes.length, hash)) return slot;
    }
  }

  /** As `intern`, out of a view. */
  internFrom(namespace: number, view: DataView, start: number, end: number): number {
    return this.#find(namespace, view, start, end - start, hashOf(namespace, view, start, end));
  }

  /**
   * The same for rows [from, to) of columns: the start of each name is replaced by its slot. All are hashed first, and what the look-ups
   * need is prefetched: the processor waits for many of these reads at once, but for the look-ups' own one after the other.
   */
  internRows(namespace: number, view: DataView, starts: Int32Array, ends: Int32Array, from: number, to: number): void {
    if (this.#hashes.length < to) this.#hashes = new Int32Array(Math.max(to, 2 * this.#hashes.length));
    const hashes = this.#hashes;
    for (let row = from; row < to; row++) hashes[row] = hashOf(namespace, view, starts[row], ends[row]);
    if (this.#slotAt.length >= LARGE_TABLE) this.#touch(hashes, from, to);
    let last = EMPTY;
    for (let row = from; row < to; row++) {
      const start = starts[row];
      const length = ends[row] - start;
      if (last < 0 || !this.#isAt(last, namespace, view, start, length, hashes[row])) {
        last = this.#find(namespace, view, start, length, hashes[row]);
      }
      starts[row] = last;
    }
  }

  #touch(hashes: Int32Array, from: number, to: number): void {
    const slotAt = this.#slotAt;
    const entries = this.#entries;
    const pool = this.#pool;
    const mask = slotAt.length - 1;
    let touched = 0;
    for (let row = from; row < to; row++) touched ^= slotAt[hashes[row] & mask];
    for (let row = from; row < to; row++) {
      const slot = slotAt[hashes[row] & mask];
      if (slot >= 0) touched ^= pool[entries[slot * ENTRY + 3]];
    }
    this.touched = touched;
  }

  /** Whether the name in `slot` is the one in the view. */
  #isAt(slot: number, namespace: number, view: DataView, start: number, length: number, hash: number): boolean {
    const entries = this.#entries;
    const entry = slot * ENTRY;
    if (entries[entry] !== hash || entries[entry + 1] !== namespace || entries[entry + 2] !== length) return false;
    const pool = this.#pool;
    let word = entries[entry + 3];
    if (length < 4) return length === 0 || pool[word] === shortWord(view, start, length);
    const last = start + length - 4;
    for (let at = start; at < last; at += 4) if (pool[word++] !== view.getInt32(at, true)) return false;
    return pool[word] === view.getInt32(last, true);
  }

  /** The slot of the name, made when it is new. */
  #find(namespace: number, view: DataView, start: number, length: number, hash: number): number {
    const slotAt = this.#slotAt;
    const mask = slotAt.length - 1;
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const slot = slotAt[place];
      if (slot === EMPTY) return this.#add(namespace, view, start, length, hash);
      if (slot >= 0 && this.#isAt(slot, namespace, view, start, length, hash)) return slot;
    }
  }

  #add(namespace: number, view: DataView, start: number, length: number, hash: number): number {
    const count = wordsOf(length);
    if ((this.size + this.#tombstones + 1) * 2 > this.#slotAt.length) this.#rehash();
    if (this.#poolUsed + count > this.#pool.length) this.#makeRoom(count);
    const slot = this.#free.pop() ?? this.#used++;
    const entry = slot * ENTRY;
    if (entry >= this.#entries.length) {
      const wider = new Int32Array(this.#entries.length * 2);
      wider.set(this.#entries);
      this.#entries = wider;
    }
    this.#entries[entry] = hash;
    this.#entries[entry + 1] = namespace;
    this.#entries[entry + 2] = length;
    this.#entries[entry + 3] = this.#poolUsed;
    if (length > 0 && length < 4) this.#pool[this.#poolUsed++] = shortWord(view, start, length);
    else {
      for (let at = 0; at < length; at += 4) {
        this.#pool[this.#poolUsed++] = view.getInt32(start + Math.min(at, length - 4), true);
      }
    }
    this.#place(slot);
    return slot;
  }

  #place(slot: number): void {
    const mask = this.#slotAt.length - 1;
    let place = this.#entries[slot * ENTRY] & mask;
    while (this.#slotAt[place] >= 0) place = (place + 1) & mask;
    if (this.#slotAt[place] === TOMBSTONE) this.#tombstones--;
    this.#slotAt[place] = slot;
  }

  #rehash(): void {
    let capacity = this.#slotAt.length;
    while ((this.size + 1) * 4 > capacity) capacity *= 2;
    this.#slotAt = new Int32Array(capacity).fill(EMPTY);
    this.#tombstones = 0;
    for (let slot = 0; slot < this.#used; slot++) if (this.#lengthOf(slot) >= 0) this.#place(slot);
  }

  /** Copies the pool without released names, at most half full: moving names costs O(1) a name, amortised. */
  #makeRoom(count: number): void {
    const live = this.#poolUsed - this.#poolDead + count;
    let capacity = FIRST_POOL;
    while (capacity < live * 2) capacity *= 2;
    const pool = new Int32Array(capacity);
    let used = 0;
    for (let slot = 0; slot < this.#used; slot++) {
      const length = this.#lengthOf(slot);
      if (length < 0) continue;
      const start = this.#entries[slot * ENTRY + 3];
      this.#entries[slot * ENTRY + 3] = used;
      for (let i = 0; i < wordsOf(length); i++) pool[used++] = this.#pool[start + i];
    }
    this.#pool = pool;
    this.#poolUsed = used;
    this.#poolDead = 0;
  }

  /** Bytes of the name in `slot`, or -1 when there is none. */
  #lengthOf(slot: number): number {
    return slot >= 0 && slot < this.#used ? this.#entries[slot * ENTRY + 2] : -1;
  }

  /** A copy of the UTF-8 bytes of the name in `slot`. */
  bytes(slot: number): Uint8Array {
    const length = this.#lengthOf(slot);
    if (length < 0) throw new Error(`BUG: name slot ${slot} is not in use`);
    const name = new Uint8Array(length);
    const start = this.#entries[slot * ENTRY + 3];
    for (let at = 0; at < length; at += 4) {
      const word = this.#pool[start + (at >> 2)];
      // The last word overlaps the one before it.
      const place = Math.max(0, Math.min(at, length - 4));
      for (let i = 0; i < 4 && place + i < length; i++) name[place + i] = word >>> (8 * i);
    }
    return name;
  }

  isUsed(slot: number): boolean {
    return this.#lengthOf(slot) >= 0;
  }

  namespace(slot: number): number {
    return this.#entries[slot * ENTRY + 1];
  }

  text(slot: number): string {
    return Buffer.from(this.bytes(slot)).toString("utf8");
  }

  /** Forgets all names; slots begin anew. O(capacity). */
  clear(): void {
    this.#slotAt.fill(EMPTY);
    this.#poolUsed = 0;
    this.#poolDead = 0;
    this.#free = [];
    this.#used = 0;
    this.#tombstones = 0;
  }

  /** Forgets the name in `slot`; the slot may be given to another name by the next `intern`. */
  release(slot: number): void {
    const length = this.#lengthOf(slot);
    if (length < 0) throw new Error(`BUG: name slot ${slot} is not in use`);
    const mask = this.#slotAt.length - 1;
    let place = this.#entries[slot * ENTRY] & mask;
    while (this.#slotAt[place] !== slot) place = (place + 1) & mask;
    this.#slotAt[place] = TOMBSTONE;
    this.#tombstones++;
    this.#poolDead += wordsOf(length);
    this.#entries[slot * ENTRY + 2] = -1;
    this.#free.push(slot);
  }
}

function hashOf(namespace: number, view: DataView, start: number, end: number): number {
  const length = end - start;
  let hash = namespace;
  if (length >= 4) {
    const last = end - 4;
    for (let at = start; at < last; at += 4) hash = mixed(hash, view.getInt32(at, true));
    hash = mixed(hash, view.getInt32(last, true));
  } else if (length > 0) hash = mixed(hash, shortWord(view, start, length));
  return ended(hash, length);
}

/** The word of a name of 1 to 3 bytes. */
function shortWord(view: DataView, start: number, length: number): number {
  let word = view.getUint8(start);
  if (length > 1) word |= view.getUint8(start + 1) << 8;
  if (length > 2) word |= view.getUint8(start + 2) << 16;
  return word;
}

function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, MIX_WORD);
  return product ^ (product >>> 15);
}

function ended(hash: number, length: number): number {
  const product = Math.imul(hash ^ length, MIX_END);
  return product ^ (product >>> 13);
}

function wordsOf(bytes: number): number {
  return (bytes + 3) >> 2;
}
