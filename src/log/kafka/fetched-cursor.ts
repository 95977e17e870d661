/** What every cursor over fetched batches of a partition says of them. */
import type { Records } from "../../core/records.ts";
import type { Fetched, Gap } from "../log.ts";
import type { AbortedTransaction } from "./cluster.ts";
import type { RecordSet } from "./fetched.ts";

export interface FetchedContent {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap: Gap | null;
  /** The offset asked for: rows before it are left out. */
  readonly from: number;
  /** Null when the read brings a gap and nothing else. */
  readonly records: RecordSet | null;
  readonly aborted: readonly AbortedTransaction[] | null;
  /** Called when the reader hands it out. */
  readonly onTaken: () => void;
  /** Told why a batch was refused whose checksum is right: it is not damaged, our decoder does not know it. */
  readonly onUnreadable: (why: string) => void;
}

export abstract class FetchedCursor implements Fetched {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap: Gap | null;
  readonly onTaken: () => void;
  protected readonly from: number;

  constructor({ topic, partition, logEnd, gap, onTaken, from }: FetchedContent) {
    this.topic = topic;
    this.partition = partition;
    this.logEnd = logEnd;
    this.gap = gap;
    this.onTaken = onTaken;
    this.from = from;
  }

  abstract next(into: Records): boolean;
}
