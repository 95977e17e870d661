/** The pipeline against the oracle, the quick form: generated histories with everything that goes wrong, every metric over random windows. */
import { test } from "node:test";
import { createHistory } from "../oracle/generator.ts";
import { Simulation } from "../simulation/simulation.ts";

for (const [index, log] of (["kafka", "kafka-append", "embedded"] as const).entries()) {
  test(`answers exactly as the oracle: ${log}`, async (t) => {
    const history = createHistory({ seed: 20 + index, readings: 1000, nowMs: 1_750_000_000_000, log, replays: true });
    t.diagnostic(JSON.stringify(await new Simulation(history).run(12)));
  });
}
