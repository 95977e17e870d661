/** The writing connection's side of the log, in the thread that waits for the disk. Speaks messages.ts; the main thread's side is embedded-log.ts. */
import type { MessagePort } from "node:worker_threads";
import { messageOf, TidemarkError } from "../../core/errors.ts";
import { LogWriter } from "./log-writer.ts";
import type { Reply, Request } from "./messages.ts";
import { LookedAtLog } from "./open-log.ts";

/** What the main thread starts this with. */
export interface WriterSettings {
  readonly path: string;
  readonly retentionBytes: number;
}

/** Answers the requests that come to the port, until one says "close". */
export function serve(port: MessagePort, settings: WriterSettings): void {
  const served = new ServedWriter(port, settings);
  port.on("message", (request: Request) => served.take(request));
}

class ServedWriter {
  readonly #port: MessagePort;
  readonly #settings: WriterSettings;
  /** Set while the state of the disk is unknown: nothing is written or acknowledged before it was looked at anew. */
  #broken: TidemarkError | null = null;
  #working = false;
  #writer: LogWriter | null = null;
  /** The file, once it was looked at: that cannot be done while a connection is open. */
  #file: LookedAtLog | null = null;

  constructor(port: MessagePort, settings: WriterSettings) {
    this.#port = port;
    this.#settings = settings;
  }

  take(request: Request): void {
    if (request.kind === "close") {
      this.#close();
    } else if (request.kind === "recover") {
      this.#recover(request);
    } else if (this.#broken !== null) {
      this.#reply({ kind: "broken", code: this.#broken.code, message: messageOf(this.#broken) });
    } else {
      try {
        this.#handle(this.#open(), request);
        this.#workLater();
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  #open(): LogWriter {
    const { path, retentionBytes } = this.#settings;
    this.#file ??= new LookedAtLog(path);
    this.#writer ??= new LogWriter(path, retentionBytes, this.#file);
    return this.#writer;
  }

  #reply(message: Reply): void {
    this.#port.postMessage(message);
  }

  /** The answer for an error. All but "disk-full" are final. What is no operating error is a bug, and ends the thread. */
  #fail(error: unknown): void {
    if (!(error instanceof TidemarkError)) throw error;
    const { code, message } = error;
    if (code !== "disk-full") this.#broken = error;
    this.#reply({ kind: this.#broken === null ? "refused" : "broken", code, message });
  }

  /**
   * After a failed sync the file is opened anew: SQLite reads back what the disk has. What was not acknowledged is taken out, and what was must be
   * there; then a write shows that the disk takes one again.
   */
  #recover({ ends, bytes }: Extract<Request, { kind: "recover" }>): void {
    try {
      if (this.#broken !== null) this.#abandon();
      const writer = this.#open();
      if (this.#broken !== null) writer.cutTo(ends);
      writer.prove(bytes);
      this.#broken = null;
      this.#reply({ kind: "recovered", usage: writer.usage() });
      this.#workLater();
    } catch (error) {
      this.#fail(error);
    }
  }

  #abandon(): void {
    try {
      this.#writer?.abandon();
    } catch {
      // What it could not do is done when the file is opened again.
    }
    this.#writer = null;
  }

  #handle(writer: LogWriter, request: Exclude<Request, { kind: "close" | "recover" }>): void {
    switch (request.kind) {
      case "topics":
        writer.createTopics(request.topics);
        this.#reply({ kind: "topics", topics: writer.topics(), usage: writer.usage(), notices: writer.file.notices });
        break;
      case "append":
        writer.append(request.rows);
        this.#reply({ kind: "appended", usage: writer.usage() });
        writer.synced();
        break;
      case "committed":
        for (const { topic, offset } of request.offsets) writer.committed(topic, offset);
        this.#reply({ kind: "usage", usage: writer.usage(), scrub: writer.scrub() });
        break;
    }
  }

  /** Work between requests: one piece a turn of the loop, so that a waiting request comes first. */
  #work(): void {
    this.#working = false;
    if (this.#writer === null || this.#broken !== null) return;
    try {
      if (!this.#writer.work()) return;
      this.#reply({ kind: "usage", usage: this.#writer.usage() });
      this.#workLater();
    } catch (error) {
      // A full disk: tried again after the next request.
      if (!(error instanceof TidemarkError) || error.code !== "disk-full") this.#fail(error);
    }
  }

  #workLater(): void {
    if (this.#working) return;
    this.#working = true;
    setImmediate(() => this.#work());
  }

  #close(): void {
    try {
      this.#writer?.close(this.#broken !== null);
    } catch (error) {
      if (this.#broken === null) this.#fail(error);
    }
    if (this.#writer === null) this.#file?.close();
    this.#writer = null;
    this.#port.close();
  }
}
