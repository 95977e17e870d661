/** What the main thread and the writer thread say to each other. One append is under way at a time; answers come in the order of the requests. */
import type { ErrorCode } from "../../core/errors.ts";

/** A topic as the writer found or made it. */
export interface StoredTopic {
  readonly number: number;
  readonly name: string;
  readonly id: string;
  /** The offset after its newest durable record. */
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

/** How much the file holds, bytes, and whether it is over its bound and slack with nothing left that may be deleted. */
export interface Held {
  readonly bytes: number;
  readonly stuck: boolean;
}

/** "topics" and "append" are answered; "committed" is answered by the next "held"; the thread ends after "close". */
export type Request =
  | { readonly kind: "topics"; readonly topics: readonly { readonly name: string; readonly id: string }[] }
  | { readonly kind: "append"; readonly rows: readonly NewRow[] }
  | { readonly kind: "committed"; readonly offsets: readonly { readonly topic: number; readonly offset: number }[] }
  | { readonly kind: "close" };

/** What the writer says, one for each request and now and then by itself. */
export type Answer =
  | { readonly kind: "topics"; readonly topics: readonly StoredTopic[]; readonly held: Held }
  | { readonly kind: "appended"; readonly held: Held }
  | { readonly kind: "held"; readonly held: Held }
  /** The last request (or, for "broken", work between requests) failed. After "broken" nothing is acknowledged any more. */
  | { readonly kind: "refused" | "broken"; readonly code: ErrorCode; readonly message: string };
