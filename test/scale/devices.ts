/**
 * `node test/scale/devices.ts [devices=100000] [millions=2,4,…,20] [intervalMs=60000]`: a fleet with 1% of sequences lost for good, arrival
 * shuffled and one in ten sent twice, through the real pipeline. Prints each step; everything must be counted once, and memory must stay flat.
 */
import assert from "node:assert/strict";
import { Fleet } from "./fleet.ts";
import { lineOf, MeasuredRun, type Step } from "./measured-run.ts";

const TOPIC = "temperature";
/** Years before now, so that no clock is judged to be ahead. */
const START_MS = 1_700_000_000_000;

export interface DevicesOptions {
  readonly devices: number;
  /** Records at the end of each step. */
  readonly steps: readonly number[];
  readonly intervalMs: number;
  readonly print: (line: string) => void;
}

/** @throws AssertionError when a reading was lost or counted twice */
export async function runDevices({ devices, steps, intervalMs, print }: DevicesOptions): Promise<Step[]> {
  const readings = steps[steps.length - 1];
  const fleet = new Fleet({
    topic: TOPIC,
    devices,
    readings,
    lostOneIn: 100,
    resentOneIn: 10,
    startMs: START_MS,
    intervalMs,
  });
  const run = await MeasuredRun.start({
    sources: [fleet],
    question: { [TOPIC]: ["count", "mean", "min", "max"], from: "2023-11-14", to: "2023-11-15" },
    probeEveryMs: 20,
  });
  try {
    const measured: Step[] = [];
    for (const records of steps) {
      const step = await run.step(records);
      measured.push(step);
      print(lineOf(step));
      const { totals, devices: known } = run.engine.status(TOPIC);
      assert.equal(totals.received, records);
      assert.equal(totals.counted, fleet.counted, "counted once, each of them");
      assert.equal(totals.duplicates, fleet.duplicates);
      assert.equal(totals.quarantined + totals.rejected + totals.gapRecords + totals.cutRecords, 0);
      assert.ok(known <= devices);
    }
    return measured;
  } finally {
    await run.close();
  }
}

if (import.meta.main) {
  const [devices = 100_000, millions = "2,4,6,8,10,12,14,16,18,20", intervalMs = 60_000] = process.argv.slice(2);
  const steps = String(millions)
    .split(",")
    .map((million) => Math.round(Number(million) * 1e6));
  await runDevices({ devices: Number(devices), steps, intervalMs: Number(intervalMs), print: console.log });
}
