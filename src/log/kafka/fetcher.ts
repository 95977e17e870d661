/** Sends fetches to leaders, over connections of its own. */
import { type ConnectionOptions, ConnectionPool, ProtocolError } from "@platformatic/kafka";
import type { BrokerAddress } from "./address.ts";
import { linkTo } from "./broker-link.ts";
import { type FetchedPartition, type FetchPosition, namesById } from "./fetch.ts";

/** See `Cluster.fetcher`. */
export class Fetcher {
  readonly #addressOf: (node: number) => BrokerAddress;
  readonly #pool: ConnectionPool;

  constructor(clientId: string, options: ConnectionOptions, addressOf: (node: number) => BrokerAddress) {
    this.#addressOf = addressOf;
    this.#pool = new ConnectionPool(clientId, options);
  }

  /**
   * One request for all `positions`, in this order, to their leader. Waits in the broker for the first record.
   * @returns the fetched partitions, each with its requested position; those without news may be left out
   * @throws the library's errors
   */
  async fetch(node: number, positions: readonly FetchPosition[]): Promise<[FetchPosition, FetchedPartition][]> {
    const { connection, fetch } = await linkTo(await this.#pool.get(this.#addressOf(node)));
    const byId = namesById(fetch.version);
    const asked = new Map<string, FetchPosition>();
    for (const position of positions) {
      asked.set(`${byId ? position.topicId : position.topic}/${position.partition}`, position);
    }
    const { errorCode, partitions } = await fetch.async(connection, positions);
    if (errorCode !== 0) throw new ProtocolError(errorCode);
    return partitions.flatMap((fetched): [FetchPosition, FetchedPartition][] => {
      const position = asked.get(`${fetched.topic}/${fetched.partition}`);
      return position === undefined ? [] : [[position, fetched]];
    });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
