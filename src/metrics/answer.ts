/** The answer to a query about a window: the aggregate, and what reading it cost. */
import { Aggregate, type Needs } from "./aggregate.ts";

/** What was read for an answer. */
export interface Cost {
  /** Pages that were looked for. */
  pages: number;
  /** Buckets that were merged. */
  buckets: number;
  /** Pages that were not in memory. */
  pagesFromDisk: number;
}

/** An aggregate, owned by the caller, with its cost. */
export interface Answer {
  readonly aggregate: Aggregate;
  readonly cost: Cost;
}

/** The answer before anything is read. */
export function emptyAnswer(needs: Needs): Answer {
  return { aggregate: new Aggregate(needs), cost: { pages: 0, buckets: 0, pagesFromDisk: 0 } };
}
