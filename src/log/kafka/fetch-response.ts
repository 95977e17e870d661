/** The Fetch response, versions 13 to 17, with the record sets left as bytes: parsing them is the library's slow part, and record-batch.ts our fast one. */
import type { Reader } from "@platformatic/kafka";
import { messageOf } from "../../core/errors.ts";
import { type AbortedTransaction, type FetchedPartition, Unreadable } from "./cluster.ts";
import { lendBytes } from "./fetch-buffers.ts";

export interface FetchResponse {
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

const DIVERGING_EPOCH_TAG = 0;

/**
 * Fetch Response, versions 13–17 (Kafka protocol, "Fetch API"): throttle_time_ms int32, error_code int16, session_id int32, then topics: topic_id uuid and
 * partitions: partition_index int32, error_code int16, high_watermark int64, last_stable_offset int64, log_start_offset int64,
 * aborted_transactions (producer_id int64, first_offset int64), preferred_read_replica int32, records, tags.
 * @throws Unreadable when it is not laid out like that, to its last byte
 */
export function parseFetchResponse(
  _correlationId: number,
  _apiKey: number,
  _version: number,
  reader: Reader,
): FetchResponse {
  let response: FetchResponse;
  try {
    response = readResponse(reader);
  } catch (error) {
    throw new Unreadable(`a Fetch answer is not laid out as versions 13 to 17 are (${messageOf(error)})`);
  }
  if (reader.remaining === 0) return response;
  throw new Unreadable(`a Fetch answer is longer by ${reader.remaining} bytes than versions 13 to 17 are`);
}

function readResponse(reader: Reader): FetchResponse {
  const partitions: FetchedPartition[] = [];
  reader.skip(4);
  const errorCode = reader.readInt16();
  reader.skip(4);
  for (let topics = reader.readUnsignedVarInt() - 1; topics > 0; topics--) {
    const topicId = reader.readUUID();
    for (let count = reader.readUnsignedVarInt() - 1; count > 0; count--)
      partitions.push(readPartition(reader, topicId));
    skipTags(reader);
  }
  skipTags(reader);
  return { errorCode, partitions };
}

function readPartition(reader: Reader, topicId: string): FetchedPartition {
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  reader.skip(8);
  const lastStableOffset = Number(reader.readInt64());
  reader.skip(8);
  const aborted = readAborted(reader);
  reader.skip(4);
  const length = reader.readUnsignedVarInt() - 1;
  if (length > reader.remaining) throw new RangeError(`${length} bytes of records where ${reader.remaining} are left`);
  const records = length > 0 ? joined(reader.buffer.buffers, reader.position, length) : null;
  if (length > 0) reader.skip(length);
  return { topicId, partition, errorCode, lastStableOffset, divergedAt: readDivergence(reader), aborted, records };
}

/** `length` bytes from `position` on of the chunks as they came from the socket: one copy at most. */
function joined(chunks: readonly Uint8Array[], position: number, length: number): Uint8Array {
  let skip = position;
  let i = 0;
  while (skip >= chunks[i].length) skip -= chunks[i++].length;
  if (skip + length <= chunks[i].length) return chunks[i].subarray(skip, skip + length);
  const bytes = lendBytes(length);
  for (let at = 0; at < length; i++) {
    const part = chunks[i].subarray(skip, skip + length - at);
    bytes.set(part, at);
    at += part.length;
    skip = 0;
  }
  return bytes;
}

function readAborted(reader: Reader): AbortedTransaction[] | null {
  const count = reader.readUnsignedVarInt() - 1;
  if (count <= 0) return null;
  const aborted: AbortedTransaction[] = [];
  for (let i = 0; i < count; i++) {
    aborted.push({ producerId: Number(reader.readInt64()), firstOffset: Number(reader.readInt64()) });
    skipTags(reader);
  }
  return aborted;
}

/** The partition's tags; only the diverging epoch (epoch int32, end_offset int64, tags) is used. */
function readDivergence(reader: Reader): number {
  let divergedAt = -1;
  for (let tags = reader.readUnsignedVarInt(); tags > 0; tags--) {
    const tag = reader.readUnsignedVarInt();
    const size = reader.readUnsignedVarInt();
    if (tag === DIVERGING_EPOCH_TAG) divergedAt = Number(reader.peekInt64(reader.position + 4));
    reader.skip(size);
  }
  return divergedAt;
}

function skipTags(reader: Reader): void {
  for (let tags = reader.readUnsignedVarInt(); tags > 0; tags--) {
    reader.readUnsignedVarInt();
    const size = reader.readUnsignedVarInt();
    reader.skip(size);
  }
}
