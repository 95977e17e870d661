/** Bounds the memory of all request bodies together, and words the error past it. */
import { TidemarkError } from "../core/errors.ts";
import { BODIES_BYTES_MAX } from "./limits.ts";

/** Bytes that bodies may hold in memory at one time: taken chunk by chunk, given back when the request is done. */
export class BodyBudget {
  #free: number;

  constructor(bytesMax: number = BODIES_BYTES_MAX) {
    this.#free = bytesMax;
  }

  take(bytes: number): boolean {
    if (bytes > this.#free) return false;
    this.#free -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#free += bytes;
  }

  get free(): number {
    return this.#free;
  }
}

/** For the time being no memory is left for a body. */
export function tooBusy(): TidemarkError {
  return new TidemarkError("too-busy", "Cannot read the request body: too many others are in memory");
}

/** @param was how many bytes there were, or what else is known of their number */
export function tooLarge(limit: number, was: number | string): TidemarkError {
  return new TidemarkError("request-too-large", `Cannot read the request body: expected <= ${limit} bytes, was ${was}`);
}
