/** A client of `GET /live` over a real socket, reading one event at a time. */
import { get, type IncomingMessage } from "node:http";

export interface LiveRow {
  readonly sensor: string;
  readonly changes: readonly { readonly cause: string; readonly from: number; readonly toExclusive: number }[];
  readonly [field: string]: unknown;
}

export interface LiveEvent {
  readonly id: string;
  readonly name: string;
  readonly rows: readonly LiveRow[];
  readonly data: {
    readonly time: number;
    readonly trouble: string | null;
    readonly sensorsTotal: number;
    readonly resumed?: boolean;
  };
}

export class EventStream {
  readonly response: IncomingMessage;
  readonly #chunks: AsyncIterator<string>;
  #text = "";

  private constructor(response: IncomingMessage) {
    this.response = response.setEncoding("utf8");
    this.#chunks = response[Symbol.asyncIterator]();
  }

  static open(port: number, headers: Record<string, string> = {}, path = "/live"): Promise<EventStream> {
    return new Promise((resolve, reject) => {
      const request = get({ port, host: "127.0.0.1", path, headers, agent: false }, (response) =>
        resolve(new EventStream(response)),
      );
      request.on("error", reject);
    });
  }

  /** The next block of lines that an empty line ends; null when the stream has ended. */
  async block(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const { value, done } = await this.#chunks.next();
      if (done === true) return null;
      this.#text += value;
    }
  }

  /** The next event, past comments and other fields. */
  async next(): Promise<LiveEvent> {
    for (;;) {
      const block = await this.block();
      if (block === null) throw new Error("the stream has ended");
      const match = /^id: (\S+)\nevent: (\w+)\ndata: (.*)$/.exec(block);
      if (match === null) continue;
      const { sensors, ...data } = JSON.parse(match[3]);
      return { id: match[1], name: match[2], rows: sensors, data };
    }
  }

  close(): void {
    this.response.destroy();
  }
}
