/** Decides which pages have running totals (running-totals.ts) and groups of values (value-groups.ts), within a bound of memory. */
import { BUCKETS_PER_PAGE } from "./levels.ts";
import type { CachedPage } from "./page-cache.ts";
import { RunningTotals } from "./running-totals.ts";
import { ValueGroups } from "./value-groups.ts";

/**
 * Bytes of all totals and groups: some hot windows of a few hundred sensors (140 pages of minutes or 350 of hours in half of it), or half a
 * year of one with thousands of values, whose groups take 20 KB a page.
 */
const TOTALS_BYTES_MAX = 4 * 1024 * 1024;

/** Reads since the last change before running totals are built: building costs about 40 reads. */
export const READS_MIN = 8;

/** Refusals for want of room before totals that went unused since the last sweep are evicted. */
export const REFUSALS_PER_SWEEP = 4096;

/** The pages that have running totals, and room for them. */
export class HotPages {
  readonly #bytesMax: number;
  readonly #pages = new Set<CachedPage>();
  #bytes = 0;
  #refusals = 0;

  constructor(bytesMax = TOTALS_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** The totals of a page that is being read; null while there are none. */
  totalsOf(page: CachedPage): RunningTotals | null {
    if (page.totals === null && page.reads >= READS_MIN && page.buckets === null) this.#admit(page);
    if (page.totals !== null) page.totals.used = true;
    return page.totals;
  }

  /** The groups of a page of hours or longer that is being read for its values; null while there are none. */
  groupsOf(page: CachedPage): ValueGroups | null {
    if (page.groups === null && page.totals !== null && this.#hasRoom()) {
      page.groups = new ValueGroups(page.readBuckets(), BUCKETS_PER_PAGE[page.level]);
      this.#bytes += page.groups.bytes;
    }
    return page.groups;
  }

  #admit(page: CachedPage): void {
    if (!this.#hasRoom()) return;
    page.totals = new RunningTotals(page.readNumbers());
    this.#pages.add(page);
    this.#bytes += page.totals.bytes;
  }

  /** Counts a refusal where it has none, and makes some now and then. */
  #hasRoom(): boolean {
    if (this.#bytes < this.#bytesMax) return true;
    if (++this.#refusals < REFUSALS_PER_SWEEP) return false;
    this.#refusals = 0;
    for (const hot of this.#pages) {
      if (hot.totals?.used) hot.totals.used = false;
      else this.drop(hot);
    }
    return false;
  }

  /** Drops a page's totals and groups: the page changes, or is evicted. */
  drop(page: CachedPage): void {
    if (page.totals === null) return;
    this.#bytes -= page.totals.bytes + (page.groups?.bytes ?? 0);
    page.totals = null;
    page.groups = null;
    this.#pages.delete(page);
  }
}
