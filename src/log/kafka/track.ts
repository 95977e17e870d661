/** One partition as its reader follows it: how far it was fetched, where, and what an answer of its leader means. */
import { TidemarkError } from "../../core/errors.ts";
import type { Gap, Topic } from "../log.ts";
import {
  CORRUPT_MESSAGE,
  NONE,
  OFFSET_OUT_OF_RANGE,
  TOPIC_AUTHORIZATION_FAILED,
  UNKNOWN_TOPIC_OR_PARTITION,
} from "./faults.ts";
import type { FetchedPartition } from "./fetch.ts";
import { endOf, type FetchedContent } from "./fetched.ts";
import { type LocatedTopic, NOWHERE } from "./metadata.ts";

/** A topic counts as gone after this many misses in a row, over about a second: brokers learn of topics one after another. */
export const MISSING_TRIES = 6;

/** What an answer means: something to hand out; nothing new; the position is not in the log; ask again elsewhere or later; give up. */
export type Verdict =
  | { readonly kind: "brought"; readonly content: FetchedContent }
  | { readonly kind: "nothing" }
  | { readonly kind: "incomplete" }
  | { readonly kind: "out-of-range" }
  | { readonly kind: "lost"; readonly why: string }
  | { readonly kind: "failed"; readonly error: TidemarkError };

/** The cursor of one partition. Each answer moves it: on, back to where the log was cut, or past a gap. */
export class Track {
  readonly topic: Topic;
  readonly partition: number;
  readonly key: string;
  /** Names it in messages. */
  readonly where: string;
  /** The offset to fetch next: ahead of what was decoded. */
  next: number;
  /** The leader epoch of the record before `next`, -1 when unknown: lets the broker tell whether the log was cut back since. */
  epoch = -1;
  /** The offset after the newest record, as last seen. */
  end: number;
  /** The offset after the newest record that no open transaction blocks; and since when it has not moved while there was more, ms. */
  #stable = -1;
  #stableSince: number | null = null;
  /** The node it is fetched from, or `NOWHERE`. */
  leader = NOWHERE;
  /** Replaced by another track: answers still under way are ignored. */
  isDropped = false;
  /** Faults since the last good answer. */
  failures = 0;
  /** How often in a row the topic was missing. */
  #missing = 0;
  readonly #endAtStart: number;

  /** @param end where the partition ended when that was last heard of */
  constructor(topic: Topic, partition: number, offset: number, end: number) {
    this.topic = topic;
    this.partition = partition;
    this.key = partitionKey(topic.id, partition);
    this.where = `"${topic.name}" partition ${partition}`;
    this.next = offset;
    this.end = Math.max(offset, end);
    this.#endAtStart = end;
  }

  /** Its leader by the cluster's metadata. */
  locate(found: LocatedTopic): Verdict {
    const { name, id } = this.topic;
    const gone = found.errorCode === UNKNOWN_TOPIC_OR_PARTITION;
    this.#missing = gone ? this.#missing + 1 : 0;
    if (this.#missing >= MISSING_TRIES)
      return failed("topic-missing", `Cannot read "${name}": the topic is gone from Kafka`);
    if (found.errorCode === TOPIC_AUTHORIZATION_FAILED) return refused(this.where);
    if (found.errorCode === NONE && found.id !== id) {
      const why = `its topic id must be ${id}, was ${found.id}: it was deleted and made anew`;
      return failed("topic-recreated", `Cannot go on reading "${name}": ${why}`);
    }
    const leader = found.leaders[this.partition] ?? NOWHERE;
    if (leader === NOWHERE) {
      const why = gone ? "Kafka does not know the topic" : `no broker leads it (error ${found.errorCode})`;
      return { kind: "lost", why: `Cannot read ${this.where}: ${why}` };
    }
    this.leader = leader;
    return { kind: "nothing" };
  }

  /** What its leader's answer brings; moves on past it. @param now ms */
  accept(answer: FetchedPartition, now: number): Verdict {
    switch (answer.errorCode) {
      case NONE:
        break;
      case OFFSET_OUT_OF_RANGE:
        return { kind: "out-of-range" };
      case TOPIC_AUTHORIZATION_FAILED:
        return refused(this.where);
      case CORRUPT_MESSAGE:
        return failed(
          "log-corrupt",
          `Cannot read ${this.where}: the broker finds its log damaged at offset ${this.next} or after`,
        );
      default:
        return { kind: "lost", why: `Cannot read ${this.where}: its broker answers with error ${answer.errorCode}` };
    }
    this.end = answer.highWatermark;
    this.#noteStable(answer.lastStableOffset, now);
    if (answer.divergedAt >= 0)
      return { kind: "brought", content: this.moveTo(Math.min(answer.divergedAt, this.next)) };
    if (answer.records === null) return { kind: "nothing" };
    const from = this.next;
    const { next, epoch, damaged } = endOf(answer.records);
    if (next < 0 && !damaged) return { kind: "incomplete" };
    if (next >= 0) {
      this.next = Math.max(next, from);
      this.epoch = epoch;
      this.end = Math.max(this.end, next); // the broker notes where the log ends before it reads
    }
    const { records, aborted } = answer;
    return { kind: "brought", content: { ...this.place, gap: null, from, records, aborted } };
  }

  /** An open transaction blocks its records, and everything behind the first of them. */
  #noteStable(stable: number, now: number): void {
    const isBlocked = stable >= 0 && stable < this.end;
    if (!isBlocked) this.#stableSince = null;
    else if (stable !== this.#stable || this.#stableSince === null) this.#stableSince = now;
    this.#stable = stable;
  }

  /** Since when an open transaction blocks it, ms. */
  get blockedSince(): number | null {
    return this.next >= this.#stable ? this.#stableSince : null;
  }

  /** What to do about a position that the leader does not have, given what it has. */
  relocate(start: number, end: number): Verdict {
    this.end = end;
    if (this.next < start) return { kind: "brought", content: this.moveTo(start) };
    // Not to where it ends by now: what was appended since the start was not read yet.
    if (this.next > end)
      return { kind: "brought", content: this.moveTo(Math.max(start, Math.min(end, this.#endAtStart))) };
    const why = `its broker says that offset ${this.next} is not within ${start} and ${end}`;
    return { kind: "lost", why: `Cannot read ${this.where}: ${why}` };
  }

  /** Ahead: what is between was dropped before it was read. Back: the log was cut back behind what was read. */
  moveTo(to: number): FetchedContent {
    const from = this.next;
    this.next = to;
    this.epoch = -1;
    const gap: Gap = to >= from ? { from, to } : { from: to, to, cutFrom: from };
    return { ...this.place, logEnd: Math.max(this.end, to), gap, from: to, records: null, aborted: null };
  }

  /** The head of every read. */
  get place(): { topic: string; partition: number; logEnd: number } {
    return { topic: this.topic.name, partition: this.partition, logEnd: this.end };
  }
}

/** Names a partition of one life of a topic. */
export function partitionKey(topicId: string, partition: number): string {
  return `${topicId}/${partition}`;
}

/** The partition cannot be read on until someone intervenes. */
function failed(code: "topic-missing" | "topic-recreated" | "log-refused" | "log-corrupt", message: string): Verdict {
  return { kind: "failed", error: new TidemarkError(code, message) };
}

function refused(where: string): Verdict {
  return failed("log-refused", `Cannot read ${where}: Kafka does not allow it`);
}
