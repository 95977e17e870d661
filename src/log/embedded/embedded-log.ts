/** The embedded log: one SQLite file, one partition a topic. Appends are encoded here and made durable by the writer thread; reads happen here. */

import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { MessagePort } from "node:worker_threads";
import type { Clock } from "../../core/clock.ts";
import { assert, messageOf, TidemarkError } from "../../core/errors.ts";
import { RECORD_BYTES_MAX } from "../../core/limits.ts";
import type { Scrub } from "../../core/scrub.ts";
import { DiskThread } from "../../store/disk-thread.ts";
import type { Log, LogReader, NewRecord, Opened, Position, Topic, Wanted } from "../log.ts";
import { isInternal } from "../watching.ts";
import { AppendGroup, queuedBytesOf } from "./append-queue.ts";
import { EmbeddedReader, type ReaderSource, type TopicTail } from "./embedded-reader.ts";
import { LiveTopic } from "./live-topic.ts";
import { ReadConnection } from "./log-file.ts";
import type { Reply, Request, StoredTopic, Usage } from "./messages.ts";
import { Recovery } from "./recovery.ts";
import { TopicWatchers } from "./topic-watchers.ts";
import type { WriterSettings } from "./writer-thread.ts";

/** What may wait for the disk, bytes. More is refused ("log-full"); one append into an empty queue is always taken. */
const QUEUE_BYTES_MAX = 67_108_864;

/** The file's name in the data directory. */
export const LOG_FILE = "log.db";

/** Where the log lies, and how large it may become. */
export interface EmbeddedLogSettings {
  /** Made when it does not exist. */
  readonly directory: string;
  /** What the file may hold, bytes; retention deletes the oldest batches above it. */
  readonly retentionBytes: number;
  /** Stamps the append time. */
  readonly clock: Clock;
  /** Where the writer works; one of its own by default. */
  readonly thread?: DiskThread;
}

/**
 * Opens the log in `directory`, creating it.
 * @throws TidemarkError "data-dir-unusable" | "log-corrupt" | "disk-full" | "log-sync-failed"
 */
export async function openEmbeddedLog(settings: EmbeddedLogSettings): Promise<Log> {
  const { directory, retentionBytes, clock, thread = new DiskThread() } = settings;
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new TidemarkError("data-dir-unusable", `Cannot create ${directory}: ${messageOf(error)}`, error);
  }
  const log = new EmbeddedLog(join(directory, LOG_FILE), retentionBytes, clock, thread);
  await log.start();
  return log;
}

/** A request that is no append, with the promise of its answer. */
interface Call {
  readonly request: Request;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * States: open ⇄ broken (after a failed sync: reads go on, nothing is acknowledged until the file was looked at anew), → closing (drains the
 * queue) → closed. On a full disk it stays open, and every append is tried.
 * The writer works on one request at a time: the appends of `#sent`, or `#call`. Others wait in `#next` and `#calls`.
 */
class EmbeddedLog implements Log, ReaderSource {
  readonly kind = "embedded";
  notices: readonly string[] = [];
  scrub: Scrub = { compared: 0, passes: 0, damaged: [] };
  readonly path: string;
  readonly #retentionBytes: number;
  readonly #clock: Clock;
  readonly #writer: MessagePort;
  readonly #topics = new Map<string, LiveTopic>();
  readonly #byNumber = new Map<number, LiveTopic>();
  readonly #readers = new Set<EmbeddedReader>();
  readonly #watchers = new TopicWatchers();
  #connection: ReadConnection | null = null;
  #usage: Usage = { bytes: 0, stuck: false };
  #next = new AppendGroup();
  #sent: { readonly group: AppendGroup; readonly ends: ReadonlyMap<number, number> } | null = null;
  readonly #calls: Call[] = [];
  #call: Call | null = null;
  /** Settles when the writer has closed its files, or its thread has ended. */
  readonly #writerClosed: Promise<void>;
  #scheduled = false;
  /** Set by `close` while it waits for the queue to drain. */
  #onIdle: (() => void) | null = null;
  #broken: TidemarkError | null = null;
  /** Why the last append was refused; null: it was not. */
  #full: TidemarkError | null = null;
  readonly #recovery = new Recovery((bytes) => this.#recover(bytes));
  #closing: Promise<void> | null = null;

  constructor(path: string, retentionBytes: number, clock: Clock, thread: DiskThread) {
    this.path = path;
    this.#retentionBytes = retentionBytes;
    this.#clock = clock;
    const settings: WriterSettings = { path, retentionBytes };
    this.#writer = thread.serve(new URL("./writer-thread.ts", import.meta.url), settings);
    this.#writer.on("message", (reply: Reply) => this.#onReply(reply));
    this.#writerClosed = new Promise((resolve) => this.#writer.once("close", resolve));
    thread.ended.then((thrown) => {
      const reason = thrown === null ? "the writer thread ended" : messageOf(thrown);
      this.#break(new TidemarkError("log-sync-failed", `Cannot write ${path}: ${reason}`, thrown));
      this.#recovery.close();
    });
  }

  async start(): Promise<void> {
    try {
      await this.#ask({ kind: "topics", topics: [] });
      this.#connection = new ReadConnection(this.path);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get connection(): ReadConnection | null {
    return this.#connection;
  }

  tail(topic: string): TopicTail | undefined {
    return this.#topics.get(topic);
  }

  release(reader: EmbeddedReader): void {
    this.#readers.delete(reader);
  }

  async topics(): Promise<string[]> {
    this.#requireOpen("list the topics");
    return [...this.#topics.keys()].filter((name) => !isInternal(name)).sort();
  }

  async open(names: readonly string[]): Promise<Opened> {
    this.#requireOpen("open topics");
    const found = names.map((name) => this.#topics.get(name)?.topic);
    return {
      topics: found.filter((topic) => topic !== undefined),
      missing: names.filter((_, i) => found[i] === undefined),
    };
  }

  async create(names: readonly string[]): Promise<Topic[]> {
    const missing = [...new Set(names)].filter((name) => !this.#topics.has(name));
    if (missing.length > 0) {
      this.#requireOpen(`create "${missing[0]}"`);
      await this.#ask({ kind: "topics", topics: missing.map((name) => ({ name, id: randomUUID() })) });
    }
    return names.map((name) => {
      const live = this.#topics.get(name);
      assert(live !== undefined, () => `topic ${name} was not made`);
      return live.topic;
    });
  }

  watch(wanted: Wanted, onTopics: (topics: readonly Topic[]) => void): () => void {
    const existing = Array.from(this.#topics.values(), ({ topic }) => topic);
    return this.#watchers.add(wanted, onTopics, existing);
  }

  async append(name: string, records: readonly NewRecord[]): Promise<void> {
    const what = `append to "${name}"`;
    this.#requireOpen(what);
    const topic = this.#topics.get(name);
    if (topic === undefined) {
      throw new TidemarkError("topic-missing", `Cannot ${what}: the topic must be opened first`);
    }
    for (const { value, key } of records) {
      requireBytes(what, "payload", value.length);
      requireBytes(what, "key", key?.length ?? 0);
    }
    if (records.length === 0) return;
    const bytes = queuedBytesOf(records);
    this.#requireRoom(what, bytes);
    const done = this.#next.add(topic.number, records, bytes);
    // After this turn of the event loop: appends of one turn share a sync.
    this.#schedule();
    await done;
  }

  #requireRoom(what: string, bytes: number): void {
    const queued = this.#next.bytes + (this.#sent?.group.bytes ?? 0);
    if (queued > 0 && queued + bytes > QUEUE_BYTES_MAX) {
      const actual = `${queued} are waiting for the disk and ${bytes} more came`;
      throw new TidemarkError("log-full", `Cannot ${what}: queued bytes must be <= ${QUEUE_BYTES_MAX}, ${actual}`);
    }
    if (this.#usage.stuck) throw new TidemarkError("log-full", `Cannot ${what}: ${this.#stuckText}`);
  }

  get #stuckText(): string {
    const actual = `was ${this.#usage.bytes}, none of them in the history yet`;
    return `the log must be <= ${this.#retentionBytes} bytes, ${actual}`;
  }

  get trouble(): string | null {
    const refused = this.#broken ?? this.#full;
    if (refused !== null) return refused.message;
    return this.#usage.stuck ? this.#stuckText : null;
  }

  #requireOpen(what: string): void {
    if (this.#closing !== null) throw new TidemarkError("log-closed", `Cannot ${what}: the log is closed`);
    if (this.#broken !== null) throw this.#broken;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  /** Gives the writer its next request when it has none. */
  #send(): void {
    if (this.#sent !== null || this.#call !== null || this.#broken !== null) return;
    const call = this.#calls.shift();
    if (call !== undefined) {
      this.#call = call;
      this.#writer.postMessage(call.request);
    } else if (!this.#next.isEmpty) {
      const group = this.#next;
      this.#next = new AppendGroup();
      const rows = group.rows((number) => this.#numbered(number).end, Math.floor(this.#clock.now()));
      this.#sent = { group, ends: new Map(rows.map(({ topic, next }) => [topic, next])) };
      const request: Request = { kind: "append", rows };
      this.#writer.postMessage(
        request,
        rows.map((row) => row.bytes.buffer),
      );
    }
  }

  #ask(request: Request): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#broken !== null) return reject(this.#broken);
      this.#calls.push({ request, resolve, reject });
      this.#send();
    });
  }

  #onReply(reply: Reply): void {
    if ("usage" in reply) this.#usage = reply.usage;
    switch (reply.kind) {
      case "usage":
        this.scrub = reply.scrub ?? this.scrub;
        return;
      case "appended":
        this.#onAppended();
        break;
      case "recovered":
        this.#broken = null;
        this.#full = null;
        this.#call?.resolve();
        this.#call = null;
        break;
      case "topics":
        this.#addTopics(reply.topics);
        this.notices = reply.notices;
        this.#call?.resolve();
        this.#call = null;
        break;
      case "refused":
        this.#full = new TidemarkError(reply.code, reply.message);
        this.#recovery.begin(this.#sent?.group.bytes ?? 0);
        this.#settleFailed(this.#full);
        break;
      case "broken":
        this.#break(new TidemarkError(reply.code, reply.message));
        break;
    }
    this.#send();
    if (this.#isIdle()) this.#onIdle?.();
  }

  #onAppended(): void {
    const sent = this.#sent;
    assert(sent !== null, () => "appended, but nothing was sent");
    this.#sent = null;
    this.#full = null;
    this.#recovery.end();
    for (const [number, end] of sent.ends) this.#numbered(number).end = end;
    sent.group.resolve();
    for (const reader of this.#readers) reader.wake();
  }

  #addTopics(stored: readonly StoredTopic[]): void {
    const added = stored.filter(({ name }) => !this.#topics.has(name)).map((one) => new LiveTopic(one));
    for (const topic of added) {
      this.#topics.set(topic.name, topic);
      this.#byNumber.set(topic.number, topic);
    }
    this.#watchers.tell(added.map(({ topic }) => topic));
  }

  #numbered(number: number): LiveTopic {
    const topic = this.#byNumber.get(number);
    assert(topic !== undefined, () => `no topic ${number}`);
    return topic;
  }

  #settleFailed(error: TidemarkError): void {
    this.#call?.reject(error);
    this.#call = null;
    this.#sent?.group.reject(error);
    this.#sent = null;
  }

  /** Asks the writer whether appends of this size are taken again. */
  #recover(bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#sent !== null || this.#call !== null || this.#closing !== null) return reject(new Error("busy"));
      const ends = Array.from(this.#byNumber.values(), ({ number: topic, end }) => ({ topic, end }));
      this.#call = { request: { kind: "recover", ends, bytes }, resolve, reject };
      this.#writer.postMessage(this.#call.request);
    });
  }

  /** Nothing is acknowledged until the writer has recovered. What is damaged does not. */
  #break(error: TidemarkError): void {
    this.#broken = error;
    if (error.code === "log-corrupt") this.#recovery.close();
    else this.#recovery.begin(this.#sent?.group.bytes ?? 0);
    this.#settleFailed(this.#broken);
    for (const call of this.#calls.splice(0)) call.reject(this.#broken);
    this.#next.reject(this.#broken);
    this.#next = new AppendGroup();
    this.#onIdle?.();
  }

  #isIdle(): boolean {
    return this.#sent === null && this.#call === null && this.#calls.length === 0 && this.#next.isEmpty;
  }

  async bounds(name: string, partition: number): Promise<{ start: number; end: number }> {
    const what = `ask for the bounds of "${name}" partition ${partition}`;
    const connection = this.#connection;
    if (connection === null) throw new TidemarkError("log-closed", `Cannot ${what}: the log is closed`);
    const topic = partition === 0 ? this.#topics.get(name) : undefined;
    if (topic === undefined) throw new TidemarkError("topic-missing", `Cannot ${what}: it must be opened first`);
    const start = Math.max(connection.start(topic.number), connection.lostEnd(topic.number));
    return { start, end: topic.end };
  }

  reader(positions: readonly Position[]): LogReader {
    const reader = new EmbeddedReader(this, positions);
    this.#readers.add(reader);
    return reader;
  }

  async committed(positions: readonly Position[]): Promise<void> {
    if (this.#closing !== null || this.#broken !== null) return;
    const offsets = positions.flatMap(({ topic: name, partition, offset }) => {
      const topic = partition === 0 ? this.#topics.get(name) : undefined;
      return topic === undefined ? [] : [{ topic: topic.number, offset }];
    });
    this.#writer.postMessage({ kind: "committed", offsets } satisfies Request);
  }

  size(): number {
    return this.#usage.bytes;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#recovery.close();
    if (this.#broken === null && !this.#isIdle()) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    // Before the writer: its last checkpoint then waits for no reader.
    this.#connection?.close();
    this.#connection = null;
    for (const reader of this.#readers) reader.wake();
    this.#readers.clear();
    this.#watchers.clear();
    const request: Request = { kind: "close" };
    this.#writer.postMessage(request);
    await this.#writerClosed;
  }
}

function requireBytes(what: string, name: string, bytes: number): void {
  if (bytes > RECORD_BYTES_MAX) {
    const text = `Cannot ${what}: ${name} must be <= ${RECORD_BYTES_MAX} bytes, was ${bytes}`;
    throw new TidemarkError("record-too-large", text);
  }
}
