/** The records of one fetch of one partition, batch by batch, without aborted transactions. */
import { TidemarkError } from "../../core/errors.ts";
import type { Records } from "../../core/records.ts";
import type { Fetched, Gap } from "../log.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  BatchHeader,
  BatchRest,
  CONTROL_ABORT,
  continueBatch,
  controlType,
  readBatchHeader,
  resumeBehind,
  startBatch,
} from "../record-batch.ts";
import { int32, int64 } from "../varint.ts";
import { giveBack } from "./fetch-buffers.ts";
import { type AbortedTransaction, Transactions } from "./transactions.ts";

/** Positions in a batch's header (record-batch.ts draws it). */
const LENGTH_AT = 8;
const EPOCH_AT = 12;
const MAGIC_AT = 16;
const MAGIC = 2;
const LAST_DELTA_AT = 23;

/** Where a record set ends: the offset to fetch next and the leader epoch of its last whole batch; both -1 when there is none. */
interface BatchesEnd {
  readonly next: number;
  readonly epoch: number;
  /** True when what follows looks like no batch: reading it says what is wrong. */
  readonly damaged: boolean;
}

/** Walks the headers alone, so that the next fetch can be under way before the first record is decoded. */
export function endOf(bytes: Uint8Array): BatchesEnd {
  let next = -1;
  let epoch = -1;
  for (let p = 0; bytes.length - p > MAGIC_AT; ) {
    const length = int32(bytes, p + LENGTH_AT);
    if (bytes[p + MAGIC_AT] !== MAGIC) return { next, epoch, damaged: true };
    if (bytes.length - p < BATCH_HEADER_BYTES) break;
    if (length < BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES) return { next, epoch, damaged: true };
    if (length > bytes.length - p - BATCH_PREFIX_BYTES) break;
    next = int64(bytes, p) + int32(bytes, p + LAST_DELTA_AT) + 1;
    epoch = int32(bytes, p + EPOCH_AT);
    p += BATCH_PREFIX_BYTES + length;
  }
  return { next, epoch, damaged: false };
}

/** What a read brings of one partition. */
export interface FetchedContent {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap: Gap | null;
  /** The offset asked for: rows before it are left out. */
  readonly from: number;
  /** Null when the read brings nothing but a gap. */
  readonly records: Uint8Array | null;
  readonly aborted: readonly AbortedTransaction[] | null;
}

/** A read with the reader's part in it. */
interface OpenContent extends FetchedContent {
  /** Called when a batch cannot be read, which `next` then throws: nothing behind it may be handed out. */
  readonly onDamaged: () => void;
  /** Whether the partition was given another offset since. */
  readonly isDropped: () => boolean;
}

const NO_BYTES = new Uint8Array(0);

/** Cursor over a record set, or over a gap alone; its memory goes back when it is used up. */
export class FetchedBatches implements Fetched {
  readonly topic: string;
  readonly partition: number;
  readonly logEnd: number;
  readonly gap: Gap | null;
  readonly #from: number;
  readonly #header = new BatchHeader();
  /** Of the batch that is being read. */
  readonly #rest = new BatchRest();
  readonly #transactions: Transactions;
  readonly #onDamaged: () => void;
  readonly #isDropped: () => boolean;
  #bytes: Uint8Array;
  #position = 0;
  /** Where the batch begins that is being read. */
  #batchAt = 0;
  /** The offset after the batch before it; at first the one asked for. */
  #nextOffset: number;
  /** A gap and nothing else: one batch without rows moves the position. */
  #onlyGap: boolean;
  #failure: unknown = null;
  resumeAt: number | null = null;

  constructor({ topic, partition, logEnd, gap, from, records, aborted, onDamaged, isDropped }: OpenContent) {
    this.topic = topic;
    this.partition = partition;
    this.logEnd = logEnd;
    this.gap = gap;
    this.#from = from;
    this.#nextOffset = from;
    this.#bytes = records ?? NO_BYTES;
    this.#onlyGap = records === null;
    this.#transactions = new Transactions(aborted);
    this.#onDamaged = onDamaged;
    this.#isDropped = isDropped;
  }

  get isDropped(): boolean {
    return this.#isDropped();
  }

  next(into: Records): boolean {
    if (this.#failure !== null) throw this.#failure;
    try {
      return this.#next(into);
    } catch (error) {
      this.#failure = error; // what is behind a damaged batch is not read by asking again
      this.resumeAt = resumeBehind(this.#bytes, this.#batchAt, this.#from, this.logEnd);
      this.#onDamaged();
      throw error;
    }
  }

  /** @throws TidemarkError "log-corrupt" */
  #requireOrder(header: BatchHeader, where: string): void {
    const fault = orderFault(header, this.#nextOffset, this.#bytes);
    if (fault === null) return;
    throw new TidemarkError(
      "log-corrupt",
      `Cannot decode ${where}: the batch at offset ${header.baseOffset} is damaged: ${fault}`,
    );
  }

  #next(into: Records): boolean {
    if (this.#onlyGap) {
      this.#onlyGap = false;
      return skip(into, this.#from);
    }
    const header = this.#header;
    const bytes = this.#bytes;
    const rest = this.#rest;
    const where = `"${this.topic}" partition ${this.partition}`;
    if (rest.left > 0) {
      continueBatch(header, rest, this.#from, into, where);
      return true;
    }
    const start = this.#position;
    this.#batchAt = start;
    if (!readBatchHeader(bytes, start, bytes.length, header, where)) {
      this.#bytes = NO_BYTES;
      giveBack(bytes);
      return false;
    }
    this.#requireOrder(header, where);
    this.#position = header.end;
    this.#nextOffset = header.nextOffset;
    this.#transactions.moveTo(header.nextOffset);
    const nextOffset = Math.max(this.#from, header.nextOffset);
    if (header.isControl) {
      if (controlType(bytes, header, where) === CONTROL_ABORT) this.#transactions.end(header.producerId);
      return skip(into, nextOffset);
    }
    if (header.isTransactional && this.#transactions.isAborted(header.producerId)) return skip(into, nextOffset);
    startBatch(bytes, header, rest, where);
    continueBatch(header, rest, this.#from, into, where);
    return true;
  }
}

/** No checksum covers a batch's base offset: one that does not fit between its neighbours would count its records twice, or not at all. */
function orderFault({ nextOffset, end }: BatchHeader, before: number, bytes: Uint8Array): string | null {
  if (nextOffset <= before) return `its last offset must be >= ${before}, was ${nextOffset - 1}`;
  const isFollowed = bytes.length - end > MAGIC_AT && bytes[end + MAGIC_AT] === MAGIC;
  const following = isFollowed ? int64(bytes, end) : nextOffset;
  if (following >= nextOffset) return null;
  return `the batch behind must begin at ${nextOffset} or after, begins at ${following}`;
}

function skip(into: Records, nextOffset: number): true {
  into.count = 0;
  into.nextOffset = nextOffset;
  return true;
}
