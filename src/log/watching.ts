/** Which topics are wanted, for the backends that tell of them. */
import type { Wanted } from "./log.ts";

/** What names begin with that a log keeps for itself, as Kafka does (`__consumer_offsets`, `__transaction_state`). */
const INTERNAL_PREFIX = "__";

/** Whether the log keeps that topic for itself. */
export function isInternal(name: string): boolean {
  return name.startsWith(INTERNAL_PREFIX);
}

/** A topic that is named is wanted whatever its name; a test is asked about no internal one. */
export function isWanted(wanted: Wanted, name: string): boolean {
  return typeof wanted === "function" ? !isInternal(name) && wanted(name) : wanted.includes(name);
}
