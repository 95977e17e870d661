/**
 * Follows the log, takes in what it brings, commits, and answers for what it knows: the `Engine` of this process.
 * States: *following* ⇄ *in trouble* (an operating error: it tries again and queries go on) → *closed*. A bug, or a history that cannot
 * be read, ends it without another commit: `failed` rejects.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { REVISION_BYTES } from "../core/limits.ts";
import type { OnNotice } from "../core/notice.ts";
import type { Window } from "../core/window.ts";
import type { Zone } from "../core/zone.ts";
import type { Change } from "../engine/change.ts";
import type { SensorDirectory } from "../engine/directory.ts";
import type {
  Chosen,
  ChosenRejections,
  DeviceStatus,
  Engine,
  ListPart,
  Quarantined,
  RejectedRecord,
  SensorSpan,
  SensorStatus,
} from "../engine/engine.ts";
import type { Past } from "../engine/past.ts";
import type { RankQuery } from "../identity/identities.ts";
import type { Log } from "../log/log.ts";
import type { Needs } from "../metrics/aggregate.ts";
import { type Answer, emptyAnswer } from "../metrics/answer.ts";
import type { Checkpointer } from "../store/checkpointer.ts";
import { Commits } from "./commits.ts";
import { Correcting } from "./correcting.ts";
import { DeviceQuestions } from "./device-questions.ts";
import { countersOf, damageOf } from "./engine-counters.ts";
import { Following, type FollowRule } from "./following.ts";
import { IdleScrub } from "./idle-scrub.ts";
import { Ingest } from "./ingest.ts";
import { Intake } from "./intake.ts";
import { PastHistory } from "./past-history.ts";
import { Releases } from "./releases.ts";
import { Replay } from "./replay.ts";
import { statusOf } from "./sensor-status.ts";
import type { Series } from "./sensors.ts";
import { SerialQueue } from "./serial-queue.ts";
import { Standstills } from "./standstills.ts";
import type { State } from "./state.ts";
import { Telling } from "./telling.ts";
import { Uncounted } from "./uncounted.ts";
import { unlessAborted } from "./unless-aborted.ts";
import { Unread } from "./unread.ts";

/** How often to check whether a commit is due, ms. */
const TICK_MS = 500;

/** First and longest wait after an operating error, ms. */
const RETRY_FIRST_MS = 200;
const RETRY_LONGEST_MS = 10_000;

/** What a pipeline is made of. */
export interface PipelineOptions {
  readonly state: State;
  readonly log: Log;
  readonly checkpointer: Checkpointer;
  readonly follow: FollowRule;
  readonly clock: Clock;
  readonly zone: Zone;
  readonly clockAheadMs: number;
  /** How long history is kept, ms; null: for ever. */
  readonly keepMs: number | null;
  /** Bytes of what is noted of how the history was before; 0: nothing is. Default: REVISION_BYTES. */
  readonly revisionBytes?: number | undefined;
  /** Listener for notices to the operator: deleted history, partitions that stand still or are read on, hints. */
  readonly onNotice?: OnNotice;
}

/** The one pipeline of a process. `start` begins, `close` commits and ends. */
export class Pipeline implements Engine {
  readonly sensors: SensorDirectory;
  readonly corrections: Correcting;
  readonly #options: PipelineOptions;
  readonly #state: State;
  readonly #ingest: Ingest;
  readonly #intake: Intake;
  readonly #uncounted: Uncounted;
  readonly #devices: DeviceQuestions;
  readonly #commits: Commits;
  readonly #following: Following;
  readonly #unread = new Unread();
  readonly #queue = new SerialQueue();
  readonly #standstills: Standstills;
  readonly #scrub: IdleScrub;
  readonly #releases: Releases;
  readonly #replay: Replay;
  readonly #stop = new AbortController();
  readonly #telling: Telling;
  #running: Promise<void> = Promise.resolve();
  #closing: Promise<void> | null = null;
  #ticker: NodeJS.Timeout | undefined;
  #trouble: string | null = null;
  #damageTold: string | null = null;
  /** Set for good once memory cannot be trusted. */
  #failure: { readonly error: unknown } | null = null;
  #reportFailure: (error: unknown) => void = () => {};
  /** Rejects when it cannot go on; what was committed is safe. Never resolves. */
  readonly failed: Promise<never>;

  constructor(options: PipelineOptions) {
    const { state, log } = options;
    this.#options = options;
    this.#scrub = new IdleScrub(options);
    this.#state = state;
    this.sensors = state.sensors;
    this.#ingest = new Ingest(state, { ...options, foreignAppendTimes: log.kind === "kafka" });
    this.#telling = new Telling(this.#ingest.changed, (error) => this.#fail(error));
    this.#uncounted = new Uncounted(state, this.#ingest);
    this.#devices = new DeviceQuestions(state);
    this.#commits = new Commits({ ...options, stop: this.#stop.signal, before: () => this.#telling.tellCommit() });
    this.#following = new Following(log, options.follow, state, this.#queue);
    state.history.revisions.start({ clock: options.clock, bytesMax: options.revisionBytes ?? REVISION_BYTES });
    state.horizon.start({ ...options, onNotice: options.onNotice ?? (() => {}) });
    const lent = {
      ...options,
      queue: this.#queue,
      commit: () => this.#commit(),
      fail: (error: unknown) => this.#fail(error),
      isClosed: () => this.#stop.signal.aborted && this.#failure === null,
      notify: (changed: Iterable<Series>) => this.#telling.tell(changed),
    };
    this.#standstills = new Standstills({ ...lent, unread: this.#unread });
    this.#intake = new Intake({ ...lent, ingest: this.#ingest, standstills: this.#standstills });
    this.#replay = new Replay(state.sources, this.#unread, this.#standstills);
    this.#releases = new Releases({ ...lent, uncounted: this.#uncounted });
    this.corrections = new Correcting(lent);
    this.failed = new Promise((_, reject) => {
      this.#reportFailure = reject;
    });
    this.failed.catch(() => {});
  }

  /** Starts to follow the log. @returns when it does for the first time; rejects when that fails, while it is tried again until `close` */
  start(): Promise<void> {
    const started = Promise.withResolvers<void>();
    started.promise.catch(() => {});
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#running = this.#run(started).catch((error: unknown) => this.#fail(error));
    return started.promise;
  }

  /** Ends the pipeline: memory cannot be trusted, and is not committed. A full disk is no failure: memory is unchanged. */
  #fail(error: unknown): void {
    if (error instanceof TidemarkError && error.code === "disk-full") return;
    this.#failure ??= { error };
    this.#end();
    this.#reportFailure(error);
  }

  #end(): void {
    this.#stop.abort();
    clearInterval(this.#ticker);
  }

  /**
   * Commits and syncs what was taken in, tells the log, and ends everything. Idempotent.
   * @throws TidemarkError "disk-full": what waited is read from the log again next time
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#end();
    await this.#unread.reader?.close();
    await this.#running;
    await this.#queue.run(async () => {
      if (this.#failure === null && this.#state.hasChanged) await this.#commits.commit();
    });
    if (this.#failure === null) await this.#commits.tell();
  }

  async #run(started: PromiseWithResolvers<void>): Promise<void> {
    let wait = RETRY_FIRST_MS;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#follow(started.resolve, () => {
          wait = RETRY_FIRST_MS;
          this.#trouble = null;
        });
      } catch (error) {
        started.reject(error);
        if (this.#stop.signal.aborted) return;
        if (!(error instanceof TidemarkError)) throw error;
        this.#trouble = error.message;
        await delay(wait, undefined, { signal: this.#stop.signal }).catch(() => {});
        wait = Math.min(wait * 2, RETRY_LONGEST_MS);
      }
    }
  }

  /** Opens the topics and reads them until closed or an error. @param onProgress called after each read */
  async #follow(onStart: () => void, onProgress: () => void): Promise<void> {
    const topics = await unlessAborted(this.#following.find(), this.#stop.signal);
    if (topics === null) return;
    const { reader, stop } = await this.#queue.run(async () => {
      await this.corrections.catchUp();
      return this.#following.start(topics, (error) => this.#fail(error));
    });
    this.#unread.reader = reader;
    this.#replay.begin();
    this.#trouble = null;
    onStart();
    try {
      for (;;) {
        const fetched = await reader.read(this.#stop.signal);
        if (fetched === null) return;
        await this.#queue.run(() => this.#intake.take(fetched));
        onProgress();
      }
    } finally {
      this.#unread.reader = null;
      await stop();
    }
  }

  /** Commits when it is due, and tells the log of a commit that it could not be told of. */
  #tick(): void {
    this.#tellDamage();
    this.#scrub.tick().catch((error: unknown) => this.#fail(error));
    this.#state.horizon.watch();
    this.#releases.watch().catch((error: unknown) => this.#fail(error));
    if (this.#commits.isDue() && this.#queue.size <= 1) {
      this.#queue
        .run(async () => {
          if (this.#state.hasChanged && !this.#stop.signal.aborted) await this.#commit();
        })
        .catch((error: unknown) => this.#fail(error));
    }
    this.#standstills.tick();
    this.#tell();
  }

  #tellDamage(): void {
    const { damage } = this;
    if (damage === null || damage.code === this.#damageTold) return;
    this.#damageTold = damage.code;
    this.#options.onNotice?.(`${damage.code}: ${damage.message}`, "damaged");
  }

  /** Only in the serial queue. */
  async #commit(): Promise<void> {
    if (this.#failure !== null) throw this.#failure.error;
    await this.#commits.commit();
    this.#telling.tell(this.#state.sensors.list().filter(({ news }) => news.has("expired")));
    this.#tell();
  }

  #tell(): void {
    if (!this.#stop.signal.aborted) this.#commits.tell().catch((error: unknown) => this.#fail(error));
  }

  onChange(listener: (changes: readonly Change[]) => void): () => void {
    return this.#telling.onChange(listener);
  }

  beforeCommit(listener: () => void): () => void {
    return this.#telling.beforeCommit(listener);
  }

  #sensor(name: string): Series {
    const sensor = this.#state.sensors.find(name);
    if (sensor === undefined) throw new Error(`BUG: sensor "${name}" was never opened`);
    return sensor;
  }

  topicOf(sensor: string): string {
    return this.#state.ledger.rootOf(sensor);
  }

  refusal(sensor: string): TidemarkError | null {
    return this.#following.refusal(sensor);
  }

  admit(sensor: string): Promise<void> {
    return this.#following.admit(sensor);
  }

  skip(topic: string, partition: number, to: number): Promise<number> {
    return this.#standstills.skip(topic, partition, to);
  }

  get notices(): readonly string[] {
    const found = this.damage === null ? [] : [this.damage.message];
    return [...found, ...this.#state.notices, ...this.#following.notices, ...this.#standstills.notices()];
  }

  get counters(): Engine["counters"] {
    return countersOf(this.#options);
  }

  get damage(): TidemarkError | null {
    return damageOf(this.#options);
  }

  get backlog(): number {
    return this.#replay.left;
  }

  get trouble(): string | null {
    return this.#trouble ?? this.#commits.trouble ?? this.#options.log.trouble;
  }

  query(name: string, window: Window, needs: Needs, device?: string): Answer {
    const sensor = this.#sensor(name);
    const { firstTime, lastTime, keptSince } = sensor.totals;
    const series = device === undefined ? sensor.id : this.#devices.ownOf(sensor, device).series;
    const start = Math.max(window.start, keptSince, Math.floor(firstTime / 1000));
    const end = Math.min(window.end, Math.floor(lastTime / 1000) + 1);
    if (!(start < end)) return emptyAnswer(needs);
    return this.#guarded(() => {
      if (device !== undefined) this.#state.deviceSeries.settle(series);
      return this.#state.history.query(series, { start, end }, needs);
    });
  }

  #guarded<T>(ask: () => T): T {
    // A batch or a merge that was broken off left half of it in memory.
    if (this.#failure !== null) throw this.#failure.error;
    try {
      return ask();
    } catch (error) {
      if (this.#state.history.isTorn) this.#fail(error);
      throw error;
    }
  }

  asOf(ms: number): Past {
    return new PastHistory(this.#state, this.#devices, ms, (ask) => this.#guarded(ask));
  }

  span(name: string, device?: string): SensorSpan {
    return device === undefined ? this.#sensor(name).totals.span : this.#devices.span(this.#sensor(name), device);
  }

  requireSeries(sensor: string, device: string): void {
    this.#devices.ownOf(this.#sensor(sensor), device);
  }

  devices({ sensor, ...query }: { sensor: string; after?: string; limit: number }): DeviceStatus[] {
    return this.#devices.list(this.#sensor(sensor), query);
  }

  async rankDevices({ sensor, ...query }: { sensor: string } & RankQuery): Promise<DeviceStatus[]> {
    return this.#devices.rank(this.#sensor(sensor), query);
  }

  device(sensor: string, device: string): DeviceStatus | null {
    return this.#devices.find(this.#sensor(sensor), device);
  }

  status(name: string): SensorStatus {
    const [unread, standstills, { hints }] = [this.#unread, this.#standstills, this.#ingest];
    const parts = { state: this.#state, unread, standstills, hints, nowMs: this.#options.clock.now() };
    return statusOf(this.#sensor(name), parts);
  }

  #listQuery({ sensor, ...query }: { sensor?: string; after?: number; limit: number }) {
    return sensor === undefined ? query : { ...query, sensor: this.#sensor(sensor) };
  }

  listQuarantine(query: { sensor?: string; after?: number; limit: number }): ListPart<Quarantined> {
    return this.#uncounted.listQuarantine(this.#listQuery(query));
  }

  listRejections(query: { sensor?: string; after?: number; limit: number }): ListPart<RejectedRecord> {
    return this.#uncounted.listRejections(this.#listQuery(query));
  }

  releaseQuarantine(which: Chosen): Promise<number> {
    return this.#releases.releaseQuarantine(which);
  }

  discardQuarantine(which: Chosen): Promise<number> {
    return this.#releases.discardQuarantine(which);
  }

  releaseRejections(which: ChosenRejections): Promise<number> {
    return this.#releases.releaseRejections(which);
  }

  discardRejections(which: ChosenRejections): Promise<number> {
    return this.#releases.discardRejections(which);
  }
}
