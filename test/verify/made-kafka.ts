/** Histories that follow a Kafka: several partitions, judged by a clock that moves, topics that are made anew. */
import { ManualClock } from "../../src/core/clock.ts";
import { openZone } from "../../src/core/zone.ts";
import { Pipeline } from "../../src/pipeline/pipeline.ts";
import { State } from "../../src/pipeline/state.ts";
import { Checkpointer } from "../../src/store/checkpointer.ts";
import { Database } from "../../src/store/database.ts";
import { createHistory, type GeneratorOptions, type History } from "../oracle/generator.ts";
import { ReplayLog } from "../simulation/replay-log.ts";
import { NOW, ZONE } from "./made.ts";

export interface FollowOptions {
  readonly keepMs?: number;
  /** Done before each batch. */
  readonly before?: (pipeline: Pipeline, batch: number) => Promise<void>;
}

/** Follows a generated history into `path`. */
export async function followArrivals(
  path: string,
  given: Partial<GeneratorOptions> & { seed: number },
  { keepMs, before }: FollowOptions = {},
): Promise<History> {
  const history = createHistory({ readings: 1500, nowMs: NOW, zone: ZONE, ...given });
  const { sensors, partitions } = history.options;
  const numbers = Array.from({ length: partitions }, (_, i) => i);
  const ids = new Map<string, string>();
  for (const { sensor, topicId } of history.batches) if (!ids.has(sensor)) ids.set(sensor, topicId);
  const log = new ReplayLog(Array.from(ids, ([name, id]) => ({ name, id, partitions: numbers })));
  const clock = new ManualClock(history.batches[0].nowMs);
  const db = Database.open(path);
  const checkpointer = new Checkpointer(db.file);
  const pipeline = new Pipeline({
    state: new State(db),
    log,
    checkpointer,
    follow: { sensors, passes: () => false, mayCreate: true },
    clock,
    zone: openZone(ZONE),
    clockAheadMs: 300_000,
    keepMs: keepMs ?? null,
  });
  await pipeline.start();
  for (const { index, start, end, nowMs, sensor, topicId } of history.batches) {
    await before?.(pipeline, index);
    if (history.marks.some(({ batch }) => batch === index)) await pipeline.releaseQuarantine([]);
    clock.set(nowMs);
    if (ids.get(sensor) !== topicId) {
      ids.set(sensor, topicId);
      log.recreate({ name: sensor, id: topicId, partitions: numbers });
    }
    await log.deliver(history.arrivals.slice(start, end));
  }
  await pipeline.close();
  await checkpointer.close();
  db.close();
  return history;
}
