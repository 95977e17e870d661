/** What an operator is told while tidemark runs: a line each, of a kind that a machine can tell apart. */

/** Every kind, and how grave it is. */
export const NOTICE_LEVELS = {
  /** Settings of the server that starts, without secrets. */
  settings: "info",
  listening: "info",
  closing: "info",
  closed: "info",
  /** What is read from now on, or no more. */
  following: "info",
  /** The history is of a newer version now. */
  migrated: "info",
  /** How far a large history is compared with its sums, at a start. */
  comparing: "info",
  /** A damaged history is made anew from the log; it is whole again. */
  "history-anew": "error",
  "history-whole": "info",
  /** Pages were found damaged while it runs. */
  damaged: "error",
  /** No readings are taken in; they are again. */
  "trouble-began": "error",
  "trouble-ended": "info",
  /** A door of its own connections takes messages in; it does not, and tries again. */
  "door-open": "info",
  "door-shut": "warn",
  /** A partition stands still alone; it is read on. */
  "standstill-began": "warn",
  "standstill-ended": "info",
  /** Old history is deleted; it is kept for longer again. */
  expired: "info",
  "kept-longer": "warn",
  /** Readings that had been held back are released, as the clock was set. */
  released: "info",
  /** What senders probably mean otherwise. */
  hint: "warn",
  /** Files of tokens and certificates, read again; they could not be, and what was before stays. */
  reloaded: "info",
  "reload-failed": "error",
  /** What alerts found. */
  "alert-raised": "warn",
  "alert-ended": "info",
  "alert-changed": "info",
  "alert-taken-back": "info",
  "alert-target-failed": "error",
  "alert-target-works": "info",
  /** Worse than it should be, though readings are taken in. */
  notice: "warn",
} as const satisfies Record<string, "info" | "warn" | "error">;

/** One of them. */
export type NoticeKind = keyof typeof NOTICE_LEVELS;

/** A listener for notices. */
export type OnNotice = (text: string, kind: NoticeKind) => void;
