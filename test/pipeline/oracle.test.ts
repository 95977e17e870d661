/** The pipeline against the oracle: generated histories with everything that goes wrong, every metric over random windows. */
import { test } from "node:test";
import { createHistory } from "../oracle/generator.ts";
import { Simulation } from "../simulation/simulation.ts";

/** Seeds that have failed once are kept here: 7 and 9 found a learned shape that took a number for a device's name as literal text. */
const SEEDS = [1, 2, 3, 7, 9];

for (const log of ["kafka", "kafka-append", "embedded"] as const) {
  for (const seed of SEEDS) {
    test(`answers exactly as the oracle: ${log}, seed ${seed}`, async (t) => {
      const history = createHistory({
        seed,
        readings: 3000,
        nowMs: 1_750_000_000_000 + seed * 7_777_777,
        log,
        replays: true,
      });
      const outcome = await new Simulation(history).run(40);
      t.diagnostic(JSON.stringify(outcome));
    });
  }
}
