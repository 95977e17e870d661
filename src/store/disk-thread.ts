/** The one thread that waits for the disk, so that a slow disk delays no answer. The code inside it begins in disk-thread-side.ts. */
import { once } from "node:events";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { assert, messageOf, TidemarkError } from "../core/errors.ts";
import { threadEnvironment } from "../runtime/compiled-code.ts";

/** Work for the thread: a module whose `serve(port, settings)` answers messages on the port, until it closes the port. */
export interface Service {
  readonly module: string;
  readonly settings: unknown;
  readonly port: MessagePort;
}

/**
 * States: idle → open, with the first service → ended, when the last one has closed its port, or a bug has thrown. Idle → ended: `close`.
 * Services take turns: each blocks the others while it waits. A thread each would only make the syncs of two files wait in the same file
 * system's journal, for 10 MB more.
 */
export class DiskThread {
  #worker: Worker | null = null;
  #services = 0;
  readonly #end = Promise.withResolvers<unknown>();
  /** Resolves when the thread is gone: with what was thrown in it, or null. */
  readonly ended = this.#end.promise;

  /** Waits until the thread runs. @throws TidemarkError "thread-failed" */
  async start(): Promise<void> {
    try {
      const worker = (this.#worker ??= this.#start());
      worker.ref();
      const ended = this.ended.then((thrown) => thrown ?? new Error("it ended"));
      const thrown = await Promise.race([once(worker, "message").then(() => null), ended]);
      if (thrown !== null) throw thrown;
      worker.unref();
    } catch (cause) {
      throw new TidemarkError(
        "thread-failed",
        `Cannot start the thread that waits for the disk: ${messageOf(cause)}`,
        cause,
      );
    }
  }

  /** Adds a service. @returns its port, closed when the service is done or the thread has ended */
  serve(module: URL, settings: unknown): MessagePort {
    const worker = (this.#worker ??= this.#start());
    assert(this.#services >= 0, () => `the disk's thread ended before it could serve ${module}`);
    const { port1, port2 } = new MessageChannel();
    this.#services++;
    port1.once("close", () => {
      if (--this.#services > 0) return;
      this.#services = -1;
      // Also when the thread ended by itself: the process lives until the reason is known.
      worker.ref();
      worker.postMessage("end");
    });
    const service: Service = { module: module.href, settings, port: port2 };
    worker.postMessage(service, [port2]);
    return port1;
  }

  /** Ends a thread that never had a service; with services it ends by itself. */
  close(): void {
    if (this.#worker === null || this.#services !== 0) return;
    this.#services = -1;
    this.#worker.postMessage("end");
  }

  #start(): Worker {
    const worker = new Worker(new URL("./disk-thread-side.ts", import.meta.url), {
      env: threadEnvironment(),
      // Node 22 says in each thread that node:sqlite is experimental.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    // The ports keep the process alive while their owner waits for something.
    worker.unref();
    let thrown: unknown = null;
    worker.on("error", (error) => {
      thrown = error;
    });
    worker.on("exit", () => {
      this.#services = -1;
      this.#end.resolve(thrown);
    });
    return worker;
  }
}
