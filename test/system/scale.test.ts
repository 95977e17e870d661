/** The short forms of test/scale: a fleet with losses and disorder, and a backfill, with ten times more history behind the first tenth. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runBackfill } from "../scale/backfill.ts";
import { runDevices } from "../scale/devices.ts";
import type { Step } from "../scale/measured-run.ts";

/** What may be alive beyond what was early, while the history grows ten times, MB: how full a commit's waiting room and the caches are. */
const GROWTH_MB_MAX = 40;
/** The collector takes its time: what a process that holds 100 MB may come to, MB. */
const RSS_MB_MAX = 600;
/** Pages that a window reads without quantiles: one or two at each level, and at both of its ends. */
const PAGES_MAX = 12;

/** Memory from the fourth tenth on, when every device and the first commits have been. */
function assertFlat(steps: readonly Step[]): void {
  const most = (part: readonly Step[]): number => Math.max(...part.map(({ liveMb }) => liveMb));
  const [early, late] = [most(steps.slice(0, 4)), most(steps.slice(-4))];
  assert.ok(late <= early + GROWTH_MB_MAX, `${early} MB were alive early and ${late} MB late`);
  assert.ok(steps.every(({ rssMb }) => rssMb < RSS_MB_MAX));
}

test("20,000 devices, 1% of sequences lost for good, shuffled arrival: each counted once, memory flat", async (t) => {
  const steps = await runDevices({
    devices: 20_000,
    steps: Array.from({ length: 10 }, (_, i) => (i + 1) * 200_000),
    intervalMs: 60_000,
    print: (line) => t.diagnostic(line),
  });
  assertFlat(steps);
});

test("60 days of three sensors at one a second: exact, memory flat, any window costs a dozen pages", async (t) => {
  const { steps, costs } = await runBackfill({
    days: 60,
    steps: 10,
    windows: 200,
    print: (line) => t.diagnostic(line),
  });
  assertFlat(steps);
  for (const { length, needs, pages } of costs) {
    if (needs === "sums") assert.ok(pages <= PAGES_MAX, `a window of ${length} read ${pages} pages`);
  }
});
