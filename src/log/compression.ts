/** The five compression codecs of RecordBatch v2, with a bound on the decompressed size. */
import { createRequire } from "node:module";
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Loaded with the first batch that needs it: 3 MB in each thread. */
let wasm: typeof import("@platformatic/wasm-utils") | null = null;

function wasmCodecs(): typeof import("@platformatic/wasm-utils") {
  wasm ??= createRequire(import.meta.url)("@platformatic/wasm-utils") as typeof import("@platformatic/wasm-utils");
  return wasm;
}

/** Bits 0–2 of a batch's attributes (Kafka protocol, "Record Batch"). */
export const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
/** The names of CODECS. */
export type Codec = (typeof CODECS)[number];

/**
 * The most a batch may decompress to, bytes: 64 times what a broker takes as one batch by default (`message.max.bytes`).
 * Snappy and LZ4 claim what they hold, and a claim of more is refused before memory is spent on it; gzip and zstd are inflated piece by piece, up to it.
 */
export const DECOMPRESSED_BYTES_MAX = 67_108_864;

/** A batch that is not damaged but holds more than `DECOMPRESSED_BYTES_MAX`. */
export class TooLarge extends Error {
  constructor(bytes: string) {
    super(`its records must decompress to <= ${DECOMPRESSED_BYTES_MAX} bytes, were ${bytes}`);
  }
}

/** Chunks in which zlib hands out what it decompresses, bytes: the usual batch fits into one. */
const CHUNK_BYTES_MIN = 65_536;
const CHUNK_BYTES_MAX = 1_048_576;
/** Sensor readings compress to about an eighth. */
const USUAL_RATIO = 8;

/** Snappy's default block as snappy-java writes it (xerial): a magic, two int32 versions, then int32 length and block, repeated. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

const LZ4_MAGIC = 0x184d2204;

/**
 * The bytes that `packed` holds.
 * @throws TooLarge, or another Error when they are malformed; the caller names the batch
 */
export function decompress(codec: number, packed: Buffer): Buffer {
  switch (codec) {
    case 1:
      return inflated(gunzipSync, packed);
    case 2:
      return unsnappy(packed);
    case 3:
      requireBound(lz4Bound(packed));
      return wasmCodecs().lz4Decompress(packed);
    case 4:
      return inflated(zstdDecompressSync, packed);
    default:
      throw new Error(`the codec must be 0 to 4, was ${codec}`);
  }
}

/** Compresses a batch's records; "none" gives them back as they are. */
export function compress(codec: Codec, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case "none":
      return bytes;
    case "gzip":
      return gzipSync(bytes);
    case "snappy":
      return wasmCodecs().snappyCompress(asBuffer(bytes));
    case "lz4":
      return wasmCodecs().lz4Compress(asBuffer(bytes));
    case "zstd":
      return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
  }
}

/** The same bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function inflated(inflate: typeof gunzipSync | typeof zstdDecompressSync, packed: Buffer): Buffer {
  try {
    return inflate(packed, zlibOptions(packed));
  } catch (error) {
    if (error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") {
      throw new TooLarge("more");
    }
    throw error;
  }
}

function zlibOptions(packed: Buffer) {
  const chunkSize = Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, packed.length * USUAL_RATIO));
  return { chunkSize, maxOutputLength: DECOMPRESSED_BYTES_MAX };
}

/**
 * The most that a byte can decompress to: a snappy copy of 64 bytes takes 3, an LZ4 match grows by 255 with each byte. A larger claim is malformed;
 * it is refused before the codec reserves memory for it, which WebAssembly never gives back.
 */
const SNAPPY_RATIO_MAX = 22;
const LZ4_RATIO_MAX = 255;

function requireBound(bytes: number): void {
  if (bytes > DECOMPRESSED_BYTES_MAX) {
    throw new TooLarge(`up to ${bytes}`);
  }
}

function unsnappy(packed: Buffer): Buffer {
  if (packed.length < XERIAL_HEADER_BYTES || XERIAL_MAGIC.compare(packed, 0, XERIAL_MAGIC.length) !== 0) {
    requireBound(snappyBound(packed, 0, packed.length));
    return wasmCodecs().snappyDecompress(packed);
  }
  const blocks: Buffer[] = [];
  let total = 0;
  for (let p = XERIAL_HEADER_BYTES; p < packed.length; ) {
    if (p + 4 > packed.length) throw new Error("a snappy block's length is cut off");
    const length = packed.readUInt32BE(p);
    p += 4;
    if (length > packed.length - p) throw new Error(`a snappy block of ${length} bytes is cut off`);
    requireBound((total += snappyBound(packed, p, p + length)));
    blocks.push(wasmCodecs().snappyDecompress(packed.subarray(p, p + length)));
    p += length;
  }
  return blocks.length === 1 ? blocks[0] : Buffer.concat(blocks);
}

/** What a snappy block says it decompresses to: a LEB128 at its start (Snappy format description, section 1). */
function snappyBound(packed: Buffer, start: number, end: number): number {
  let length = 0;
  for (let p = start, scale = 1; p < end && p < start + 5; p++, scale *= 128) {
    length += (packed[p] & 127) * scale;
    if (packed[p] >= 128) continue;
    const possible = (end - start) * SNAPPY_RATIO_MAX;
    if (length > possible) throw new Error(`a snappy block must hold <= ${possible} bytes, claims ${length}`);
    return length;
  }
  throw new Error("a snappy block's length is malformed");
}

/** The most an LZ4 frame can decompress to, from its block headers (LZ4 Frame Format 1.6.3): a block is at most the frame's block size. */
function lz4Bound(packed: Buffer): number {
  if (packed.length < 7 || packed.readUInt32LE(0) !== LZ4_MAGIC) throw new Error("it does not begin with an LZ4 frame");
  const flags = packed[4];
  const blockBytesMax = 1 << (8 + 2 * ((packed[5] >> 4) & 7));
  const blockChecksumBytes = flags & 0x10 ? 4 : 0;
  let p = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  for (let bound = 0; ; ) {
    if (p + 4 > packed.length) throw new Error("an LZ4 block's length is cut off");
    const size = packed.readUInt32LE(p) & 0x7fffffff; // the highest bit: not compressed
    if (size === 0) return bound;
    bound += Math.min(blockBytesMax, size * LZ4_RATIO_MAX);
    p += 4 + size + blockChecksumBytes;
  }
}
