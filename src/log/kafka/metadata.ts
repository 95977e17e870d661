/** Metadata, versions 4 to 12: which topics there are, where they are led, and how their leaders are reached. Never creates a topic by asking for it. */
import { type API, createAPI, type Reader, Writer } from "@platformatic/kafka";
import type { BrokerAddress } from "./address.ts";

/** The protocol's number of this call. */
const METADATA_KEY = 3;

/** The first version that can ask without creating (Kafka 0.11), and the last that is known here. */
const FIRST_VERSION = 4;
const LAST_VERSION = 12;
/** The first versions that tell of replicas that are offline, of leader epochs, of authorizations; that are compact (with tags); that have topic ids (Kafka 2.8). */
const WITH_OFFLINE = 5;
const WITH_EPOCHS = 7;
const WITH_AUTHORIZATIONS = 8;
const COMPACT = 9;
const WITH_IDS = 10;
/** The last version that asks about the cluster's authorizations. */
const WITH_CLUSTER_AUTHORIZATIONS_MAX = 10;
/** What stands where there is no topic: no id. */
const NO_ID = "00000000-0000-0000-0000-000000000000";
/** No broker leads the partition. */
export const NOWHERE = -1;

/** Where a topic's partitions are led, or why that is unknown. */
export interface LocatedTopic {
  readonly name: string;
  /** "" where it is not known; the name before Kafka 2.8, which has no topic ids: a topic made anew is then not told from the old one. */
  readonly id: string;
  readonly errorCode: number;
  /** Node by partition number, or `NOWHERE`. */
  readonly leaders: readonly number[];
  /** Made by Kafka for itself. */
  readonly isInternal: boolean;
}

/** One answer. */
export interface ClusterMetadata {
  readonly nodes: ReadonlyMap<number, BrokerAddress>;
  readonly topics: readonly LocatedTopic[];
}

/** Asks about topics by name; null: about all topics. */
export type MetadataApi = API<[names: readonly string[] | null], ClusterMetadata>;

/** By version. */
export const METADATA_APIS: ReadonlyMap<number, MetadataApi> = new Map(
  Array.from({ length: LAST_VERSION - FIRST_VERSION + 1 }, (_, i) => [
    FIRST_VERSION + i,
    metadataApi(FIRST_VERSION + i),
  ]),
);

/**
 * Request: topics (topic_id uuid from version 10 on, name), allow_auto_topic_creation, include_cluster_authorized_operations (8 to 10),
 * include_topic_authorized_operations (from 8 on) (Kafka protocol, "Metadata API").
 */
function metadataApi(version: number): MetadataApi {
  const isCompact = version >= COMPACT;
  const createRequest = (names: readonly string[] | null): Writer => {
    const writer = Writer.create();
    const addTopic = (topics: Writer, name: string): void => {
      if (version >= WITH_IDS) topics.appendUUID(null);
      topics.appendString(name, isCompact);
    };
    writer.appendArray(names === null ? null : [...names], addTopic, isCompact, isCompact).appendBoolean(false);
    if (version >= WITH_AUTHORIZATIONS && version <= WITH_CLUSTER_AUTHORIZATIONS_MAX) writer.appendBoolean(false);
    if (version >= WITH_AUTHORIZATIONS) writer.appendBoolean(false);
    return isCompact ? writer.appendTaggedFields() : writer;
  };
  return createAPI(METADATA_KEY, version, createRequest, parseMetadata, isCompact, isCompact);
}

/**
 * Response: throttle_time_ms int32, brokers (node_id int32, host, port int32, rack), cluster_id, controller_id int32, topics (error_code int16, name,
 * topic_id uuid from version 10 on, is_internal, partitions, topic_authorized_operations int32 from 8 on); what follows is not read.
 */
function parseMetadata(_correlationId: number, _apiKey: number, version: number, reader: Reader): ClusterMetadata {
  const isCompact = version >= COMPACT;
  reader.skip(4);
  const nodes = new Map<number, BrokerAddress>();
  for (let left = readCount(reader, isCompact); left > 0; left--) {
    const node = reader.readInt32();
    nodes.set(node, { host: reader.readString(isCompact), port: reader.readInt32() });
    reader.readNullableString(isCompact);
    if (isCompact) reader.readTaggedFields();
  }
  reader.readNullableString(isCompact);
  reader.skip(4);
  const topics: LocatedTopic[] = [];
  for (let left = readCount(reader, isCompact); left > 0; left--) {
    const errorCode = reader.readInt16();
    const name = reader.readString(isCompact);
    const id = version >= WITH_IDS ? reader.readUUID() : NO_ID;
    const isInternal = reader.readBoolean();
    const leaders = readLeaders(reader, version);
    if (version >= WITH_AUTHORIZATIONS) reader.skip(4);
    if (isCompact) reader.readTaggedFields();
    topics.push({ name, id: id === NO_ID ? name : id, errorCode, isInternal, leaders });
  }
  return { nodes, topics };
}

/** Partitions: error_code int16, partition_index int32, leader_id int32, leader_epoch int32 from version 7 on, and two lists of nodes, three from 5 on. */
function readLeaders(reader: Reader, version: number): number[] {
  const isCompact = version >= COMPACT;
  const leaders: number[] = [];
  const count = readCount(reader, isCompact);
  for (let left = count; left > 0; left--) {
    reader.skip(2);
    const partition = reader.readInt32();
    if (partition < 0 || partition >= count) throw new RangeError(`partition ${partition} of ${count}`);
    while (leaders.length <= partition) leaders.push(NOWHERE);
    leaders[partition] = reader.readInt32();
    if (version >= WITH_EPOCHS) reader.skip(4);
    for (let lists = version >= WITH_OFFLINE ? 3 : 2; lists > 0; lists--) {
      reader.skip(4 * Math.max(0, readCount(reader, isCompact)));
    }
    if (isCompact) reader.readTaggedFields();
  }
  return leaders;
}

/** How many there are of what follows, a byte each at least; -1: there is nothing, not even an empty list. @throws RangeError for more than is left */
export function readCount(reader: Reader, isCompact: boolean): number {
  const count = isCompact ? reader.readUnsignedVarInt() - 1 : reader.readInt32();
  if (count > reader.remaining) throw new RangeError(`${count} where ${reader.remaining} bytes are left`);
  return count;
}
