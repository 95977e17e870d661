/** What a batch of a few kilobytes may cost that claims to hold hundreds of megabytes: bounded memory, and a reason in words. A process of its own, as its peak is measured. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGzip, createZstdCompress } from "node:zlib";
import { TidemarkError } from "../../src/core/errors.ts";
import { Records } from "../../src/core/records.ts";
import { FetchedBatches } from "../../src/log/kafka/fetched.ts";
import { foreignBatch } from "./foreign-batch.ts";

const INFLATED_BYTES = 600_000_000;
const PIECE = Buffer.alloc(1_000_000);
/** The bound of 64 MiB, once in pieces and once more for what a codec needs, and room for a collector that takes its time. */
const GROWTH_BYTES_MAX = 200_000_000;

/** Compresses zeros without holding them. */
async function packedZeros(stream: ReturnType<typeof createGzip | typeof createZstdCompress>): Promise<Buffer> {
  const packed: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => packed.push(chunk));
  const ended = new Promise((resolve, reject) => stream.once("end", resolve).once("error", reject));
  for (let bytes = 0; bytes < INFLATED_BYTES; bytes += PIECE.length) {
    if (!stream.write(PIECE)) await new Promise((resolve) => stream.once("drain", resolve));
  }
  stream.end();
  await ended;
  return Buffer.concat(packed);
}

/** Snappy's raw form that claims a length: a LEB128 and copies of 64 bytes, three bytes each. */
function snappyClaim(): Buffer {
  const copies = Buffer.alloc(3 * Math.ceil(INFLATED_BYTES / 64), Buffer.from([0xfe, 1, 0]));
  const length = [];
  for (let left = INFLATED_BYTES; left > 0; left = Math.floor(left / 128))
    length.push((left % 128) | (left < 128 ? 0 : 128));
  return Buffer.concat([Buffer.from([...length, 0, 0]), copies]);
}

/** An LZ4 frame of blocks of 4 MB that each claim to be full: a match that grows by 255 with each byte. */
function lz4Claim(): Buffer {
  const block = Buffer.alloc(Math.ceil(4_194_304 / 255) + 8, 0xff);
  block.set([0x1f, 0, 1, 0]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(block.length);
  const frame = [Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73])];
  for (let bytes = 0; bytes < INFLATED_BYTES; bytes += 4_194_304) frame.push(size, block);
  return Buffer.concat([...frame, Buffer.alloc(4)]);
}

for (const [codec, attributes, pack] of [
  ["gzip", 1, () => packedZeros(createGzip())],
  ["snappy", 2, snappyClaim],
  ["lz4", 3, lz4Claim],
  ["zstd", 4, () => packedZeros(createZstdCompress())],
] as const) {
  test(`${codec}: 600 MB in a batch are refused at the bound, in words, and what is behind them can be read on`, async () => {
    const packed = await pack();
    const own = { baseOffset: 41n, baseTimestamp: 0n, maxTimestamp: 0n, attributes, records: [] };
    const records = foreignBatch({ ...own, count: 1, lastOffsetDelta: 2, body: () => packed });
    const peak = process.resourceUsage().maxRSS * 1024;
    const fetched = new FetchedBatches({
      topic: "bomb",
      partition: 0,
      logEnd: 100,
      gap: null,
      from: 41,
      aborted: null,
      records,
      onDamaged: () => {},
      isDropped: () => false,
    });
    assert.throws(
      () => fetched.next(new Records()),
      (error) => {
        assert.ok(error instanceof TidemarkError && error.code === "log-corrupt");
        assert.match(
          error.message,
          /^Cannot decode "bomb" partition 0: the batch at offset 41 is too large: its records must decompress to <= 67108864 bytes, were /,
        );
        return true;
      },
    );
    assert.equal(fetched.resumeAt, 44);
    const growth = process.resourceUsage().maxRSS * 1024 - peak;
    assert.ok(growth < GROWTH_BYTES_MAX, `${Math.round(growth / 1e6)} MB more`);
  });
}
