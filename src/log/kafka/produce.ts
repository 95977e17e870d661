/** Produce, versions 3 to 9: one batch of one partition. */
import { type API, createAPI, type Reader, Writer } from "@platformatic/kafka";

/** The protocol's number of this call. */
const PRODUCE_KEY = 0;
/** The first version that takes batches as they are now (Kafka 0.11), and the last that is known here: 9, with the rest of Kafka 2.8's compact calls. */
const FIRST_VERSION = 3;
const LAST_VERSION = 9;
const COMPACT = 9;
const ACKS_ALL = -1;
/** The broker's answer to acks=all may wait for replicas this long, ms. */
const PRODUCE_MS_MAX = 5000;

/** What the leader says: the protocol's error code, and the offset of the batch's first record. */
interface Produced {
  readonly errorCode: number;
  readonly baseOffset: number;
}

/** Sends one batch, finished to the byte. */
export type ProduceApi = API<[topic: string, partition: number, batch: Buffer], Produced>;

/** By version. */
export const PRODUCE_APIS: ReadonlyMap<number, ProduceApi> = new Map(
  Array.from({ length: LAST_VERSION - FIRST_VERSION + 1 }, (_, i) => [
    FIRST_VERSION + i,
    produceApi(FIRST_VERSION + i),
  ]),
);

/** Request (Kafka protocol, "Produce API"): transactional_id, acks int16, timeout_ms int32, topics: name, partitions: index int32, records. */
function produceApi(version: number): ProduceApi {
  const isCompact = version >= COMPACT;
  const createRequest = (topic: string, partition: number, batch: Buffer): Writer => {
    const addPartition = (partitions: Writer, index: number): void => {
      partitions.appendInt32(index).appendBytes(batch, isCompact);
    };
    const addTopic = (topics: Writer, name: string): void => {
      topics.appendString(name, isCompact).appendArray([partition], addPartition, isCompact, isCompact);
    };
    const writer = Writer.create()
      .appendString(null, isCompact)
      .appendInt16(ACKS_ALL)
      .appendInt32(PRODUCE_MS_MAX)
      .appendArray([topic], addTopic, isCompact, isCompact);
    return isCompact ? writer.appendTaggedFields() : writer;
  };
  return createAPI(PRODUCE_KEY, version, createRequest, parseResponse, isCompact, isCompact);
}

/** The answer's beginning is all that is of use: topics: name, partitions: index int32, error_code int16, base_offset int64 … */
function parseResponse(_correlationId: number, _apiKey: number, version: number, reader: Reader): Produced {
  const isCompact = version >= COMPACT;
  for (const read of [() => reader.readString(isCompact), () => reader.readInt32()]) {
    if (isCompact) reader.readUnsignedVarInt();
    else reader.readInt32();
    read();
  }
  return { errorCode: reader.readInt16(), baseOffset: Number(reader.readInt64()) };
}
