/**
 * Partitions that are not read on though the log holds more. One that cannot be read (damaged, of an old format, gone, not allowed) stands still alone:
 * it is named, retried, and read on behind the damage on request (`tidemark skip`). One behind an open transaction waits.
 * States of a partition that cannot be read: *standing* → (a try is due) *tried* → standing again, or read on: then it is none any more.
 */
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import type { OnNotice } from "../core/notice.ts";
import { formatMs } from "../core/time.ts";
import type { Standstill } from "../engine/engine.ts";
import type { Log } from "../log/log.ts";
import type { SerialQueue } from "./serial-queue.ts";
import type { PartitionState, Source } from "./sources.ts";
import type { State } from "./state.ts";
import type { Unread } from "./unread.ts";

/** First and longest wait before a partition is tried again, ms: what was damaged on its way is right the second time, a damaged disk is not. */
const RETRY_FIRST_MS = 200;
const RETRY_LONGEST_MS = 10_000;

/** A retried partition that has not failed within this time counts as read on, ms, even without records: its leader answers within half a second. */
const PROVEN_MS = 5000;

/** An open transaction is worth a notice when it is older, ms: those of a busy producer end within milliseconds. */
const TRANSACTION_MS = 2000;

/** Partitions named in a notice; the rest is counted. */
const NAMED_MAX = 10;

/** Errors that stop one partition only. */
const ALONE: ReadonlySet<string> = new Set([
  "log-corrupt",
  "log-too-old",
  "log-refused",
  "topic-missing",
  "topic-recreated",
]);

/** Errors of damaged data, which can be skipped. */
const DAMAGED: ReadonlySet<string> = new Set(["log-corrupt", "log-too-old"]);

interface Stand {
  readonly code: string;
  readonly partition: PartitionState;
  readonly since: number;
  offset: number;
  detail: string;
  resumeAt: number | null;
  waitMs: number;
  /** When it is retried, and then, when it counts as read on; as `performance.now` counts. */
  due: number;
  isTried: boolean;
}

/** What it needs. */
export interface StandstillsOptions {
  readonly state: State;
  readonly log: Log;
  readonly clock: Clock;
  readonly queue: SerialQueue;
  readonly unread: Unread;
  /** Only in the serial queue. */
  readonly commit: () => Promise<void>;
  /** Listener for partitions that stand still, or are read on. */
  readonly onNotice?: OnNotice;
  /** Takes a bug: ends the pipeline. */
  readonly fail: (error: unknown) => void;
}

/** Every partition that stands still. */
export class Standstills {
  readonly #options: StandstillsOptions;
  readonly #stands = new Map<string, Stand>();
  #trying = false;

  constructor(options: StandstillsOptions) {
    this.#options = options;
  }

  /**
   * The partition cannot be read on.
   * @param resumeAt the offset behind what is unreadable; null when unknown
   * @returns false when the error is about more than this partition
   */
  halt(partition: PartitionState, error: unknown, resumeAt: number | null): boolean {
    if (!(error instanceof TidemarkError) || !ALONE.has(error.code)) return false;
    const key = keyOf(partition);
    const before = this.#stands.get(key);
    const waitMs = before?.waitMs ?? RETRY_FIRST_MS;
    const since = before?.since ?? this.#options.clock.now();
    const stand: Stand = {
      code: error.code,
      partition,
      since,
      offset: partition.next,
      detail: error.message,
      resumeAt,
      waitMs,
      // A topic that was made anew is only to be opened.
      due: performance.now() + (error.code === "topic-recreated" && before === undefined ? 0 : waitMs),
      isTried: false,
    };
    this.#stands.set(key, stand);
    if (error.code === "topic-missing") this.#follow(partition.topic, false);
    if (error.code === "topic-recreated") this.tick();
    else if (before?.detail !== error.message)
      this.#options.onNotice?.(this.#sentence(this.#shown(stand)), "standstill-began");
    return true;
  }

  /** Something of the partition was taken in. */
  passed(partition: PartitionState): void {
    const stand = this.#stands.get(keyOf(partition));
    if (stand !== undefined && (stand.partition !== partition || stand.offset < partition.next)) this.#end(stand);
  }

  #end({ partition }: Stand): void {
    this.#stands.delete(keyOf(partition));
    this.#options.onNotice?.(`${placeOf(partition)} is read on`, "standstill-ended");
  }

  /** Tries again what is due; ask now and then. */
  tick(): void {
    if (this.#stands.size === 0 || this.#trying || this.#options.unread.reader === null) return;
    this.#trying = true;
    this.#tryDue()
      .catch(this.#options.fail)
      .finally(() => {
        this.#trying = false;
      });
  }

  async #tryDue(): Promise<void> {
    for (let stand = this.#firstDue(); stand !== undefined; stand = this.#firstDue()) {
      if (stand.isTried) this.#end(stand);
      else await this.#tryAgain(stand);
    }
  }

  #firstDue(): Stand | undefined {
    const now = performance.now();
    for (const stand of this.#stands.values()) if (stand.due <= now) return stand;
    return undefined;
  }

  /** Whether the topic's sensor is said to be followed. */
  #follow(topic: string, followed: boolean): void {
    const { sources, sensors } = this.#options.state;
    const source = sources.find(topic);
    if (source !== undefined) sensors.follow(source.own, followed);
  }

  async #tryAgain(stand: Stand): Promise<void> {
    const { log, queue, state, unread } = this.#options;
    const { topic: name, partition } = stand.partition;
    stand.waitMs = Math.min(stand.waitMs * 2, RETRY_LONGEST_MS);
    stand.due = performance.now() + stand.waitMs;
    try {
      const [topic] = (await log.open([name])).topics;
      if (topic === undefined) return;
      await queue.run(async () => {
        if (this.#stands.get(keyOf(stand.partition)) !== stand) return;
        const opened = state.openTopic(topic).partitions[partition];
        if (opened === undefined) return;
        this.#follow(name, true);
        unread.reader?.add([{ topic: name, partition, offset: opened.next }]);
        stand.isTried = true;
        stand.due = performance.now() + PROVEN_MS;
      });
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error; // else it is tried again
    }
  }

  /**
   * Reads a partition that stands still on from another offset; what is between counts as a gap.
   * @returns how many records were passed over
   * @throws TidemarkError "request-invalid" when it does not stand still, or the offset is not behind it
   */
  skip(topic: string, partition: number, to: number): Promise<number> {
    const { queue, state, unread, commit } = this.#options;
    return queue.run(async () => {
      const stand = this.#stands.get(`${topic}/${partition}`);
      const source = state.sources.find(topic);
      if (stand === undefined || source === undefined) {
        throw new TidemarkError(
          "request-invalid",
          `Cannot skip in "${topic}" partition ${partition}: it must stand still, is read or not known`,
        );
      }
      const position = stand.partition;
      const end = unread.endOf(position);
      if (!Number.isSafeInteger(to) || to <= position.next || to > end) {
        const wanted = `the offset must be > ${position.next} and <= ${end}, the log's end`;
        throw new TidemarkError("request-invalid", `Cannot skip in ${placeOf(position)}: ${wanted}, was ${to}`);
      }
      const passed = to - position.next;
      source.own.totals.gapRecords += passed;
      source.own.changed = true;
      position.next = to;
      await commit();
      unread.reader?.add([{ topic, partition, offset: to }]);
      stand.isTried = true;
      stand.due = performance.now() + PROVEN_MS;
      return passed;
    });
  }

  /** Those of some sources: what cannot be read, and what waits behind an open transaction. */
  of(sources: readonly Source[]): Standstill[] {
    return sources.flatMap(({ partitions }) => partitions.flatMap((partition) => this.#ofPartition(partition) ?? []));
  }

  /** Whether nothing of the partition is read now, though there is something. */
  isAt(partition: PartitionState): boolean {
    return this.#ofPartition(partition) !== null;
  }

  #ofPartition(partition: PartitionState): Standstill | null {
    const stand = this.#stands.get(keyOf(partition));
    if (stand !== undefined) return this.#shown(stand);
    const since = this.#options.unread.blockedSince(partition);
    if (since === null) return null;
    const detail = `waiting behind an open transaction since ${formatMs(since)}`;
    return { ...this.#placed(partition), since, reason: "open-transaction", detail, resumeAt: null };
  }

  #shown({ partition, since, detail, resumeAt }: Stand): Standstill {
    return { ...this.#placed(partition), since, reason: "unreadable", detail, resumeAt };
  }

  #placed(partition: PartitionState) {
    const { topic, partition: number, next } = partition;
    return {
      topic,
      partition: number,
      offset: next,
      waiting: Math.max(0, this.#options.unread.endOf(partition) - next),
    };
  }

  /** The notice of all standstills, the first few by name. O(partitions). */
  notices(): string[] {
    const now = this.#options.clock.now();
    const all: Standstill[] = [];
    for (const { partitions } of this.#options.state.sources.list()) {
      for (const partition of partitions) {
        const standstill = this.#ofPartition(partition);
        if (standstill === null) continue;
        if (standstill.reason === "unreadable" || now - standstill.since >= TRANSACTION_MS) all.push(standstill);
      }
    }
    const named = all.slice(0, NAMED_MAX).map((standstill) => this.#sentence(standstill));
    return all.length > NAMED_MAX ? [...named, `${all.length - NAMED_MAX} more partitions are not read on`] : named;
  }

  #sentence({ topic, partition, offset, waiting, reason, detail, resumeAt }: Standstill): string {
    const canSkip = DAMAGED.has(this.#stands.get(keyOf({ topic, partition }))?.code ?? "");
    const place = `${placeOf({ topic, partition })} at offset ${offset}, where ${waiting} records wait`;
    if (reason === "open-transaction") return `${place}: ${detail}`;
    if (!canSkip) return `cannot read ${place}: ${detail}`;
    const hint = `tidemark skip ${topic} ${partition} --to ${resumeAt ?? "OFFSET"}`;
    return `cannot read ${place}: ${detail}; to go on behind it: ${hint}`;
  }
}

function keyOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
}

function placeOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `"${topic}" partition ${partition}`;
}
