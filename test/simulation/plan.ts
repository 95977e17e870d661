/** A simulated history as data: what happens, in order. Any part of a plan is a plan, so that one that fails can be made smaller. */
import { createHistory } from "../oracle/generator.ts";
import type { Arrival } from "../oracle/oracle.ts";
import { Seeded } from "../oracle/seeded.ts";
import { DAMAGED_FILES, DAMAGES, type Damage } from "./damage.ts";

export interface PlannedRecord {
  /** Their bytes, one a character; null: none. */
  readonly key: string | null;
  readonly value: string | null;
  /** The producer's time, ms; -1: none. */
  readonly time: number;
}

/** What a step does; what means nothing where it comes is passed over. `of` picks a partition, by its number among all. */
export type Deed =
  | { readonly do: "append"; readonly sensor: string; readonly partition: number; readonly records: PlannedRecord[] }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "clock"; readonly byMs: number }
  | { readonly do: "commit" | "restart" | "open" | "resume" | "retention" | "heal-log" | "skip" }
  /** The history is taken away, and made anew from the log. */
  | { readonly do: "anew" }
  | { readonly do: "stall" | "corrupt" | "begin-transaction"; readonly of: number }
  | { readonly do: "end-transactions"; readonly isCommitted: boolean }
  | { readonly do: "cut" | "trim" | "compact"; readonly of: number; readonly records: number }
  | { readonly do: "recreate"; readonly of: number }
  | { readonly do: "unreachable"; readonly requests: number }
  | { readonly do: "release" | "discard" | "retry-rejections" | "discard-rejections"; readonly share: number }
  /** From one to another of the readings by time, as shares of all; `device` picks one by its number, null: all. */
  | {
      readonly do: "delete";
      readonly of: number;
      readonly device: number | null;
      readonly from: number;
      readonly share: number;
    }
  | { readonly do: "rename" | "undo"; readonly of: number }
  /** `after`: so many operations of the disk later, whatever is being done then; 0: now. */
  | { readonly do: "kill" | "power-loss"; readonly after: number }
  | {
      readonly do: "disk-error" | "disk-full";
      readonly part: string;
      readonly after: number;
      readonly times: number;
      readonly shortBytes: number;
    }
  | { readonly do: "heal-disk" }
  /** While no process runs, which was closed or killed. */
  | ({ readonly do: "damage"; readonly isClosed: boolean } & Damage);

export type Step = Deed & {
  /** Of everything that is left to chance while it is done. */
  readonly seed: number;
};

export interface Plan {
  readonly seed: number;
  readonly log: "kafka" | "kafka-append" | "embedded";
  readonly partitions: number;
  readonly zone: string;
  readonly startMs: number;
  /** Whether bounds are so small that each is reached. */
  readonly isTight: boolean;
  /** Every topic is followed, also one that is made later; else a list, and they are made at the start. */
  readonly followsAll: boolean;
  readonly keepMs: number | null;
  readonly steps: readonly Step[];
}

const END_MS = 1_750_000_000_000;
const SPREAD_MS = 400_000_000;
const DAY = 86_400_000;
const SENSORS = ["temperature", "humidity", "pressure"];

/** Chances of a fault before each step: some histories have few, some many. */
const FAULTS_MIN = 0.05;
const FAULTS_MAX = 0.5;
/** Disk operations of a step, about. */
const OPERATIONS_MAX = 60;
const SEED_MAX = 2 ** 31 - 1;

/** The plan of a seed. @param readings about how many */
export function createPlan(seed: number, readings?: number): Plan {
  const random = new Seeded(seed);
  const log = random.pick(["kafka", "kafka", "kafka-append", "embedded"] as const);
  const partitions = log === "embedded" ? 1 : random.int(1, 3);
  const days = random.pick([0.02, 0.5, 14]);
  const nowMs = END_MS + random.int(0, SPREAD_MS);
  const zone = "Europe/Berlin";
  const history = createHistory({
    seed: random.int(1, SEED_MAX),
    readings: readings ?? Math.ceil(random.scale(10, 150)),
    nowMs,
    days,
    sensors: SENSORS.slice(0, random.int(1, 3)),
    partitions,
    devices: random.int(1, 4),
    log: log === "embedded" ? "embedded" : "kafka",
    zone,
    recreate: false,
    garbage: random.int(0, 4),
    oversized: false,
  });
  const keepMs = random.chance(0.15) ? random.pick([1, 3]) * DAY : null;
  const steps = stepsOf(history, random, log === "embedded", keepMs);
  return {
    seed,
    log,
    partitions,
    zone,
    startMs: history.batches[0].nowMs,
    isTight: random.chance(0.7),
    followsAll: random.chance(0.5),
    keepMs,
    steps,
  };
}

function stepsOf(
  { arrivals, batches }: ReturnType<typeof createHistory>,
  random: Seeded,
  isEmbedded: boolean,
  keepMs: number | null,
): Step[] {
  const steps: Step[] = [];
  const put = (deed: Deed): void => {
    steps.push({ ...deed, seed: random.int(0, SEED_MAX) });
  };
  const faults = random.scale(FAULTS_MIN, FAULTS_MAX);
  // Of what is both deleted and kept no longer nothing is promised but that it is gone.
  const kinds = [...FAULTS, ...(isEmbedded ? [] : BROKER_FAULTS), ...(keepMs === null ? CORRECTIONS : [])];
  let nowMs = batches[0].nowMs;
  /** What ends a fault some batches after it began. */
  let ends: { readonly batch: number; readonly deed: Deed }[] = [];
  for (const [i, batch] of batches.entries()) {
    for (const { deed } of ends.filter((end) => end.batch === i)) put(deed);
    ends = ends.filter((end) => end.batch > i);
    const putLater: Put = (deed) => void ends.push({ batch: i + random.int(1, 6), deed });
    if (batch.nowMs > nowMs) put({ do: "pass", ms: batch.nowMs - nowMs });
    nowMs = batch.nowMs;
    while (random.chance(faults)) random.pick(kinds)(random, put, putLater);
    const records = arrivals.slice(batch.start, batch.end).map(planned);
    put({ do: "append", sensor: batch.sensor, partition: batch.partition, records });
  }
  return steps;
}

function planned({ key, value, recordTime }: Arrival): PlannedRecord {
  const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString("latin1"));
  return { key: text(key), value: text(value), time: recordTime };
}

type Put = (deed: Deed) => void;
type Fault = (random: Seeded, put: Put, putLater: Put) => void;

const partition = (random: Seeded): number => random.int(0, 8);
/** Now, or in the middle of what comes next. */
const later = (random: Seeded): number => (random.chance(0.3) ? 0 : Math.ceil(random.scale(1, OPERATIONS_MAX)));

const damaged: Fault = (random, put) =>
  put({
    do: "damage",
    isClosed: random.chance(0.5),
    file: random.pick(DAMAGED_FILES),
    how: random.pick(DAMAGES),
    at: random.next(),
  });

const FAULTS: readonly Fault[] = [
  (random, put) => put({ do: "pass", ms: random.pick([400, 2000, 31_000, 65_000]) }),
  (random, put) => put({ do: "clock", byMs: random.pick([-1, 1]) * Math.ceil(random.scale(500, 8_000_000)) }),
  (_, put) => put({ do: "commit" }),
  (_, put) => put({ do: "restart" }),
  (random, put) => {
    put({ do: random.pick(["kill", "kill", "power-loss"]), after: later(random) });
    if (random.chance(0.5)) put({ do: "open" });
  },
  (random, put) => put({ do: random.pick(["kill", "power-loss", "power-loss"]), after: later(random) }),
  (random, put) => {
    put({
      do: random.pick(["disk-error", "disk-full"]),
      part: random.pick(["", "history.db", "history.db-wal", "log.db"]),
      after: later(random),
      times: random.chance(0.5) ? random.int(1, 3) : SEED_MAX,
      shortBytes: random.chance(0.5) ? random.int(1, 4000) : 0,
    });
    if (random.chance(0.3)) put({ do: random.pick(["kill", "restart"]), after: 0 } as Deed);
    if (random.chance(0.5)) put({ do: "heal-disk" });
  },
  (random, put) =>
    put({ do: random.pick(["release", "discard", "retry-rejections", "discard-rejections"]), share: random.next() }),
  damaged,
  damaged,
  (_, put) => put({ do: "retention" }),
  (_, put) => put({ do: "heal-disk" }),
];

const deleting: Fault = (random, put) =>
  put({
    do: "delete",
    of: partition(random),
    device: random.chance(0.4) ? random.int(0, 3) : null,
    from: random.next(),
    share: random.next() ** 2,
  });

const CORRECTIONS: readonly Fault[] = [
  deleting,
  deleting,
  (random, put) => put({ do: "undo", of: partition(random) }),
  (_, put) => put({ do: "anew" }),
  (random, put) => put({ do: random.pick(["undo", "rename"]), of: partition(random) }),
];

const BROKER_FAULTS: readonly Fault[] = [
  (random, put, putLater) => {
    put({ do: "stall", of: partition(random) });
    putLater({ do: "resume" });
  },
  (random, put) => put({ do: "unreachable", requests: random.int(1, 3) }),
  (random, put) => put({ do: "cut", of: partition(random), records: random.int(1, 12) }),
  (random, put) => put({ do: "recreate", of: partition(random) }),
  (random, put, putLater) => {
    put({ do: "begin-transaction", of: partition(random) });
    putLater({ do: "end-transactions", isCommitted: random.chance(0.5) });
  },
  (random, put) => put({ do: "compact", of: partition(random), records: random.int(1, 9) }),
  (random, put) => put({ do: "trim", of: partition(random), records: random.int(1, 9) }),
  (random, put, putLater) => {
    put({ do: "corrupt", of: partition(random) });
    putLater({ do: random.pick(["skip", "skip", "heal-log"]) });
  },
];
