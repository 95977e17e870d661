/** What every page of the history has in common as bytes: a checksum at the end, and how a bad one is told. */
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

/** Checks a page's checksum and returns a reader over what it covers. @throws TidemarkError "history-corrupt" */
export function opened(key: number, bytes: Uint8Array): ByteReader {
  const body = bytes.subarray(0, bytes.length - CRC_BYTES);
  const stored = new ByteReader(bytes, bytes.length - CRC_BYTES).u32();
  if (bytes.length <= CRC_BYTES || crc32(body) !== stored) throw corrupt(key, "checksum does not match");
  return new ByteReader(body);
}

export function corrupt(key: number, why: string, cause?: unknown): TidemarkError {
  const place = `series ${seriesOf(key)}, level ${levelOf(key)}, page ${pageOf(key)}`;
  return new TidemarkError("history-corrupt", `Cannot read a page of the history (${place}): ${why}`, cause);
}
