/** Alerts against the oracle: whatever came late, twice or never, and however often the process was killed, they are those of the final data. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAlertHistory } from "../oracle/alert-history.ts";
import { createHistory, type History } from "../oracle/generator.ts";
import { Oracle } from "../oracle/oracle.ts";
import { Seeded } from "../oracle/seeded.ts";
import { type Beside, Simulation } from "../simulation/simulation.ts";
import { AlertsBeside, Receiver } from "./beside.ts";
import { randomRules } from "./rules.ts";

const START = Date.UTC(2026, 4, 1);

interface Run {
  readonly rules: number;
  readonly steps: readonly number[];
  /** s; nothing before is judged. */
  readonly from: number;
  /** Whether some rules judge each device by itself. */
  readonly byDevice: boolean;
}

/** @returns what was told */
async function run(history: History, { rules: count, steps, from, byDevice }: Run): Promise<string> {
  const random = new Seeded(history.options.seed + 1000);
  const before = new Oracle({ zone: history.options.zone });
  for (const arrival of history.arrivals) before.receive(arrival);
  const readings = new Map(
    history.options.sensors.map((sensor) => [sensor, before.sample(sensor, from - 86_400, 1e10).readings] as const),
  );
  const rules = randomRules(count, readings, from, steps, random, byDevice);
  const receiver = new Receiver();
  let beside: AlertsBeside | undefined;
  const simulation = new Simulation(history, {
    bounds: { commitReadings: 50 },
    beside: (...parts): Beside => {
      beside = new AlertsBeside(rules, receiver, random, ...parts);
      return beside;
    },
  });
  const { kills, restarts } = await simulation.run(2);
  return JSON.stringify({ kills, restarts, rules: rules.size, again: receiver.again, ...receiver.counts });
}

for (let seed = 1; seed <= 3; seed++) {
  test(`alerts of readings that come late are those of the final data: seed ${seed}`, async (t) => {
    const history = createAlertHistory({ seed, readings: 700, startMs: START });
    const said = await run(history, { rules: 25, steps: [1, 5, 10, 60], from: START / 1000 - 600, byDevice: true });
    t.diagnostic(said);
    const { raised, "taken-back": takenBack } = JSON.parse(said);
    assert.ok(raised > 20 && takenBack > 2, said);
  });
}

test("alerts of the oracle's histories are those of the final data", async (t) => {
  // Its rules name sensors.
  const kind = { log: "kafka-append", renames: false } as const;
  const history = createHistory({ seed: 61, readings: 600, nowMs: 1_750_000_000_000, ...kind });
  const from = 1_750_000_000 - 16 * 86_400;
  t.diagnostic(await run(history, { rules: 10, steps: [600, 3600], from, byDevice: false }));
});
