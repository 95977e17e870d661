/** Keep-alive HTTP/1.1 over bare sockets: the client's own cost stays small beside the server's. Answers have a Content-Length. */
import { connect, type Socket } from "node:net";
import { type Questions, SENSORS } from "../data/windows.ts";
import { quantile } from "./statistics.ts";

export function postRequest(path: string, body: string): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  return Buffer.from(head + body);
}

/** One connection; one request at a time. */
export class HttpConnection {
  readonly #socket: Socket;
  #rest = "";
  #done: ((text: string) => void) | null = null;
  #fail: ((error: Error) => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#take(text));
    socket.on("error", (error) => this.#fail?.(error));
    socket.on("close", () => this.#fail?.(new Error("the server closed the connection")));
  }

  static open(port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new HttpConnection(socket)));
      socket.once("error", reject);
    });
  }

  #take(text: string): void {
    this.#rest += text;
    const head = this.#rest.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#rest)?.[1]);
    if (this.#rest.length < head + 4 + length) return;
    const answer = this.#rest;
    this.#rest = "";
    if (!answer.startsWith("HTTP/1.1 20")) this.#fail?.(new Error(`was answered ${answer.slice(0, 500)}`));
    else this.#done?.(answer.slice(head + 4));
  }

  /** @returns the answer's body */
  ask(request: Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#fail = reject;
      this.#socket.write(request);
    });
  }

  /** Of all answers so far, heads included. */
  get bytesRead(): number {
    return this.#socket.bytesRead;
  }

  close(): void {
    this.#fail = null;
    this.#socket.destroy();
  }
}

function timeText(second: number): string {
  return new Date(second * 1000).toISOString();
}

/** The body that asks for a window of one sensor. */
function windowBody(sensor: string, start: number, seconds: number): string {
  const metrics = ["count", "average", "min", "max"];
  return JSON.stringify({ [sensor]: metrics, from: timeText(start), to: timeText(start + seconds - 1) });
}

/** The window row's questions, one at a time over one connection. */
export async function askWindows(port: number, asked: readonly Questions[]): Promise<Record<string, number>> {
  const connection = await HttpConnection.open(port);
  const result: Record<string, number> = {};
  for (const measured of [false, true]) {
    for (const { name, seconds, sensors, starts } of asked) {
      const micros: number[] = [];
      let check = 0;
      for (const [i, start] of starts.entries()) {
        const sensor = SENSORS[sensors[i]];
        const request = postRequest("/compute/metrics", windowBody(sensor, start, seconds));
        const before = process.hrtime.bigint();
        const text = await connection.ask(request);
        micros.push(Number(process.hrtime.bigint() - before) / 1000);
        const { count, average, min, max } = JSON.parse(text).result[sensor];
        check += count + average + min + max;
      }
      if (!measured) continue;
      result[`p50 ${name}`] = quantile(micros, 0.5);
      result[`p99 ${name}`] = quantile(micros, 0.99);
      result[`check ${name}`] = check;
    }
  }
  connection.close();
  return result;
}

export interface Loaded {
  /** Answers a second. */
  readonly rate: number;
  /** Of an answer with its head, on average. */
  readonly answerBytes: number;
  /** Share of the time in which this process was busy: near 1 it, not the server, sets the rate. */
  readonly busy: number;
}

/** One request in flight on each of `connections`, for `ms`. */
export async function load(
  port: number,
  requests: readonly Buffer[],
  connections: number,
  ms: number,
): Promise<Loaded> {
  const opened = await Promise.all(Array.from({ length: connections }, () => HttpConnection.open(port)));
  const start = performance.now();
  const cpu = process.cpuUsage();
  const end = start + ms;
  const counts = await Promise.all(
    opened.map(async (connection, c) => {
      let count = 0;
      for (let next = Math.floor((c * requests.length) / connections); performance.now() < end; count++) {
        await connection.ask(requests[next++ % requests.length]);
      }
      return count;
    }),
  );
  const passedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const count = counts.reduce((sum, own) => sum + own, 0);
  const bytes = opened.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  for (const connection of opened) connection.close();
  return { rate: (count / passedMs) * 1000, answerBytes: bytes / count, busy: (user + system) / 1000 / passedMs };
}
