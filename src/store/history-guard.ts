/** Has the disk thread look at a history before it is opened, and says how far that is when it takes long. */
import { join } from "node:path";
import type { MessagePort } from "node:worker_threads";
import { TidemarkError } from "../core/errors.ts";
import type { OnNotice } from "../core/notice.ts";
import { HISTORY_FILE } from "./database.ts";
import type { DiskThread } from "./disk-thread.ts";
import type { Guarded } from "./guarded-open.ts";
import type { GuardReply } from "./history-guard-thread.ts";

/** Nothing is said of what takes less, ms; and then so often. */
const SAID_AFTER_MS = 2000;
const SAID_EACH_MS = 10_000;

/** States: open → closed: another service of the thread must be there by then, or it ends. */
export class HistoryGuard {
  readonly #port: MessagePort;
  readonly #ended: Promise<never>;
  #isOpen = true;

  constructor(thread: DiskThread) {
    this.#port = thread.serve(new URL("./history-guard-thread.ts", import.meta.url), null);
    this.#ended = thread.ended.then((thrown) => {
      throw thrown ?? new Error("the disk's thread ended");
    });
    this.#ended.catch(() => {});
  }

  /** @throws TidemarkError "history-corrupt" | "data-dir-unusable" of what could not even be looked at */
  async look(directory: string, onNotice: OnNotice): Promise<Pick<Guarded, "damage" | "notices">> {
    const file = join(directory, HISTORY_FILE);
    const { promise, resolve, reject } = Promise.withResolvers<Pick<Guarded, "damage" | "notices">>();
    let sayAtMs = performance.now() + SAID_AFTER_MS;
    const onReply = (reply: GuardReply): void => {
      if (reply.kind === "guarded") resolve(reply);
      else if (reply.kind === "failed") reject(new TidemarkError(reply.code, reply.message));
      else if (performance.now() >= sayAtMs) {
        sayAtMs = performance.now() + SAID_EACH_MS;
        const share = Math.floor((100 * reply.bytes) / reply.allBytes);
        onNotice(`comparing ${file} with its sums: ${share}% of ${(reply.allBytes / 1e9).toFixed(1)} GB`, "comparing");
      }
    };
    this.#port.on("message", onReply);
    try {
      this.#port.postMessage(file);
      return await Promise.race([promise, this.#ended]);
    } finally {
      this.#port.off("message", onReply);
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#isOpen) this.#port.postMessage("close");
    this.#isOpen = false;
  }
}
