/** Device names for keys that are too long: the key's beginning and a hash of all of it, so that different keys stay different devices. */
import { hash } from "node:crypto";

/** Bytes of the key that are in the name, readable. */
const SHOWN_BYTES = 64;

/** Hexadecimal digits of the key's SHA-256 in the name: 128 bits. */
const HASH_DIGITS = 32;

/** UTF-8 of the name for the key bytes[start, end): `<first 64 bytes>~sha256:<32 digits>`, not cut inside of a character. O(length). */
export function nameOfLongKey(bytes: Uint8Array, start: number, end: number): Uint8Array {
  let shown = start + SHOWN_BYTES;
  // A byte 10…… goes on with a character, which has at most three of them.
  for (let back = 0; back < 3 && (bytes[shown] & 0xc0) === 0x80; back++) shown--;
  const digits = hash("sha256", bytes.subarray(start, end), "hex").slice(0, HASH_DIGITS);
  return Buffer.concat([bytes.subarray(start, shown), Buffer.from(`~sha256:${digits}`, "latin1")]);
}
