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
import { Disk } from "../simulation/disk.ts";
import { CrashCorrections } from "./crash-corrections.ts";
import type { CrashOptions, CrashReport } from "./crash-options.ts";
import { crashRun } from "./crash-run.ts";
import { type Fault, missingFaults } from "./faults.ts";
import { createTopics, deleteTopics, endOffsets, produce } from "./kafka-sending.ts";
import { embeddedContents, kafkaContents } from "./log-contents.ts";
import { bulkLane, lanesOf } from "./requests.ts";

const PARTITIONS = 3;

/** The message to the parent process that kills the broker and starts it again; any answer says that it is back. */
export const KILL_BROKER = "kill the broker";

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
  /** What is done beside kill -9 and SIGTERM, in turns, as far as it can be had here. */
  readonly faults?: readonly Fault[];
  /** Whether people correct the past meanwhile; of the embedded log. */
  readonly corrections?: boolean;
  /** Where the directory of the run is made, and left when the run fails; default: a temporary one, never left. */
  readonly data?: string;
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

async function inDirectory<T>(within: string | undefined, work: (data: string) => Promise<T>): Promise<T> {
  const data = mkdtempSync(join(within ?? tmpdir(), "tidemark-crash-"));
  const remove = (): void => rmSync(data, { recursive: true, force: true });
  try {
    const done = await work(data);
    remove();
    return done;
  } catch (error) {
    if (within === undefined) remove();
    else console.error(`left for those who look into it: ${data}`);
    throw error;
  }
}

/** The faults asked for that can be had, with what they need. */
function faultsOf({ log, faults }: CrashSettings, data: string): Pick<CrashOptions, "faults" | "disk" | "killBroker"> {
  if (faults === undefined) return {};
  const disk = Disk.of(data);
  process.once("exit", () => disk?.dispose());
  const missing = missingFaults(log, disk !== null, process.send !== undefined);
  return { faults: faults.filter((fault) => !missing.has(fault)), disk, killBroker };
}

/** Asks the process that started this one, whose broker it is. */
function killBroker(): Promise<void> {
  return new Promise((resolve) => {
    process.once("message", () => resolve());
    process.send?.(KILL_BROKER);
  });
}

function crashEmbedded(settings: CrashSettings): Promise<CrashReport> {
  const { seed, kills, bulk, windows, sources } = settings;
  const history = historyOf(settings, ["temperature", "humidity", "pressure"]);
  const { zone, nowMs } = history.options;
  const sensors = [...history.options.sensors, "bulk"];
  return inDirectory(settings.data, (data) => {
    const faults = faultsOf(settings, data);
    const environment = faults.disk?.environment ?? {};
    return crashRun({
      ...faults,
      history,
      seed,
      lanes: [...lanesOf(history, seed).lanes, bulkLane("bulk", bulk, nowMs)],
      process: { data, sensors, zone, environment, ...(sources === undefined ? {} : { sources }) },
      kills,
      windows,
      corrections: settings.corrections === true ? new CrashCorrections(history, data) : null,
      contents: () => embeddedContents(data, sensors, systemClock.now()),
    });
  });
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
    const report = await inDirectory(settings.data, (data) => {
      const faults = faultsOf(settings, data);
      return crashRun({
        ...faults,
        history,
        seed,
        lanes: lanesOf(history, seed, [ours]).lanes,
        produced,
        produce: (onSent) => produce(bootstrap, produced, seed, onSent),
        process: {
          ...{ data, sensors, zone, log: `kafka://${bootstrap}`, flags: ["--create-topics"] },
          environment: faults.disk?.environment ?? {},
          ...(sources === undefined ? {} : { sources }),
        },
        kills,
        windows,
        corrections: null,
        ends: () => endOffsets(bootstrap, sensors),
        contents: async () => {
          const ends = await endOffsets(bootstrap, sensors);
          const count = [...ends.values()].reduce((sum, end) => sum + end, 0);
          return kafkaContents(bootstrap, sensors, count, systemClock.now());
        },
      });
    });
    await deleteTopics(bootstrap, sensors);
    return report;
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
