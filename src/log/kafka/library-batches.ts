/** Batches as the client library parsed them, an object per record, and the cursor that turns them into columns: the slow twin of fetched.ts. */
import type { RecordsBatch } from "@platformatic/kafka";
import { TidemarkError } from "../../core/errors.ts";
import { ABSENT, type Records } from "../../core/records.ts";
import { APPEND_TIME_BIT, CONTROL_ABORT, CONTROL_BIT, TRANSACTIONAL_BIT } from "../record-batch.ts";
import type { BatchesEnd } from "./fetched.ts";
import { type FetchedContent, FetchedCursor } from "./fetched-cursor.ts";
import { Transactions } from "./transactions.ts";

/** In the order of their offsets; at least one. */
export class LibraryBatches {
  readonly list: readonly RecordsBatch[];

  constructor(list: readonly RecordsBatch[]) {
    this.list = list;
  }

  get end(): BatchesEnd {
    const last = this.list[this.list.length - 1];
    return { next: nextOffsetOf(last), epoch: last.partitionLeaderEpoch, damaged: false };
  }
}

function nextOffsetOf(batch: RecordsBatch): number {
  return Number(batch.firstOffset) + batch.lastOffsetDelta + 1;
}

/** The library verifies no checksum, so nothing but order and lengths can show that a batch is damaged. */
export class LibraryFetched extends FetchedCursor {
  readonly #batches: readonly RecordsBatch[];
  readonly #transactions: Transactions;
  #at = 0;

  constructor(content: FetchedContent, batches: LibraryBatches) {
    super(content);
    this.#batches = batches.list;
    this.#transactions = new Transactions(content.aborted);
  }

  next(into: Records): boolean {
    if (this.#at === this.#batches.length) return false;
    const batch = this.#batches[this.#at];
    const producerId = Number(batch.producerId);
    into.count = 0;
    into.appendTime = (batch.attributes & APPEND_TIME_BIT) !== 0;
    into.nextOffset = Math.max(this.from, nextOffsetOf(batch));
    this.#transactions.moveTo(nextOffsetOf(batch));
    if ((batch.attributes & CONTROL_BIT) !== 0) {
      if (markerOf(batch) === CONTROL_ABORT) this.#transactions.end(producerId);
    } else if ((batch.attributes & TRANSACTIONAL_BIT) === 0 || !this.#transactions.isAborted(producerId)) {
      this.#fill(batch, into);
    }
    this.#at++; // a batch that threw throws again
    return true;
  }

  /** Copies keys and values, which lie in many buffers, into one. */
  #fill(batch: RecordsBatch, into: Records): void {
    const { records } = batch;
    const base = Number(batch.firstOffset);
    const time = Number(batch.firstTimestamp);
    into.reserve(records.length);
    let bytes = 0;
    for (const { key, value } of records) bytes += (key?.length ?? 0) + (value?.length ?? 0);
    const data = new Uint8Array(bytes);
    let before = -1;
    let p = 0;
    const put = (field: Buffer | null, row: number, start: Int32Array, end: Int32Array): void => {
      start[row] = field === null ? ABSENT : p;
      if (field !== null) data.set(field, p);
      p += field?.length ?? 0;
      end[row] = field === null ? ABSENT : p;
    };
    let row = 0;
    for (const { offsetDelta, timestampDelta, key, value } of records) {
      if (offsetDelta <= before || offsetDelta > batch.lastOffsetDelta) this.#refuse(base, offsetDelta);
      before = offsetDelta;
      if (base + offsetDelta < this.from) continue;
      into.offset[row] = base + offsetDelta;
      into.timestamp[row] = into.appendTime ? Number(batch.maxTimestamp) : time + Number(timestampDelta);
      put(key, row, into.keyStart, into.keyEnd);
      put(value, row, into.valueStart, into.valueEnd);
      row++;
    }
    into.data = data;
    into.count = row;
  }

  #refuse(baseOffset: number, delta: number): never {
    const where = `"${this.topic}" partition ${this.partition}`;
    const what = `a record's offset delta ${delta} is out of order`;
    throw new TidemarkError(
      "log-corrupt",
      `Cannot decode ${where}: the batch at offset ${baseOffset} is damaged: ${what}`,
    );
  }
}

/** The marker's type: the second int16 of the control record's key (Kafka protocol, "Control Batches"). */
function markerOf({ records }: RecordsBatch): number {
  const key = records[0]?.key;
  return key && key.length >= 4 ? key.readInt16BE(2) : -1;
}
