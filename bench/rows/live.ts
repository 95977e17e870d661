/** Row `live`: how long from a reading's POST until it is on the live stream, idle and while other readings pour in. */
import { mkdtempSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { SENSORS } from "../data/windows.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { HttpConnection, postRequest } from "../harness/http-client.ts";
import { median, quantile } from "../harness/statistics.ts";
import { figure, type Line } from "../report/results.ts";
import { startTidemark } from "./tidemark-server.ts";

const [PROBED, POURED] = SENSORS;
/** Between probes: more than a frame's interval, and no multiple of it. */
const PAUSE_MS = 33;
/** Readings a second that pour in beside the probes, and in one request. */
const POUR_RATE = 20_000;
const POUR_BATCH = 500;

/** Follows `GET /live` and tells when a sensor's `received` has come to a number. */
class LiveWatcher {
  readonly #socket;
  #rest = "";
  #received = 0;
  #waiting: { readonly received: number; readonly done: (at: number) => void } | null = null;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1", () =>
      this.#socket.write("GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
    );
    this.#socket.setEncoding("utf8").on("data", (text: string) => {
      this.#rest += text;
      const end = this.#rest.lastIndexOf("\n\n");
      if (end < 0) return;
      this.#take(this.#rest.slice(0, end));
      this.#rest = this.#rest.slice(end);
    });
  }

  #take(text: string): void {
    const at = performance.now();
    for (const [, row] of text
      .matchAll(new RegExp(`"sensor":"${PROBED}"(.*?)"received":(\\d+)`, "g"))
      .map((m) => [m[0], m[2]])) {
      this.#received = Number(row);
    }
    if (this.#waiting !== null && this.#received >= this.#waiting.received) {
      this.#waiting.done(at);
      this.#waiting = null;
    }
  }

  /** @returns when it was on the stream, ms of the monotonic clock */
  reaches(received: number): Promise<number> {
    return new Promise((resolve) => {
      this.#waiting = { received, done: resolve };
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function probe(port: number, count: number, first: number): Promise<{ appended: number[]; seen: number[] }> {
  const connection = await HttpConnection.open(port);
  const watcher = new LiveWatcher(port);
  await delay(200);
  const seen: number[] = [];
  const appended: number[] = [];
  for (let i = 0; i < count; i++) {
    const shown = watcher.reaches(first + i + 1);
    const start = performance.now();
    await connection.ask(postRequest(`/readings/${PROBED}`, String(i % 101)));
    appended.push(performance.now() - start);
    seen.push((await shown) - start);
    await delay(PAUSE_MS);
  }
  watcher.close();
  connection.close();
  return { appended, seen };
}

/** Pours readings of another sensor in until told to stop. */
async function pour(port: number, stopped: () => boolean): Promise<number> {
  const connection = await HttpConnection.open(port);
  const lines = Array.from({ length: POUR_BATCH }, (_, i) => String(i % 101)).join("\n");
  const head = `POST /readings/${POURED} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\nContent-Length: ${lines.length}\r\n\r\n`;
  const request = Buffer.from(head + lines);
  let sent = 0;
  for (const start = performance.now(); !stopped(); ) {
    await connection.ask(request);
    sent += POUR_BATCH;
    await delay(Math.max(0, (sent / POUR_RATE) * 1000 - (performance.now() - start)));
  }
  connection.close();
  return sent;
}

export const live: Row = {
  name: "live",
  about: "reading posted → durable → on the live stream, idle and under load",
  async run(bench: Bench) {
    const data = mkdtempSync(join(bench.directory, "live-"));
    const server = await startTidemark({ data, log: "local" });
    const count = bench.size(150, 500);
    try {
      await probe(server.port, 30, 0); // warms up
      const quiet = await probe(server.port, count, 30);
      let over = false;
      const pouring = pour(server.port, () => over);
      const loaded = await probe(server.port, count, 30 + count);
      over = true;
      const poured = await pouring;
      const line = (name: string, laps: number[], ours: boolean): Line => ({
        ...{ name, laps, ours, variant: !ours },
        remark: `p99 ${figure(quantile(laps, 0.99))} ms`,
      });
      const worst = Math.max(quantile(quiet.seen, 0.99), quantile(loaded.seen, 0.99));
      return {
        tables: [
          {
            title: "Reading posted → on the live stream",
            about: `POST /readings/${PROBED} with one reading each ${PAUSE_MS} ms and a client of GET /live in another connection; the load is ${figure(poured)} readings of another sensor in requests of ${POUR_BATCH}, about ${figure(POUR_RATE)} a second. Every probe is a lap.`,
            unit: "ms",
            better: "less",
            synced: "each reading is synced before it is acknowledged and before it is shown",
            lines: [
              line("tidemark, idle: on the stream", quiet.seen, true),
              line("tidemark, idle: acknowledged", quiet.appended, false),
              line("tidemark, under load: on the stream", loaded.seen, false),
              line("tidemark, under load: acknowledged", loaded.appended, false),
            ],
          },
        ],
        goals: [
          {
            what: "reading appended → on the live stream",
            atLeast: "p99 < 50 ms",
            aim: "10 ms",
            measured: `p50 ${figure(median(quiet.seen))} ms, p99 ${figure(quantile(quiet.seen, 0.99))} ms; under load p99 ${figure(quantile(loaded.seen, 0.99))} ms`,
            toAim: worst / 10,
            met: worst < 50,
          },
        ],
      };
    } finally {
      await server.stop();
    }
  },
};
