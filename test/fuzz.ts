/**
 * `npm run fuzz -- [--target T] [--inputs N | --minutes M] [--seed N]`: random inputs for everything that reads bytes from outside, guided by which
 * sources they run. A crash, a hang of more than a second, memory without a bound or an error that is no answer is printed with its input, made small,
 * and kept in test/fuzz/corpus, which every run begins with. Exit code 1 when there was one. Default: 100,000 inputs for each target.
 */
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { fuzz, keepInCorpus, minimise } from "./fuzz/fuzz.ts";
import { TARGETS } from "./fuzz/targets.ts";

const SEED_MAX = 2 ** 31 - 1;

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    inputs: { type: "string" },
    minutes: { type: "string" },
    seed: { type: "string", default: String(randomInt(SEED_MAX)) },
  },
});
const names = TARGETS.map(({ name }) => name);
const chosen = values.target === undefined ? names : names.filter((name) => name === values.target);
const seed = Number(values.seed);
const inputs = Number(values.inputs ?? (values.minutes === undefined ? 100_000 : Number.POSITIVE_INFINITY));
const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
if (chosen.length === 0 || !(inputs > 0) || !Number.isSafeInteger(seed) || (minutes !== undefined && !(minutes > 0))) {
  console.error(
    `Cannot fuzz: expected [--target T] [--inputs N | --minutes M] [--seed N], targets are ${names.join(", ")}`,
  );
  process.exit(2);
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
