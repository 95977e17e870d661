/** Fetch, versions 4 to 17, with the record sets left as bytes: parsing them is the library's slow part, and record-batch.ts our fast one. */
import { type API, createAPI, type Reader, Writer } from "@platformatic/kafka";
import { messageOf } from "../../core/errors.ts";
import { lendBytes } from "./fetch-buffers.ts";
import { readCount } from "./metadata.ts";
import type { AbortedTransaction } from "./transactions.ts";

/** The protocol's number of this call. */
const FETCH_KEY = 1;

/** The first version that brings batches as they are now (Kafka 0.11), and the last that is known here. */
const FIRST_VERSION = 4;
const LAST_VERSION = 17;
/** The first versions with what they are named for; compact ones have tags, and the epoch of the record before (Kafka 2.7). */
const WITH_LOG_START = 5;
const WITH_SESSION = 7;
const WITH_LEADER_EPOCH = 9;
const WITH_REPLICA_CHOICE = 11;
const COMPACT = 12;
const BY_ID = 13;
/** The last version that says which replica asks. */
const WITH_REPLICA_MAX = 14;

/** How long a fetch waits in the broker when there is nothing new: it ends at the first new record anyway. */
const FETCH_WAIT_MS = 500;
/** A fetch's answer, bytes. Measured best from 1 to 4 MB (bench/kafka-fetch.ts); two answers per leader are held at most. A larger batch comes alone. */
export const FETCH_BYTES_MAX = 2_097_152;
const FETCH_BYTES_MIN = 1;
const CONSUMER_REPLICA = -1;
/** "Read committed": records of open and aborted transactions are not readings yet, or never. */
export const READ_COMMITTED = 1;
/** No fetch session: each request says all it wants. */
const NO_SESSION = 0;
const FINAL_EPOCH = -1;
const UNKNOWN = -1;

/** What to fetch of one partition. */
export interface FetchPosition {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** The offset to read next. */
  readonly next: number;
  /** The leader epoch of the record before it, -1 when unknown: lets the broker tell whether the log was cut back since (from version 12 on). */
  readonly epoch: number;
}

/** What was fetched of one partition. */
export interface FetchedPartition {
  /** The topic's id as the library writes a UUID, in lower case with hyphens; before version 13 its name. */
  readonly topic: string;
  readonly partition: number;
  /** A protocol error code; 0 when all is well. */
  readonly errorCode: number;
  /** The offset after the newest record. */
  readonly highWatermark: number;
  /** The offset after the newest record that no open transaction blocks: what "read committed" may read. */
  readonly lastStableOffset: number;
  /** Where the log differs from what was read under an older leader; -1 when it does not. */
  readonly divergedAt: number;
  /** In any order; null when there is none. */
  readonly aborted: readonly AbortedTransaction[] | null;
  /** Batches as they are stored, the last one perhaps cut off; null when there are none. */
  readonly records: Uint8Array | null;
}

interface FetchResponse {
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

/** One request for all positions, in this order. */
export type FetchApi = API<[positions: readonly FetchPosition[]], FetchResponse>;

/** By version. */
export const FETCH_APIS: ReadonlyMap<number, FetchApi> = new Map(
  Array.from({ length: LAST_VERSION - FIRST_VERSION + 1 }, (_, i) => [FIRST_VERSION + i, fetchApi(FIRST_VERSION + i)]),
);

/** Whether topics are named by id. */
export function namesById(version: number): boolean {
  return version >= BY_ID;
}

function fetchApi(version: number): FetchApi {
  const isCompact = version >= COMPACT;
  const createRequest = (positions: readonly FetchPosition[]): Writer => fetchRequest(version, positions);
  return createAPI(FETCH_KEY, version, createRequest, parseFetchResponse, isCompact, isCompact);
}

/**
 * Request (Kafka protocol, "Fetch API"): replica_id int32 up to version 14, max_wait_ms int32, min_bytes int32, max_bytes int32, isolation_level int8,
 * session_id int32 and session_epoch int32 from 7 on, topics (topic_id uuid from 13 on, else the name) with their partitions (partition int32,
 * current_leader_epoch int32 from 9 on, fetch_offset int64, last_fetched_epoch int32 from 12 on, log_start_offset int64 from 5 on,
 * partition_max_bytes int32), forgotten_topics_data from 7 on, rack_id from 11 on.
 */
export function fetchRequest(version: number, positions: readonly FetchPosition[]): Writer {
  const isCompact = version >= COMPACT;
  const writer = Writer.create();
  if (version <= WITH_REPLICA_MAX) writer.appendInt32(CONSUMER_REPLICA);
  writer
    .appendInt32(FETCH_WAIT_MS)
    .appendInt32(FETCH_BYTES_MIN)
    .appendInt32(FETCH_BYTES_MAX)
    .appendInt8(READ_COMMITTED);
  if (version >= WITH_SESSION) writer.appendInt32(NO_SESSION).appendInt32(FINAL_EPOCH);
  const addPartition = (partitions: Writer, { partition, next, epoch }: FetchPosition): void => {
    partitions.appendInt32(partition);
    if (version >= WITH_LEADER_EPOCH) partitions.appendInt32(UNKNOWN);
    partitions.appendInt64(BigInt(next));
    if (version >= COMPACT) partitions.appendInt32(epoch);
    if (version >= WITH_LOG_START) partitions.appendInt64(BigInt(UNKNOWN));
    partitions.appendInt32(FETCH_BYTES_MAX);
  };
  const byTopic = [...Map.groupBy(positions, ({ topicId }) => topicId).values()];
  const addTopic = (topics: Writer, own: FetchPosition[]): void => {
    if (version >= BY_ID) topics.appendUUID(own[0].topicId);
    else topics.appendString(own[0].topic, isCompact);
    topics.appendArray(own, addPartition, isCompact, isCompact);
  };
  writer.appendArray(byTopic, addTopic, isCompact, isCompact);
  if (version >= WITH_SESSION) writer.appendArray([], () => {}, isCompact, isCompact);
  if (version >= WITH_REPLICA_CHOICE) writer.appendString("", isCompact);
  return isCompact ? writer.appendTaggedFields() : writer;
}

const DIVERGING_EPOCH_TAG = 0;

/**
 * Response: throttle_time_ms int32, error_code int16 and session_id int32 from version 7 on, then topics: topic_id uuid from 13 on, else the name, and
 * partitions: partition_index int32, error_code int16, high_watermark int64, last_stable_offset int64, log_start_offset int64 from 5 on,
 * aborted_transactions (producer_id int64, first_offset int64), preferred_read_replica int32 from 11 on, records; tags from 12 on.
 * @throws Error when it is not laid out like that, to its last byte
 */
export function parseFetchResponse(
  _correlationId: number,
  _apiKey: number,
  version: number,
  reader: Reader,
): FetchResponse {
  let response: FetchResponse;
  try {
    response = readResponse(reader, version);
  } catch (error) {
    throw new Error(`a Fetch answer is not laid out as version ${version} is (${messageOf(error)})`);
  }
  if (reader.remaining === 0) return response;
  throw new Error(`a Fetch answer is longer by ${reader.remaining} bytes than version ${version} is`);
}

function readResponse(reader: Reader, version: number): FetchResponse {
  const isCompact = version >= COMPACT;
  const partitions: FetchedPartition[] = [];
  reader.skip(4);
  const errorCode = version >= WITH_SESSION ? reader.readInt16() : 0;
  if (version >= WITH_SESSION) reader.skip(4);
  for (let topics = readCount(reader, isCompact); topics > 0; topics--) {
    const topic = version >= BY_ID ? reader.readUUID() : reader.readString(isCompact);
    for (let count = readCount(reader, isCompact); count > 0; count--) {
      partitions.push(readPartition(reader, version, topic));
    }
    if (isCompact) reader.readTaggedFields();
  }
  if (isCompact) reader.readTaggedFields();
  return { errorCode, partitions };
}

function readPartition(reader: Reader, version: number, topic: string): FetchedPartition {
  const isCompact = version >= COMPACT;
  const partition = reader.readInt32();
  const errorCode = reader.readInt16();
  const highWatermark = Number(reader.readInt64());
  const lastStableOffset = Number(reader.readInt64());
  if (version >= WITH_LOG_START) reader.skip(8);
  const aborted = readAborted(reader, isCompact);
  if (version >= WITH_REPLICA_CHOICE) reader.skip(4);
  const length = readCount(reader, isCompact);
  const records = length > 0 ? joined(reader.buffer.buffers, reader.position, length) : null;
  if (length > 0) reader.skip(length);
  const divergedAt = isCompact ? readDivergence(reader) : -1;
  return { topic, partition, errorCode, highWatermark, lastStableOffset, divergedAt, aborted, records };
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

function readAborted(reader: Reader, isCompact: boolean): AbortedTransaction[] | null {
  const count = readCount(reader, isCompact);
  if (count <= 0) return null;
  const aborted: AbortedTransaction[] = [];
  for (let i = 0; i < count; i++) {
    aborted.push({ producerId: Number(reader.readInt64()), firstOffset: Number(reader.readInt64()) });
    if (isCompact) reader.readTaggedFields();
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
