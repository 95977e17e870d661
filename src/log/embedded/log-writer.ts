/** The one writer of the embedded log: durable appends, checkpoints, retention and packing. Synchronous; runs in its own thread (writer-thread.ts). */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { assert, TidemarkError } from "../../core/errors.ts";
import type { Scrub } from "../../core/scrub.ts";
import { compressBatch } from "../batch-writer.ts";
import { BATCH_HEADER_BYTES } from "../record-batch.ts";
import { FileSpace, GIVEN_BACK_PAGES } from "./file-space.ts";
import { LogEnds } from "./log-ends.ts";
import { integer, openForWriting, PAGE_BYTES, writeError } from "./log-file.ts";
import { noteLost, storedTopics } from "./lost.ts";
import type { NewRow, StoredTopic, TopicEnd, Usage } from "./messages.ts";
import { LookedAtLog } from "./open-log.ts";
import { firstRun, PACK_BYTES, packRun } from "./packing.ts";
import type { TopicState } from "./topic-state.ts";
import { WalKeeper } from "./wal-keeper.ts";

/** The newest batches stay as they are: readers at the tail take them one by one. */
const UNPACKED_BATCHES = 16;

/** Never a topic's number: the row that shows that the disk takes a write. */
const PROOF_TOPIC = 0;

/** Retention deletes at least this much at once, bytes, so that few transactions are needed. */
const TRIM_BYTES_MIN = 1_048_576;
/** Over its bound by this share with nothing to delete, the log refuses appends: slack for records that are read but not committed. */
const SLACK = 0.25;

/** Columns of the oldest batch. */
const HEAD = ["base", "next", "time", "bytes"];

/** Owns the file while the log is open: nothing else writes to it. */
export class LogWriter {
  readonly path: string;
  readonly #retentionBytes: number;
  readonly file: LookedAtLog;
  readonly #db: DatabaseSync;
  readonly #wal: WalKeeper;
  readonly #ends: LogEnds;
  readonly #topics = new Map<number, TopicState>();
  /** Topics of which the file of ends knows less. */
  readonly #changed = new Set<TopicState>();
  /** Topics that may have something to pack. */
  readonly #unpacked = new Set<TopicState>();
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #head: StatementSync;
  readonly #loose: StatementSync;
  readonly #looseSize: StatementSync;
  readonly #setFirst: StatementSync;
  readonly #setPacked: StatementSync;
  readonly #space: FileSpace;

  /**
   * @param retentionBytes what the file may hold
   * @param file when it was looked at already
   * @throws TidemarkError "data-dir-unusable" | "log-corrupt" | "disk-full" | "log-sync-failed"
   */
  constructor(path: string, retentionBytes: number, file = new LookedAtLog(path)) {
    this.path = path;
    this.#retentionBytes = retentionBytes;
    this.file = file;
    const db = openForWriting(path);
    this.#db = db;
    this.#wal = new WalKeeper(path, db, file.sums());
    try {
      this.#insert = db.prepare("INSERT INTO batch (topic, base, next, time, bytes) VALUES (?, ?, ?, ?, ?)");
      this.#delete = db.prepare("DELETE FROM batch WHERE topic = ? AND base >= ? AND base < ?");
      this.#head = db.prepare(
        "SELECT base, next, time, length(bytes) AS bytes FROM batch WHERE topic = ? ORDER BY base LIMIT 1",
      );
      this.#loose = db.prepare(
        "SELECT base, next, bytes FROM batch WHERE topic = ? AND base >= ? ORDER BY base LIMIT ?",
      );
      this.#looseSize = db.prepare(
        "SELECT count(*) AS batches, coalesce(sum(length(bytes)), 0) AS bytes FROM batch WHERE topic = ? AND base >= ?",
      );
      this.#setFirst = db.prepare("UPDATE topic SET first = ? WHERE number = ?");
      this.#setPacked = db.prepare("UPDATE topic SET packed = ? WHERE number = ?");
      this.#space = new FileSpace(db);
      if (this.#head.get(PROOF_TOPIC) !== undefined) this.#delete.run(PROOF_TOPIC, 0, 1);
      file.notices.push(...noteLost(db, file.words));
      this.#loadTopics();
      this.#ends = new LogEnds(path, this.#topics.values());
    } catch (error) {
      this.#wal.abandon();
      throw writeError(path, error);
    }
  }

  #loadTopics(): void {
    for (const { end, packed, ...names } of storedTopics(this.#db)) {
      this.#addTopic(names.number, names, end, packed, undefined);
    }
  }

  #addTopic(
    number: number,
    names: Pick<TopicState, "name" | "id" | "first">,
    end: number,
    packed: number,
    head: null | undefined,
  ) {
    const loose = { looseBatches: 0, looseBytes: 0, looseBytesWanted: PACK_BYTES };
    const topic: TopicState = { number, ...names, end, committed: 0, packed, ...loose, head };
    this.#topics.set(number, topic);
    this.#changed.add(topic);
    this.#countLoose(topic);
  }

  #countLoose(topic: TopicState): void {
    const row = this.#looseSize.get(topic.number, topic.packed);
    topic.looseBatches = integer(row?.["batches"]);
    topic.looseBytes = integer(row?.["bytes"]) - topic.looseBatches * BATCH_HEADER_BYTES;
    topic.looseBytesWanted = PACK_BYTES;
    this.#unpacked.add(topic);
  }

  topics(): StoredTopic[] {
    return [...this.#topics.values()].map(({ number, name, id, end }) => ({ number, name, id, end }));
  }

  /** Creates the topics that do not exist yet; durable. */
  createTopics(wanted: readonly { readonly name: string; readonly id: string }[]): void {
    const known = new Set([...this.#topics.values()].map((topic) => topic.name));
    const missing = wanted.filter((topic) => !known.has(topic.name));
    if (missing.length === 0) return;
    const insert = this.#db.prepare("INSERT INTO topic (name, id, first, packed) VALUES (?, ?, 0, 0) RETURNING number");
    const numbers = this.#transaction("FULL", () =>
      missing.map(({ name, id }) => integer(insert.get(name, id)?.["number"])),
    );
    for (const [i, names] of missing.entries()) this.#addTopic(numbers[i], { ...names, first: 0 }, 0, 0, null);
    this.synced();
  }

  /** Writes the batches in one transaction; they are on the disk when it returns. @throws TidemarkError "disk-full" | "log-sync-failed" */
  append(rows: readonly NewRow[]): void {
    const ends = new Map<TopicState, number>();
    const stored = rows.map(({ bytes }) => (bytes.length >= PACK_BYTES ? compressBatch(bytes, "zstd") : bytes));
    this.#transaction("FULL", () => {
      for (const [i, row] of rows.entries()) {
        const topic = this.#topic(row.topic);
        assert(row.base === (ends.get(topic) ?? topic.end), () => `append at ${row.base} to ${topic.name}`);
        ends.set(topic, row.next);
        this.#insert.run(row.topic, row.base, row.next, row.time, stored[i]);
      }
    });
    let bytes = 0;
    for (const [i, row] of rows.entries()) {
      const topic = this.#topic(row.topic);
      topic.end = row.next;
      this.#changed.add(topic);
      topic.looseBatches++;
      topic.looseBytes += stored[i].length - BATCH_HEADER_BYTES;
      if (topic.head === null) topic.head = undefined;
      this.#unpacked.add(topic);
      bytes += stored[i].length;
      this.#wal.waitingPages += 2 + Math.ceil(stored[i].length / PAGE_BYTES);
    }
    if (this.#trimmable()) this.#trim(bytes * 2);
  }

  /** Everything before `offset` may be deleted by retention. */
  committed(number: number, offset: number): void {
    const topic = this.#topic(number);
    topic.committed = Math.max(topic.committed, Math.min(offset, topic.end));
  }

  usage(): Usage {
    const bytes = this.#space.liveBytes;
    const over = bytes > this.#retentionBytes * (1 + SLACK);
    return { bytes, stuck: over && this.#oldestDeletable() === null };
  }

  /**
   * One piece of background work: a checkpoint, deletion, packing, returning space.
   * @returns false when there is nothing left to do
   */
  work(): boolean {
    if (this.#wal.isDue) this.#wal.checkpoint();
    else if (this.#trimmable()) this.#trim(0);
    else if (!this.#packOne() && !this.#vacuum()) return false;
    return true;
  }

  /** What is outside of the file learns what is on disk since the last append. */
  synced(): void {
    this.#wal.synced();
    try {
      this.#ends.put(this.#changed);
      this.#changed.clear();
    } catch (error) {
      // With the next: meanwhile it says less.
      if (!(writeError(this.path, error) instanceof TidemarkError)) throw error;
    }
  }

  /** Compares some pages more with their sums. */
  scrub(): Scrub {
    return this.#wal.scrub();
  }

  /** Makes a write of this size durable, and takes it out again. @throws as `append` */
  prove(bytes: number): void {
    this.#transaction("FULL", () => this.#insert.run(PROOF_TOPIC, 0, 1, 0, new Uint8Array(bytes)));
    this.#transaction("NORMAL", () => this.#delete.run(PROOF_TOPIC, 0, 1));
    this.#wal.waitingPages += 4 + 2 * Math.ceil(bytes / PAGE_BYTES);
  }

  /**
   * Takes out what lies behind these ends: it was not acknowledged.
   * @throws TidemarkError "log-corrupt" when something before one is missing
   */
  cutTo(ends: readonly TopicEnd[]): void {
    this.#transaction("FULL", () => {
      for (const { topic: number, end } of ends) {
        const topic = this.#topics.get(number);
        if (topic === undefined || topic.end < end) {
          const text = `Cannot read ${this.path}: topic ${number} must end at ${end}, as was acknowledged, was ${topic?.end ?? "not there"}`;
          throw new TidemarkError("log-corrupt", text);
        }
        this.#delete.run(number, end, Number.MAX_SAFE_INTEGER);
        topic.end = end;
        topic.head = undefined;
        this.#countLoose(topic);
      }
    });
  }

  /** Closes a file whose state is unknown: nothing more is written to it. */
  abandon(): void {
    this.#ends.close();
    this.#wal.abandon();
  }

  /** @param isBroken a commit failed, and nothing was committed since */
  close(isBroken = false): void {
    try {
      this.#ends.close();
    } finally {
      this.#wal.close(() => isBroken && this.#settle());
      this.file.close();
    }
  }

  /**
   * Writes over what a failed commit left: its frames may be whole to those who read the write-ahead log as a file, as the sums are made, while SQLite
   * has not taken them and moves none of them.
   */
  #settle(): void {
    this.#transaction("NORMAL", () => {
      this.#insert.run(PROOF_TOPIC, 0, 1, 0, new Uint8Array(0));
      this.#delete.run(PROOF_TOPIC, 0, 1);
    });
  }

  /**
   * FULL: on the disk when it returns. NORMAL: with the next FULL one; enough for work that changes no content, since either state is right
   * and a crash leaves one of them.
   */
  #transaction<T>(synchronous: "FULL" | "NORMAL", write: () => T): T {
    try {
      this.#db.exec(`PRAGMA synchronous = ${synchronous}; BEGIN IMMEDIATE`);
      const result = write();
      this.#db.exec("COMMIT");
      return result;
    } catch (error) {
      this.#rollback();
      throw writeError(this.path, error);
    }
  }

  #rollback(): void {
    try {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
    } catch {
      // The first error says what is the matter.
    }
  }

  #topic(number: number): TopicState {
    const topic = this.#topics.get(number);
    assert(topic !== undefined, () => `no topic ${number}`);
    return topic;
  }

  #headOf(topic: TopicState) {
    if (topic.head === undefined) {
      const row = this.#head.get(topic.number);
      const [base, next, time, bytes] = HEAD.map((column) => (row === undefined ? 0 : integer(row[column])));
      topic.head = row === undefined ? null : { base, next, time, bytes };
    }
    return topic.head;
  }

  /** The topic whose first batch is the oldest of those that may be deleted. */
  #oldestDeletable(): TopicState | null {
    let oldest: TopicState | null = null;
    let oldestTime = Infinity;
    for (const topic of this.#topics.values()) {
      if (topic.committed === 0) continue;
      const head = this.#headOf(topic);
      if (head === null || head.next > topic.committed || head.time >= oldestTime) continue;
      oldest = topic;
      oldestTime = head.time;
    }
    return oldest;
  }

  #trimmable(): boolean {
    return this.#space.liveBytes > this.#retentionBytes && this.#oldestDeletable() !== null;
  }

  /** Deletes whole batches, oldest first, until the file is within its bound, or `bytesWanted` and `TRIM_BYTES_MIN` are reached. */
  #trim(bytesWanted: number): void {
    const excess = this.#space.liveBytes - this.#retentionBytes;
    const wanted = Math.min(excess, Math.max(bytesWanted, TRIM_BYTES_MIN));
    const touched = new Set<TopicState>();
    try {
      this.#transaction("NORMAL", () => {
        for (let freed = 0; freed < wanted; ) {
          const topic = this.#oldestDeletable();
          const head = topic === null ? null : this.#headOf(topic);
          if (topic === null || head === null || head === undefined) break;
          this.#delete.run(topic.number, head.base, head.next);
          this.#setFirst.run(head.next, topic.number);
          topic.first = head.next;
          this.#changed.add(topic);
          touched.add(topic);
          topic.head = undefined;
          freed += head.bytes;
          this.#wal.waitingPages += 2;
        }
      });
    } catch (error) {
      for (const topic of touched) topic.head = undefined;
      throw error;
    }
    for (const topic of touched) {
      const first = this.#headOf(topic)?.base ?? topic.end;
      if (first <= topic.packed) continue;
      topic.packed = first;
      this.#countLoose(topic);
    }
  }

  #packOne(): boolean {
    for (const topic of this.#unpacked) {
      if (topic.looseBatches > UNPACKED_BATCHES && topic.looseBytes >= topic.looseBytesWanted) {
        this.#pack(topic);
        return true;
      }
      this.#unpacked.delete(topic);
    }
    return false;
  }

  /** Packs the first run of small batches, or passes the large ones at its place. */
  #pack(topic: TopicState): void {
    const rows = this.#loose.iterate(topic.number, topic.packed, topic.looseBatches - UNPACKED_BATCHES);
    const { run, bytes, large, ended } = firstRun(rows);
    if (!large && !ended && bytes < PACK_BYTES) {
      // All but the newest is too little: not again before there is a quarter more.
      topic.looseBytesWanted = topic.looseBytes + PACK_BYTES / 4;
      return;
    }
    const { base } = run[0];
    const { next } = run[run.length - 1];
    const packed = large || run.length === 1 ? null : packRun(run, `${this.path}, topic "${topic.name}"`);
    this.#transaction("NORMAL", () => {
      if (packed !== null) {
        this.#delete.run(topic.number, base, next);
        this.#insert.run(topic.number, base, next, packed.time, packed.bytes);
        this.#wal.waitingPages += 2 + Math.ceil((bytes + packed.bytes.length) / PAGE_BYTES);
      }
      this.#setPacked.run(next, topic.number);
    });
    if (topic.head !== null && topic.head !== undefined && topic.head.base === base) topic.head = undefined;
    topic.packed = next;
    topic.looseBatches -= run.length;
    topic.looseBytes -= bytes;
    topic.looseBytesWanted = PACK_BYTES;
  }

  /** Returns free pages to the system when there are many. @returns false when there was no need */
  #vacuum(): boolean {
    if (!this.#space.isToBeReturned) return false;
    this.#transaction("NORMAL", () => this.#space.giveBack());
    this.#wal.waitingPages += GIVEN_BACK_PAGES;
    return true;
  }
}
