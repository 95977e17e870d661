/** A read that brings nothing but why a partition cannot be read on. */
import type { TidemarkError } from "../core/errors.ts";
import type { Fetched } from "./log.ts";

/** `next` throws the error: the partition stands still. */
export class FetchedFailure implements Fetched {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap = null;
  readonly resumeAt = null;
  readonly #error: TidemarkError;

  constructor({ topic, partition, logEnd }: Pick<Fetched, "topic" | "partition" | "logEnd">, error: TidemarkError) {
    this.topic = topic;
    this.partition = partition;
    this.logEnd = logEnd;
    this.#error = error;
  }

  next(): boolean {
    throw this.#error;
  }
}
