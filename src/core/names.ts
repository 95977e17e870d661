/** Names (device, boot) interned by their bytes: decoding turns a name into a small integer without making a string. */

const FIRST_CAPACITY = 1024;

/**
 * An open-addressing table from (namespace, UTF-8 bytes) to a slot. Slots are dense from 0, and a released one is used again.
 * The namespace keeps sensors apart: device "a" of temperature is not device "a" of humidity.
 */
export class Names {
  #slotAt = new Int32Array(FIRST_CAPACITY * 2).fill(-1);
  #hashOf = new Int32Array(FIRST_CAPACITY);
  #namespaceOf = new Int32Array(FIRST_CAPACITY);
  #bytesOf: (Uint8Array | undefined)[] = [];
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
    let hash = (0x811c9dc5 ^ namespace) | 0; // FNV-1a
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193);
    hash ^= hash >>> 15;
    const mask = this.#slotAt.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = this.#slotAt[at];
      if (slot === -1) return this.#add(namespace, bytes.slice(start, end), hash);
      if (slot >= 0 && this.#hashOf[slot] === hash && this.#is(slot, namespace, bytes, start, end)) return slot;
    }
  }

  #is(slot: number, namespace: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#bytesOf[slot];
    if (own === undefined || own.length !== end - start || this.#namespaceOf[slot] !== namespace) return false;
    for (let i = 0; i < own.length; i++) if (own[i] !== bytes[start + i]) return false;
    return true;
  }

  #add(namespace: number, name: Uint8Array, hash: number): number {
    if ((this.size + this.#tombstones + 1) * 2 > this.#slotAt.length) this.#rehash();
    const slot = this.#free.pop() ?? this.#used++;
    if (slot >= this.#hashOf.length) {
      this.#hashOf = grown(this.#hashOf);
      this.#namespaceOf = grown(this.#namespaceOf);
    }
    this.#hashOf[slot] = hash;
    this.#namespaceOf[slot] = namespace;
    this.#bytesOf[slot] = name;
    this.#place(slot);
    return slot;
  }

  #place(slot: number): void {
    const mask = this.#slotAt.length - 1;
    let at = this.#hashOf[slot] & mask;
    while (this.#slotAt[at] >= 0) at = (at + 1) & mask;
    if (this.#slotAt[at] === -2) this.#tombstones--;
    this.#slotAt[at] = slot;
  }

  #rehash(): void {
    let capacity = this.#slotAt.length;
    while ((this.size + 1) * 4 > capacity) capacity *= 2;
    this.#slotAt = new Int32Array(capacity).fill(-1);
    this.#tombstones = 0;
    for (let slot = 0; slot < this.#used; slot++) if (this.#bytesOf[slot] !== undefined) this.#place(slot);
  }

  /** The UTF-8 bytes of the name in `slot`. */
  bytes(slot: number): Uint8Array {
    const name = this.#bytesOf[slot];
    if (name === undefined) throw new Error(`BUG: name slot ${slot} is not in use`);
    return name;
  }

  namespace(slot: number): number {
    return this.#namespaceOf[slot];
  }

  text(slot: number): string {
    return Buffer.from(this.bytes(slot)).toString("utf8");
  }

  /** Forgets the name in `slot`; the slot may be given to another name by the next `intern`. */
  release(slot: number): void {
    const mask = this.#slotAt.length - 1;
    let at = this.#hashOf[slot] & mask;
    while (this.#slotAt[at] !== slot) at = (at + 1) & mask;
    this.#slotAt[at] = -2;
    this.#tombstones++;
    this.#bytesOf[slot] = undefined;
    this.#free.push(slot);
  }
}

function grown(column: Int32Array): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(column.length * 2);
  wider.set(column);
  return wider;
}
