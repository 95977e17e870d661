/** Messages between the main thread and the writer thread. One append is under way at a time; answers come in the order of the requests. */

import type { ErrorCode } from "../../core/errors.ts";
import type { Scrub } from "../../core/scrub.ts";

/** A topic as the writer found or made it. */
export interface StoredTopic {
  readonly number: number;
  readonly name: string;
  readonly id: string;
  /** The offset after its newest durable record. */
  readonly end: number;
}

/** Where a topic ends. */
export interface TopicEnd {
  readonly topic: number;
  readonly end: number;
}

/** A finished batch to be made durable; its buffer is handed over. */
export interface NewRow {
  readonly topic: number;
  readonly base: number;
  readonly next: number;
  /** Append time, ms. */
  readonly time: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Bytes in the file; `stuck`: over its bound and slack, with nothing left that may be deleted. */
export interface Usage {
  readonly bytes: number;
  readonly stuck: boolean;
}

/**
 * "topics", "append" and "recover" are answered; "committed" is answered by the next "usage"; the thread ends after "close". "recover" finds out
 * whether appends can be made durable again: its `ends` are the offsets after what was acknowledged, `bytes` the size of an append to try.
 */
export type Request =
  | { readonly kind: "topics"; readonly topics: readonly { readonly name: string; readonly id: string }[] }
  | { readonly kind: "append"; readonly rows: readonly NewRow[] }
  | { readonly kind: "committed"; readonly offsets: readonly { readonly topic: number; readonly offset: number }[] }
  | { readonly kind: "recover"; readonly ends: readonly TopicEnd[]; readonly bytes: number }
  | { readonly kind: "close" };

/** Replies of the writer: one for each request, and some unasked. */
export type Reply =
  | {
      readonly kind: "topics";
      readonly topics: readonly StoredTopic[];
      readonly usage: Usage;
      /** What was found not as it was written. */
      readonly notices: readonly string[];
    }
  | { readonly kind: "appended"; readonly usage: Usage }
  | { readonly kind: "usage"; readonly usage: Usage; readonly scrub?: Scrub }
  | { readonly kind: "recovered"; readonly usage: Usage }
  /** The last request (or, for "broken", work between requests) failed. After "broken" nothing is acknowledged before "recovered". */
  | { readonly kind: "refused" | "broken"; readonly code: ErrorCode; readonly message: string };
