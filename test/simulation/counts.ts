/** What happens in simulated histories, to be counted: a case that never occurs is seen. */
import type { EmbeddedAppends } from "./embedded-appends.ts";
import type { Witness } from "./witness.ts";

/** How often each thing happened, by name. */
export type Counts = Map<string, number>;

/** Faults and events that are counted; one that stays 0 is not simulated. */
export const COUNTED: readonly string[] = (
  "append pass clock-forward clock-back commit restart stall unreachable corrupt skip cut recreate transaction-committed transaction-aborted compact trim " +
  "retention log-retention release discard retry-rejections discard-rejections released-alone delete undo rename " +
  "delete-inside undo-inside rename-inside correction-refused nothing-to-correct anew as-of new-sensor kill kill-inside power-loss power-loss-inside " +
  "power-loss-rolled-back sectors-lost disk-error disk-full start-failed append-refused append-unknown gap cut-back expired quarantined rejected " +
  "duplicates conflicts boots damage-bit damage-page damage-cut damage-gone damage-right damage-repaired damage-refused"
).split(" ");

/** What came of a history. */
export function tallyOf(witness: Witness, appends: EmbeddedAppends | null): [string, number][] {
  const { oracle, gaps, cuts, rolledBack, releasedAlone } = witness;
  const counted: [string, number][] = [
    ["gap", gaps],
    ["cut-back", cuts],
    ["power-loss-rolled-back", rolledBack],
    ["released-alone", releasedAlone],
  ];
  for (const sensor of oracle.sensors) {
    const { quarantined, rejected, duplicates, conflicts, implicitBoots: boots } = oracle.totals(sensor);
    counted.push(...Object.entries({ quarantined, rejected, duplicates, conflicts, boots }));
  }
  if (appends !== null) counted.push(["append-refused", appends.refused], ["append-unknown", appends.unknown]);
  return counted;
}
