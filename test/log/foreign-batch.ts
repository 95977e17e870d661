/** Record batches as foreign producers may write them, plainly encoded with BigInt, and what must be read in them. */
import { gzipSync, zstdCompressSync } from "node:zlib";
import { crc32c, lz4Compress, snappyCompress } from "@platformatic/wasm-utils";
import type { Random } from "../../src/core/random.ts";

/** A record as a foreign producer may write it. */
export interface Foreign {
  readonly offsetDelta: number;
  readonly timestampDelta: bigint;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [Buffer, Buffer | null])[];
}

export interface ForeignBatch {
  readonly baseOffset: bigint;
  readonly records: readonly Foreign[];
  readonly baseTimestamp: bigint;
  readonly maxTimestamp: bigint;
  readonly attributes: number;
  readonly producerId?: bigint;
  readonly lastOffsetDelta?: number;
  /** Default 17. */
  readonly leaderEpoch?: number;
  /** Wraps the records' bytes: a codec, or damage. */
  readonly body?: (bytes: Buffer) => Buffer;
  readonly count?: number;
}

function zigzag(value: bigint | number): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function field(bytes: Buffer | null): Buffer {
  return bytes === null ? zigzag(-1) : Buffer.concat([zigzag(bytes.length), bytes]);
}

function foreignRecord({ offsetDelta, timestampDelta, key, value, headers }: Foreign): Buffer {
  const body = Buffer.concat([
    Buffer.from([0]),
    zigzag(timestampDelta),
    zigzag(offsetDelta),
    field(key),
    field(value),
    zigzag(headers.length),
    ...headers.flatMap(([name, content]) => [field(name), field(content)]),
  ]);
  return Buffer.concat([zigzag(body.length), body]);
}

export function foreignBatch(batch: ForeignBatch): Buffer {
  const plain = Buffer.concat(batch.records.map(foreignRecord));
  const body = batch.body?.(plain) ?? plain;
  const bytes = Buffer.alloc(61 + body.length);
  bytes.writeBigInt64BE(batch.baseOffset, 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt32BE(batch.leaderEpoch ?? 17, 12);
  bytes.writeInt8(2, 16);
  bytes.writeInt16BE(batch.attributes, 21);
  bytes.writeInt32BE(batch.lastOffsetDelta ?? batch.records.at(-1)?.offsetDelta ?? 0, 23);
  bytes.writeBigInt64BE(batch.baseTimestamp, 27);
  bytes.writeBigInt64BE(batch.maxTimestamp, 35);
  bytes.writeBigInt64BE(batch.producerId ?? -1n, 43);
  bytes.writeInt16BE(3, 51);
  bytes.writeInt32BE(5, 53);
  bytes.writeInt32BE(batch.count ?? batch.records.length, 57);
  body.copy(bytes, 61);
  return sealed(bytes);
}

/** Writes the checksum that belongs to the bytes as they are. */
function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

export function xerial(bytes: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])];
  for (let p = 0; p < bytes.length; p += 1000) {
    const block = snappyCompress(bytes.subarray(p, p + 1000));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

export const foreignCodecs: readonly { attributes: number; body: (bytes: Buffer) => Buffer }[] = [
  { attributes: 0, body: (bytes) => bytes },
  { attributes: 1, body: (bytes) => gzipSync(bytes, { level: 1 }) },
  { attributes: 2, body: (bytes) => Buffer.from(snappyCompress(bytes)) },
  { attributes: 2, body: xerial },
  { attributes: 3, body: (bytes) => Buffer.from(lz4Compress(bytes)) },
  { attributes: 4, body: (bytes) => zstdCompressSync(bytes) },
];

const noise = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) >>> 13) & 255));

export function randomBytes(random: Random, length: number): Buffer {
  const start = random.integer(0, noise.length - length);
  return noise.subarray(start, start + length);
}

export function randomBatch(random: Random, count = random.pick([1, 1, 2, 3, 10, 70, 200])): ForeignBatch {
  const appendTime = random.chance(0.2);
  const baseTimestamp = BigInt(random.pick([1_750_000_000_000, 0, -1, -62_135_596_800_000, 2 ** 45]));
  const lengths = [0, 0, 1, 2, 5, 62, 63, 64, 65, 127, 128, 300, 8191, 8192, 20_000];
  let offsetDelta = 0;
  const records = Array.from({ length: count }, (): Foreign => {
    const own = offsetDelta;
    offsetDelta += random.chance(0.1) ? random.pick([2, 65, 9000, 2_000_000]) : 1;
    const length = random.chance(0.1) ? random.pick(lengths) : random.integer(0, 20);
    return {
      offsetDelta: own,
      timestampDelta: BigInt(
        random.pick([0, 1, -1, 63, 64, -65, 8191, 8192, 1_048_575, 1_048_576, -(2 ** 28), 2 ** 40]),
      ),
      key: random.chance(0.5) ? null : randomBytes(random, random.chance(0.05) ? random.pick(lengths) : 3),
      value: random.chance(0.05) ? null : randomBytes(random, length),
      headers: random.chance(0.8) ? [] : [[Buffer.from("trace"), random.chance(0.5) ? null : randomBytes(random, 9)]],
    };
  });
  const codec = random.pick(foreignCodecs);
  return {
    baseOffset: BigInt(random.pick([0, 1, 4_294_967_295, 4_294_967_296, 2 ** 53 - 2 ** 32])),
    records,
    baseTimestamp,
    maxTimestamp: appendTime ? 1_750_000_123_456n : baseTimestamp + 5n,
    attributes: codec.attributes | (appendTime ? 8 : 0) | (random.chance(0.2) ? 16 : 0),
    producerId: random.pick([-1n, 0n, 4_294_967_297n]),
    lastOffsetDelta: offsetDelta - 1 + random.pick([0, 0, 3]),
    body: codec.body,
  };
}

/** What must come out, straight from the batch's description. */
export function expected(batch: ForeignBatch, from: number) {
  return batch.records
    .map(({ offsetDelta, timestampDelta, key, value }) => ({
      offset: Number(batch.baseOffset) + offsetDelta,
      key: key === null ? null : key.toString("latin1"),
      value: value === null ? null : value.toString("latin1"),
      time: Number(batch.attributes & 8 ? batch.maxTimestamp : batch.baseTimestamp + timestampDelta),
      appendTime: (batch.attributes & 8) !== 0,
    }))
    .filter((row) => row.offset >= from);
}
