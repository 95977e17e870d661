/** A topic as the writer knows it. */

/** Of the open log; its offsets grow. */
export interface TopicState {
  readonly number: number;
  readonly name: string;
  readonly id: string;
  /** Everything before was deleted by retention. */
  first: number;
  end: number;
  /** Everything before this offset is safe elsewhere: retention may delete it. */
  committed: number;
  /** Everything before this offset is packed, or was large from the start. */
  packed: number;
  /** Batches since then, and bytes of records in them. */
  looseBatches: number;
  looseBytes: number;
  /** Packing found too little: not again below this many bytes. */
  looseBytesWanted: number;
  /** The oldest batch, undefined when not known, null when there is none. */
  head:
    | { readonly base: number; readonly next: number; readonly time: number; readonly bytes: number }
    | null
    | undefined;
}
