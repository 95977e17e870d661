/** Real processes that follow one real Kafka, killed at different moments, one begun anew at the end, have equal histories: byte for byte. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { decodeRecord } from "../oracle/decode.ts";
import { createHistory } from "../oracle/generator.ts";
import { canonicalLines, differenceOf } from "../simulation/canonical.ts";
import { HttpClient } from "../torture/http-client.ts";
import { createTopics, produce } from "../torture/kafka-sending.ts";
import { agreeing } from "../torture/replicas.ts";
import { TidemarkProcess } from "../torture/tidemark-process.ts";

const SEED = 32;
const READINGS = 8000;
const PARTITIONS = 4;

/** A replica on a directory of its own. */
class Replica {
  readonly data = mkdtempSync(join(tmpdir(), "tidemark-replica-"));
  readonly #sensors: readonly string[];
  readonly #options: { readonly zone: string; readonly log: string };
  #process: TidemarkProcess | null = null;

  constructor(sensors: readonly string[], options: { readonly zone: string; readonly log: string }) {
    this.#sensors = sensors;
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#process = await TidemarkProcess.start({ ...this.#options, data: this.data, sensors: this.#sensors });
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  async use<T>(work: (client: HttpClient) => Promise<T>): Promise<T> {
    const client = new HttpClient(this.#process?.port ?? 0);
    try {
      return await work(client);
    } finally {
      client.close();
    }
  }

  commit(): Promise<void> {
    return this.use((client) => client.commit());
  }

  /** Once all of it is taken in: what its history says, when it has ended. */
  async finish(wanted: ReadonlyMap<string, number>): Promise<string[]> {
    await this.use((client) => client.received(wanted));
    await this.#process?.stop();
    return canonicalLines(this.data, { judgedByHost: true });
  }
}

test("replicas of one Kafka", { skip: skipWithoutKafka() }, async (t) => {
  const broker = await sharedBroker();
  t.after(() => broker.stop());
  const { bootstrap } = broker;
  const run = randomUUID().slice(0, 8);
  const history = createHistory({
    ...{ seed: SEED, readings: READINGS, nowMs: systemClock.now(), log: "kafka", clock: "still", order: "any" },
    ...{ recreate: false, partitions: PARTITIONS, oversized: false },
    sensors: ["temperature", "humidity"].map((name) => `replicas-${run}-${name}`),
  });
  const { sensors, zone } = history.options;
  // A record without any time has that of its arrival, which is each replica's own.
  const arrivals = agreeing(
    history.arrivals.filter(({ recordTime }) => recordTime >= 0),
    zone,
  );
  const wanted = new Map(sensors.map((name) => [name, 0]));
  for (const { sensor, value } of arrivals) {
    wanted.set(sensor, (wanted.get(sensor) ?? 0) + decodeRecord(value, zone).length);
  }
  await createTopics(bootstrap, sensors, PARTITIONS);

  const options = { zone, log: `kafka://${bootstrap}` };
  const live = new Replica(sensors, options);
  const later = new Replica(sensors.toReversed(), options);
  const anew = new Replica(sensors, options);
  t.after(async () => {
    for (const replica of [live, later, anew]) {
      await replica.kill();
      rmSync(replica.data, { recursive: true, force: true });
    }
  });
  await live.start();
  let sent = 0;
  let turn: Promise<void> = Promise.resolve();
  await produce(bootstrap, arrivals, SEED, (records) => {
    const before = sent;
    const after = before + records;
    sent = after;
    // Of these records: more are sent while a turn waits for its own.
    const passes = (part: number): boolean => before < part * arrivals.length && after >= part * arrivals.length;
    turn = turn.then(async () => {
      if (passes(0.15) || passes(0.6)) await live.commit();
      if (passes(0.3) || passes(0.7)) {
        await live.kill();
        await live.start();
      }
      if (passes(0.5)) await later.start();
      if (passes(0.55)) await later.commit();
      if (passes(0.65)) await later.kill();
    });
    return turn;
  });
  await later.start();
  await later.kill();
  await later.start();
  const expected = await live.finish(wanted);
  for (const [name, replica] of Object.entries({ later, anew })) {
    if (replica === anew) await anew.start();
    const difference = differenceOf(expected, await replica.finish(wanted));
    assert.deepEqual(difference, { missing: [], added: [] }, `${name}, seed ${SEED}: ${difference.missing[0]}`);
  }
  t.diagnostic(`${expected.length} lines of ${arrivals.length} records`);
});
