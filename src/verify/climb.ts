/** Reads all pages of a series in order and has the ladder merge them upwards, with those in their places that the log has otherwise. */
import type { Aggregate } from "../metrics/aggregate.ts";
import {
  BUCKETS_PER_PAGE,
  FIRST_PAGE,
  LAST_PAGE,
  levelOf,
  pageKey,
  pageOf,
  SECONDS_PER_PAGE,
  STEP_SECONDS,
  seriesOf,
  TOP_LEVEL,
  TOP_PAGES_MAX,
} from "../rollups/levels.ts";
import type { Database } from "../store/database.ts";
import type { Tell } from "./differences.ts";
import { Ladder, type LadderFault } from "./ladder.ts";
import { openSeconds } from "./pages.ts";
import { hasOlderParts, ofDevice, type StoredSensor } from "./stored.ts";

/** Names of the buckets of each level. */
const LEVEL_NAMES = ["second", "minute", "hour", "day", "32 days", "1,024 days"] as const;

/** One series. `run` it; then `total` and `repairs` are known. */
export class Climb {
  readonly #db: Database;
  readonly #series: number;
  readonly #sensor: string;
  readonly #of: string;
  readonly #changed: ReadonlyMap<number, Uint8Array | null>;
  readonly #tell: Tell;
  /** Of all pages, as they should be; null: one cannot be read. */
  total: Aggregate | null = null;
  /** Pages to replace, or (null) to delete. */
  readonly repairs = new Map<number, Uint8Array | null>();

  /** @param changed pages of level 0, of any series, that are to be replaced, or (null) deleted */
  constructor(
    db: Database,
    { id, name, device }: Pick<StoredSensor, "id" | "name" | "device">,
    changed: ReadonlyMap<number, Uint8Array | null>,
    tell: Tell,
  ) {
    this.#db = db;
    this.#series = id;
    this.#sensor = name;
    this.#of = ofDevice({ ...(device === undefined ? {} : { device }) });
    this.#changed = changed;
    this.#tell = tell;
  }

  /** Yields after each page of seconds. */
  *run(): Generator<void> {
    const find = this.#db.prepare("SELECT bytes FROM page WHERE key=?");
    const changed = [...this.#changed.keys()].filter((key) => seriesOf(key) === this.#series).sort((a, b) => a - b);
    const ladder = new Ladder({
      series: this.#series,
      top: this.#top(changed),
      isOlder: hasOlderParts(this.#db),
      find: (key) => bytesOf(find.get(key)?.bytes),
      numbers: (level) => this.#numbers(level),
      onFault: (fault) => this.#tellFault(fault),
      onRepair: (key, bytes) => this.repairs.set(key, bytes),
    });
    let at = 0;
    let isDamaged = false;
    for (const { key, bytes } of this.#rows()) {
      for (; at < changed.length && changed[at] < key; at++) this.#takeChanged(ladder, changed[at]);
      if (changed[at] === key) this.#takeChanged(ladder, changed[at++]);
      else isDamaged = !this.#takeStored(ladder, key, bytes) || isDamaged;
      yield;
    }
    for (; at < changed.length; at++) this.#takeChanged(ladder, changed[at]);
    ladder.end();
    if (!isDamaged) this.total = ladder.total;
  }

  /** The highest level that there must be: that of the file, or a higher one where pages of it are too many. */
  #top(changed: readonly number[]): number {
    const newest = this.#db.prepare("SELECT max(key) AS key FROM page WHERE key>=? AND key<=?");
    const key = newest.get(this.#bounds(0)[0], this.#bounds(TOP_LEVEL)[1])?.key;
    const pages = STEP_SECONDS.map(() => ({ count: 0, last: Number.NaN }));
    for (const number of this.#numbersToBe(changed)) {
      for (const [level, of] of pages.entries()) {
        const its = Math.floor((number * SECONDS_PER_PAGE) / (STEP_SECONDS[level] * BUCKETS_PER_PAGE[level]));
        if (its !== of.last) of.count++;
        of.last = its;
      }
    }
    let top = typeof key === "number" ? levelOf(key) : 0;
    while (top < TOP_LEVEL && pages[top].count > TOP_PAGES_MAX) top++;
    return top;
  }

  /** Pages of level 0 with those that are to be there, ascending. */
  *#numbersToBe(changed: readonly number[]): Generator<number> {
    let at = 0;
    for (const number of this.#numbers(0)) {
      for (; at < changed.length && pageOf(changed[at]) <= number; at++) {
        if (this.#changed.get(changed[at]) !== null) yield pageOf(changed[at]);
      }
      if (!this.#changed.has(pageKey(this.#series, 0, number))) yield number;
    }
    for (; at < changed.length; at++) if (this.#changed.get(changed[at]) !== null) yield pageOf(changed[at]);
  }

  *#rows(): Generator<{ key: number; bytes: Uint8Array | null }> {
    const rows = this.#db.prepare("SELECT key, bytes FROM page WHERE key>=? AND key<=? ORDER BY key");
    for (const { key, bytes } of rows.iterate(...this.#bounds(0))) yield { key: Number(key), bytes: bytesOf(bytes) };
  }

  *#numbers(level: number): Generator<number> {
    const rows = this.#db.prepare("SELECT key FROM page WHERE key>=? AND key<=? ORDER BY key");
    for (const { key } of rows.iterate(...this.#bounds(level))) yield pageOf(Number(key));
  }

  #bounds(level: number): [first: number, last: number] {
    return [pageKey(this.#series, level, FIRST_PAGE), pageKey(this.#series, level, LAST_PAGE)];
  }

  /** @returns whether it can be read */
  #takeStored(ladder: Ladder, key: number, bytes: Uint8Array | null): boolean {
    const seconds = bytes === null ? "no bytes" : openSeconds(key, bytes);
    if (typeof seconds !== "string") {
      ladder.take(pageOf(key), seconds);
      seconds.release();
      return true;
    }
    const number = pageOf(key);
    const expected = "a page that can be read, and that the log does not tell any more";
    const place = {
      sensor: this.#sensor,
      what: `page ${number} of level 0${this.#of}`,
      second: number * SECONDS_PER_PAGE,
    };
    this.#tell({ proof: "checksum", ...place, stored: seconds, expected });
    ladder.take(number, null);
    return false;
  }

  #takeChanged(ladder: Ladder, key: number): void {
    const bytes = this.#changed.get(key) ?? null;
    this.repairs.set(key, bytes);
    if (bytes === null) return;
    const seconds = openSeconds(key, bytes);
    if (typeof seconds === "string") throw new Error(`BUG: a recomputed page cannot be read: ${seconds}`);
    ladder.take(pageOf(key), seconds);
    seconds.release();
  }

  #tellFault({ level, number, second, isPage, isDamaged, isRepaired, stored, expected }: LadderFault): void {
    const page = `page ${number} of level ${level}${this.#of}`;
    const what = isPage ? page : `${LEVEL_NAMES[level]} in ${page}`;
    const proof = isDamaged ? "checksum" : "parts";
    this.#tell({ proof, sensor: this.#sensor, what, second, stored, expected }, isRepaired ? "pages" : "log");
  }
}

function bytesOf(value: unknown): Uint8Array | null {
  return value instanceof Uint8Array ? value : null;
}
