/** The pipeline against the oracle at length: commits, clean restarts and crashes in the middle, hundreds of windows, every metric. */
import { test } from "node:test";
import { createHistory } from "../oracle/generator.ts";
import { Simulation } from "../simulation/simulation.ts";

/** 7 and 9 are kept: they found a learned JSON shape that took a number for a device's name as literal text. */
const SEEDS = [1, 7, 9];

for (const log of ["kafka", "kafka-append", "embedded"] as const) {
  for (const seed of SEEDS) {
    test(`answers exactly as the oracle: ${log}, seed ${seed}`, async (t) => {
      const nowMs = 1_750_000_000_000 + seed * 7_777_777;
      const history = createHistory({ seed, readings: 3000, nowMs, log, replays: true });
      t.diagnostic(JSON.stringify(await new Simulation(history).run(40)));
      if (log === "kafka" && seed === 1) t.diagnostic(history.describe());
    });
  }
}
