/** Readings → a log that this process appends to itself (a Kafka), keyed by device. */
import { messageOf, TidemarkError } from "../../core/errors.ts";
import type { Log } from "../../log/log.ts";
import type { Sent, Target } from "./send-queue.ts";

/** A log to append readings to. */
export class LogTarget implements Target {
  readonly name: string;
  readonly #sensor: string;
  readonly #key: Uint8Array;
  readonly #open: () => Promise<Log>;
  #log: Log | undefined;

  /** @param open called again until it succeeds once: the log may not be there yet */
  constructor(name: string, sensor: string, device: string, open: () => Promise<Log>) {
    this.name = name;
    this.#sensor = sensor;
    this.#key = Buffer.from(device);
    this.#open = open;
  }

  async send(payloads: readonly Uint8Array[]): Promise<Sent> {
    try {
      if (this.#log === undefined) this.#log = await this.#opened();
      await this.#log.append(
        this.#sensor,
        payloads.map((value) => ({ value, key: this.#key })),
      );
      return { acknowledged: true };
    } catch (cause) {
      if (!(cause instanceof TidemarkError)) throw cause;
      const message = `Cannot send to "${this.#sensor}" at ${this.name}: ${messageOf(cause)}`;
      return { acknowledged: false, error: new TidemarkError(cause.code, message, cause) };
    }
  }

  async #opened(): Promise<Log> {
    const log = await this.#open();
    try {
      await log.create([this.#sensor]);
    } catch (error) {
      await log.close();
      throw error;
    }
    return log;
  }

  async close(): Promise<void> {
    await this.#log?.close();
  }
}
