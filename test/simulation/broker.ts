/** A Kafka as the log's contract shows it, in memory: what it holds outlives the process that reads it, and it does what brokers do to readers. */

import type { PlannedRecord } from "./plan.ts";

/** A record that a producer sent. */
export interface Sent {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** The producer's, ms; -1: none. */
  readonly time: number;
}

/** @param stamp of a log that stamps records itself, ms */
export function sentOf(records: readonly PlannedRecord[], stamp: number | null): Sent[] {
  return records.map(({ key, value, time }) => ({
    key: key === null ? null : Buffer.from(key, "latin1"),
    value: value === null ? null : Buffer.from(value, "latin1"),
    time: stamp ?? time,
  }));
}

/** `open`: of a transaction that has not ended; `gone`: of one that was aborted, or compacted away. */
type RecordState = "there" | "open" | "gone";

export interface Held extends Sent {
  readonly offset: number;
  state: RecordState;
}

export class BrokerPartition {
  records: Held[] = [];
  start = 0;
  end = 0;
  /** How often a new leader lacked records, and how far each time it was cut back. */
  readonly cuts: number[] = [];
  /** Its leader brings nothing. */
  isStalled = false;
  /** What is at this offset cannot be read. */
  corruptAt: number | null = null;
  /** Since when a transaction is open, ms; null: none is. */
  openSince: number | null = null;

  append(sent: readonly Sent[]): void {
    const state = this.openSince === null ? "there" : "open";
    for (const record of sent) this.records.push({ ...record, offset: this.end++, state });
  }

  /** What is before this can be read. */
  get stableEnd(): number {
    return this.records.find(({ state }) => state === "open")?.offset ?? this.end;
  }

  endTransaction(isCommitted: boolean): void {
    for (const record of this.records) if (record.state === "open") record.state = isCommitted ? "there" : "gone";
    this.openSince = null;
    this.end++; // the control record
  }

  /** Its new leader lacks the last records. */
  cut(records: number): void {
    this.end = Math.max(this.start, this.end - records);
    this.records = this.records.filter(({ offset }) => offset < this.end);
    this.cuts.push(this.end);
    if (this.corruptAt !== null && this.corruptAt >= this.end) this.corruptAt = null;
  }

  /** Everything before the offset is deleted. */
  trim(to: number): void {
    this.start = Math.max(this.start, Math.min(to, this.end));
    this.records = this.records.filter(({ offset }) => offset >= this.start);
    if (this.corruptAt !== null && this.corruptAt < this.start) this.corruptAt = null;
  }
}

export interface BrokerTopic {
  readonly name: string;
  readonly id: string;
  readonly partitions: BrokerPartition[];
}

/** States of reaching it: reachable, or not for the next `unreachable` requests. */
export class Broker {
  readonly topics = new Map<string, BrokerTopic>();
  /** What it was told that may be forgotten, by topic id and partition. */
  readonly told = new Map<string, number>();
  unreachable = 0;
  #created = 0;
  readonly #onChange = new Set<() => void>();

  /** Makes the topic; one that exists is deleted first. */
  create(name: string, partitions: number): BrokerTopic {
    const id = `${name}-life-${++this.#created}`;
    const topic = { name, id, partitions: Array.from({ length: partitions }, () => new BrokerPartition()) };
    this.topics.set(name, topic);
    return topic;
  }

  /** Of all topics. */
  partitions(): BrokerPartition[] {
    return [...this.topics.values()].flatMap(({ partitions }) => partitions);
  }

  /** All is well again. */
  heal(): void {
    this.unreachable = 0;
    for (const at of this.partitions()) {
      at.isStalled = false;
      at.corruptAt = null;
      if (at.openSince !== null) at.endTransaction(true);
    }
  }

  /** Something changed that readers and watchers should look at. */
  changed(): void {
    for (const look of [...this.#onChange]) look();
  }

  onChange(look: () => void): () => void {
    this.#onChange.add(look);
    return () => this.#onChange.delete(look);
  }
}
