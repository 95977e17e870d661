/** The frame of every page of the history as bytes: a checksum at the end, and the error of a bad one. */
import { crc32 } from "node:zlib";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { TidemarkError } from "../core/errors.ts";
import { levelOf, pageOf, seriesOf } from "./levels.ts";

const CRC_BYTES = 4;

/** The page being written: one at a time. */
export const out = new ByteWriter(16384);

/** A page's first byte, for each kind: the layout and its version. The checksum of an older one does not cover its key. */
export const READINGS = { now: 0x14, keyless: 0x13 } as const;
export const BUCKETS = { now: 0x33, keyless: 0x32 } as const;

const keyBytes = new Uint8Array(8);
const keyView = new DataView(keyBytes.buffer);

/** The page that was written to `out`, with its checksum: valid until the next one is written. @param key under which it is stored */
export function sealed(key: number): Uint8Array<ArrayBuffer> {
  out.u32(checksum(key, out.view()));
  return out.view();
}

/** Of the content and the key: a page that is found under another key is refused. */
function checksum(key: number, content: Uint8Array): number {
  keyView.setFloat64(0, key, true);
  return crc32(keyBytes, crc32(content));
}

/** Of the bytes of a page before its checksum: what the checksum must be. */
export function checksumOf(key: number, content: Uint8Array): number {
  return content[0] === READINGS.keyless || content[0] === BUCKETS.keyless ? crc32(content) : checksum(key, content);
}

/** A copy of the bytes of a page, to be stored under another key. */
export function rekeyed(key: number, bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const length = copy.length - CRC_BYTES;
  new DataView(copy.buffer).setUint32(length, checksumOf(key, copy.subarray(0, length)), true);
  return copy;
}

/** Checks the checksum of a page that comes from outside. @throws TidemarkError "history-corrupt" */
export function check(key: number, bytes: Uint8Array): void {
  const length = bytes.length - CRC_BYTES;
  if (length <= 0 || checksumOf(key, bytes.subarray(0, length)) !== new ByteReader(bytes, length).u32()) {
    throw corrupt(key, "checksum does not match");
  }
}

/** The error of a corrupt page. */
export function corrupt(key: number, why: string, cause?: unknown): TidemarkError {
  const place = `series ${seriesOf(key)}, level ${levelOf(key)}, page ${pageOf(key)}`;
  return new TidemarkError("history-corrupt", `Cannot read a page of the history (${place}): ${why}`, cause);
}
