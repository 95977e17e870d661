/**
 * `node test/torture/replicas.ts '{"seed":1,"readings":800,"log":"kafka","histories":20}'`: for each seed three histories read one log in
 * different ways; they must end with the same bytes. Prints a line a seed, or the first difference on stderr with exit code 1. A process of
 * its own: it can be run in a broken copy of the sources.
 */
import assert from "node:assert/strict";
import { createHistory } from "../oracle/generator.ts";
import { type Arrival, Oracle } from "../oracle/oracle.ts";
import { Seeded } from "../oracle/seeded.ts";
import { differenceOf } from "../simulation/canonical.ts";
import { mixedRecords } from "../simulation/mixed-records.ts";
import { type ReplicaOptions, readAll } from "../simulation/replica.ts";

interface ReplicasOptions {
  readonly seed: number;
  /** Of a generated history. */
  readonly readings: number;
  /** "mixed": records of many readings, with the producers' times or the log's (by seeds in turn). */
  readonly log: "kafka" | "kafka-append" | "mixed";
  readonly histories: number;
}

const NOW = 1_750_000_000_000;
const DAY = 86_400_000;
/** Each of them is reached many times. */
const LITTLE = {
  commitReadings: 37,
  commitSliceMs: 0,
  waitingRows: 9,
  residentDevices: 3,
  bootNames: 2,
  seenBytes: 2000,
  waitingBytes: 20_000,
};

/** Three ways to read a log: at one go; in small reads, killed now and then; in smaller batches with little memory. */
function ways({ log }: Pick<ReplicasOptions, "log">): Omit<ReplicaOptions, "zone">[] {
  const never = { commit: 0, restart: 0, kill: 0, ask: 0 };
  return [
    { nowMs: NOW, bounds: {}, rowsMax: 100_000, rowsAtOnce: 100_000, chances: never },
    {
      nowMs: NOW,
      // Commits of both, which are in one process, go on in turns.
      bounds: { commitSliceMs: 0 },
      rowsMax: 60,
      rowsAtOnce: 7,
      chances: { commit: 0.1, restart: 0.03, kill: 0.1, ask: 0.3 },
    },
    {
      // Where the log stamps records, the clock of whoever reads does not matter.
      ...{ nowMs: log === "kafka-append" ? NOW + DAY : NOW, bounds: LITTLE, rowsMax: 60, rowsAtOnce: 3 },
      chances: { commit: 0, restart: 0.03, kill: 0.1, ask: 0.1 },
    },
  ];
}

/** Without the copies of a reading that make the outcome depend on which partition is read first (decision 32). */
export function agreeing(all: readonly Arrival[], zone: string): readonly Arrival[] {
  for (let arrivals = all; ; ) {
    const oracle = new Oracle({ zone });
    for (const arrival of arrivals) oracle.receive(arrival);
    const others = oracle.disagreeing();
    if (others.size === 0) return arrivals;
    arrivals = arrivals.filter((arrival) => !others.has(arrival));
  }
}

/** Sent, and as it is read. */
interface Log {
  readonly sent: readonly Arrival[];
  readonly arrivals: readonly Arrival[];
  readonly zone: string;
}

function logOf({ seed, readings, log }: Omit<ReplicasOptions, "histories">): Log {
  if (log === "mixed") {
    const arrivals = mixedRecords(new Seeded(seed), NOW, seed % 2 === 0);
    return { sent: arrivals, arrivals, zone: "UTC" };
  }
  const more = { log, clock: "still", order: "any", recreate: false, partitions: 4, oversized: false } as const;
  const { arrivals: sent, options } = createHistory({ seed, readings, nowMs: NOW, ...more });
  return { sent, arrivals: agreeing(sent, options.zone), zone: options.zone };
}

/** @returns how many lines all of them said; @throws AssertionError with those that only some said */
export async function compareReplicas(options: Omit<ReplicasOptions, "histories">): Promise<string> {
  const { seed, log } = options;
  const { sent, arrivals, zone } = logOf(options);
  const [expected, ...others] = await Promise.all(
    ways(options).map((way, i) => {
      return readAll(arrivals, { ...way, zone, mayAppear: log === "mixed" }, new Seeded(seed * 10 + i));
    }),
  );
  for (const [i, lines] of others.entries()) {
    const difference = differenceOf(expected, lines);
    const note = `seed ${seed}, ${log}, replica ${i + 1}: ${difference.missing[0] ?? difference.added[0]}`;
    assert.deepEqual(difference, { missing: [], added: [] }, note);
  }
  assert.ok(expected.length > 50, `seed ${seed}, ${log}: ${expected.length} lines`);
  return `seed ${seed}, ${log}: ${expected.length} lines of ${arrivals.length} records, ${sent.length - arrivals.length} left out`;
}

if (import.meta.main) {
  const { seed, histories, ...more } = JSON.parse(process.argv[2] ?? "null") as ReplicasOptions;
  try {
    for (let i = 0; i < histories; i++) console.log(await compareReplicas({ ...more, seed: seed + i }));
  } catch (error) {
    console.error(error instanceof Error ? `${error.name}: ${error.message}` : error);
    process.exitCode = 1;
  }
}
