/**
 * `npm run histories -- [--histories 3000] [--readings 250] [--seed N]`: so many small generated histories through the pipeline, each
 * against the oracle, every third in another order of its partitions, as one who rebuilds the history from the log. Prints how often each
 * case occurred, at its end or when it is interrupted; a history that fails is printed with the command that runs it again, and the exit
 * code is 1.
 */
import { randomInt } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createHistory, type History } from "../oracle/generator.ts";
import { Seeded } from "../oracle/seeded.ts";
import { Simulation } from "../simulation/simulation.ts";
import { TIGHT } from "./simulate.ts";

const SEED_MAX = 2 ** 31 - 1;
const NOW_MS = 1_750_000_000_000;
const WINDOWS = 8;

/** Says where it is, about every this many. */
const SAID_EACH = 100;

async function runOne(seed: number, readings: number): Promise<History> {
  const random = new Seeded(seed);
  const log = random.pick(["kafka", "kafka-append", "embedded"] as const);
  const bounds = random.chance(0.5) ? TIGHT : {};
  if (random.chance(1 / 3)) {
    const more = { clock: "still", order: "any", recreate: false, partitions: random.int(1, 5) } as const;
    const history = createHistory({ seed, readings, nowMs: NOW_MS, log: "kafka", ...more });
    await new Simulation(history, bounds).runInAnyOrder(WINDOWS, random);
    return history;
  }
  const history = createHistory({ seed, readings, nowMs: NOW_MS, log, replays: true });
  await new Simulation(history, bounds).run(WINDOWS);
  return history;
}

const { values } = parseArgs({
  options: {
    histories: { type: "string", default: "3000" },
    readings: { type: "string", default: "250" },
    seed: { type: "string", default: String(randomInt(SEED_MAX)) },
  },
});
const [count, readings, first] = [Number(values.histories), Number(values.readings), Number(values.seed)];
if (![count, readings, first].every((each) => Number.isSafeInteger(each) && each > 0)) {
  console.error("Cannot run histories: expected [--histories N] [--readings N] [--seed N], whole numbers from 1 on");
  process.exit(2);
}
const cases = new Map<string, number>();
let failed = 0;
let done = 0;
let signal: NodeJS.Signals | null = null;
// A terminal and npm may both send it.
for (const each of ["SIGINT", "SIGTERM"] as const) process.on(each, () => (signal = each));
console.log(`${count} histories of ${readings} readings, seeds from ${first} on`);
for (; done < count && signal === null; done++) {
  const seed = first + done;
  try {
    for (const [name, times] of (await runOne(seed, readings)).caseCounts) {
      cases.set(name, (cases.get(name) ?? 0) + times);
    }
  } catch (error) {
    failed++;
    console.log(`FAIL seed ${seed}: ${error instanceof Error ? error.message.slice(0, 2000) : error}`);
    console.log(`     again: node test/torture/histories.ts --histories 1 --readings ${readings} --seed ${seed}`);
  }
  if ((done + 1) % SAID_EACH === 0) console.log(`${done + 1} of ${count} histories, ${failed} failed`);
  await nextTurn(); // a signal is heard between two
}
console.log(
  `how often each case occurred:\n${[...cases].map(([name, times]) => `${String(times).padStart(9)}  ${name}`).join("\n")}`,
);
console.log(`${done - failed} passed, ${failed} failed${signal === null ? "" : `, ended by ${signal}`}`);
process.exit(failed > 0 || signal !== null ? 1 : 0);
