/** Takes in once more what the log still holds, by the pipeline's own code, into a history that is thrown away. */
import type { Clock } from "../core/clock.ts";
import { NO_TIMESTAMP, type Records } from "../core/records.ts";
import type { Zone } from "../core/zone.ts";
import type { ReadableLog } from "../log/log.ts";
import { BOUNDS } from "../pipeline/bounds.ts";
import type { Stored } from "../pipeline/correction.ts";
import { Ingest } from "../pipeline/ingest.ts";
import { State } from "../pipeline/state.ts";
import { Database } from "../store/database.ts";
import { keyOf, readSpans, type Span } from "./log-pass.ts";
import type { StoredPosition } from "./stored.ts";

/** How far the log reaches in one partition. */
export interface Reach {
  readonly position: StoredPosition;
  /** What of it is read; null: the log does not have the partition, or has another of its name. */
  readonly span: Span | null;
  /** Where the log ends; null: it does not have it. */
  readonly logEnd: number | null;
  /** Of the topic of that name; null: there is none. */
  readonly topicId: string | null;
  /** The log holds, and could be read of, all that the history has read. */
  isWhole: boolean;
  /** Timestamp of the first record that it holds, ms; null: none was read. */
  firstMs: number | null;
  /** That timestamp is the log's own. */
  appendTime: boolean;
  /** Each record says a time. */
  isTimed: boolean;
  /** Offsets that the log held and that could not be read, and why. */
  readonly damaged: { readonly from: number; readonly to: number; readonly why: string }[];
}

/** What a history is recomputed with. */
export interface RecomputationOptions {
  readonly log: ReadableLog;
  /** An empty directory. */
  readonly directory: string;
  readonly sensors: readonly { readonly id: number; readonly name: string }[];
  readonly corrections: readonly Stored[];
  readonly reaches: readonly Reach[];
  /** The series that devices have (`numberKey`), to be compared with; null: they get theirs as in any history. */
  readonly deviceSeries: ReadonlyMap<string, number> | null;
  readonly nowMs: number;
  readonly zone: Zone;
  readonly clockAheadMs: number;
  readonly onRecords: (count: number) => void;
  readonly signal: AbortSignal;
}

/** Where the log stands in each partition, and what of it was read. */
export async function reachesOf(log: ReadableLog | null, positions: readonly StoredPosition[]): Promise<Reach[]> {
  const names = [...new Set(positions.map(({ topic }) => topic))];
  const topics = log === null ? [] : (await log.open(names)).topics;
  const reaches: Reach[] = [];
  for (const position of positions) {
    const { topic, partition, topicId, next, isLaterLife } = position;
    const found = topics.find(({ name }) => name === topic);
    const has = log !== null && found?.partitions.includes(partition) === true;
    const bounds = has ? await log.bounds(topic, partition) : null;
    const isSame = bounds !== null && found?.id === topicId;
    const span = isSame ? { topic, partition, start: bounds.start, end: Math.min(next, bounds.end) } : null;
    reaches.push({
      position,
      span,
      logEnd: bounds?.end ?? null,
      topicId: found?.id ?? null,
      isWhole: span !== null && span.start === 0 && next <= (bounds?.end ?? 0) && !isLaterLife,
      firstMs: null,
      appendTime: log?.kind === "embedded",
      isTimed: true,
      damaged: [],
    });
  }
  return reaches;
}

/** Topics of these sensors that hold records, and of which no position is stored. */
export async function unreadTopics(
  log: ReadableLog | null,
  sensors: readonly { readonly name: string }[],
  positions: readonly StoredPosition[],
): Promise<string[]> {
  if (log === null) return [];
  const read = new Set(positions.map(({ topic }) => topic));
  const { topics } = await log.open(sensors.map(({ name }) => name).filter((name) => !read.has(name)));
  const unread: string[] = [];
  for (const { name } of topics) {
    const { start, end } = await log.bounds(name, 0);
    if (start < end) unread.push(name);
  }
  return unread;
}

/** @returns the state, committed; its sensors have the numbers of the stored ones, `reaches` say what was found */
export async function recompute(options: RecomputationOptions): Promise<{ db: Database; state: State }> {
  const { log, directory, sensors, reaches, deviceSeries, nowMs, signal } = options;
  const db = Database.openScratch(directory);
  try {
    new State(db);
    const insert = db.prepare("INSERT INTO sensor VALUES(?, ?, NULL)");
    for (const { id, name } of sensors) insert.run(id, name);
    const state = new State(db, {
      ...BOUNDS,
      ...(deviceSeries === null ? {} : { deviceSeriesNumbers: deviceSeries }),
    });
    state.ledger.adopt(options.corrections);
    state.sensors.openStored();
    const clock: Clock = { now: () => nowMs, steady: () => 0 };
    const ingest = new Ingest(state, { ...options, clock, foreignAppendTimes: log.kind === "kafka" });
    const reachOf = new Map<string, Reach>();
    for (const reach of reaches) {
      if (reach.span === null) continue;
      const { topic, topicId, partition } = reach.position;
      const partitions = reaches.flatMap(({ position }) => (position.topic === topic ? position.partition : []));
      state.openTopic({ name: topic, id: topicId, partitions: partitions.sort((a, b) => a - b) });
      reachOf.set(keyOf({ topic, partition }), reach);
    }
    const take = async (records: Records, span: Span): Promise<void> => {
      const source = state.sources.find(span.topic);
      const partition = source?.partitions.find((known) => known.partition === span.partition);
      const reach = reachOf.get(keyOf(span));
      if (source === undefined || partition === undefined || reach === undefined) throw new Error("BUG: not opened");
      if (reach.firstMs === null) {
        reach.firstMs = records.timestamp[0];
        reach.appendTime = records.appendTime;
      }
      const { count, timestamp } = records;
      if (reach.isTimed && timestamp.subarray(0, count).includes(NO_TIMESTAMP)) reach.isTimed = false;
      ingest.take(records, source, partition);
      partition.next = Math.min(records.nextOffset, span.end);
      await state.catchUp();
      if (state.isFull) await state.commit();
      options.onRecords(count);
      signal.throwIfAborted();
    };
    const spans = reaches.flatMap(({ span }) => span ?? []);
    const lost = (span: Span, from: number, to: number): void => {
      const totals = state.sources.find(span.topic)?.own.totals;
      if (totals !== undefined) totals.gapRecords += to - from;
    };
    const damaged = (span: Span, from: number, to: number, why: string): void => {
      lost(span, from, to);
      reachOf.get(keyOf(span))?.damaged.push({ from, to, why });
    };
    await readSpans(log, spans, { take, gap: lost, damaged }, signal);
    await state.commit();
    return { db, state };
  } catch (error) {
    db.close();
    throw error;
  }
}
