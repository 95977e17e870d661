/** CRC-32C (Castagnoli), the checksum of RecordBatch v2: native code for long ranges, tables for short ones. */
import { crc32c as native } from "@node-rs/crc32";

/** The reversed Castagnoli polynomial (RFC 3720, appendix B.4). */
const POLYNOMIAL = 0x82f63b78 | 0;

/** Under this many bytes the tables win: a call into native code and the view it needs cost more (bench/log.ts). */
const NATIVE_BYTES_MIN = 300;

/** Eight tables of 256 (slicing-by-8: Kounavis & Berry 2005); int32, so that no value leaves the small integers. */
const tables = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  tables[byte] = crc;
}
for (let at = 256; at < tables.length; at++) {
  const shorter = tables[at - 256];
  tables[at] = (shorter >>> 8) ^ tables[shorter & 255];
}

/** The CRC-32C of bytes[start, end), unsigned. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  return end - start >= NATIVE_BYTES_MIN ? native(bytes.subarray(start, end)) >>> 0 : sliced(bytes, start, end);
}

function sliced(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  let p = start;
  for (const last = end - 7; p < last; p += 8) {
    crc ^= bytes[p] | (bytes[p + 1] << 8) | (bytes[p + 2] << 16) | (bytes[p + 3] << 24);
    crc =
      tables[1792 + (crc & 255)] ^
      tables[1536 + ((crc >>> 8) & 255)] ^
      tables[1280 + ((crc >>> 16) & 255)] ^
      tables[1024 + (crc >>> 24)] ^
      tables[768 + bytes[p + 4]] ^
      tables[512 + bytes[p + 5]] ^
      tables[256 + bytes[p + 6]] ^
      tables[bytes[p + 7]];
  }
  for (; p < end; p++) crc = tables[(crc ^ bytes[p]) & 255] ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}
