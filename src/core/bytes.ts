/** Growing byte buffer and cursor for tidemark's own on-disk structures (docs/formats). Little-endian; varints are LEB128. */

const scratch = new DataView(new ArrayBuffer(8));

/**
 * Bytes that grow at their end.
 * @example
 * ```ts
 * const writer = new ByteWriter();
 * writer.varint(300);
 * const reader = new ByteReader(writer.view());
 * assert.equal(reader.varint(), 300);
 * ```
 */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  length = 0;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #room(extra: number): void {
    if (this.length + extra <= this.#bytes.length) return;
    const wider = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + extra));
    wider.set(this.#bytes.subarray(0, this.length));
    this.#bytes = wider;
    this.#view = new DataView(wider.buffer);
  }

  reset(): void {
    this.length = 0;
  }

  u8(value: number): void {
    this.#room(1);
    this.#bytes[this.length++] = value;
  }

  u16(value: number): void {
    this.#room(2);
    this.#view.setUint16(this.length, value, true);
    this.length += 2;
  }

  u32(value: number): void {
    this.#room(4);
    this.#view.setUint32(this.length, value, true);
    this.length += 4;
  }

  /** The first `count` integers of a column less `low`, each in 1 to 4 bytes. */
  unsignedColumn(values: Float64Array, count: number, low: number, width: number): void {
    this.#room(count * width);
    const at = this.length;
    const bytes = this.#bytes;
    const view = this.#view;
    if (width === 1) for (let i = 0; i < count; i++) bytes[at + i] = values[i] - low;
    else if (width === 2) for (let i = 0; i < count; i++) view.setUint16(at + 2 * i, values[i] - low, true);
    else if (width === 4) for (let i = 0; i < count; i++) view.setUint32(at + 4 * i, values[i] - low, true);
    else {
      for (let i = 0; i < count; i++) {
        const above = values[i] - low;
        view.setUint16(at + 3 * i, above, true);
        bytes[at + 3 * i + 2] = above >>> 16;
      }
    }
    this.length += count * width;
  }

  f64(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** Unsigned LEB128 of an integer in [0, 2^53). */
  varint(value: number): void {
    this.#room(8);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.length++] = rest;
  }

  /** Zigzag LEB128 of an integer with |value| < 2^52. */
  signed(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A varint length, then the bytes. */
  block(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  text(value: string): void {
    this.block(Buffer.from(value, "utf8"));
  }

  /** A copy of what was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.length);
  }

  /** What was written, without a copy: valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }
}

/** A cursor over bytes that a ByteWriter wrote. */
export class ByteReader {
  readonly bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  get done(): boolean {
    return this.position >= this.bytes.length;
  }

  u8(): number {
    if (this.position >= this.bytes.length) throw new RangeError(`read past the end at byte ${this.position}`);
    return this.bytes[this.position++];
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  u32(): number {
    return (this.u16() | (this.u16() << 16)) >>> 0;
  }

  f64(): number {
    for (let i = 0; i < 8; i++) scratch.setUint8(i, this.u8());
    return scratch.getFloat64(0, true);
  }

  varint(): number {
    let byte = this.u8();
    if (byte < 128) return byte;
    let value = byte & 127;
    let scale = 128;
    do {
      byte = this.u8();
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte >= 128);
    return value;
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  raw(length: number): Uint8Array {
    if (this.position + length > this.bytes.length) throw new RangeError(`read past the end at byte ${this.position}`);
    this.position += length;
    return this.bytes.subarray(this.position - length, this.position);
  }

  block(): Uint8Array {
    return this.raw(this.varint());
  }

  text(): string {
    return Buffer.from(this.block()).toString("utf8");
  }
}
