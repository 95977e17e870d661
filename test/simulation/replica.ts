/** One of several histories that read one log, each in its own way: order of partitions, batches, commits, restarts, kills, questions. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "../../src/core/clock.ts";
import { openZone } from "../../src/core/zone.ts";
import { BOUNDS, type Bounds } from "../../src/pipeline/bounds.ts";
import { Pipeline } from "../../src/pipeline/pipeline.ts";
import { State } from "../../src/pipeline/state.ts";
import { Checkpointer } from "../../src/store/checkpointer.ts";
import { Database } from "../../src/store/database.ts";
import type { Arrival } from "../oracle/oracle.ts";
import type { Seeded } from "../oracle/seeded.ts";
import { canonicalLines } from "./canonical.ts";
import { ReplayLog } from "./replay-log.ts";

/** How a replica reads. */
export interface ReplicaOptions {
  readonly zone: string;
  readonly nowMs: number;
  readonly bounds: Partial<Bounds>;
  /** Sensors appear as readings name them. */
  readonly mayAppear?: boolean;
  /** Arrivals of a read, and of a batch of it, at most. */
  readonly rowsMax: number;
  readonly rowsAtOnce: number;
  /** Of each thing that happens between two reads. */
  readonly chances: { readonly commit: number; readonly restart: number; readonly kill: number; readonly ask: number };
}

/** Reads all of it and tells what its history then says. */
export async function readAll(
  arrivals: readonly Arrival[],
  options: ReplicaOptions,
  random: Seeded,
): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), "tidemark-replica-"));
  const partitions = [...Map.groupBy(arrivals, ({ sensor, partition }) => `${sensor}/${partition}`).values()];
  let directory = join(root, "0");
  let running = open(directory, arrivals, options);
  try {
    for (let step = 1; ; step++) {
      const unread = partitions.flatMap((queue) => {
        const next = running.next(queue[0]);
        const rest = queue.filter(({ offset }) => offset >= next);
        return rest.length > 0 ? [rest] : [];
      });
      if (unread.length === 0) break;
      const queue = random.pick(unread);
      await running.log.deliver(queue.slice(0, Math.ceil(random.scale(1, options.rowsMax))));
      const { commit, restart, kill, ask } = options.chances;
      if (random.chance(ask)) running.ask(random);
      if (random.chance(commit)) await running.pipeline.releaseQuarantine([]);
      if (random.chance(restart)) {
        await running.close();
        running = open(directory, arrivals, options);
      }
      if (random.chance(kill)) {
        const left = directory;
        directory = join(root, String(step));
        cpSync(left, directory, { recursive: true });
        await running.close();
        rmSync(left, { recursive: true });
        running = open(directory, arrivals, options);
      }
    }
    await running.close();
    return canonicalLines(directory);
  } finally {
    await running.close();
    rmSync(root, { recursive: true, force: true });
  }
}

function open(directory: string, arrivals: readonly Arrival[], options: ReplicaOptions) {
  const { zone, nowMs, bounds, rowsAtOnce, mayAppear } = options;
  const db = Database.open(directory);
  const state = new State(db, { ...BOUNDS, ...bounds });
  const topics = [...Map.groupBy(arrivals, ({ sensor }) => sensor)].map(([name, own]) => ({
    name,
    id: own[0].topicId,
    partitions: Array.from({ length: 1 + Math.max(...own.map(({ partition }) => partition)) }, (_, i) => i),
  }));
  const log = new ReplayLog(topics, rowsAtOnce);
  const checkpointer = new Checkpointer(db.file);
  const pipeline = new Pipeline({
    ...{ state, log, checkpointer, clock: new ManualClock(nowMs), zone: openZone(zone) },
    follow: {
      sensors: mayAppear === true ? null : topics.map(({ name }) => name),
      passes: () => mayAppear === true,
      mayCreate: true,
    },
    clockAheadMs: 300_000,
    keepMs: null,
  });
  pipeline.failed.catch((error: unknown) => {
    throw error;
  });
  void pipeline.start();
  let closed: Promise<void> | null = null;
  return {
    log,
    pipeline,
    next: ({ sensor, partition }: Arrival): number => state.sources.find(sensor)?.partitions[partition]?.next ?? 0,
    /** A question merges upwards what it reads. */
    ask: (random: Seeded): void => {
      const { name: sensor } = random.pick(pipeline.sensors.list());
      const end = Math.floor(nowMs / 1000) - Math.floor(random.scale(1, 1e6));
      const window = { start: end - Math.floor(random.scale(1, 1e6)), end };
      const { aggregate } = pipeline.query(sensor, window, { sums: true, quantiles: random.chance(0.5) });
      assert.ok(aggregate.late <= aggregate.count);
    },
    close: (): Promise<void> => {
      closed ??= (async () => {
        await pipeline.close();
        await checkpointer.close();
        db.close();
      })();
      return closed;
    },
  };
}
