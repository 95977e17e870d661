/**
 * `POST /compute/metrics` over keep-alive sockets against a bare Fastify route (and a bare node:http one) that parses the same JSON
 * and sends it back: `node bench/http.ts [rounds] [ms of a round]`. Each server is a process of its own; rounds are interleaved,
 * and what is printed are medians.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fastify from "fastify";
import { systemClock } from "../src/core/clock.ts";
import { Random } from "../src/core/random.ts";
import type { Window } from "../src/core/window.ts";
import { openZone } from "../src/core/zone.ts";
import type { Needs } from "../src/metrics/aggregate.ts";
import type { Answer } from "../src/metrics/answer.ts";
import { History } from "../src/rollups/history.ts";
import { createServer } from "../src/server/server.ts";
import { Database } from "../src/store/database.ts";
import { ScanEngine } from "../test/server/scan-engine.ts";

const CONNECTIONS = 16;
/** Different bodies in turn, so that no cache of one answer would help. */
const BODIES = 500;
const START_MS = Date.UTC(2020, 0, 13);
const DAY_SECONDS = 86_400;
const PATH = "/compute/metrics";

const SENSORS = ["temperature", "humidity", "pressure"];

const SERVERS = ["echo", "node", "tidemark"] as const;
type ServerName = (typeof SERVERS)[number];

/** A day of three sensors at 1 Hz in a real history. */
class HistoryEngine extends ScanEngine {
  readonly #directory = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
  readonly #history = new History(Database.open(this.#directory));

  constructor() {
    super(SENSORS);
    const random = new Random(1);
    for (let series = 0; series < this.sensors.size; series++) {
      for (let i = 0; i < DAY_SECONDS; i++) this.#history.fold(series, START_MS + i * 1000, random.integer(0, 100), 0);
    }
  }

  override query(sensor: string, window: Window, needs: Needs): Answer {
    return this.#history.query(SENSORS.indexOf(sensor), window, needs);
  }

  end(): void {
    rmSync(this.#directory, { recursive: true });
  }
}

async function serve(name: ServerName): Promise<void> {
  const port = await start(name);
  process.send?.(port);
}

async function start(name: ServerName): Promise<number> {
  if (name === "tidemark") {
    const engine = new HistoryEngine();
    process.once("disconnect", () => {
      engine.end();
      process.exit();
    });
    const server = await createServer({
      engine,
      log: { append: async () => undefined },
      clock: systemClock,
      zone: openZone("Europe/Berlin"),
      tokens: null,
      onBug: (error) => {
        throw error;
      },
    });
    const addresses = await server.listen({ hosts: ["127.0.0.1"], port: 0 });
    return addresses[0].port;
  }
  process.once("disconnect", () => process.exit());
  if (name === "echo") {
    const server = fastify();
    server.post(PATH, (request, reply) => reply.send(request.body));
    await server.listen({ host: "127.0.0.1", port: 0 });
    return portOf(server.addresses()[0]);
  }
  const server = createHttpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = JSON.stringify(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
      response.end(text);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve(portOf(server.address()));
    });
  });
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("BUG: a port has no address");
  return address.port;
}

function spawn(name: ServerName): Promise<{ port: number; stop: () => void }> {
  const child = fork(fileURLToPath(import.meta.url), ["serve", name]);
  return new Promise((resolve, reject) => {
    child.once("message", (port) => resolve({ port: Number(port), stop: () => child.disconnect() }));
    child.once("error", reject);
  });
}

function timeText(second: number): string {
  return new Date(START_MS + second * 1000).toISOString().slice(0, 19).replace("T", " ");
}

/** Questions as the README's, about windows of a minute to a day. */
function bodies(tail: string, first: string): Buffer[] {
  const random = new Random(7);
  return Array.from({ length: BODIES }, () => {
    const seconds = Math.floor(60 * (DAY_SECONDS / 60) ** random.next());
    const from = random.integer(0, DAY_SECONDS - seconds);
    const text = `{\n\t"temperature" : ${first},\n\t"humidity" : ["average", "max"],\n\t"from": "${timeText(from)}",\n\t"to": "${timeText(from + seconds - 1)}"${tail}\n}`;
    const head = `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`;
    return Buffer.from(head + text);
  });
}

/** One request in flight on each connection, for a while. @returns answers a second */
async function load(port: number, requests: readonly Buffer[], ms: number): Promise<number> {
  const end = performance.now() + ms;
  const started = performance.now();
  const counts = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, i) => drive(port, requests, (i * BODIES) / CONNECTIONS, end)),
  );
  return (counts.reduce((sum, count) => sum + count, 0) / (performance.now() - started)) * 1000;
}

function drive(port: number, requests: readonly Buffer[], first: number, end: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let next = Math.floor(first);
    let count = 0;
    let rest = "";
    const socket: Socket = connect(port, "127.0.0.1", () => socket.write(requests[next++ % requests.length]));
    socket.setNoDelay(true);
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      rest += chunk.toString("latin1");
      const head = rest.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(rest)?.[1]);
      if (rest.length < head + 4 + length) return;
      if (!rest.startsWith("HTTP/1.1 200")) reject(new Error(`was answered ${rest}`));
      rest = "";
      count++;
      if (performance.now() >= end) {
        socket.end();
        resolve(count);
      } else socket.write(requests[next++ % requests.length]);
    });
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

async function main(rounds: number, ms: number): Promise<void> {
  const plain = bodies("", '["count", "min"]');
  const cases: { name: string; server: ServerName; requests: readonly Buffer[] }[] = [
    { name: "bare Fastify echo", server: "echo", requests: plain },
    { name: "bare node:http echo", server: "node", requests: plain },
    { name: "tidemark", server: "tidemark", requests: plain },
    { name: "tidemark, trailing comma", server: "tidemark", requests: bodies(",", '["count", "min"]') },
    { name: "tidemark, three quantiles", server: "tidemark", requests: bodies("", '["median", "p90", "p99"]') },
  ];
  const running = new Map<ServerName, { port: number; stop: () => void }>();
  for (const name of SERVERS) running.set(name, await spawn(name));
  const rates = cases.map(() => [] as number[]);
  for (let round = -1; round < rounds; round++) {
    for (const [i, { server, requests }] of cases.entries()) {
      const rate = await load(running.get(server)?.port ?? 0, requests, ms);
      if (round >= 0) rates[i].push(rate); // the first round warms up
    }
  }
  for (const { stop } of running.values()) stop();
  console.log(`${cpus().length} cores, ${cpus()[0].model}, Node ${process.version}, ${CONNECTIONS} connections`);
  const base = median(rates[0]);
  for (const [i, { name }] of cases.entries()) {
    const rate = median(rates[i]);
    console.log(
      `${name.padEnd(28)} ${Math.round(rate).toString().padStart(7)} /s  ${((rate / base) * 100).toFixed(0)}%`,
    );
  }
}

const [first, second] = process.argv.slice(2);
if (first === "serve") await serve(SERVERS.find((name) => name === second) ?? "echo");
else await main(Number(first ?? 9), Number(second ?? 1000));
