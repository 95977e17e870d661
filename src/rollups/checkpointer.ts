/** Asks the checkpoint worker to sync the history; tells when a commit is known to be on disk. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { threadEnvironment } from "../core/compiled-code.ts";
import type { CheckpointReply } from "./checkpoint-worker.ts";

export class Checkpointer {
  readonly #worker: Worker;
  #running: Promise<boolean> | null = null;
  #closed = false;
  /** The last checkpoint's error; null when it went well. */
  error: string | null = null;

  constructor(file: string) {
    this.#worker = new Worker(new URL("./checkpoint-worker.ts", import.meta.url), {
      workerData: file,
      env: threadEnvironment(),
    });
    this.#worker.unref();
  }

  get busy(): boolean {
    return this.#running !== null;
  }

  /** Syncs what is committed now. @returns true when all of it is on disk; false: ask again later */
  async sync(): Promise<boolean> {
    while (this.#running !== null) await this.#running;
    if (this.#closed) return false;
    this.#running = this.#ask();
    try {
      return await this.#running;
    } finally {
      this.#running = null;
    }
  }

  async #ask(): Promise<boolean> {
    this.#worker.ref();
    this.#worker.postMessage("sync");
    const [reply]: CheckpointReply[] = await once(this.#worker, "message");
    this.#worker.unref();
    this.error = reply.error;
    return reply.synced;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    while (this.#running !== null) await this.#running;
    this.#closed = true;
    const exit = once(this.#worker, "exit");
    this.#worker.ref();
    this.#worker.postMessage("close");
    await exit;
  }
}
