/**
 * Values of hot pages, merged by fours: lists of many values that a window reads then are a third of what they were. Running totals of
 * them would be fewer still, and take four times the memory.
 */
import { ByteReader } from "../core/bytes.ts";
import { Distribution } from "../metrics/distribution.ts";
import type { BucketPage } from "./bucket-page.ts";
import type { EncodedBuckets } from "./buckets-codec.ts";

/** Buckets of a group. */
const GROUP = 4;

/** A group with its list and its place in it, besides its bytes. */
const OBJECT_BYTES = 100;

/** The groups of one page: merged when they are first read, dropped when the page changes. */
export class ValueGroups {
  /** Encoded values of the buckets [GROUP · i, GROUP · (i + 1)). */
  readonly #groups: Uint8Array[] = [];
  readonly bytes: number;

  constructor(page: BucketPage | EncodedBuckets, size: number) {
    let bytes = 0;
    for (let from = 0; from < size; from += GROUP) {
      const values = new Distribution(true);
      page.mergeValues(values, from, from + GROUP);
      this.#groups.push(values.encoded());
      bytes += OBJECT_BYTES + this.#groups[this.#groups.length - 1].length;
    }
    this.bytes = bytes;
  }

  /** Adds the values of the buckets [from, to) of the page. */
  mergeInto(into: Distribution, page: BucketPage | EncodedBuckets, from: number, to: number): void {
    const first = Math.ceil(from / GROUP);
    const end = Math.floor(to / GROUP);
    if (first >= end) {
      page.mergeValues(into, from, to);
      return;
    }
    for (let i = first; i < end; i++) into.mergeEncoded(new ByteReader(this.#groups[i]));
    page.mergeValues(into, from, first * GROUP);
    page.mergeValues(into, end * GROUP, to);
  }
}
