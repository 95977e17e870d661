/** How far back each sensor's history is kept. What ends before is deleted with a commit; later readings of that time are counted, but not folded. */
import type { Clock } from "../core/clock.ts";
import { plural } from "../core/figures.ts";
import type { OnNotice } from "../core/notice.ts";
import { formatSecond } from "../core/time.ts";
import type { History } from "../rollups/history.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import type { DeviceSeries } from "./device-series.ts";
import { KnownTime } from "./known-time.ts";
import type { Removed } from "./removed.ts";
import type { Sensors, Series } from "./sensors.ts";

/** How often what is older than the history is kept is deleted, ms. */
const INTERVAL_MS = 3_600_000;
const DAY_SECONDS = 86_400;
/** Past this many sensors one notice covers them all. */
const LINES_MAX = 10;

/** What was known of the time at the last commit, ms. */
const KNOWN_TIME = "known-time";
/** Versions before the horizon was a sensor's own kept one for all here, by the host's clock. */
const OLD_SETTING = "kept-since";

/** What `Horizon.start` needs to keep by. */
export interface HorizonOptions {
  /** How long history is kept, ms; null: for ever. */
  readonly keepMs: number | null;
  readonly clock: Clock;
  /** Listener for deletions. */
  readonly onNotice: OnNotice;
}

/**
 * A sensor is kept from the midnight on that is `keepMs` before its newest counted reading, or before now where that is earlier; now is
 * what `KnownTime` says. So a sensor that sends nothing loses nothing, nor does any by a host's clock that is wrong for a while.
 *
 * States of a sensor: *kept* ⇄ *moved* (`move` →, `committed` ←): its old readings count as expired and are in no window at once, and the
 * commit in between deletes their pages. A horizon that turns out to lie too late is taken back at once.
 */
export class Horizon implements CommitPart {
  readonly waitingRows = 0;
  readonly waitingBytes = 0;
  readonly #db: Database;
  readonly #history: History;
  readonly #sensors: Sensors;
  readonly #deviceSeries: DeviceSeries;
  readonly #removed: Removed;
  /** Each with the second from which on there is something to delete; null: nothing is. */
  readonly #moved = new Map<Series, number | null>();
  #options: HorizonOptions | null = null;
  #known: KnownTime | null = null;
  #movedAtMs = Number.NEGATIVE_INFINITY;

  constructor(db: Database, history: History, sensors: Sensors, deviceSeries: DeviceSeries, removed: Removed) {
    this.#db = db;
    this.#history = history;
    this.#sensors = sensors;
    this.#deviceSeries = deviceSeries;
    this.#removed = removed;
  }

  /** Begins to keep, once the followed sensors are open: takes horizons back that lie too late. @throws TidemarkError "history-corrupt" */
  start(options: HorizonOptions): void {
    this.#options = options;
    this.#adoptOld();
    const { keepMs, clock } = options;
    if (keepMs !== null) this.#known = new KnownTime(clock, this.#knownBefore(keepMs));
    this.#takeBack(this.#known?.now() ?? 0);
  }

  /** What time it was at least when the last process ended; null when there is nothing to lose. */
  #knownBefore(keepMs: number): number | null {
    const stored = this.#db.setting(KNOWN_TIME);
    if (stored !== null) return Number(stored);
    const times = this.#sensors.list().map(({ totals }) => totals.firstTime);
    const first = Math.min(...times);
    return Number.isFinite(first) ? first + keepMs : null;
  }

  /** Older versions left what they deleted in buckets of days and longer that began before: none of it may show when horizons are taken back. */
  #adoptOld(): void {
    const old = this.#db.setting(OLD_SETTING);
    if (old === null) return;
    this.#db.begin();
    try {
      for (const { id } of this.#db.prepare("SELECT id FROM sensor").all()) {
        for (const _ of this.#history.expire(Number(id), Number(old))) {
          // at start: nothing else to run in between
        }
      }
      this.#db.prepare("DELETE FROM setting WHERE name=?").run(OLD_SETTING);
      this.#db.commit();
    } catch (error) {
      this.#db.rollback();
      throw error;
    }
    this.#history.committed();
  }

  /** Reads the clock: call it every few seconds. */
  watch(): void {
    this.#known?.now();
  }

  /** The midnight from which on a sensor may be kept. @param knownMs what time it is known to be */
  #target({ totals }: Series, knownMs: number): number {
    const { keepMs } = this.#options ?? { keepMs: null };
    if (keepMs === null) return Number.NEGATIVE_INFINITY;
    if (totals.lastTime === Number.NEGATIVE_INFINITY) return totals.keptSince; // nothing, or all is deleted
    return Math.floor((Math.min(totals.lastTime, knownMs) - keepMs) / 1000 / DAY_SECONDS) * DAY_SECONDS;
  }

  #takeBack(knownMs: number): void {
    for (const series of this.#sensors.list()) {
      const target = this.#target(series, knownMs);
      const before = series.totals.keptSince;
      if (target >= before) continue;
      series.totals.keptSince = target;
      series.changed = true;
      const since = Number.isFinite(target) ? `from ${formatSecond(target)}` : "for ever";
      this.#options?.onNotice(
        `the history of "${series.name}" is kept ${since} again, no more from ${formatSecond(before)}`,
        "kept-longer",
      );
    }
  }

  /** Before a commit, when it is time to: moves the horizons. Counted at once and for good: a commit that fails has readings expired all the same. */
  move(): void {
    if (this.#options === null || this.#known === null) return;
    const knownMs = this.#known.now();
    this.#takeBack(knownMs);
    const steadyMs = this.#options.clock.steady();
    if (steadyMs - this.#movedAtMs < INTERVAL_MS) return;
    this.#movedAtMs = steadyMs;
    const lines: string[] = [];
    let readings = 0;
    for (const series of this.#sensors.list()) {
      const { totals } = series;
      const target = this.#target(series, knownMs);
      if (!(target > totals.keptSince)) continue;
      const expired = this.#readingsBefore(series, target);
      const first = Math.max(totals.keptSince, Math.floor(totals.firstTime / 1000));
      series.news.add("expired", Math.floor(totals.firstTime / 1000), target);
      totals.keptSince = target;
      totals.expired += expired;
      series.changed = true;
      this.#moved.set(series, this.#moved.get(series) ?? (expired > 0 ? first : null));
      readings += expired;
      if (expired > 0)
        lines.push(
          `the history of "${series.name}" before ${formatSecond(target)} is deleted: ${plural(expired, "reading")}`,
        );
    }
    if (lines.length <= LINES_MAX) for (const line of lines) this.#options.onNotice(line, "expired");
    else
      this.#options.onNotice(
        `old history of ${plural(lines.length, "sensor")} is deleted: ${plural(readings, "reading")}`,
        "expired",
      );
  }

  /** The next commit deletes pages. */
  get hasMoved(): boolean {
    return this.#moved.size > 0;
  }

  /** Series of the sensors that moved, the second from which on each is kept, and the first that there was something of; null: there was nothing. */
  *#movedSeries(): Generator<readonly [series: number, second: number, first: number | null]> {
    for (const [{ id, totals }, first] of this.#moved) {
      yield [id, totals.keptSince, first];
      for (const series of this.#deviceSeries.ofSensor(id)) yield [series, totals.keptSince, null];
      for (const series of this.#removed.ofSensor(id)) yield [series, totals.keptSince, null];
    }
  }

  #readingsBefore({ id, totals }: Series, second: number): number {
    const start = Math.max(totals.keptSince, Math.floor(totals.firstTime / 1000));
    if (start >= second) return 0;
    return this.#history.query(id, { start, end: second }, { sums: false, quantiles: false }).aggregate.count;
  }

  /** Deletes what has to go, inside a transaction that has its pages written before. */
  *write(): Generator<number> {
    for (const [series, second, first] of this.#movedSeries()) yield* this.#history.expire(series, second, first);
    const known = this.#known?.now();
    if (known !== undefined) this.#db.guarded(() => this.#db.setSetting(KNOWN_TIME, Math.floor(known)));
    yield 0;
  }

  /** The transaction of `write` has ended well. */
  committed(): void {
    const moved = [...this.#movedSeries()].map(([series, second]) => [series, second] as const);
    if (moved.length > 0) this.#history.forget(new Map(moved));
    this.#moved.clear();
  }
}
