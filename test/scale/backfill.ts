/**
 * `node test/scale/backfill.ts [days=365] [steps=10]`: a history of three sensors at one reading a second through the real pipeline. Prints memory
 * and speed of each step, and what windows of all lengths cost at the end: a year must cost about what a minute costs.
 */
import assert from "node:assert/strict";
import { Random } from "../../src/core/random.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { lineOf, MeasuredRun, type Step } from "./measured-run.ts";
import { Ticking } from "./ticking.ts";

const TOPICS = ["temperature", "humidity", "pressure"];
const START_MS = Date.UTC(2021, 0, 1);
const DAY_SECONDS = 86_400;
/** Random windows of each length. */
const WINDOWS = 2000;

export interface WindowCost {
  readonly length: string;
  readonly needs: "sums" | "quantiles";
  readonly p50Us: number;
  readonly p99Us: number;
  readonly pages: number;
}

export interface Backfill {
  readonly steps: readonly Step[];
  readonly costs: readonly WindowCost[];
}

export interface BackfillOptions {
  readonly days: number;
  readonly steps: number;
  readonly windows?: number;
  readonly print: (line: string) => void;
}

/** @throws AssertionError when counts or sums are not exact */
export async function runBackfill({ days, steps, windows = WINDOWS, print }: BackfillOptions): Promise<Backfill> {
  const records = days * DAY_SECONDS;
  const sources = TOPICS.map((topic, i) => new Ticking(topic, records, START_MS, i + 1));
  const question = { temperature: ["count", "mean"], from: "2021-01-01", to: "2021-12-31" };
  const run = await MeasuredRun.start({ sources, question, probeEveryMs: 20 });
  try {
    const measured: Step[] = [];
    for (let i = 1; i <= steps; i++) {
      const step = await run.step(Math.round((records * i) / steps));
      measured.push(step);
      print(lineOf(step));
    }
    await run.commit();
    const start = START_MS / 1000;
    for (const { topic, sum } of sources) {
      const { totals } = run.engine.status(topic);
      assert.equal(totals.counted, records);
      const all = run.engine.query(topic, { start, end: start + records }, { sums: true, quantiles: false }).aggregate;
      assert.equal(all.count, records);
      assert.equal(all.sum(), sum);
    }
    print(`files: ${run.fileBytes} bytes, ${(run.fileBytes / (records * TOPICS.length)).toFixed(2)} a reading`);
    const costs = costsOf(run.engine, days, windows);
    for (const { length, needs, p50Us, p99Us, pages } of costs) {
      print(`window of ${length} with ${needs}: p50 ${p50Us} µs, p99 ${p99Us} µs, ${pages} pages`);
    }
    return { steps: measured, costs };
  } finally {
    await run.close();
  }
}

function costsOf(engine: Engine, days: number, windows: number): WindowCost[] {
  const start = START_MS / 1000;
  const lengths: [string, number][] = [
    ["a minute", 60],
    ["an hour", 3600],
    ["a day", DAY_SECONDS],
    ["30 days", 30 * DAY_SECONDS],
    [`${days - 30} days`, (days - 30) * DAY_SECONDS],
  ];
  const random = new Random(7);
  const costs: WindowCost[] = [];
  for (const needs of ["sums", "quantiles"] as const) {
    for (const [length, seconds] of lengths) {
      const times: number[] = [];
      let pages = 0;
      for (let i = 0; i < windows; i++) {
        const from = start + random.integer(0, Math.max(0, days * DAY_SECONDS - seconds));
        const before = performance.now();
        const { aggregate: found, cost } = engine.query(
          random.pick(TOPICS),
          { start: from, end: from + seconds },
          { sums: true, quantiles: needs === "quantiles" },
        );
        times.push(performance.now() - before);
        pages += cost.pages;
        assert.equal(found.count, seconds);
      }
      times.sort((a, b) => a - b);
      const at = (share: number): number => Math.round(times[Math.floor((times.length - 1) * share)] * 1000);
      costs.push({ length, needs, p50Us: at(0.5), p99Us: at(0.99), pages: Math.round(pages / windows) });
    }
  }
  return costs;
}

if (import.meta.main) {
  const [days = 365, steps = 10] = process.argv.slice(2);
  await runBackfill({ days: Number(days), steps: Number(steps), print: console.log });
}
