/** What the log proves of a sensor: from which second on, and what may legitimately differ. docs/decisions/0031-verify.md */
import type { State } from "../pipeline/state.ts";
import { SECONDS_PER_PAGE } from "../rollups/levels.ts";
import type { Causes } from "./explanation.ts";
import type { IdentityRule } from "./identities.ts";
import type { Reach } from "./recomputation.ts";
import type { StoredSensor } from "./stored.ts";

/** The claim about one sensor. */
export interface SensorProof {
  readonly sensor: StoredSensor;
  /** From this second on the history holds exactly what the log says; -Infinity: all of it, Infinity: nothing. */
  readonly exactFrom: number;
  /** From this second on it holds at least what the log says. */
  readonly atLeastFrom: number;
  /** The log holds all that was ever received. */
  readonly isWhole: boolean;
  /** Readings that it received and that a log without a gap does not have. */
  readonly unaccounted: number;
  /** Which readings came late is compared. */
  readonly withLate: boolean;
  /** How far a reading was ahead of time is known from the log, as it has append times. */
  readonly isClockKnown: boolean;
  /** Identities, lists and most totals are told by the rules of an older version. */
  readonly isOlder: boolean;
  /** Some topic that is read brings its readings. */
  readonly isFed: boolean;
  /** What the log does not have now it had not then. */
  readonly isGapKnown: boolean;
  /** Its readings came in one order. */
  readonly isOrdered: boolean;
  readonly causes: Causes;
}

/** What a claim rests on. */
interface Ground {
  /** Recomputed; null: nothing was. */
  readonly state: State | null;
  readonly reaches: readonly Reach[];
  readonly clockAheadMs: number;
  /** The log is tidemark's own. */
  readonly isEmbedded: boolean;
  /** Some of the history was made by an older version. */
  readonly isOlder: boolean;
}

/** What the log proves of the sensor. O(partitions). */
export function proofOf(
  sensor: StoredSensor,
  { state, reaches, clockAheadMs, isEmbedded, isOlder }: Ground,
): SensorProof {
  const { totals, name } = sensor;
  const recomputed = state?.sensors.find(name)?.totals;
  const feeds = ({ position: { topic } }: Reach): boolean =>
    topic === name || [...(state?.sources.find(topic)?.others ?? [])].some((other) => other.name === name);
  // Where any topic brings readings of other sensors, each may have done so before it begins.
  const isShared = [...(state?.sources.list() ?? [])].some(({ others }) => others.size > 0);
  const feeding = reaches.filter(feeds);
  const read = feeding.filter(({ firstMs }) => firstMs !== null);
  const isKnown = recomputed !== undefined && feeding.length > 0;
  const may = isShared ? reaches : feeding;
  const heldFrom =
    isKnown && totals.cutRecords === 0 ? latest(may.map((reach) => exactFromOf(reach, clockAheadMs))) : Infinity;
  // Of histories that were made before a topic that was made anew left a mark, too: none of their seconds is taken for wrong.
  const isFull = heldFrom === Number.NEGATIVE_INFINITY;
  const unaccounted = isFull ? Math.max(0, totals.received - (recomputed?.received ?? 0)) : 0;
  const exactFrom = unaccounted > 0 ? Infinity : heldFrom;
  const atLeastFrom = isKnown ? latest(feeding.map((reach) => heldFromOf(reach, clockAheadMs))) : Infinity;
  const isWhole = exactFrom === Number.NEGATIVE_INFINITY;
  const isClockKnown = read.every(({ appendTime }) => appendTime);
  const isOrdered = read.length <= 1;
  const lost = (recomputed?.gapRecords ?? 0) + (recomputed?.rejected ?? 0);
  const causes: Causes = {
    released: totals.released,
    held: isClockKnown && isWhole ? 0 : totals.quarantined,
    isClockKnown,
    passedOver: Math.max(0, totals.gapRecords + totals.rejected - lost),
    isCut: !isWhole,
    isOrderOpen: !isOrdered,
  };
  const isFed = feeding.length > 0;
  // Older versions judged lateness otherwise: where the sums differ it is theirs (decision 32).
  const withLate = isWhole && isOrdered && totals.late === recomputed?.late;
  return {
    sensor,
    exactFrom,
    atLeastFrom,
    isWhole,
    unaccounted,
    withLate,
    isClockKnown,
    isOlder,
    isFed,
    isGapKnown: isEmbedded,
    isOrdered,
    causes,
  };
}

/** How its identities compare; null: not. */
export function identityRuleOf({
  isWhole,
  isOrdered,
  isClockKnown,
  atLeastFrom,
  causes,
  isOlder,
  sensor,
}: SensorProof): IdentityRule | null {
  // Of readings that were passed over, and may be there now, the history knows no identity.
  if (isOlder || atLeastFrom === Number.POSITIVE_INFINITY || causes.passedOver > 0) return null;
  return { isWhole, isOrdered: isOrdered && sensor.totals.released === 0, isClockKnown };
}

function latest(seconds: readonly number[]): number {
  return Math.max(Number.NEGATIVE_INFINITY, ...seconds);
}

/** From when on the log has all readings of that event time. Before append times no earlier record can have been of a later time. */
function exactFromOf(reach: Reach, aheadMs: number): number {
  if (reach.damaged.length > 0) return Number.POSITIVE_INFINITY;
  if (reach.isWhole) return Number.NEGATIVE_INFINITY;
  return reach.appendTime ? firstSecond(reach, aheadMs) : Number.POSITIVE_INFINITY;
}

/** From when on the log's readings must be in the history: before it they may be conflicts with earlier ones. */
function heldFromOf(reach: Reach, aheadMs: number): number {
  return reach.isWhole ? Number.NEGATIVE_INFINITY : firstSecond(reach, aheadMs);
}

/** The start of the first page behind all event times of records from before the log's first one. */
function firstSecond({ firstMs }: Reach, aheadMs: number): number {
  if (firstMs === null) return Number.POSITIVE_INFINITY;
  return Math.ceil((firstMs + aheadMs) / 1000 / SECONDS_PER_PAGE) * SECONDS_PER_PAGE;
}
