/**
 * `node test/torture/simulate.ts '{"seed":1,"readings":3000,"log":"kafka","windows":40}'`: one simulation of the pipeline against the oracle.
 * Prints what it compared, or the first difference on stderr with exit code 1. A process of its own: it can be run in a broken copy of the sources.
 */
import { createHistory } from "../oracle/generator.ts";
import { Simulation } from "../simulation/simulation.ts";
import { withEpilogue } from "./epilogue.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly readings: number;
  readonly log: "kafka" | "kafka-append" | "embedded";
  readonly windows: number;
}

/** When a history ends: for years after 2025, a time that depends on the seed. */
const NOW_MS = 1_750_000_000_000;
const STEP_MS = 7_777_777;
const STEPS = 20_000;

/** Simulation options: little memory, and commits in the middle of reads. */
const TIGHT = {
  bounds: { commitReadings: 50, waitingRows: 20, residentDevices: 3, bootNames: 2, seenBytes: 2000 },
  rowsAtOnce: 7,
};

async function simulate({ seed, readings, log, windows }: SimulationOptions): Promise<string> {
  const history = createHistory({ seed, readings, nowMs: NOW_MS + (seed % STEPS) * STEP_MS, log, replays: true });
  return JSON.stringify(await new Simulation(withEpilogue(history), seed % 2 === 0 ? TIGHT : {}).run(windows));
}

if (import.meta.main) {
  try {
    console.log(await simulate(JSON.parse(process.argv[2] ?? "null") as SimulationOptions));
  } catch (error) {
    console.error(error instanceof Error ? `${error.name}: ${error.message}` : error);
    process.exitCode = 1;
  }
}
