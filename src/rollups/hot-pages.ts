/** Decides which pages have running totals (running-totals.ts), within a bound of memory. */
import type { CachedPage } from "./page-cache.ts";
import { RunningTotals } from "./running-totals.ts";

/** Bytes of all totals: those of 140 pages of minutes or 350 of hours, some hot windows of a few hundred sensors. */
const TOTALS_BYTES_MAX = 2 * 1024 * 1024;

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

  #admit(page: CachedPage): void {
    if (this.#bytes >= this.#bytesMax) {
      if (++this.#refusals < REFUSALS_PER_SWEEP) return;
      this.#refusals = 0;
      for (const hot of this.#pages) {
        if (hot.totals?.used) hot.totals.used = false;
        else this.drop(hot);
      }
      return;
    }
    page.totals = new RunningTotals(page.readNumbers());
    this.#pages.add(page);
    this.#bytes += page.totals.bytes;
  }

  /** Drops a page's totals: the page changes, or is evicted. */
  drop(page: CachedPage): void {
    if (page.totals === null) return;
    this.#bytes -= page.totals.bytes;
    page.totals = null;
    this.#pages.delete(page);
  }
}
