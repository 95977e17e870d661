/** Metadata, versions 9 to 12: which topics there are, where they are led, and how their leaders are reached. Never creates a topic by asking for it. */
import { type API, createAPI, type Reader, Writer } from "@platformatic/kafka";
import type { LocatedTopic } from "./cluster.ts";

const METADATA_KEY = 3;
/** The first version with topic ids (Kafka 2.8), and the last that asks about the cluster's authorizations. */
const WITH_IDS = 10;
const WITH_CLUSTER_AUTHORIZATIONS_MAX = 10;
/** What stands in older answers, and where there is no topic: no id. */
const NO_ID = "00000000-0000-0000-0000-000000000000";

/** Where a broker is reached. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** A topic as the cluster knows it. */
export interface KnownTopic extends LocatedTopic {
  /** Made by Kafka for itself. */
  readonly isInternal: boolean;
}

/** One answer. */
export interface ClusterMetadata {
  readonly nodes: ReadonlyMap<number, BrokerAddress>;
  readonly topics: readonly KnownTopic[];
}

/** Asks about topics by name; null: about all that there are. */
export type MetadataApi = API<[names: readonly string[] | null], ClusterMetadata>;

/** Kafka 2.8 and later. */
export const METADATA_API: MetadataApi = metadataApi(12);

/**
 * Request: topics (topic_id uuid from version 10 on, name), allow_auto_topic_creation, include_cluster_authorized_operations up to version 10,
 * include_topic_authorized_operations (Kafka protocol, "Metadata API").
 */
function metadataApi(version: number): MetadataApi {
  const createRequest = (names: readonly string[] | null): Writer => {
    const writer = Writer.create().appendArray(names as string[] | null, (topics, name) => {
      if (version >= WITH_IDS) topics.appendUUID(null);
      topics.appendString(name);
    });
    writer.appendBoolean(false);
    if (version <= WITH_CLUSTER_AUTHORIZATIONS_MAX) writer.appendBoolean(false);
    return writer.appendBoolean(false).appendTaggedFields();
  };
  return createAPI(METADATA_KEY, version, createRequest, parseMetadata);
}

/**
 * Response: throttle_time_ms int32, brokers (node_id int32, host, port int32, rack), cluster_id, controller_id int32, topics (error_code int16, name,
 * topic_id uuid from version 10 on, is_internal, partitions, topic_authorized_operations int32); what follows is not read.
 */
function parseMetadata(_correlationId: number, _apiKey: number, version: number, reader: Reader): ClusterMetadata {
  reader.skip(4);
  const nodes = new Map<number, BrokerAddress>();
  for (let left = reader.readUnsignedVarInt() - 1; left > 0; left--) {
    const node = reader.readInt32();
    nodes.set(node, { host: reader.readString(), port: reader.readInt32() });
    reader.readNullableString();
    reader.readTaggedFields();
  }
  reader.readNullableString();
  reader.skip(4);
  const topics: KnownTopic[] = [];
  for (let left = reader.readUnsignedVarInt() - 1; left > 0; left--) {
    const errorCode = reader.readInt16();
    const name = reader.readString();
    const id = version >= WITH_IDS ? reader.readUUID() : NO_ID;
    const isInternal = reader.readBoolean();
    const leaders = readLeaders(reader);
    reader.skip(4);
    reader.readTaggedFields();
    // Before topic ids, the name stands for one: a topic made anew is then not told from the old one.
    topics.push({ name, id: id === NO_ID ? name : id, errorCode, isInternal, leaders });
  }
  return { nodes, topics };
}

/** Partitions: error_code int16, partition_index int32, leader_id int32, leader_epoch int32, and three lists of nodes. */
function readLeaders(reader: Reader): number[] {
  const leaders: number[] = [];
  for (let left = reader.readUnsignedVarInt() - 1; left > 0; left--) {
    reader.skip(2);
    const partition = reader.readInt32();
    leaders[partition] = reader.readInt32();
    reader.skip(4);
    for (let list = 0; list < 3; list++) reader.skip(4 * Math.max(0, reader.readUnsignedVarInt() - 1));
    reader.readTaggedFields();
  }
  for (let i = 0; i < leaders.length; i++) leaders[i] ??= -1;
  return leaders;
}
