/** Kafka's variable-length integers (zigzag, then LEB128) and big-endian integers, without BigInt. Used by the RecordBatch codec. */

/** A varint is at most this long, bytes: 32 bits in groups of seven. */
const VARINT_BYTES_MAX = 5;
/** … and a varlong: 64 bits in groups of seven. */
const VARLONG_BYTES_MAX = 10;

/** What `readVarint` and `readVarlong` read: a result slot, so that they can return the position. */
export const slot = new Float64Array(1);

/**
 * Reads a zigzag varint of any length at `position` into `slot`: the slow path behind the inlined short ones.
 * @returns the position after it, or `end` + 1 when it is longer than a varint can be or passes `end`
 */
export function readVarint(bytes: Uint8Array, position: number, end: number): number {
  return read(bytes, position, end, VARINT_BYTES_MAX);
}

/** Like `readVarint`, for 64 bits; beyond 2^53 the nearest double. */
export function readVarlong(bytes: Uint8Array, position: number, end: number): number {
  return read(bytes, position, end, VARLONG_BYTES_MAX);
}

function read(bytes: Uint8Array, position: number, end: number, bytesMax: number): number {
  const limit = Math.min(end, position + bytesMax);
  let value = 0;
  let scale = 1;
  for (let p = position; p < limit; p++) {
    const byte = bytes[p];
    value += (byte & 127) * scale;
    if (byte < 128) {
      slot[0] = value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      return p + 1;
    }
    scale *= 128;
  }
  return end + 1;
}

/** Bytes of the zigzag varint of an integer with |value| < 2^52. */
export function varintBytes(value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let bytes = 1;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** Writes the zigzag varint of an integer with |value| < 2^52. @returns the position after it */
export function writeVarint(bytes: Uint8Array, position: number, value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let p = position;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes[p++] = (rest % 128) | 128;
  bytes[p++] = rest;
  return p;
}

/** Reads 16 bits, big-endian, signed. */
export function int16(bytes: Uint8Array, p: number): number {
  return ((bytes[p] << 24) | (bytes[p + 1] << 16)) >> 16;
}

/** Reads 32 bits, big-endian, signed. */
export function int32(bytes: Uint8Array, p: number): number {
  return (bytes[p] << 24) | (bytes[p + 1] << 16) | (bytes[p + 2] << 8) | bytes[p + 3];
}

/** The nearest double: exact when |value| <= 2^53. */
export function int64(bytes: Uint8Array, p: number): number {
  return int32(bytes, p) * 4_294_967_296 + (int32(bytes, p + 4) >>> 0);
}

/** Writes 32 bits, big-endian. */
export function writeInt32(bytes: Uint8Array, p: number, value: number): void {
  bytes[p] = value >>> 24;
  bytes[p + 1] = value >>> 16;
  bytes[p + 2] = value >>> 8;
  bytes[p + 3] = value;
}

/** Writes an integer with |value| <= 2^53. */
export function writeInt64(bytes: Uint8Array, p: number, value: number): void {
  writeInt32(bytes, p, Math.floor(value / 4_294_967_296));
  writeInt32(bytes, p + 4, value % 4_294_967_296);
}
