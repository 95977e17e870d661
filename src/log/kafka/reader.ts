/** Reads partitions that were assigned by hand from their leaders: one fetch per leader is under way while what the last one brought is decoded. */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../../core/clock.ts";
import { TidemarkError } from "../../core/errors.ts";
import { FetchedFailure } from "../fetched-failure.ts";
import type { Fetched, LogReader, Position, Topic } from "../log.ts";
import type { Cluster } from "./cluster.ts";
import { operatingError } from "./faults.ts";
import type { FetchedPartition, FetchPosition } from "./fetch.ts";
import { FetchedBatches, type FetchedContent } from "./fetched.ts";
import type { Fetcher } from "./fetcher.ts";
import { type LocatedTopic, NOWHERE } from "./metadata.ts";
import { type Pause, retryMs } from "./pause.ts";
import { Track, type Verdict } from "./track.ts";
import { type OnTrouble, Trouble } from "./trouble.ts";

/** Metadata is refreshed this often, ms, to notice added partitions. */
const METADATA_INTERVAL_MS = 30_000;

/** Where a fault is that keeps leaders from being found, while nothing is read. */
const CLUSTER = "the cluster";

/** What a reader reads, and by what. */
export interface ReaderOptions {
  readonly clock: Clock;
  readonly pause: Pause;
  /** Without it, `read` throws "log-unreachable" when a fault lasts; reading may then go on. */
  readonly onTrouble: OnTrouble | undefined;
  readonly onClosed: () => void;
  /** A partition's last known end. */
  readonly endOf: (topic: Topic, partition: number) => number;
}

/**
 * States: idle → (first `read`) → running → closed, or failed: then `read` throws what cannot be mended here, after what was already fetched.
 * While running, `#supervise` finds leaders for partitions that have none, and a `#feed` per leader fetches. A partition that cannot be read on
 * leaves both, behind a read that says why, until it is added anew.
 */
export class KafkaReader implements LogReader {
  readonly #cluster: Cluster;
  readonly #fetcher: Fetcher;
  readonly #clock: Clock;
  readonly #trouble: Trouble;
  readonly #pause: Pause;
  readonly #onClosed: () => void;
  readonly #stop = new AbortController();
  readonly #tracks: Track[] = [];
  /** In the order of the next request: partitions that brought records go to the end, so that each has its turn. */
  #turns: Track[] = [];
  /** Leaders that are being asked. */
  readonly #feeds = new Set<number>();
  /** The running supervisor and feeds, one per leader. A bug in one is not caught, and ends the process. */
  readonly #tasks = new Set<Promise<void>>();
  #started = false;
  #ready: { readonly track: Track; readonly fetched: Fetched; readonly onTaken: () => void }[] = [];
  /** By topic and partition. */
  readonly #trackOf = new Map<string, Map<number, Track>>();
  readonly #topics: ReadonlyMap<string, Topic>;
  readonly #endOf: (topic: Topic, partition: number) => number;
  #failure: TidemarkError | null = null;
  /** Thrown once: reading goes on when it is called again. */
  #interruption: TidemarkError | null = null;
  #wakeReader = (): void => {};
  #wakeSupervisor = (): void => {};

  constructor(
    cluster: Cluster,
    positions: readonly Position[],
    topics: ReadonlyMap<string, Topic>,
    options: ReaderOptions,
  ) {
    this.#cluster = cluster;
    this.#fetcher = cluster.fetcher();
    this.#clock = options.clock;
    this.#pause = options.pause;
    this.#onClosed = options.onClosed;
    this.#trouble = new Trouble(options.clock, options.onTrouble ?? ((why) => this.#interrupt(why)));
    this.#topics = topics;
    this.#endOf = options.endOf;
    this.add(positions);
  }

  add(positions: readonly Position[]): void {
    for (const { topic: name, partition, offset } of positions) {
      const topic = this.#topics.get(name);
      if (topic === undefined) {
        this.#fail(new TidemarkError("topic-missing", `Cannot read "${name}": it was not opened`));
        return;
      }
      const ofTopic = this.#trackOf.get(name) ?? new Map<number, Track>();
      const former = ofTopic.get(partition);
      if (former !== undefined) this.#drop(former);
      const track = new Track(topic, partition, offset, this.#endOf(topic, partition));
      this.#tracks.push(track);
      this.#turns.push(track);
      this.#trackOf.set(name, ofTopic.set(partition, track));
    }
    this.#wakeSupervisor();
  }

  /** Makes a track stand still: the reason comes behind what was handed out already. */
  #halt(track: Track, error: TidemarkError): void {
    this.#leave(track);
    this.#ready.push({
      track,
      fetched: new FetchedFailure(track.place, error, () => track.isDropped),
      onTaken: () => {},
    });
    this.#wakeReader();
  }

  /** Drops what was fetched of a track and not handed out. */
  #discard(track: Track): void {
    this.#leave(track);
    for (const { onTaken } of this.#ready.filter((ready) => ready.track === track)) onTaken();
    this.#ready = this.#ready.filter((ready) => ready.track !== track);
  }

  /** Replaces a track by another. */
  #drop(track: Track): void {
    track.isDropped = true;
    this.#discard(track);
  }

  /** Stops fetching a track; answers under way are ignored. */
  #leave(track: Track): void {
    track.leader = NOWHERE;
    this.#trouble.good(track.where);
    const at = this.#tracks.indexOf(track);
    if (at >= 0) this.#tracks.splice(at, 1);
    this.#turns = this.#turns.filter((other) => other !== track);
  }

  async read(signal?: AbortSignal): Promise<Fetched | null> {
    if (!this.#started) this.#run(this.#supervise());
    this.#started = true;
    while (!this.#stop.signal.aborted && signal?.aborted !== true) {
      const ready = this.#ready.shift();
      if (ready !== undefined) {
        ready.onTaken();
        await turn(); // lets the next request leave before the caller decodes, which holds the thread
        if (ready.track.isDropped) continue;
        return this.#stop.signal.aborted ? null : ready.fetched;
      }
      if (this.#failure !== null) throw this.#failure;
      this.#throwInterruption();
      await this.#waitForMore(signal);
    }
    return null;
  }

  async #waitForMore(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#wakeReader = wake;
    signal?.addEventListener("abort", wake, { once: true });
    await promise;
    signal?.removeEventListener("abort", wake);
  }

  end(topic: string, partition: number): number {
    return this.#trackOf.get(topic)?.get(partition)?.end ?? 0;
  }

  blockedSince(topic: string, partition: number): number | null {
    const track = this.#trackOf.get(topic)?.get(partition);
    return track === undefined || track.leader === NOWHERE ? null : track.blockedSince;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const { onTaken } of this.#ready.splice(0)) onTaken();
    this.#wakeReader();
    for (const track of this.#tracks) this.#trouble.good(track.where);
    await this.#fetcher.close();
    await Promise.all(this.#tasks);
    this.#onClosed();
  }

  #run(task: Promise<void>): void {
    const running = task.finally(() => this.#tasks.delete(running));
    this.#tasks.add(running);
  }

  get #over(): boolean {
    return this.#stop.signal.aborted || this.#failure !== null;
  }

  #fail(error: TidemarkError): void {
    this.#failure ??= error;
    this.#wakeReader();
    this.#wakeSupervisor();
  }

  #interrupt(why: string | null): void {
    this.#interruption = why === null ? null : new TidemarkError("log-unreachable", why);
    this.#wakeReader();
  }

  #throwInterruption(): void {
    const interruption = this.#interruption;
    this.#interruption = null;
    if (interruption !== null) throw interruption;
  }

  /** Finds leaders, again and again while there are partitions without one, else now and then. */
  async #supervise(): Promise<void> {
    while (!this.#over) {
      try {
        this.#place(await this.#cluster.locate([...new Set(this.#tracks.map(({ topic }) => topic.name))]));
        this.#trouble.good(CLUSTER);
      } catch (error) {
        this.#couldNotLocate(error);
      }
      const nap = new AbortController();
      this.#wakeSupervisor = () => nap.abort();
      const signal = AbortSignal.any([nap.signal, this.#stop.signal]);
      if (this.#over) return;
      if (this.#lost.length === 0) await this.#pause(METADATA_INTERVAL_MS, signal);
      if (this.#lost.length > 0) await this.#pause(this.#retryMs, this.#stop.signal);
    }
  }

  get #lost(): Track[] {
    return this.#tracks.filter((track) => track.leader === NOWHERE);
  }

  get #retryMs(): number {
    return retryMs(Math.max(...this.#lost.map((track) => track.failures)));
  }

  #couldNotLocate(error: unknown): void {
    if (this.#over) return;
    const fault = operatingError("find the leaders in Kafka", error);
    if (!fault.retryable) this.#fail(fault);
    for (const track of this.#lost) this.#lose(track, fault.message);
    if (this.#tracks.length === 0) this.#trouble.fault(CLUSTER, fault.message);
  }

  #place(located: readonly LocatedTopic[]): void {
    const byName = new Map(located.map((topic) => [topic.name, topic]));
    for (const track of [...this.#tracks]) {
      const found = byName.get(track.topic.name);
      if (found !== undefined) this.#follow(track, track.locate(found)); // else it was added since it was asked
    }
    for (const leader of new Set(this.#tracks.map((track) => track.leader))) {
      if (leader === NOWHERE || this.#feeds.has(leader) || this.#over) continue;
      this.#feeds.add(leader);
      this.#run(this.#feed(leader));
    }
  }

  /** Does what a verdict says, except handing out. */
  #follow(track: Track, verdict: Verdict): void {
    if (verdict.kind === "failed") this.#halt(track, verdict.error);
    if (verdict.kind === "lost") this.#lose(track, verdict.why);
  }

  /** The partition is read nowhere until its leader is found again. */
  #lose(track: Track, why: string): void {
    track.leader = NOWHERE;
    track.failures++;
    this.#trouble.fault(track.where, why);
    this.#wakeSupervisor();
  }

  /** One request after the other to one leader, as long as it leads something. The next one leaves when the reader takes what the last one brought. */
  async #feed(node: number): Promise<void> {
    while (!this.#over) {
      const tracks = this.#turns.filter((track) => track.leader === node);
      if (tracks.length === 0) break;
      const asked = new Map(tracks.map((track) => [positionOf(track), track]));
      const answers = await this.#ask(node, asked);
      const brought = new Map<Track, FetchedContent>();
      let incomplete: Track | null = null;
      for (const [position, answer] of answers) {
        const track = asked.get(position);
        // Stale: the partition has been fetched from elsewhere since.
        if (track === undefined || track.leader !== node || track.next !== position.next) continue;
        const first = track.accept(answer, this.#clock.now());
        const verdict = first.kind === "out-of-range" ? await this.#relocate(node, track) : first;
        if (track.isDropped) continue; // meanwhile
        this.#follow(track, verdict);
        if (verdict.kind === "incomplete") incomplete = track;
        if (verdict.kind === "brought") brought.set(track, verdict.content);
        if (verdict.kind === "brought" || verdict.kind === "nothing") this.#good(track);
      }
      // Another partition may have filled the answer; if none did, this one's next batch never comes.
      if (brought.size === 0 && incomplete !== null && !incomplete.isDropped)
        this.#lose(incomplete, `Cannot read ${incomplete.where}: no whole batch comes`);
      if (brought.size > 0 && this.#turns.length > 1)
        this.#turns = [...this.#turns.filter((track) => !brought.has(track)), ...brought.keys()];
      await this.#handOut(brought);
    }
    this.#feeds.delete(node);
  }

  #good(track: Track): void {
    track.failures = 0;
    this.#trouble.good(track.where);
  }

  /** Resolves when the reader takes the first of it, or at once when there is none. */
  async #handOut(brought: ReadonlyMap<Track, FetchedContent>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let count = 0;
    for (const [track, content] of brought) {
      if (track.isDropped) continue;
      const onDamaged = (): void => this.#discard(track);
      this.#ready.push({
        track,
        fetched: new FetchedBatches({ ...content, onDamaged, isDropped: () => track.isDropped }),
        onTaken: resolve,
      });
      count++;
    }
    if (count === 0 || this.#stop.signal.aborted) return;
    this.#wakeReader();
    await promise;
  }

  async #ask(node: number, asked: ReadonlyMap<FetchPosition, Track>): Promise<[FetchPosition, FetchedPartition][]> {
    try {
      return await this.#fetcher.fetch(node, [...asked.keys()]);
    } catch (error) {
      this.#couldNotAsk(node, [...asked.values()], error);
      return [];
    }
  }

  #couldNotAsk(node: number, tracks: readonly Track[], error: unknown): void {
    if (this.#over) return;
    const fault = operatingError("read from Kafka", error);
    if (!fault.retryable) this.#fail(fault);
    for (const track of tracks) if (track.leader === node) this.#lose(track, fault.message);
  }

  /** The position is not in the log: dropped before it was read, or cut off behind it. */
  async #relocate(node: number, track: Track): Promise<Verdict> {
    if (track.epoch >= 0) {
      track.epoch = -1; // the leader may have forgotten the epoch alone: ask again for the offset
      return { kind: "nothing" };
    }
    try {
      // Where fetches name topics, one that was made anew looks like the old one cut back.
      const [found] = await this.#cluster.locate([track.topic.name]);
      const placed = track.locate(found);
      if (placed.kind !== "nothing") return placed;
      const [{ start, end }] = await this.#cluster.offsets(node, [
        { topic: track.topic.name, partition: track.partition },
      ]);
      return track.relocate(start, end);
    } catch (error) {
      return { kind: "lost", why: operatingError(`find the offsets of ${track.where}`, error).message };
    }
  }
}

function positionOf({ topic, partition, next, epoch }: Track): FetchPosition {
  return { topic: topic.name, topicId: topic.id, partition, next, epoch };
}
