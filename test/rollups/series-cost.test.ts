/** What a chart reads: a page at each end of a bucket on a level, and of all pages each once from the file. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { edgesOf, parseStep, stepFor } from "../../src/core/calendar.ts";
import type { Window } from "../../src/core/window.ts";
import { openZone } from "../../src/core/zone.ts";
import { ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { History } from "../../src/rollups/history.ts";
import { BUCKETS_PER_PAGE, plan, TOP_LEVEL } from "../../src/rollups/levels.ts";
import { Database } from "../../src/store/database.ts";

const HOUR = 3600;
const YEAR = 365 * 24 * HOUR;
const START = Date.UTC(2018, 0, 13, 11, 12, 13) / 1000;
const berlin = openZone("Europe/Berlin");

/** Pages that the plan of a window touches: `level/number`. */
function pagesOf({ start, end }: Window): string[] {
  const pages = new Set<string>();
  plan(start, end, (level, from, to) => {
    const perPage = BUCKETS_PER_PAGE[level];
    for (let page = Math.floor(from / perPage); page * perPage < to; page++) pages.add(`${level}/${page}`);
  });
  return [...pages];
}

function bucketsOf(window: Window, every: string | null): Window[] {
  const step = every === null ? stepFor(window, 500, berlin) : parseStep(every);
  const edges = step === null ? null : edgesOf(window, step, berlin, 100_000);
  assert.ok(edges !== null);
  return edges.slice(1).map((end, i) => ({ start: edges[i], end }));
}

test("a bucket touches two pages a level at most, whatever its edges are", () => {
  for (const every of ["7s", "1m", "10m", "15m", "1h", "6h", "1d", "1w", "1mo", "1y", "20y"]) {
    const length = { s: HOUR, m: 4 * 24 * HOUR, h: YEAR }[every.slice(-1)] ?? 60 * YEAR;
    for (const bucket of bucketsOf({ start: START, end: START + length }, every)) {
      const levels = pagesOf(bucket).map((page) => page.split("/")[0]);
      for (let level = 0; level <= TOP_LEVEL; level++) {
        const pages = levels.filter((other) => other === String(level)).length;
        assert.ok(pages <= 2, `${every}: ${pages} pages of level ${level} in ${JSON.stringify(bucket)}`);
      }
    }
  }
});

test("500 points of years look up no other pages, and read each from the file once", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-history-"));
  try {
    const db = Database.open(directory);
    const written = new History(db);
    for (let k = 0; k < 10_000; k++) written.fold(0, (START + k * 9 * HOUR) * 1000, k % 100, 0);
    db.begin();
    for (const _ of written.write()) {
      // one page written
    }
    db.commit();
    const history = new History(db);
    const buckets = bucketsOf({ start: START, end: START + 10 * YEAR }, null);
    assert.ok(buckets.length > 100 && buckets.length <= 500);
    const touched = new Set<string>();
    let [lookedUp, fromDisk, counted] = [0, 0, 0];
    for (const bucket of buckets) {
      const { cost, aggregate } = history.query(0, bucket, { ...ALL_NEEDS, quantiles: false });
      const planned = pagesOf(bucket);
      assert.ok(cost.pages <= planned.length, `${cost.pages} pages of ${planned.length}`);
      for (const page of planned) touched.add(page);
      lookedUp += cost.pages;
      fromDisk += cost.pagesFromDisk;
      counted += aggregate.count;
    }
    assert.equal(counted, Math.ceil((10 * YEAR) / (9 * HOUR)));
    assert.ok(fromDisk > 0 && fromDisk <= touched.size, `${fromDisk} of ${touched.size} pages, ${lookedUp} looked up`);
    db.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
