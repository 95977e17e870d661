/** 100,000 random inputs for everything that reads bytes from outside, after what failed once; `npm run fuzz` goes on with other seeds. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fuzz } from "../fuzz/fuzz.ts";
import { TARGETS } from "../fuzz/targets.ts";

const SEED = 1;
const INPUTS = 100_000;
/** An exchange over a socket, and a file that is written, cost more than the rest together. */
const SLOW = new Map([
  ["http", 2000],
  ["config", 4000],
]);

const slow = [...SLOW.values()].reduce((sum, inputs) => sum + inputs, 0);
const inputsEach = Math.ceil((INPUTS - slow) / (TARGETS.length - SLOW.size));

describe("no input ends the process, hangs it, takes memory without a bound, or gets an error that is no answer", {
  concurrency: 2,
}, () => {
  for (const { name } of TARGETS) {
    test(name, async (t) => {
      const { failure, inputs, coveredBytes } = await fuzz(name, { seed: SEED, inputs: SLOW.get(name) ?? inputsEach });
      t.diagnostic(`${inputs} inputs ran ${coveredBytes} bytes of source`);
      const shown = Buffer.from(failure?.input ?? [])
        .toString("base64")
        .slice(0, 2000);
      const again = `again: npm run fuzz -- --target ${name} --seed ${SEED}; input in base64: ${shown}`;
      assert.equal(failure?.error, undefined, again);
    });
  }
});
