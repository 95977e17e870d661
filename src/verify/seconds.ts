/** Compares the seconds of a history with the recomputed ones, where the log says what they hold. */
import { FIRST_PAGE, LAST_PAGE, pageKey, pageOf, SECONDS_PER_PAGE, seriesOf } from "../rollups/levels.ts";
import { ReadingRun } from "../rollups/reading-run.ts";
import { encodeSeconds } from "../rollups/seconds-codec.ts";
import type { SecondsPage } from "../rollups/seconds-page.ts";
import type { Database } from "../store/database.ts";
import type { Tell } from "./differences.ts";
import type { Explanation } from "./explanation.ts";
import { differingSeconds, openSeconds, type SecondDifference } from "./pages.ts";
import type { SensorProof } from "./sensor-proof.ts";
import { ofDevice } from "./stored.ts";

/** Seconds that are looked into one by one; of more only their pages are told: 100 MB. */
const SECONDS_MAX = 100_000;

/** Pages of which both sides are kept, to be explained and repaired: 100 MB. Of more only their number is told: something else is wrong than pages. */
const PAGES_MAX = 10_000;

/** A page of level 0 that differs from the recomputed one. */
interface DifferingPage {
  readonly proof: SensorProof;
  readonly stored: Uint8Array | null;
  readonly expected: Uint8Array | null;
  /** Why the stored one cannot be read; null: it can, or there is none. */
  readonly damage: string | null;
  readonly seconds: readonly SecondDifference[];
  /** Those of them that no cause explains. */
  unexplained: readonly SecondDifference[];
}

/** States: `compare` for each sensor → `explain` → `finish`. */
export class SecondsComparison {
  readonly #stored: Database;
  readonly #recomputed: Database;
  readonly #pages = new Map<number, DifferingPage>();
  /** Seconds that differ, by series. */
  readonly seconds = new Map<number, Set<number>>();
  #count = 0;
  readonly #pagesMax: number;
  /** Pages past that, by sensor. */
  readonly #left = new Map<string, number>();
  /** Seconds that may be as they are. */
  explained = 0;
  #unbalanced = 0;

  /** @param pagesMax for tests */
  constructor(stored: Database, recomputed: Database, pagesMax = PAGES_MAX) {
    this.#pagesMax = pagesMax;
    this.#stored = stored;
    this.#recomputed = recomputed;
  }

  /** Yields after each page that was compared. */
  *compare(proof: SensorProof): Generator<void> {
    const { id, totals } = proof.sensor;
    const from = Math.max(proof.atLeastFrom, totals.keptSince);
    if (from === Number.POSITIVE_INFINITY) return;
    const first = from === Number.NEGATIVE_INFINITY ? FIRST_PAGE : Math.floor(from / SECONDS_PER_PAGE);
    const [low, high] = [pageKey(id, 0, first), pageKey(id, 0, LAST_PAGE)];
    const own = rowsOf(this.#stored, low, high);
    const other = rowsOf(this.#recomputed, low, high);
    let [a, b] = [own.next().value, other.next().value];
    while (a !== undefined || b !== undefined) {
      const key = Math.min(a?.key ?? Number.POSITIVE_INFINITY, b?.key ?? Number.POSITIVE_INFINITY);
      const stored = a?.key === key ? a.bytes : null;
      const expected = b?.key === key ? b.bytes : null;
      if (a?.key === key) a = own.next().value;
      if (b?.key === key) b = other.next().value;
      if (stored === null || expected === null || Buffer.compare(stored, expected) !== 0) {
        this.#look(proof, key, stored, expected);
      }
      yield;
    }
  }

  #look(proof: SensorProof, key: number, stored: Uint8Array | null, expected: Uint8Array | null): void {
    if (this.#pages.size >= this.#pagesMax) {
      const { name } = proof.sensor;
      this.#left.set(name, (this.#left.get(name) ?? 0) + 1);
      return;
    }
    const page = stored === null ? null : openSeconds(key, stored);
    if (typeof page === "string") {
      // One that the log does not tell is told where all pages are read.
      if (isExact(proof, key))
        this.#pages.set(key, { proof, stored, expected, damage: page, seconds: [], unexplained: [] });
      return;
    }
    // What may differ is explained of sensors only.
    if (proof.sensor.device !== undefined && !isPlain(proof)) {
      page?.release();
      return;
    }
    const seconds = differingSeconds(key, page, expected === null ? null : opened(key, expected), proof.withLate);
    page?.release();
    if (seconds.length === 0) return;
    this.#pages.set(key, { proof, stored, expected, damage: null, seconds, unexplained: seconds });
    this.#count += seconds.length;
    if (this.#count > SECONDS_MAX) return;
    const { id } = proof.sensor;
    const known = this.seconds.get(id) ?? new Set();
    for (const { second } of seconds) known.add(second);
    this.seconds.set(id, known);
  }

  explain(explanation: Explanation): void {
    for (const [key, page] of this.#pages) {
      const { proof, seconds } = page;
      const mayHaveMore = !isExact(proof, key);
      page.unexplained = seconds.filter(
        (second) => !explanation.explains(proof.sensor.id, second, proof.causes, mayHaveMore),
      );
      this.explained += seconds.length - page.unexplained.length;
    }
    this.#unbalanced = explanation.unbalanced;
  }

  /** Tells what is not explained. @returns what pages are to be replaced by, or (null) deleted */
  finish(tell: Tell): ReadonlyMap<number, Uint8Array | null> {
    const verdicts = new Map<number, Uint8Array | null>();
    for (const [key, page] of this.#pages) {
      const { proof, expected, damage, unexplained } = page;
      const repaired = isExact(proof, key) ? repairedPage(key, page) : undefined;
      const mending = repaired === undefined ? "log" : "pages";
      if (repaired !== undefined && (damage !== null || unexplained.length > 0)) verdicts.set(key, repaired);
      const sensor = proof.sensor.name;
      const what = `page ${pageOf(key)} of level 0${ofDevice(proof.sensor)}`;
      const start = pageOf(key) * SECONDS_PER_PAGE;
      if (damage !== null) {
        const stored = { proof: "checksum", sensor, what, second: start, stored: damage } as const;
        tell({ ...stored, expected: expected === null ? "no page" : "the page that the log comes to" }, mending);
      }
      for (const { second, stored, expected: text } of unexplained) {
        tell({ proof: "log", sensor, what: `second in ${what}`, second, stored, expected: text }, mending);
      }
    }
    for (const [sensor, count] of this.#left) {
      const stored = `${count} more pages that differ, not looked into`;
      const expected = `no more than ${this.#pagesMax} that differ: is it this log, and the server's --timezone?`;
      tell({ proof: "log", sensor, what: "pages of level 0", second: null, stored, expected });
    }
    if (this.#unbalanced > 0) {
      const stored = `${this.#unbalanced} identities that count more than once, or not at all`;
      tell({ proof: "log", sensor: null, what: "conflicts", second: null, stored, expected: "each counts once" });
    }
    return verdicts;
  }
}

/**
 * What the page should be: only the seconds that nothing explains are replaced.
 * @returns null: no page; undefined: it cannot be made, as what came of many readings cannot be parted again
 */
function repairedPage(
  key: number,
  { stored, expected, damage, seconds, unexplained }: DifferingPage,
): Uint8Array | null | undefined {
  if (stored === null || damage !== null) return expected;
  if (unexplained.some(({ readings }) => readings === null))
    return unexplained.length === seconds.length ? expected : undefined;
  const readings = unexplained.flatMap((second) => second.readings ?? []);
  let page = opened(key, stored);
  for (const { second } of unexplained) page = page.without(second - page.start, second - page.start + 1);
  const run = new ReadingRun(readings.length);
  for (const [row, { time, value, late }] of readings.entries()) {
    run.time[row] = time;
    run.value[row] = value;
    run.late[row] = late;
  }
  run.set(run.time, run.value, run.late, readings.length);
  const taken = page.foldRows(run, 0, readings.length);
  if (taken < readings.length) throw new Error("BUG: a reading is of another page");
  const bytes = page.count === 0 ? null : encodeSeconds(key, page).slice();
  page.release();
  return bytes;
}

/** Whether nothing may differ from what the log comes to. */
function isPlain({ isWhole, isOrdered, isClockKnown, causes, sensor: { totals } }: SensorProof): boolean {
  const isHeld = totals.released > 0 || (!isClockKnown && totals.quarantined > 0);
  return isWhole && isOrdered && causes.passedOver === 0 && !isHeld;
}

/** Whether the page is what the log comes to, and nothing else. */
function isExact({ exactFrom }: SensorProof, key: number): boolean {
  return pageOf(key) * SECONDS_PER_PAGE >= exactFrom;
}

function opened(key: number, bytes: Uint8Array): SecondsPage {
  const page = openSeconds(key, bytes);
  if (typeof page === "string") throw new Error(`BUG: the recomputed page ${pageOf(key)} of ${seriesOf(key)}: ${page}`);
  return page;
}

/** Pages of level 0 in order. */
function* rowsOf(db: Database, low: number, high: number): Generator<{ key: number; bytes: Uint8Array }, undefined> {
  const rows = db.prepare("SELECT key, bytes FROM page WHERE key>=? AND key<=? ORDER BY key");
  for (const { key, bytes } of rows.iterate(low, high)) {
    yield { key: Number(key), bytes: bytes instanceof Uint8Array ? bytes : new Uint8Array(0) };
  }
}
