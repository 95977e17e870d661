/**
 * `npm run torture -- [--minutes 5] [--seed N]`: generated histories of random sizes through the pipeline, with commits, restarts and crashes,
 * each compared with the oracle, for as long as asked. A failing seed is printed with how to run it again. Ctrl-C ends it after the one that runs.
 */
import { parseArgs } from "node:util";
import { type SimulationOptions, simulate } from "./torture/simulate.ts";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "5" }, seed: { type: "string", default: "1000" } },
});
const minutes = Number(values.minutes);
const firstSeed = Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(firstSeed)) {
  console.error("torture: expected --minutes over 0 and an integer --seed");
  process.exit(2);
}

let isEnding = false;
process.once("SIGINT", () => {
  isEnding = true;
  console.log("ending after this one");
});

const LOGS = ["kafka", "kafka-append", "embedded"] as const;
const end = performance.now() + minutes * 60_000;
let passed = 0;
let failed = 0;
for (let seed = firstSeed; !isEnding && performance.now() < end; seed++) {
  const options: SimulationOptions = {
    seed,
    readings: 500 + ((seed * 7919) % 6000),
    log: LOGS[seed % LOGS.length],
    windows: 20,
  };
  try {
    console.log(`seed ${seed} ${options.log} ${options.readings}: ${await simulate(options)}`);
    passed++;
  } catch (error) {
    failed++;
    console.error(`seed ${seed} FAILED: ${error instanceof Error ? error.message : String(error)}`);
    console.error(`again: node test/torture/simulate.ts '${JSON.stringify(options)}'`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
