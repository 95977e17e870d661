/** What a check of `tidemark doctor` found. */

/** A warning does not keep tidemark from running; a failure does, or will soon. */
export type Health = "ok" | "warning" | "failure";

/** One thing that was looked at. */
export interface Finding {
  readonly check: string;
  readonly health: Health;
  readonly says: string;
  /** What to do about it; null: nothing. */
  readonly advice: string | null;
}

/** All is well. */
export function ok(check: string, says: string): Finding {
  return { check, health: "ok", says, advice: null };
}

/** Not as it should be. */
export function warning(check: string, says: string, advice: string): Finding {
  return { check, health: "warning", says, advice };
}

/** Must be mended. */
export function failure(check: string, says: string, advice: string): Finding {
  return { check, health: "failure", says, advice };
}
