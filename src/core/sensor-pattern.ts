/** Wildcards over names: `*` is any run of characters, also none, `?` is one. No other character means anything. */
import { sensorNameFault } from "./sensor-name.ts";

/** Whether a text has wildcards: no name of a sensor has. */
export function isPattern(text: string): boolean {
  return /[*?]/.test(text);
}

/** What was expected in place of a name or pattern; null when it is one. */
export function patternFault(text: string): string | null {
  const fault = sensorNameFault(text.replace(/[*?]/g, "x"));
  return fault === null ? null : `${fault}, or with * and ? for any others`;
}

/**
 * Whether a name, of a sensor or of a device, is meant by one of the patterns.
 * @example
 * ```ts
 * const isMeant = matcherOf(["plant-*", "attic"]);
 * assert.deepEqual(["plant-1", "attic", "attic-2"].map(isMeant), [true, true, false]);
 * ```
 */
export function matcherOf(patterns: readonly string[]): (name: string) => boolean {
  const sources = patterns.map((pattern) =>
    pattern
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replace(/\*+/g, ".*")
      .replace(/\?/g, "."),
  );
  const any = new RegExp(`^(?:${sources.join("|")})$`, "su");
  return (name) => any.test(name);
}
