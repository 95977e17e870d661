/** Row `older`: a request of the older system (Flask reads the topic anew for each) and of tidemark, on the same topics. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { fillIntegers, START_MS } from "../data/topics.ts";
import type { Bench, Row } from "../harness/bench.ts";
import { HttpConnection, postRequest } from "../harness/http-client.ts";
import { PEERS, pythonPeer } from "../harness/install.ts";
import { freePort, Server } from "../harness/server.ts";
import type { Table } from "../report/results.ts";
import { startTidemark } from "./tidemark-server.ts";

const SENSORS = ["temperature", "humidity"];

/** The README's question over all of both topics. */
function question(names: readonly string[], readings: number): Buffer {
  const at = (i: number): string => new Date(START_MS + i * 1000).toISOString().slice(0, 19).replace("T", " ");
  const body = { [names[0]]: ["count", "min"], [names[1]]: ["average", "max"], from: at(0), to: at(readings - 1) };
  return postRequest("/compute/metrics", JSON.stringify(body));
}

async function answers(port: number, request: Buffer, count: number, expected: number): Promise<number[]> {
  const connection = await HttpConnection.open(port);
  const ms: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    const text = await connection.ask(request);
    ms.push(performance.now() - start);
    if (!new RegExp(`"count": ?${expected}(\\.0)?[,}]`).test(text))
      throw new Error(`was answered ${text.slice(0, 300)}`);
  }
  connection.close();
  return ms;
}

/** Asks until everything is counted. */
async function waitFor(port: number, request: Buffer, expected: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      await answers(port, request, 1, expected);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

async function compare(bench: Bench, python: string, readings: number): Promise<Table> {
  const bootstrap = await bench.kafka();
  const names = SENSORS.map((name) => `${name}-${readings}`);
  for (const name of names) {
    await fillIntegers(bootstrap, name, { records: readings, partitions: 1, stepMs: 1000, batchRecords: 500 });
  }
  const request = question(names, readings);
  const port = await freePort();
  const flask = new Server({ command: python, args: [join(PEERS, "older", "server.py"), bootstrap, String(port)] });
  const data = mkdtempSync(join(bench.directory, "older-"));
  const tidemark = await startTidemark({ data, log: bootstrap, sensors: names });
  try {
    await flask.listens(port);
    await waitFor(tidemark.port, request, readings);
    const rounds = bench.rounds(3, 5);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      ours.push(...(await answers(tidemark.port, request, 50, readings)));
      theirs.push(...(await answers(port, request, 1, readings)));
    }
    return {
      title: `POST /compute/metrics about two sensors of ${readings.toLocaleString("en-US")} readings each`,
      about:
        "The same two Kafka topics. The older request path reads them from the beginning for each request (batches of 500 records, as its producers would make); tidemark has followed them. One request at a time.",
      unit: "ms a request",
      better: "less",
      synced: "none while asked",
      lines: [
        { name: "tidemark", ours: true, laps: ours },
        { name: "older system (Flask, kafka-python, numpy)", laps: theirs },
      ],
    };
  } finally {
    await flask.stop();
    await tidemark.stop();
  }
}

export const older: Row = {
  name: "older",
  about: "a request of the older system (Flask + kafka-python, rebuilt from its description) and of tidemark",
  usesKafka: true,
  async run(bench) {
    const python = await bench.peer("the older system", () => pythonPeer(bench.policy, "older"));
    if (python === null) return { tables: [], goals: [] };
    const tables: Table[] = [];
    for (const readings of bench.settings.quick ? [6000, 60_000] : [6000, 60_000, 360_000]) {
      tables.push(await compare(bench, python, readings));
    }
    return { tables, goals: [] };
  },
};
