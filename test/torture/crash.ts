/**
 * `node test/torture/crash.ts '{"log":"embedded","seed":1,"readings":6000,"kills":5,"bulk":0,"windows":60}'`: one run of kill -9 against a real process,
 * on the embedded log or a real broker (TIDEMARK_TEST_KAFKA=host:port, or one of its own). Prints its report, or the first difference with exit code 1.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { sharedBroker } from "../kafka/broker.ts";
import { createHistory, type History } from "../oracle/generator.ts";
import { type CrashReport, crashRun } from "./crash-run.ts";
import { createTopics, endOffsets, produce } from "./kafka-sending.ts";
import { embeddedContents, kafkaContents } from "./log-contents.ts";
import { bulkLane, lanesOf } from "./requests.ts";

const PARTITIONS = 3;

export interface CrashSettings {
  readonly log: "embedded" | "kafka";
  readonly seed: number;
  readonly readings: number;
  readonly kills: number;
  /** Readings beside the history, so that a recovery has something to do; of the embedded log. */
  readonly bulk: number;
  readonly windows: number;
  /** The directory that holds src/: a broken copy instead of this one. */
  readonly sources?: string;
}

/** @throws AssertionError at the first difference from the oracle */
export function crash(settings: CrashSettings): Promise<CrashReport> {
  return settings.log === "kafka" ? crashKafka(settings) : crashEmbedded(settings);
}

/** The history is judged by the real clock: it ends now. */
function historyOf({ log, seed, readings }: CrashSettings, sensors: readonly string[]): History {
  return createHistory({
    seed,
    readings,
    nowMs: systemClock.now(),
    log,
    clock: "still",
    order: "any",
    recreate: false,
    partitions: PARTITIONS,
    sensors,
  });
}

async function inDirectory<T>(work: (data: string) => Promise<T>): Promise<T> {
  const data = mkdtempSync(join(tmpdir(), "tidemark-crash-"));
  try {
    return await work(data);
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

function crashEmbedded(settings: CrashSettings): Promise<CrashReport> {
  const { seed, kills, bulk, windows, sources } = settings;
  const history = historyOf(settings, ["temperature", "humidity", "pressure"]);
  const { zone, nowMs } = history.options;
  const sensors = [...history.options.sensors, "bulk"];
  return inDirectory((data) =>
    crashRun({
      history,
      seed,
      lanes: [...lanesOf(history, seed).lanes, bulkLane("bulk", bulk, nowMs)],
      process: { data, sensors, zone, ...(sources === undefined ? {} : { sources }) },
      kills,
      windows,
      contents: () => embeddedContents(data, sensors, systemClock.now()),
    }),
  );
}

/** Two sensors' topics are filled by another client; the third's goes through our own door into a topic that tidemark makes. */
async function crashKafka(settings: CrashSettings): Promise<CrashReport> {
  const { seed, kills, windows, sources } = settings;
  const broker = await sharedBroker();
  try {
    const { bootstrap } = broker;
    const run = randomUUID().slice(0, 8);
    const history = historyOf(
      settings,
      ["temperature", "humidity", "pressure"].map((name) => `crash-${run}-${name}`),
    );
    const { sensors, zone } = history.options;
    const [ours, ...foreign] = sensors;
    await createTopics(bootstrap, foreign, PARTITIONS);
    const produced = history.arrivals.filter(({ sensor }) => sensor !== ours);
    return await inDirectory((data) =>
      crashRun({
        history,
        seed,
        lanes: lanesOf(history, seed, [ours]).lanes,
        produced,
        produce: (onSent) => produce(bootstrap, produced, seed, onSent),
        process: {
          ...{ data, sensors, zone, log: `kafka://${bootstrap}`, flags: ["--create-topics"] },
          ...(sources === undefined ? {} : { sources }),
        },
        kills,
        windows,
        ends: () => endOffsets(bootstrap, sensors),
        contents: async () => {
          const ends = await endOffsets(bootstrap, sensors);
          const count = [...ends.values()].reduce((sum, end) => sum + end, 0);
          return kafkaContents(bootstrap, sensors, count, systemClock.now());
        },
      }),
    );
  } finally {
    await broker.stop();
  }
}

if (import.meta.main) {
  try {
    console.log(JSON.stringify(await crash(JSON.parse(process.argv[2] ?? "null") as CrashSettings)));
  } catch (error) {
    console.error(error instanceof Error ? `${error.name}: ${error.message}` : error);
    process.exit(1);
  }
}
