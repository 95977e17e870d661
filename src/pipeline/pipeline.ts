/**
 * Follows the log, takes in what it brings, commits, and answers for what it knows: the `Engine` of this process.
 * States: *following* ⇄ *in trouble* (an operating error: it tries again and queries go on) → *closed*. A bug ends it: `failed` rejects.
 */
import { setTimeout as delay, setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { COMMIT_INTERVAL_MS, COMMIT_READINGS } from "../core/limits.ts";
import { REJECTIONS } from "../core/rejections.ts";
import type { Window } from "../core/window.ts";
import type { Zone } from "../core/zone.ts";
import type { Fetched, Log, LogReader, Position } from "../log/log.ts";
import { Aggregate, type Needs } from "../metrics/aggregate.ts";
import type { Checkpointer } from "../rollups/checkpointer.ts";
import type { Engine, Page, Quarantined, RejectedRecord, SensorStatus } from "./engine.ts";
import { PENDING_IDS_MAX } from "./explicit-ids.ts";
import { Ingest } from "./ingest.ts";
import type { PartitionState, SensorState, State } from "./state.ts";
import { Turns } from "./turns.ts";

/** Bytes of changed pages and blocks that wait at most: the history commits early past it. */
const WAITING_BYTES_MAX = 32 * 1024 * 1024;
/** Bytes of rejected records that wait at most. */
const WAITING_REJECTED_BYTES_MAX = 8 * 1024 * 1024;

/** How long records are taken in before others may run, ms: HTTP requests wait no longer for it. */
const INGEST_SLICE_MS = 4;

/** Whether a commit is due is looked at this often, ms. */
const TICK_MS = 500;

/** First and longest wait after an operating error, ms. */
const RETRY_FIRST_MS = 200;
const RETRY_LONGEST_MS = 10_000;

/** How often what is older than the history is kept is deleted, ms. */
const EXPIRE_INTERVAL_MS = 3_600_000;
const DAY_SECONDS = 86_400;

export interface PipelineOptions {
  readonly state: State;
  readonly log: Log;
  readonly checkpointer: Checkpointer;
  readonly sensors: readonly string[];
  readonly clock: Clock;
  readonly zone: Zone;
  readonly clockAheadMs: number;
  /** How long history is kept, ms; null: for ever. */
  readonly keepMs: number | null;
}

export class Pipeline implements Engine {
  readonly sensors: readonly string[];
  readonly #options: PipelineOptions;
  readonly #state: State;
  readonly #ingest: Ingest;
  readonly #turns = new Turns();
  readonly #stop = new AbortController();
  readonly #listeners = new Set<(sensors: ReadonlySet<string>) => void>();
  readonly #byId = new Map<number, SensorState>();
  #reader: LogReader | null = null;
  #running: Promise<void> = Promise.resolve();
  #ticker: NodeJS.Timeout | undefined;
  #firstWaitingMs: number | null = null;
  #lastExpireMs = 0;
  #trouble: string | null = null;
  #commitTrouble: string | null = null;
  #reportFailure: (error: unknown) => void = () => {};
  /** Rejects when a bug ends the pipeline; what was committed is safe. Never resolves. */
  readonly failed: Promise<never>;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#state = options.state;
    this.sensors = options.sensors;
    this.#ingest = new Ingest(options.state, options);
    for (const name of options.sensors) {
      const sensor = options.state.openSensor(name);
      this.#byId.set(sensor.id, sensor);
    }
    this.failed = new Promise((_, reject) => {
      this.#reportFailure = reject;
    });
    this.failed.catch(() => {});
  }

  /** Starts to follow the log. */
  start(): void {
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#running = this.#run().catch((error: unknown) => this.#reportFailure(error));
  }

  /** What was last taken in is committed and synced; the log is told; nothing runs any more. Idempotent. */
  async close(): Promise<void> {
    if (!this.#stop.signal.aborted) {
      this.#stop.abort();
      clearInterval(this.#ticker);
      await this.#reader?.close();
    }
    await this.#running;
    await this.#turns.take(async () => {
      if (this.#waits()) await this.#commit();
    });
    await this.#sync(this.#positions());
  }

  async #run(): Promise<void> {
    let wait = RETRY_FIRST_MS;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#follow(() => {
          wait = RETRY_FIRST_MS;
          this.#trouble = null;
        });
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (!(error instanceof TidemarkError)) throw error;
        this.#trouble = error.message;
        await delay(wait, undefined, { signal: this.#stop.signal }).catch(() => {});
        wait = Math.min(wait * 2, RETRY_LONGEST_MS);
      }
    }
  }

  /** Opens the topics and reads them until closed or an error. @param onProgress called after each read */
  async #follow(onProgress: () => void): Promise<void> {
    const topics = await this.#options.log.open(this.sensors);
    const partitions = topics.flatMap((topic) => this.#state.openTopic(topic));
    const positions = partitions.map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
    const reader = this.#options.log.reader(positions);
    this.#reader = reader;
    this.#trouble = null;
    try {
      for (;;) {
        const fetched = await reader.read(this.#stop.signal);
        if (fetched === null) return;
        const error = await this.#turns.take(() => this.#take(fetched));
        if (error !== null) throw error;
        onProgress();
      }
    } finally {
      this.#reader = null;
      await reader.close();
    }
  }

  /** Takes in what was read, in slices. @returns the log's error when a batch is corrupt: what came before it is taken in */
  async #take(fetched: Fetched): Promise<TidemarkError | null> {
    const sensor = this.#sensor(fetched.topic);
    const partition = this.#state.partitions.get(`${fetched.topic}/${fetched.partition}`);
    if (partition === undefined)
      throw new Error(`BUG: ${fetched.topic}/${fetched.partition} was read but never opened`);
    if (fetched.gap !== null) {
      sensor.totals.gapRecords += fetched.gap.to - fetched.gap.from;
      sensor.changed = true;
    }
    this.#firstWaitingMs ??= this.#options.clock.now();
    let sliceEnd = performance.now() + INGEST_SLICE_MS;
    try {
      for (;;) {
        sensor.watermark.unreadLimit = this.#unreadLimit(sensor.name);
        if (!this.#ingest.takeBatch(fetched, sensor, partition)) break;
        if (this.#isFull()) await this.#commit();
        if (performance.now() < sliceEnd) continue;
        this.#notify(sensor.name);
        await nextTurn();
        sliceEnd = performance.now() + INGEST_SLICE_MS;
      }
    } catch (error) {
      if (error instanceof TidemarkError && error.code === "log-corrupt") return error;
      throw error;
    } finally {
      sensor.watermark.unreadLimit = this.#unreadLimit(sensor.name);
      this.#notify(sensor.name);
    }
    return null;
  }

  /** The newest event time that partitions not yet read to their end have come to; Infinity when all are at their end. */
  #unreadLimit(topic: string): number {
    let limit = Number.POSITIVE_INFINITY;
    for (const end of this.#reader?.ends() ?? []) {
      if (end.topic !== topic) continue;
      const partition = this.#state.partitions.get(`${end.topic}/${end.partition}`);
      if (partition !== undefined && partition.next < end.offset) limit = Math.min(limit, partition.newest);
    }
    return limit;
  }

  #isFull(): boolean {
    return (
      this.#ingest.waiting >= COMMIT_READINGS ||
      this.#state.waitingBytes >= WAITING_BYTES_MAX ||
      this.#state.ids.pending >= PENDING_IDS_MAX ||
      this.#ingest.waitingRejectedBytes >= WAITING_REJECTED_BYTES_MAX
    );
  }

  #waits(): boolean {
    return this.#firstWaitingMs !== null;
  }

  /** Commits when it is due. */
  #tick(): void {
    const now = this.#options.clock.now();
    if (this.#firstWaitingMs === null || now - this.#firstWaitingMs < COMMIT_INTERVAL_MS || this.#turns.size > 1)
      return;
    this.#turns
      .take(async () => {
        if (this.#waits()) await this.#commit();
      })
      .catch((error: unknown) => this.#reportFailure(error));
  }

  /** Only inside a turn. A full disk is trouble: what waits stays in memory, and it is tried again. */
  async #commit(): Promise<void> {
    const { clock, keepMs } = this.#options;
    const expire = keepMs !== null && clock.now() - this.#lastExpireMs >= EXPIRE_INTERVAL_MS;
    const keepFrom =
      expire && keepMs !== null ? Math.floor((clock.now() - keepMs) / 1000 / DAY_SECONDS) * DAY_SECONDS : null;
    for (;;) {
      try {
        const report = await this.#state.commit(keepFrom);
        if (expire) this.#lastExpireMs = clock.now();
        this.#ingest.waiting = 0;
        this.#ingest.waitingRejectedBytes = 0;
        this.#firstWaitingMs = null;
        this.#commitTrouble = null;
        if (!this.#options.checkpointer.busy && !this.#stop.signal.aborted) {
          this.#sync(report.positions).catch((error: unknown) => this.#reportFailure(error));
        }
        return;
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error;
        this.#commitTrouble = error.message;
        if (this.#stop.signal.aborted) throw error;
        await delay(RETRY_LONGEST_MS, undefined, { signal: this.#stop.signal }).catch(() => {});
      }
    }
  }

  #positions(): Position[] {
    return [...this.#state.partitions.values()].map(({ topic, partition, next }) => ({
      topic,
      partition,
      offset: next,
    }));
  }

  /** Once the commit is on disk, the log may let go of what is before it. */
  async #sync(positions: readonly Position[]): Promise<void> {
    if (await this.#options.checkpointer.sync()) await this.#options.log.committed(positions);
  }

  #notify(sensor: string): void {
    const changed = new Set([sensor]);
    for (const listener of this.#listeners) listener(changed);
  }

  onChange(listener: (sensors: ReadonlySet<string>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #sensor(name: string): SensorState {
    const sensor = this.#state.sensors.get(name);
    if (sensor === undefined) throw new Error(`BUG: sensor "${name}" was never opened`);
    return sensor;
  }

  get trouble(): string | null {
    return this.#trouble ?? this.#commitTrouble ?? this.#options.checkpointer.error;
  }

  get lastCost(): { pages: number; buckets: number; pagesFromDisk: number } {
    return { ...this.#state.history.cost };
  }

  query(name: string, window: Window, needs: Needs): Aggregate {
    const sensor = this.#sensor(name);
    const { firstTime, lastTime } = sensor.totals;
    const start = Math.max(window.start, this.#state.keptSince, Math.floor(firstTime / 1000));
    const end = Math.min(window.end, Math.floor(lastTime / 1000) + 1);
    if (!(start < end)) return new Aggregate(needs);
    return this.#state.history.query(sensor.id, { start, end }, needs);
  }

  status(name: string): SensorStatus {
    const sensor = this.#sensor(name);
    const { totals } = sensor;
    const { counts, stuck } = this.#state.devices;
    const hasReadings = totals.counted > 0;
    let lag = 0;
    for (const end of this.#reader?.ends() ?? []) {
      const partition: PartitionState | undefined = this.#state.partitions.get(`${end.topic}/${end.partition}`);
      if (end.topic === name && partition !== undefined) lag += Math.max(0, end.offset - partition.next);
    }
    return {
      sensor: name,
      totals: totals.snapshot(),
      completeUntil: sensor.watermark.now(this.#options.clock.now()),
      firstTime: hasReadings ? totals.firstTime : null,
      lastTime: hasReadings ? totals.lastTime : null,
      lastValue: hasReadings ? totals.lastValue : null,
      lastArrival: sensor.lastArrival,
      devices: counts.get(sensor.id) ?? 0,
      stuckDevices: stuck.get(sensor.id) ?? 0,
      identities: totals.identities(),
      lag,
    };
  }

  /** Ids and pages read as one list. */
  #page<T extends { readonly id: number }, U>(rows: readonly T[], limit: number, map: (row: T) => U): Page<U> {
    return { items: rows.map(map), next: rows.length < limit ? null : (rows.at(-1)?.id ?? null) };
  }

  #sensorId(name: string | undefined): number | undefined {
    return name === undefined ? undefined : this.#sensor(name).id;
  }

  #nameOf(id: number): string {
    return this.#byId.get(id)?.name ?? `#${id}`;
  }

  listQuarantine(query: { sensor?: string; after?: number; limit: number }): Page<Quarantined> {
    const rows = this.#state.quarantine.list(this.#sensorId(query.sensor), query.after ?? 0, query.limit);
    return this.#page(rows, query.limit, (row) => ({ ...row, sensor: this.#nameOf(row.sensor) }));
  }

  listRejections(query: { sensor?: string; after?: number; limit: number }): Page<RejectedRecord> {
    const rows = this.#state.rejections.list(this.#sensorId(query.sensor), query.after ?? 0, query.limit);
    return this.#page(rows, query.limit, (row) => ({
      ...row,
      sensor: this.#nameOf(row.sensor),
      reason: REJECTIONS.find(({ code }) => code === row.code)?.text ?? row.code,
    }));
  }

  /** Commits (dealing with stored rows only), deals with each row, and commits what came of it. */
  #settle<T extends { readonly id: number }>(
    letters: { get(id: number): T | undefined; remove(id: number): void },
    ids: readonly number[],
    deal: (row: T) => boolean,
  ): Promise<number> {
    return this.#turns.take(async () => {
      await this.#commit();
      let count = 0;
      for (const id of new Set(ids)) {
        const row = letters.get(id);
        if (row === undefined || !deal(row)) continue;
        letters.remove(id);
        count++;
      }
      await this.#commit();
      return count;
    });
  }

  async releaseQuarantine(ids: readonly number[]): Promise<number> {
    const changed = new Set<string>();
    const count = await this.#settle(this.#state.quarantine, ids, (row) => {
      const sensor = this.#byId.get(row.sensor);
      if (sensor === undefined) return false;
      this.#ingest.release(sensor, row.time, row.value);
      changed.add(sensor.name);
      return true;
    });
    for (const name of changed) this.#notify(name);
    return count;
  }

  discardQuarantine(ids: readonly number[]): Promise<number> {
    return this.#settle(this.#state.quarantine, ids, () => true);
  }

  async releaseRejections(ids: readonly number[]): Promise<number> {
    const changed = new Set<string>();
    const count = await this.#settle(this.#state.rejections, ids, (row) => {
      const sensor = this.#byId.get(row.sensor);
      if (sensor === undefined) return false;
      const released = { topic: sensor.name, partition: row.partition, topicId: "", next: 0, newest: 0 };
      if (!this.#ingest.retry(row, sensor, released)) return false;
      changed.add(sensor.name);
      return true;
    });
    for (const name of changed) this.#notify(name);
    return count;
  }

  discardRejections(ids: readonly number[]): Promise<number> {
    return this.#settle(this.#state.rejections, ids, () => true);
  }
}
