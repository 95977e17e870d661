/** The frame of every page of the history as bytes: a checksum at the end, and the error of a bad one. */
import { crc32 } from "node:zlib";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { TidemarkError } from "../core/errors.ts";
import { levelOf, pageOf, seriesOf } from "./levels.ts";

const CRC_BYTES = 4;

/** The page being written: one at a time. */
export const out = new ByteWriter(16384);

/** The page that was written to `out`, with its checksum: valid until the next one is written. */
export function sealed(): Uint8Array<ArrayBuffer> {
  out.u32(crc32(out.view()));
  return out.view();
}

/** Checks the checksum of a page that comes from outside. @throws TidemarkError "history-corrupt" */
export function check(key: number, bytes: Uint8Array): void {
  const length = bytes.length - CRC_BYTES;
  if (length <= 0 || crc32(bytes.subarray(0, length)) !== new ByteReader(bytes, length).u32()) {
    throw corrupt(key, "checksum does not match");
  }
}

/** The error of a corrupt page. */
export function corrupt(key: number, why: string, cause?: unknown): TidemarkError {
  const place = `series ${seriesOf(key)}, level ${levelOf(key)}, page ${pageOf(key)}`;
  return new TidemarkError("history-corrupt", `Cannot read a page of the history (${place}): ${why}`, cause);
}
