/** Asks the disk thread to sync the history; knows when a commit is on disk. */
import { once } from "node:events";
import type { MessagePort } from "node:worker_threads";
import type { Scrub } from "../core/scrub.ts";
import type { CheckpointReply, CheckpointRequest, CheckpointSettings } from "./checkpoint-thread.ts";
import { DiskThread } from "./disk-thread.ts";

/** One sync at a time; others wait for it. */
export class Checkpointer {
  readonly #port: MessagePort;
  readonly #portClosed: Promise<void>;
  readonly #threadEnded: Promise<never>;
  #running: Promise<boolean> | null = null;
  #closed = false;
  /** The last checkpoint's error; null when it went well. */
  error: string | null = null;
  /** What SQLite says of pages that it cannot use; null: nothing. */
  damage: string | null = null;
  /** Of the history, so far. */
  scrub: Scrub = { compared: 0, passes: 0, damaged: [] };

  /** @param thread where it works; one of its own by default @param pagesFile a descriptor of the file that is closed after all connections; null: its pages are not scrubbed */
  constructor(file: string, thread: DiskThread = new DiskThread(), pagesFile: number | null = null) {
    const settings: CheckpointSettings = { file, pagesFile };
    this.#port = thread.serve(new URL("./checkpoint-thread.ts", import.meta.url), settings);
    this.#port.unref();
    this.#portClosed = new Promise((resolve) => this.#port.once("close", resolve));
    this.#threadEnded = thread.ended.then((thrown) => {
      throw thrown ?? new Error("the disk's thread ended");
    });
    this.#threadEnded.catch(() => {});
  }

  get busy(): boolean {
    return this.#running !== null;
  }

  /** Syncs what is committed now. @returns true when all of it is on disk; false: ask again later */
  async sync(): Promise<boolean> {
    while (this.#running !== null) await this.#running;
    if (this.#closed) return false;
    this.#running = this.#ask("sync");
    try {
      return await this.#running;
    } finally {
      this.#running = null;
    }
  }

  /** Compares some pages more, unless it is at work, or they are compared with its syncs. */
  async scrubIdle(): Promise<void> {
    if (this.#running !== null || this.#closed) return;
    this.#running = this.#ask("scrub");
    try {
      await this.#running;
    } finally {
      this.#running = null;
    }
  }

  async #ask(request: CheckpointRequest): Promise<boolean> {
    this.#port.ref();
    const answered = once(this.#port, "message");
    this.#port.postMessage(request);
    const [reply]: CheckpointReply[] = await Promise.race([answered, this.#threadEnded]);
    this.#port.unref();
    // That nothing hinders comparing does not mean that a sync that failed went well.
    if (request === "sync" || reply.error !== null) this.error = reply.error;
    this.scrub = reply.scrub;
    this.damage = reply.damage;
    return reply.synced;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    while (this.#running !== null) await this.#running;
    this.#closed = true;
    this.#port.ref();
    this.#port.postMessage("close");
    await this.#portClosed;
  }
}
