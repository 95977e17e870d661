/** What one fetch brought of one partition, batch by batch, without what transactions took back. */
import type { Records } from "../../core/records.ts";
import type { Fetched, Gap } from "../log.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  BatchHeader,
  CONTROL_ABORT,
  controlType,
  decodeBatch,
  readBatchHeader,
} from "../record-batch.ts";
import { int32, int64 } from "../varint.ts";
import type { AbortedTransaction } from "./fetch-response.ts";

const NO_BYTES = new Uint8Array(0);
/** Positions in a batch's header (record-batch.ts draws it). */
const LENGTH_AT = 8;
const EPOCH_AT = 12;
const MAGIC_AT = 16;
const MAGIC = 2;
const LAST_DELTA_AT = 23;

/** Where a record set ends: the offset to fetch next and the leader epoch of its last whole batch; both -1 when there is none. */
export interface BatchesEnd {
  readonly next: number;
  readonly epoch: number;
  /** True when what follows looks like no batch: reading it says what is wrong. */
  readonly damaged: boolean;
}

/** Walks the headers alone, so that the next fetch can be under way before the first record is decoded. */
export function endOf(bytes: Uint8Array): BatchesEnd {
  let next = -1;
  let epoch = -1;
  for (let p = 0; bytes.length - p >= BATCH_HEADER_BYTES; ) {
    const length = int32(bytes, p + LENGTH_AT);
    if (length < BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES || bytes[p + MAGIC_AT] !== MAGIC)
      return { next, epoch, damaged: true };
    if (length > bytes.length - p - BATCH_PREFIX_BYTES) break;
    next = int64(bytes, p) + int32(bytes, p + LAST_DELTA_AT) + 1;
    epoch = int32(bytes, p + EPOCH_AT);
    p += BATCH_PREFIX_BYTES + length;
  }
  return { next, epoch, damaged: false };
}

export interface FetchedContent {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap: Gap | null;
  /** The offset asked for: rows before it are left out. */
  readonly from: number;
  /** Null when the read brings a gap and nothing else. */
  readonly records: Uint8Array | null;
  readonly aborted: readonly AbortedTransaction[] | null;
  /** Called when the reader hands it out. */
  readonly onTaken: () => void;
}

/**
 * Cursor over a record set. Transactions as in Kafka's consumer: a producer's batches are left out from the first offset of an aborted transaction
 * on until its abort marker (Kafka protocol, "Fetch API", aborted_transactions; KIP-98).
 */
export class KafkaFetched implements Fetched {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap: Gap | null;
  readonly onTaken: () => void;
  readonly #from: number;
  readonly #bytes: Uint8Array;
  readonly #header = new BatchHeader();
  /** By first offset, the next to begin last. */
  readonly #aborted: AbortedTransaction[];
  readonly #aborting = new Set<number>();
  #position = 0;
  #gapLeft: boolean;
  #failure: unknown = null;

  constructor(content: FetchedContent) {
    this.topic = content.topic;
    this.partition = content.partition;
    this.logEnd = content.logEnd;
    this.gap = content.gap;
    this.onTaken = content.onTaken;
    this.#from = content.from;
    this.#bytes = content.records ?? NO_BYTES;
    this.#aborted = [...(content.aborted ?? [])].sort((a, b) => b.firstOffset - a.firstOffset);
    this.#gapLeft = content.records === null;
  }

  next(into: Records): boolean {
    if (this.#failure !== null) throw this.#failure;
    if (this.#gapLeft) {
      this.#gapLeft = false;
      return skip(into, this.#from);
    }
    try {
      return this.#next(into);
    } catch (error) {
      this.#failure = error; // what is behind a damaged batch is not read by asking again
      throw error;
    }
  }

  #next(into: Records): boolean {
    const header = this.#header;
    const bytes = this.#bytes;
    const where = `"${this.topic}" partition ${this.partition}`;
    const start = this.#position;
    if (!readBatchHeader(bytes, start, bytes.length, header, where)) return false;
    this.#position = header.end;
    while (this.#aborted.length > 0 && this.#aborted[this.#aborted.length - 1].firstOffset < header.nextOffset) {
      this.#aborting.add(this.#aborted.pop()!.producerId);
    }
    const nextOffset = Math.max(this.#from, header.nextOffset);
    if (header.isControl) {
      if (controlType(bytes, header, where) === CONTROL_ABORT) this.#aborting.delete(header.producerId);
      return skip(into, nextOffset);
    }
    if (header.isTransactional && this.#aborting.has(header.producerId)) return skip(into, nextOffset);
    decodeBatch(bytes, start, header.end, this.#from, into, where);
    return true;
  }
}

function skip(into: Records, nextOffset: number): true {
  into.count = 0;
  into.nextOffset = nextOffset;
  return true;
}
