/** Stands in front of a real broker and alters what it says, so that clients meet an older or a stranger one. One broker on 127.0.0.1. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

const PRODUCE_KEY = 0;
const FETCH_KEY = 1;
const METADATA_KEY = 3;
const API_VERSIONS_KEY = 18;

export interface Alterations {
  /** The newest version that is said to be spoken, by the protocol's key of the call. */
  readonly versionMax?: ReadonlyMap<number, number>;
  /** Bytes added to the end of Fetch answers of version 13 and later. */
  readonly fetchTail?: number;
}

export const KEYS = { fetch: FETCH_KEY, metadata: METADATA_KEY };

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

  constructor(brokerPort: number, alterations: Alterations) {
    this.#brokerPort = brokerPort;
    this.#alterations = alterations;
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
    if (key === API_VERSIONS_KEY) this.#limitVersions(answer);
    if (key === METADATA_KEY) this.#redirect(answer);
    const tail = this.#alterations.fetchTail ?? 0;
    if (key !== FETCH_KEY || version < 13 || tail === 0) return answer;
    const longer = Buffer.concat([answer, Buffer.alloc(tail)]);
    longer.writeInt32BE(longer.length - 4, 0);
    return longer;
  }

  /** ApiVersions Response v3: error_code int16, then a compact array of api_key, min_version, max_version int16 each and tags. */
  #limitVersions(answer: Buffer): void {
    let p = 11; // behind length, correlation id, error code and the array's length, one byte for up to 126 calls
    for (let left = answer[10] - 1; left > 0; left--, p += 7) {
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
