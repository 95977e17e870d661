/** Pages of the levels 1 and up as bytes: docs/formats/history.md draws them. Canonical: the same readings give the same bytes. */
import { ByteReader } from "../core/bytes.ts";
import type { Aggregate } from "../metrics/aggregate.ts";
import type { Distribution } from "../metrics/distribution.ts";
import { countBits, firstBit, hasBit, lastBit, writeBitmap } from "./bitmap.ts";
import { BucketColumns, writeBuckets } from "./bucket-columns.ts";
import { BucketPage } from "./bucket-page.ts";
import { BUCKETS_PER_PAGE, levelOf, pageOf, STEP_SECONDS } from "./levels.ts";
import { BUCKETS, corrupt, out, sealed } from "./page-frame.ts";

/** The bit of a page where its bitmap begins: after the first byte. */
const BITMAP = 8;
const SIZE_MAX = Math.max(...BUCKETS_PER_PAGE.slice(1));
const used = new Uint8Array(SIZE_MAX);
const order = new Uint16Array(SIZE_MAX);
const starts = new Float64Array(SIZE_MAX);

/** Ms since the epoch of a page's first bucket, and between its buckets. */
const baseMs = (key: number): number => pageOf(key) * BUCKETS_PER_PAGE[levelOf(key)] * stepMs(key);
const stepMs = (key: number): number => STEP_SECONDS[levelOf(key)] * 1000;

/** The bytes of a page, its checksum among them. `key` is part of what the checksum covers. */
export function encodeBuckets(key: number, page: BucketPage): Uint8Array<ArrayBuffer> {
  const base = baseMs(key);
  const step = stepMs(key);
  let n = 0;
  for (let i = 0; i < page.size; i++) {
    used[i] = page.countOf(i) === 0 ? 0 : 1;
    if (used[i] === 0) continue;
    order[n] = page.rowOf(i);
    starts[n++] = base + i * step;
  }
  out.reset();
  out.u8(BUCKETS.now);
  writeBitmap(out, used, page.size);
  writeBuckets(out, page.rows, order, starts, n);
  return sealed(key);
}

/** Reads the buckets of one page where they stand: `open` first. */
export class EncodedBuckets {
  readonly #columns = new BucketColumns();
  #bytes: Uint8Array = new Uint8Array(0);
  #base = 0;
  #step = 0;
  #size = 0;

  /** @param bytes of a page whose checksum is right @throws TidemarkError "history-corrupt" */
  open(key: number, bytes: Uint8Array): this {
    this.#size = BUCKETS_PER_PAGE[levelOf(key)];
    this.#base = baseMs(key);
    this.#step = stepMs(key);
    try {
      const from = new ByteReader(bytes);
      const layout = from.u8();
      if (layout !== BUCKETS.now && layout !== BUCKETS.keyless) throw new RangeError("unknown layout");
      this.#bytes = bytes;
      from.position += (this.#size + 7) >> 3;
      this.#columns.open(from, countBits(bytes, BITMAP, BITMAP + this.#size));
    } catch (error) {
      throw corrupt(key, String(error), error);
    }
    return this;
  }

  /** As `BucketPage.mergeInto`. */
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean): void {
    const first = firstBit(this.#bytes, BITMAP + from, BITMAP + to) - BITMAP;
    if (first === to) return;
    const last = lastBit(this.#bytes, BITMAP + from, BITMAP + to) - BITMAP;
    const row = countBits(this.#bytes, BITMAP, BITMAP + first);
    const end = row + countBits(this.#bytes, BITMAP + first, BITMAP + to);
    const start = this.#base + first * this.#step;
    this.#columns.mergeInto(aggregate, row, end, start, this.#base + last * this.#step, withSums);
  }

  /** As `BucketPage.mergeValues`. */
  mergeValues(into: Distribution, from: number, to: number): void {
    const row = countBits(this.#bytes, BITMAP, BITMAP + from);
    this.#columns.mergeValues(into, row, row + countBits(this.#bytes, BITMAP + from, BITMAP + to));
  }

  /** As `BucketPage.isDerived`. */
  isDerived(i: number): boolean {
    if (!hasBit(this.#bytes, BITMAP + i)) return false;
    return !this.#columns.hasValues || this.#columns.valueBytesOf(countBits(this.#bytes, BITMAP, BITMAP + i)) === 0;
  }

  /** The page in a form that can be changed. */
  decode(): BucketPage {
    const page = this.numbers();
    this.#columns.copyValuesTo(page.rows, order);
    return page;
  }

  /** The page in that form, but without its values. */
  numbers(): BucketPage {
    const page = new BucketPage(this.#size);
    let n = 0;
    for (let i = 0; i < this.#size; i++) {
      if (!hasBit(this.#bytes, BITMAP + i)) continue;
      order[n] = page.rowFor(i);
      starts[n++] = this.#base + i * this.#step;
    }
    this.#columns.copyTo(page.rows, order, starts);
    return page;
  }
}
