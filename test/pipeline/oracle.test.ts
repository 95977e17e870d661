/** The pipeline against the oracle, the quick form: generated histories with everything that goes wrong, every metric over random windows. */
import { test } from "node:test";
import { createHistory } from "../oracle/generator.ts";
import { Seeded } from "../oracle/seeded.ts";
import { Simulation } from "../simulation/simulation.ts";

for (const [index, log] of (["kafka", "kafka-append", "embedded"] as const).entries()) {
  test(`answers exactly as the oracle: ${log}`, async (t) => {
    const history = createHistory({ seed: 20 + index, readings: 1000, nowMs: 1_750_000_000_000, log, replays: true });
    t.diagnostic(JSON.stringify(await new Simulation(history).run(12)));
  });
}

/** Each of them is reached many times in a thousand readings. */
const TIGHT = {
  commitReadings: 11,
  waitingRows: 5,
  residentDevices: 3,
  bootNames: 2,
  seenBytes: 2000,
  deviceSeries: 2,
};

for (const [index, log] of (["kafka", "embedded"] as const).entries()) {
  test(`answers exactly as the oracle with little memory and commits in the middle of reads: ${log}`, async (t) => {
    const history = createHistory({ seed: 30 + index, readings: 1000, nowMs: 1_750_000_000_000, log, replays: true });
    const simulation = new Simulation(history, { bounds: TIGHT, rowsAtOnce: 3 });
    t.diagnostic(JSON.stringify(await simulation.run(12)));
  });
}

test("answers exactly as the oracle in whatever order partitions are read, as one who rebuilds the history from the log", async (t) => {
  for (let seed = 40; seed < 43; seed++) {
    const more = { clock: "still", order: "any", recreate: false, partitions: 4 } as const;
    const history = createHistory({ seed, readings: 1000, nowMs: 1_750_000_000_000, ...more });
    for (const order of [1, 2]) {
      const outcome = await new Simulation(history).runInAnyOrder(12, new Seeded(100 * seed + order));
      t.diagnostic(`seed ${seed}, order ${order}: ${JSON.stringify(outcome)}`);
    }
  }
});
