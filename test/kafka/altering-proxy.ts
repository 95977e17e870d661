/** Stands in front of a real broker and alters what it says, so that clients meet an older or a stranger one. One broker on 127.0.0.1. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

const PRODUCE_KEY = 0;
const FETCH_KEY = 1;
const LIST_OFFSETS_KEY = 2;
const METADATA_KEY = 3;
const API_VERSIONS_KEY = 18;
const INIT_PRODUCER_ID_KEY = 22;

/** The protocol's "unsupported version". */
const UNSUPPORTED_VERSION = 35;

/** Newest versions by the call's key: what brokers speak that are older, or no Apache Kafka (docs/decisions say where that was looked up). */
export const VERSIONS: readonly (readonly [name: string, versionMax: ReadonlyMap<number, number>])[] = [
  [
    "as Kafka 2.7 speaks",
    new Map([
      [PRODUCE_KEY, 8],
      [FETCH_KEY, 12],
      [LIST_OFFSETS_KEY, 5],
      [METADATA_KEY, 9],
      [INIT_PRODUCER_ID_KEY, 4],
    ]),
  ],
  [
    "as Redpanda speaks",
    new Map([
      [PRODUCE_KEY, 7],
      [FETCH_KEY, 11],
      [LIST_OFFSETS_KEY, 4],
      [METADATA_KEY, 8],
      [INIT_PRODUCER_ID_KEY, 3],
    ]),
  ],
  [
    "as Azure Event Hubs speaks",
    new Map([
      [PRODUCE_KEY, 7],
      [FETCH_KEY, 6],
      [METADATA_KEY, 5],
    ]),
  ],
  [
    "as Kafka 0.11 speaks",
    new Map([
      [PRODUCE_KEY, 3],
      [FETCH_KEY, 4],
      [LIST_OFFSETS_KEY, 2],
      [METADATA_KEY, 4],
      [INIT_PRODUCER_ID_KEY, 0],
      [API_VERSIONS_KEY, 1],
    ]),
  ],
];

export interface Alterations {
  /** The newest version that is said to be spoken, by the protocol's key of the call. */
  readonly versionMax?: ReadonlyMap<number, number>;
  /** Bytes added to the end of Fetch answers, at first. */
  readonly fetchTail?: number;
}

/** Splits a stream into its messages, each behind an int32 of its length. */
function* messages(held: { bytes: Buffer }, chunk: Buffer): Generator<Buffer> {
  held.bytes = Buffer.concat([held.bytes, chunk]);
  while (held.bytes.length >= 4) {
    const end = 4 + held.bytes.readInt32BE(0);
    if (held.bytes.length < end) return;
    yield Buffer.from(held.bytes.subarray(0, end));
    held.bytes = held.bytes.subarray(end);
  }
}

export class AlteringProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #brokerPort: number;
  readonly #alterations: Alterations;
  /** So many answers to Produce are lost, each with its connection: the batch is stored, and nobody hears of it. */
  lostProduceAnswers = 0;
  /** No answer comes back, and no connection ends. */
  isSilent = false;
  /** Bytes added to the end of Fetch answers. */
  fetchTail: number;

  constructor(brokerPort: number, alterations: Alterations) {
    this.#brokerPort = brokerPort;
    this.#alterations = alterations;
    this.fetchTail = alterations.fetchTail ?? 0;
    this.#server = createServer((client) => this.#relay(client));
  }

  static async start(bootstrap: string, alterations: Alterations): Promise<AlteringProxy> {
    const proxy = new AlteringProxy(Number(bootstrap.split(":")[1]), alterations);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get #port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.#port}`;
  }

  #relay(client: Socket): void {
    const broker = connect(this.#brokerPort, "127.0.0.1");
    const asked = new Map<number, { readonly key: number; readonly version: number }>();
    const requests = { bytes: Buffer.alloc(0) };
    const answers = { bytes: Buffer.alloc(0) };
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ]) {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (chunk) => {
      for (const request of messages(requests, chunk)) {
        asked.set(request.readInt32BE(8), { key: request.readInt16BE(4), version: request.readInt16BE(6) });
        broker.write(request);
      }
    });
    broker.on("data", (chunk) => {
      for (const answer of messages(answers, chunk)) {
        const call = asked.get(answer.readInt32BE(4));
        asked.delete(answer.readInt32BE(4));
        if (this.isSilent) continue;
        if (call?.key === PRODUCE_KEY && this.lostProduceAnswers > 0) {
          this.lostProduceAnswers--;
          client.destroy();
          return;
        }
        client.write(call === undefined ? answer : this.#altered(answer, call));
      }
    });
  }

  #altered(answer: Buffer, { key, version }: { readonly key: number; readonly version: number }): Buffer {
    if (key === API_VERSIONS_KEY && version > (this.#alterations.versionMax?.get(API_VERSIONS_KEY) ?? version)) {
      return unsupported(answer.readInt32BE(4));
    }
    if (key === API_VERSIONS_KEY) this.#limitVersions(answer, version);
    if (key === METADATA_KEY) this.#redirect(answer);
    if (key !== FETCH_KEY || this.fetchTail === 0) return answer;
    const longer = Buffer.concat([answer, Buffer.alloc(this.fetchTail)]);
    longer.writeInt32BE(longer.length - 4, 0);
    return longer;
  }

  /** ApiVersions Response: error_code int16, then an array (compact from version 3 on) of api_key, min_version, max_version int16 each (and tags). */
  #limitVersions(answer: Buffer, version: number): void {
    const isCompact = version >= 3;
    let p = isCompact ? 11 : 14; // behind length, correlation id, error code and the array's length, one byte for up to 126 calls
    for (let left = isCompact ? answer[10] - 1 : answer.readInt32BE(10); left > 0; left--, p += isCompact ? 7 : 6) {
      const max = this.#alterations.versionMax?.get(answer.readInt16BE(p));
      if (max !== undefined) answer.writeInt16BE(Math.min(max, answer.readInt16BE(p + 4)), p + 4);
    }
  }

  /** The broker's own address in its metadata becomes the proxy's, so that all go through it. */
  #redirect(answer: Buffer): void {
    const address = Buffer.alloc(13);
    address.write("127.0.0.1");
    address.writeInt32BE(this.#brokerPort, 9);
    for (let at = answer.indexOf(address); at !== -1; at = answer.indexOf(address, at + 1)) {
      answer.writeInt32BE(this.#port, at + 9);
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** What a broker says that does not know this version of ApiVersions: in the form of version 0, without saying more. */
function unsupported(correlationId: number): Buffer {
  const answer = Buffer.alloc(14);
  answer.writeInt32BE(10, 0);
  answer.writeInt32BE(correlationId, 4);
  answer.writeInt16BE(UNSUPPORTED_VERSION, 8);
  return answer;
}
