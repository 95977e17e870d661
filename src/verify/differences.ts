/** What `tidemark verify` finds: differences, one by one as they are found, and how many there are. */

/** Where the expected value comes from. */
export type Proof =
  /** Recomputed from what the log holds. */
  | "log"
  /** Merged from the level below, or from other rows. */
  | "parts"
  /** The row itself says that it is damaged. */
  | "checksum";

/** A place of the history where it is not what it should be. */
export interface Difference {
  readonly proof: Proof;
  /** Null: of no sensor. */
  readonly sensor: string | null;
  /** The row, such as `page of hours 2026-11-20` or `position of temperature/0`. */
  readonly what: string;
  /** The first second that it is about, since the epoch; null: of none. */
  readonly second: number | null;
  readonly stored: string;
  readonly expected: string;
}

/** What mends a difference: pages that are to be replaced; all that the log tells put in the place of what is there, where it holds all; or neither. */
export type Mending = "pages" | "log" | "none";

/** Takes a difference. @param mending "log" by default */
export type Tell = (difference: Difference, mending?: Mending) => void;
