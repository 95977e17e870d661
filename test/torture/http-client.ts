/** A plain HTTP client of a tidemark that a test runs: some keep-alive connections, bodies as bytes, answers as text. */
import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** A question that takes longer hangs. */
const ANSWER_MS_MAX = 60_000;
/** Between two looks at something that another process is about to do, ms. */
const LOOK_MS = 10;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** What one sensor's entry of `GET /sensors` says, as far as tests look at it. */
export interface Status {
  readonly sensor: string;
  readonly received: number;
  readonly counted: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly quarantined: number;
  readonly rejected: number;
  readonly deleted: number;
  readonly implicitBoots: number;
  readonly gapRecords: number;
  readonly cutRecords: number;
  readonly identities: { readonly explicit: number; readonly sequence: number; readonly offset: number };
  readonly lag: number;
}

export class HttpClient {
  readonly #port: number;
  readonly #agent: Agent;

  constructor(port: number, connections = 4) {
    this.#port = port;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send("GET", path, null, headers);
  }

  /** Header values are Latin-1: a character is a byte. @throws Error when the connection ends before the answer */
  post(path: string, body: Uint8Array | string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send("POST", path, body, headers);
  }

  #send(
    method: string,
    path: string,
    body: Uint8Array | string | null,
    headers: Record<string, string>,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const length = body === null ? {} : { "content-length": String(Buffer.byteLength(body)) };
      const options = {
        host: "127.0.0.1",
        port: this.#port,
        path,
        method,
        agent: this.#agent,
        headers: { ...length, ...headers },
        timeout: ANSWER_MS_MAX,
      };
      const sent = request(options, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text });
        });
      });
      sent.on("timeout", () => sent.destroy(new Error(`no answer to ${method} ${path} within ${ANSWER_MS_MAX} ms`)));
      sent.on("error", reject);
      sent.end(body ?? undefined);
    });
  }

  /** All sensors' statuses, by name. @throws Error unless the answer is 200 */
  async statuses(): Promise<Map<string, Status>> {
    const answer = await this.get("/sensors?limit=1000");
    if (answer.status !== 200) throw new Error(`GET /sensors: ${answer.status} ${answer.text}`);
    const { items } = JSON.parse(answer.text) as { items: Status[] };
    return new Map(items.map((status) => [status.sensor, status]));
  }

  /** Resolves when each sensor has received so many records. @throws Error when it has more, or stands still for `ms` */
  async received(wanted: ReadonlyMap<string, number>, ms = ANSWER_MS_MAX): Promise<Map<string, Status>> {
    let [last, lastChange] = ["", performance.now()];
    for (;;) {
      const statuses = await this.statuses();
      const got = [...wanted.keys()].map((sensor) => statuses.get(sensor)?.received ?? 0);
      const counts = [...wanted].map(([sensor, count], i) => `${sensor}: ${got[i]} of ${count}`).join(", ");
      if ([...wanted.values()].some((count, i) => got[i] > count)) throw new Error(`it received too many: ${counts}`);
      if ([...wanted.values()].every((count, i) => got[i] === count)) return statuses;
      const now = performance.now();
      if (counts !== last) [last, lastChange] = [counts, now];
      else if (now - lastChange > ms) throw new Error(`it received nothing more for ${ms} ms: ${counts}`);
      await delay(LOOK_MS);
    }
  }

  /** Makes the history commit: a release of nothing does. Rejects when the process ends meanwhile. */
  async commit(): Promise<void> {
    const answer = await this.post("/quarantine/release", JSON.stringify({ ids: [Number.MAX_SAFE_INTEGER] }));
    if (answer.status !== 200) throw new Error(`POST /quarantine/release: ${answer.status} ${answer.text}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}
