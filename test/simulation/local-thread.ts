/** The thread that waits for the disk, without a thread: its services run here, one message at a time, so that a simulation can step them, and none waits for another. */
import { EventEmitter } from "node:events";
import type { MessagePort } from "node:worker_threads";
import { serve as serveWriter } from "../../src/log/embedded/writer-thread.ts";
import { serve as serveCheckpoints } from "../../src/store/checkpoint-thread.ts";
import type { DiskThread } from "../../src/store/disk-thread.ts";
import { serve as serveGuard } from "../../src/store/history-guard-thread.ts";

/** Calls later. */
type Soon = (run: () => void) => void;

class LocalPort extends EventEmitter {
  other: LocalPort | null = null;
  readonly #soon: Soon;
  #isClosed = false;

  constructor(soon: Soon) {
    super();
    this.#soon = soon;
  }

  postMessage(message: unknown): void {
    this.#soon(() => {
      const { other } = this;
      if (other !== null && !other.#isClosed) other.emit("message", message);
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { other } = this;
    this.#soon(() => {
      this.emit("close");
      other?.close();
    });
  }

  ref(): void {}
  unref(): void {}
}

const SERVICES: Readonly<Record<string, (port: MessagePort, settings: never) => void>> = {
  "writer-thread.ts": serveWriter,
  "checkpoint-thread.ts": serveCheckpoints,
  "history-guard-thread.ts": serveGuard,
};

class LocalThread {
  readonly #soon: Soon;

  constructor(soon: Soon) {
    this.#soon = soon;
  }

  readonly ended = new Promise<never>(() => {});

  serve(module: URL, settings: unknown): MessagePort {
    const [ours, theirs] = [new LocalPort(this.#soon), new LocalPort(this.#soon)];
    [ours.other, theirs.other] = [theirs, ours];
    const name = module.pathname.slice(module.pathname.lastIndexOf("/") + 1);
    SERVICES[name](theirs as unknown as MessagePort, settings as never);
    return ours as unknown as MessagePort;
  }
}

/** For `Checkpointer` and the embedded log. @param soon when messages arrive */
export function localThread(soon: Soon): DiskThread {
  return new LocalThread(soon) as unknown as DiskThread;
}
