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
  readonly #isDropped: () => boolean;

  constructor(
    { topic, partition, logEnd }: Pick<Fetched, "topic" | "partition" | "logEnd">,
    error: TidemarkError,
    isDropped: () => boolean,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.logEnd = logEnd;
    this.#error = error;
    this.#isDropped = isDropped;
  }

  get isDropped(): boolean {
    return this.#isDropped();
  }

  next(): boolean {
    throw this.#error;
  }
}
