/** Which versions of the protocol's calls are spoken with a broker: the newest that both sides know, from Kafka 0.11 on. */
import {
  type API,
  apiVersionsV0,
  apiVersionsV3,
  type Connection,
  initProducerIdV0,
  initProducerIdV1,
  initProducerIdV2,
  initProducerIdV3,
  initProducerIdV4,
  listOffsetsV2,
  listOffsetsV3,
  listOffsetsV4,
  listOffsetsV5,
  listOffsetsV6,
  listOffsetsV7,
  ProtocolError,
  ResponseError,
} from "@platformatic/kafka";
import { TidemarkError } from "../../core/errors.ts";
import { FETCH_APIS, type FetchApi } from "./fetch.ts";
import { METADATA_APIS, type MetadataApi } from "./metadata.ts";
import { PRODUCE_APIS, type ProduceApi } from "./produce.ts";

type ListOffsetsApi = API<listOffsetsV7.ListOffsetsRequest, listOffsetsV7.ListOffsetsResponse>;
type InitProducerIdApi = API<initProducerIdV4.InitProducerIdRequest, initProducerIdV4.InitProducerIdResponse>;

const LIST_OFFSETS_APIS = byVersion<ListOffsetsApi>([
  listOffsetsV2,
  listOffsetsV3,
  listOffsetsV4,
  listOffsetsV5,
  listOffsetsV6,
  listOffsetsV7,
]);
const INIT_PRODUCER_ID_APIS = byVersion<InitProducerIdApi>([
  initProducerIdV0,
  initProducerIdV1,
  initProducerIdV2,
  initProducerIdV3,
  initProducerIdV4,
]);

/** What an older broker says to a newer question about versions. */
const UNSUPPORTED_VERSION = 35;

function byVersion<T extends { readonly version: number }>(modules: readonly { readonly api: T }[]) {
  return new Map(modules.map(({ api }) => [api.version, api]));
}

/** A connection of one broker, with the calls that both sides speak. */
export interface BrokerLink {
  readonly connection: Connection;
  readonly fetch: FetchApi;
  readonly metadata: MetadataApi;
  readonly produce: ProduceApi;
  readonly listOffsets: ListOffsetsApi;
  readonly initProducerId: InitProducerIdApi;
}

const links = new WeakMap<Connection, Promise<BrokerLink>>();

/** Asked once for each connection. @throws TidemarkError "log-refused" when there is no common version of a call; the library's errors */
export function linkTo(connection: Connection): Promise<BrokerLink> {
  const known = links.get(connection);
  if (known !== undefined) return known;
  const link = negotiate(connection);
  links.set(connection, link);
  link.catch(() => links.delete(connection));
  return link;
}

async function negotiate(connection: Connection): Promise<BrokerLink> {
  const spoken = await versionsOf(connection);
  const at = `Kafka at ${connection.host}:${connection.port}`;
  const newest = <T extends { readonly key: number }>(call: string, known: ReadonlyMap<number, T>): T => {
    const versions = [...known.keys()];
    const { key } = known.values().next().value!;
    const range = spoken.find(({ apiKey }) => apiKey === key);
    const common = versions.filter((version) => range && version >= range.minVersion && version <= range.maxVersion);
    const api = known.get(Math.max(...common));
    if (api !== undefined) return api;
    const wanted = `${call} ${Math.min(...versions)} to ${Math.max(...versions)}, as Kafka 0.11 and later do`;
    const actual = range === undefined ? "it does not" : `speaks ${range.minVersion} to ${range.maxVersion}`;
    throw new TidemarkError("log-refused", `Cannot use ${at}: it must speak ${wanted}, ${actual}`);
  };
  return {
    connection,
    fetch: newest("Fetch", FETCH_APIS),
    metadata: newest("Metadata", METADATA_APIS),
    produce: newest("Produce", PRODUCE_APIS),
    listOffsets: newest("ListOffsets", LIST_OFFSETS_APIS),
    initProducerId: newest("InitProducerId", INIT_PRODUCER_ID_APIS),
  };
}

interface VersionRange {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** A broker before Kafka 2.4 knows only the question's older form. */
async function versionsOf(connection: Connection): Promise<readonly VersionRange[]> {
  try {
    return (await apiVersionsV3.api.async(connection, "tidemark", "1")).apiKeys;
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    return (await apiVersionsV0.api.async(connection, "", "")).apiKeys;
  }
}

function isUnsupported(error: unknown): boolean {
  return (
    error instanceof ResponseError &&
    error.errors.some((one) => one instanceof ProtocolError && one.apiCode === UNSUPPORTED_VERSION)
  );
}
