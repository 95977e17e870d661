/** What the history was at earlier commits: every answer as of a revision is a scan of the readings of then, and what changed since is the difference. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { Random } from "../../src/core/random.ts";
import type { Window } from "../../src/core/window.ts";
import { Aggregate, ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { squareError } from "../../src/metrics/exact-sum.ts";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";
import { History } from "../../src/rollups/history.ts";
import { ReadingRun } from "../../src/rollups/reading-run.ts";
import { Database } from "../../src/store/database.ts";

interface Reading {
  readonly time: number;
  readonly value: number;
}

interface Event {
  readonly second: number;
  readonly cause: string;
  readonly more: number;
}

/** The readings of a series at a revision, and how many events there had been. */
interface Remembered {
  readonly ms: number;
  readonly readings: readonly Reading[];
  readonly events: number;
}

const START = 1_700_000_000;

const lateOf = ({ time, value }: Reading): number => ((time / 100 + Math.round(value)) % 10 === 0 ? 1 : 0);
const secondOf = ({ time }: Reading): number => Math.floor(time / 1000);

function runOf(readings: readonly Reading[], late: (reading: Reading) => number = lateOf): ReadingRun {
  return new ReadingRun().set(
    Float64Array.from(readings, ({ time }) => time),
    Float64Array.from(readings, ({ value }) => value),
    Uint8Array.from(readings, late),
    readings.length,
  );
}

/** One series of a history, everything that ever was in it, and what it was at each revision. */
class Kept {
  readonly #directory = mkdtempSync(join(tmpdir(), "tidemark-revisions-"));
  readonly clock = new ManualClock(1_750_000_000_000);
  readonly #bytesMax: number;
  db = Database.open(this.#directory);
  history: History;
  readings: Reading[] = [];
  readonly events: Event[] = [];
  remembered: Remembered[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.history = this.#open();
  }

  #open(): History {
    const history = new History(this.db, 300_000);
    history.revisions.start({ clock: this.clock, bytesMax: this.#bytesMax });
    return history;
  }

  fold(readings: readonly Reading[], isReleased: boolean): void {
    this.history.foldRun(1, runOf(readings, isReleased ? () => 0 : lateOf), isReleased);
    // What was held back is on time: told apart by a value that is never late.
    this.readings.push(...readings);
    for (const reading of readings) {
      const cause = isReleased ? "released" : lateOf(reading) === 1 ? "late" : "reading";
      this.events.push({ second: secondOf(reading), cause, more: 1 });
    }
  }

  replace(window: Window, readings: readonly Reading[]): void {
    this.history.replaceSeconds(1, window, runOf(readings));
    const isIn = (reading: Reading): boolean => secondOf(reading) >= window.start && secondOf(reading) < window.end;
    const [before, after] = [this.readings.filter(isIn), readings].map((all) => Map.groupBy(all, secondOf));
    for (const second of new Set([...before.keys(), ...after.keys()])) {
      const texts = [before, after].map((content) =>
        (content.get(second) ?? []).map((reading) => `${reading.time} ${reading.value}`).sort(),
      );
      if (texts[0].join() === texts[1].join()) continue;
      this.events.push({ second, cause: "corrected", more: texts[1].length - texts[0].length });
    }
    this.readings = [...this.readings.filter((reading) => !isIn(reading)), ...readings];
  }

  commit(fails = false): void {
    const { db, history, clock } = this;
    clock.set(clock.now() + 30_000);
    const write = (): void => {
      history.revisions.begin();
      db.begin();
      for (const _ of history.write()) this.askWhileWriting();
      for (const _ of history.revisions.write()) this.askWhileWriting();
    };
    write();
    if (fails) {
      db.rollback();
      clock.set(clock.now() + 250);
      write();
    }
    db.commit();
    history.committed();
    history.revisions.committed();
    this.remembered.push({ ms: clock.now(), readings: [...this.readings], events: this.events.length });
  }

  /** Set by a test: what is asked between two steps of a commit. */
  askWhileWriting: () => void = () => {};

  reopen(): void {
    this.db.close();
    this.db = Database.open(this.#directory);
    this.history = this.#open();
  }

  /** A killed process: what was not committed is gone. */
  kill(): void {
    this.reopen();
    const last = this.remembered.at(-1);
    this.readings = [...(last?.readings ?? [])];
    this.events.length = last?.events ?? 0;
  }

  close(): void {
    this.db.close();
    rmSync(this.#directory, { recursive: true });
  }
}

function scan(readings: readonly Reading[], { start, end }: Window, late: (reading: Reading) => number): Aggregate {
  const aggregate = new Aggregate(ALL_NEEDS);
  const seconds = new Set<number>();
  for (const reading of readings) {
    const { time, value } = reading;
    const second = secondOf(reading);
    if (second < start || second >= end) continue;
    seconds.add(second);
    aggregate.count++;
    aggregate.late += late(reading);
    aggregate.min = Math.min(aggregate.min, value);
    aggregate.max = Math.max(aggregate.max, value);
    aggregate.ends(time, value, time, value);
    aggregate.addSum(value);
    aggregate.addSquares(value * value);
    aggregate.addSquares(squareError(value, value * value));
    aggregate.distribution?.add(value, 1);
  }
  aggregate.seconds = seconds.size;
  return aggregate;
}

function compare(kept: Kept, then: Remembered, window: Window, note: string): void {
  const { history } = kept;
  const revision = history.revisions.at(then.ms);
  const place = `${note}, as of ${then.ms}, [${window.start}, ${window.end})`;
  const actual = history.queryPast(1, window, ALL_NEEDS, revision).aggregate;
  const expected = scan(then.readings, window, lateOf);
  for (const name of [...METRICS.map((metric) => metric.name), "p1", "p50", "p99"]) {
    const metric = findMetric(name);
    assert.ok(metric !== undefined);
    assert.equal(metric.read(actual, 1), metric.read(expected, 1), `${name}, ${place}`);
  }
  assert.equal(actual.late, expected.late, `late, ${place}`);
  const events = kept.events.slice(then.events).filter(({ second }) => second >= window.start && second < window.end);
  const byCause = Map.groupBy(events, ({ cause }) => cause);
  const { by, ranges } = history.revised(1, window, revision);
  assert.deepEqual(
    by.map(({ cause, readings, seconds, range }) => ({ cause, readings, seconds, ...range })),
    ["reading", "late", "released", "corrected"].flatMap((cause) => {
      const its = byCause.get(cause);
      if (its === undefined) return [];
      const seconds = new Set(its.map(({ second }) => second));
      const readings = its.reduce((sum, { more }) => sum + more, 0);
      return { cause, readings, seconds: seconds.size, start: Math.min(...seconds), end: Math.max(...seconds) + 1 };
    }),
    place,
  );
  const changed = new Set(events.map(({ second }) => second));
  for (const second of changed) {
    assert.ok(
      ranges.some(({ start, end }) => start <= second && second < end),
      `${second} is in no range, ${place}`,
    );
  }
  for (const { start, end } of ranges) assert.ok(changed.has(start) && changed.has(end - 1), `a range, ${place}`);
}

const VALUES: Record<string, (random: Random) => number> = {
  integers: (random) => random.integer(0, 100),
  decimals: (random) => random.integer(-20_000, 40_000) / 100,
  wide: (random) => (random.next() - 0.5) * 2 ** random.integer(-300, 300),
};

/** In order behind the newest, some late, many in few seconds, or few over weeks. */
function stretch(random: Random, newest: number, value: (random: Random) => number): Reading[] {
  const kind = random.pick(["next", "next", "next", "near", "heavy", "spread", "backfill"]);
  const at = kind === "next" ? newest + 1 : newest - random.integer(0, kind === "near" ? 3000 : 40 * 86_400);
  const [count, seconds] = {
    next: [random.integer(1, 900), 900],
    near: [random.integer(1, 50), 3000],
    heavy: [150, 3],
    spread: [60, 30 * 86_400],
    backfill: [6000, 6000],
  }[kind as "next"];
  return Array.from({ length: count }, (_, i) => ({
    time:
      (at + (kind === "next" || kind === "backfill" ? i % seconds : random.integer(0, seconds - 1))) * 1000 +
      (i % 5) * 100,
    value: value(random) + 0,
  }));
}

function windowNear(random: Random, readings: readonly Reading[]): Window {
  if (readings.length === 0 || random.chance(0.2)) return { start: START - 1e8, end: START + 1e8 };
  const length = random.pick([1, 7, 60, 599, 600, 3600, 86_400, 40 * 86_400]);
  const start = secondOf(random.pick(readings)) - random.integer(0, length - 1);
  return { start, end: start + length };
}

function keep(context: TestContext, bytesMax: number): Kept {
  const kept = new Kept(bytesMax);
  context.after(() => kept.close());
  return kept;
}

for (const [kind, value] of Object.entries(VALUES)) {
  for (const seed of kind === "wide" ? [1] : [1, 2, 3]) {
    test(`answers as of every revision are those of then: ${kind}, seed ${seed}`, (context) => {
      const random = new Random(seed * 13 + kind.length);
      const kept = keep(context, 2 ** 30);
      kept.commit();
      let asked = 0;
      const ask = (note: string): void => {
        for (let times = random.integer(1, 4); times > 0; times--) {
          compare(kept, random.pick(kept.remembered), windowNear(random, kept.readings), note);
          asked++;
        }
      };
      for (let round = 0; round < 25; round++) {
        const newest = kept.readings.reduce((most, reading) => Math.max(most, secondOf(reading)), START);
        const note = `round ${round}`;
        if (random.chance(0.15)) {
          kept.commit();
          const held = stretch(random, newest, (from) => value(from)).filter((reading) => lateOf(reading) === 0);
          kept.fold(held.slice(0, 200), true);
          if (random.chance(0.5)) ask(note);
          kept.commit();
        } else if (random.chance(0.2) && kept.readings.length > 0) {
          kept.commit();
          const window = windowNear(random, kept.readings);
          const more = stretch(random, newest, value)
            .map((reading) => ({
              ...reading,
              time: (window.start + (reading.time % (window.end - window.start))) * 1000,
            }))
            .slice(0, random.pick([0, 5, 50]));
          kept.replace(window, more);
          if (random.chance(0.5)) ask(note);
          kept.commit(random.chance(0.3));
        } else {
          kept.fold(stretch(random, newest, value), false);
          if (random.chance(0.3)) ask(note);
          if (random.chance(0.6)) {
            kept.askWhileWriting = () => {
              if (random.chance(0.02)) ask(`${note}, in a commit`);
            };
            kept.commit(random.chance(0.2));
          }
        }
        if (random.chance(0.1)) kept.kill();
        if (random.chance(0.5)) ask(note);
      }
      kept.askWhileWriting = () => {};
      kept.commit();
      kept.reopen();
      for (const then of kept.remembered.filter((_, i) => i % 3 === 0))
        compare(kept, then, windowNear(random, kept.readings), "at the end");
      context.diagnostic(
        `${kept.remembered.length} revisions, ${asked} questions in between, ${kept.history.revisions.bytes} bytes of notes`,
      );
    });
  }
}

test("the oldest revisions go first, the others answer on, and what is gone is refused with what is kept", (context) => {
  const random = new Random(5);
  const kept = keep(context, 20_000);
  kept.commit();
  for (let round = 0; round < 300; round++) {
    kept.fold(stretch(random, START + round * 600, VALUES.integers).slice(0, 40), false);
    kept.commit();
  }
  const { revisions } = kept.history;
  assert.ok(revisions.dropped > 3, `${revisions.dropped} eras were dropped`);
  assert.ok(revisions.bytes <= 20_000 + 5000, `${revisions.bytes} bytes`);
  const since = revisions.since ?? 0;
  const [gone, left] = [
    kept.remembered.filter(({ ms }) => ms < since),
    kept.remembered.filter(({ ms }) => ms >= since),
  ];
  assert.ok(gone.length > 10 && left.length > 10, `${gone.length} of ${kept.remembered.length} are gone`);
  for (const then of left) compare(kept, then, windowNear(random, kept.readings), "kept");
  const expected = new RegExp(`expected a moment from ${new Date(since).toISOString()} on`);
  for (const { ms } of gone) assert.throws(() => revisions.at(ms), expected);
  const [bytes, notes] = [revisions.bytes, kept.db.prepare("SELECT count(*) AS n FROM revision_note").get()?.n];
  kept.reopen();
  assert.deepEqual([kept.history.revisions.since, kept.history.revisions.bytes], [since, bytes]);
  for (const then of left) compare(kept, then, windowNear(random, kept.readings), "kept, opened again");
  assert.ok(Number(notes) > 0);
});

test("a moment between two commits is the one before it; a clock that is set back makes no revision earlier", (context) => {
  const kept = keep(context, 2 ** 30);
  assert.throws(() => kept.history.revisions.at(kept.clock.now()), /no revision is kept yet/);
  kept.commit();
  kept.fold([{ time: START * 1000, value: 1 }], false);
  kept.commit();
  const [first, second] = kept.remembered;
  assert.throws(() => kept.history.revisions.at(first.ms - 1), /expected a moment from/);
  assert.equal(kept.history.revisions.at(second.ms - 1).ms, first.ms);
  kept.commit();
  assert.equal(kept.history.revisions.at(kept.clock.now()).ms, second.ms, "a commit that changes nothing is none");
  kept.clock.set(first.ms - 3_600_000);
  kept.fold([{ time: START * 1000, value: 2 }], false);
  kept.commit();
  assert.equal(kept.history.revisions.at(second.ms).ms, second.ms);
  const third = kept.history.revisions.at(Number.MAX_SAFE_INTEGER).ms;
  assert.ok(third > second.ms);
  const asked = kept.clock.now() + 30_000;
  kept.clock.set(asked + 2_000_000_000);
  assert.equal(kept.history.revisions.at(asked + 2_000_000_000).ms, third);
  kept.clock.set(asked);
  kept.fold([{ time: START * 1000, value: 3 }], false);
  kept.commit();
  assert.equal(kept.history.revisions.at(asked + 2_000_000_000).ms, third, "what was answered as of then stays so");
  compare(kept, second, { start: START - 10, end: START + 10 }, "before the clock was set back");
});

test("where none are to be kept, none are, and what was is deleted", (context) => {
  const kept = keep(context, 2 ** 30);
  kept.commit();
  kept.fold([{ time: START * 1000, value: 1 }], false);
  kept.commit();
  kept.history.revisions.start({ clock: kept.clock, bytesMax: 0 });
  const off = new History(kept.db);
  off.revisions.start({ clock: kept.clock, bytesMax: 0 });
  for (const table of ["revision", "revision_era", "revision_note", "revision_range"])
    assert.equal(kept.db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n, 0, table);
  assert.throws(() => off.revisions.at(kept.clock.now()), /none is kept \(--revisions\)/);
});

test("a row of notes whose bytes turned is refused, not read", (context) => {
  const kept = keep(context, 2 ** 30);
  kept.commit();
  for (const value of [1, 2]) {
    kept.fold([{ time: START * 1000, value }], false);
    kept.commit();
  }
  const row = kept.db.prepare("SELECT bytes FROM revision_note").get()?.bytes;
  assert.ok(row instanceof Uint8Array);
  for (let at = 0; at < row.length; at++) {
    const turned = row.slice();
    turned[at] ^= 1 << (at % 8);
    kept.db.prepare("UPDATE revision_note SET bytes=?").run(turned);
    assert.throws(() => compare(kept, kept.remembered[0], { start: START, end: START + 1 }, ""), {
      code: "history-corrupt",
    });
  }
});
