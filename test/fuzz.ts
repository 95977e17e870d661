/**
 * `npm run fuzz -- [--target T] [--inputs N | --minutes M] [--seed N]`: random inputs for everything that reads bytes from outside, guided by which
 * sources they run. A crash, a hang of more than a second, memory without a bound or an error that is no answer is printed with its input, made small,
 * and kept in test/fuzz/corpus, which every run begins with. Exit code 1 when there was one. Default: 100,000 inputs for each target.
 */
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { readCommandLine, refuse } from "./command-line.ts";
import { fuzz, keepInCorpus, minimise } from "./fuzz/fuzz.ts";
import { TARGETS } from "./fuzz/targets.ts";

const SEED_MAX = 2 ** 31 - 1;

const names = TARGETS.map(({ name }) => name);
const { values } = readCommandLine({
  name: "fuzz",
  about: [
    "Random inputs for everything that reads bytes from outside, guided by which sources they run.",
    "What crashes, hangs or grows is printed, made small, and kept for later runs: then the exit code is 1.",
  ],
  options: {
    target: { value: "T", text: `only ${names.join(", ")}` },
    inputs: { value: "N", text: "for each target (100000)" },
    minutes: { value: "M", text: "or how long for each" },
    seed: { value: "N", text: "of the inputs (at random)" },
  },
});
const chosen = values.target === undefined ? names : names.filter((name) => name === values.target);
const seed = Number(values.seed ?? randomInt(SEED_MAX));
const inputs = Number(values.inputs ?? (values.minutes === undefined ? 100_000 : Number.POSITIVE_INFINITY));
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
if (chosen.length === 0 || !(inputs > 0) || !Number.isSafeInteger(seed) || (minutes !== undefined && !(minutes > 0))) {
  refuse("fuzz", `expected numbers above 0, and one of ${names.join(", ")} as --target`);
}
console.log(`fuzz with seed ${seed}`);
let [failures, total] = [0, 0];
const lane = async (): Promise<void> => {
  for (let target = chosen.shift(); target !== undefined; target = chosen.shift()) {
    const startMs = performance.now();
    const result = await fuzz(target, { seed, inputs, ...(minutes === undefined ? {} : { minutes }) });
    total += result.inputs;
    const took = `${result.inputs} inputs in ${((performance.now() - startMs) / 1000).toFixed(1)} s`;
    if (result.failure === null) {
      console.log(`ok   ${target.padEnd(12)} ${took}, ${result.kept} kept, ${result.coveredBytes} bytes of source run`);
      continue;
    }
    failures++;
    const small = await minimise(target, result.failure);
    keepInCorpus(target, small);
    console.log(
      `FAIL ${target.padEnd(12)} ${took}\n${small.error}\ninput (${small.input.length} bytes, kept in the corpus): ${JSON.stringify(Buffer.from(small.input).toString("latin1").slice(0, 500))}`,
    );
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, lane));
console.log(`${total} inputs, ${failures} failures`);
process.exit(failures > 0 ? 1 : 0);
