/** What one fetch brought of one partition, batch by batch, without what transactions took back. As bytes, the fast way; library-batches.ts is the other. */
import { messageOf } from "../../core/errors.ts";
import type { Records } from "../../core/records.ts";
import { crc32c } from "../crc32c.ts";
import {
  ATTRIBUTES_AT,
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  BatchHeader,
  CONTROL_ABORT,
  CRC_AT,
  controlType,
  decodeBatch,
  readBatchHeader,
} from "../record-batch.ts";
import { int32, int64 } from "../varint.ts";
import { giveBack } from "./fetch-buffers.ts";
import { type FetchedContent, FetchedCursor } from "./fetched-cursor.ts";
import { LibraryBatches, LibraryFetched } from "./library-batches.ts";
import { Transactions } from "./transactions.ts";

/** Positions in a batch's header (record-batch.ts draws it). */
const LENGTH_AT = 8;
const EPOCH_AT = 12;
const MAGIC_AT = 16;
const MAGIC = 2;
const LAST_DELTA_AT = 23;

/** Batches of one partition, as the broker stores them or as the client library parsed them. */
export type RecordSet = Uint8Array | LibraryBatches;

/** Where a record set ends: the offset to fetch next and the leader epoch of its last whole batch; both -1 when there is none. */
export interface BatchesEnd {
  readonly next: number;
  readonly epoch: number;
  /** True when what follows looks like no batch: reading it says what is wrong. */
  readonly damaged: boolean;
}

/** Walks the headers alone, so that the next fetch can be under way before the first record is decoded. */
export function endOf(records: RecordSet): BatchesEnd {
  return records instanceof LibraryBatches ? records.end : endOfBytes(records);
}

function endOfBytes(bytes: Uint8Array): BatchesEnd {
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

/** The cursor for what was fetched. */
export function openFetched(content: FetchedContent): FetchedCursor {
  const { records } = content;
  if (records === null) return new GapFetched(content);
  return records instanceof LibraryBatches ? new LibraryFetched(content, records) : new BytesFetched(content, records);
}

/** A gap and nothing else: one batch without rows moves the position. */
class GapFetched extends FetchedCursor {
  #left = true;

  next(into: Records): boolean {
    if (!this.#left) return false;
    this.#left = false;
    return skip(into, this.from);
  }
}

const NO_BYTES = new Uint8Array(0);

/** Cursor over a record set; its memory goes back when it is used up. */
class BytesFetched extends FetchedCursor {
  #bytes: Uint8Array;
  readonly #header = new BatchHeader();
  readonly #transactions: Transactions;
  readonly #onUnreadable: (why: string) => void;
  #position = 0;
  #failure: unknown = null;

  constructor(content: FetchedContent, bytes: Uint8Array) {
    super(content);
    this.#bytes = bytes;
    this.#transactions = new Transactions(content.aborted);
    this.#onUnreadable = content.onUnreadable;
  }

  next(into: Records): boolean {
    if (this.#failure !== null) throw this.#failure;
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
    if (!readBatchHeader(bytes, start, bytes.length, header, where)) {
      this.#bytes = NO_BYTES;
      giveBack(bytes);
      return false;
    }
    this.#position = header.end;
    this.#transactions.moveTo(header.nextOffset);
    try {
      return this.#take(into, where);
    } catch (error) {
      if (isSound(bytes, header)) this.#onUnreadable(messageOf(error));
      throw error;
    }
  }

  #take(into: Records, where: string): true {
    const header = this.#header;
    const bytes = this.#bytes;
    const nextOffset = Math.max(this.from, header.nextOffset);
    if (header.isControl) {
      if (controlType(bytes, header, where) === CONTROL_ABORT) this.#transactions.end(header.producerId);
      return skip(into, nextOffset);
    }
    if (header.isTransactional && this.#transactions.isAborted(header.producerId)) return skip(into, nextOffset);
    decodeBatch(bytes, header.start, header.end, this.from, into, where);
    return true;
  }
}

function isSound(bytes: Uint8Array, header: BatchHeader): boolean {
  return crc32c(bytes, header.start + ATTRIBUTES_AT, header.end) === int32(bytes, header.start + CRC_AT) >>> 0;
}

function skip(into: Records, nextOffset: number): true {
  into.count = 0;
  into.nextOffset = nextOffset;
  return true;
}
