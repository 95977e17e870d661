/** How the copies of each reading came. Part of test/oracle, which imports nothing from src/. */
import type { Decoded } from "./decode.ts";
import type { Arrival } from "./oracle.ts";
import type { CopiesCame } from "./statistics.ts";

/** All arrivals of one identity, and how they came. */
export interface Copies extends CopiesCame {
  readonly arrivals: Arrival[];
}

/** What is known of the copies of a reading; an object of its own where nothing tells them. */
export function copiesIn(all: Map<string, Copies>, device: string, { id, boot, sequence, time }: Decoded): Copies {
  const unknown: Copies = { isLate: false, isOnTime: false, isImpossible: false, isSpread: false, arrivals: [] };
  const isTold = id !== null || (sequence !== null && (boot !== null || time !== null));
  if (!isTold) return unknown;
  const key = JSON.stringify(
    id !== null ? [id] : boot !== null ? [device, boot, sequence] : [device, sequence, time, 0],
  );
  const known = all.get(key) ?? unknown;
  all.set(key, known);
  return known;
}
