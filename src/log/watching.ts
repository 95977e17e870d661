/** Which topics a listener wants; shared by the backends. */
import type { Wanted } from "./log.ts";

/** Prefix of a log's internal topics, as in Kafka (`__consumer_offsets`, `__transaction_state`). */
const INTERNAL_PREFIX = "__";

/** Whether the topic is internal to the log. */
export function isInternal(name: string): boolean {
  return name.startsWith(INTERNAL_PREFIX);
}

/** A named topic is wanted whatever its name; a test never sees internal ones. */
export function isWanted(wanted: Wanted, name: string): boolean {
  return typeof wanted === "function" ? !isInternal(name) && wanted(name) : wanted.includes(name);
}
