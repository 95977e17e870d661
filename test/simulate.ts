/**
 * `npm run simulate -- [--histories 1000 | --minutes M] [--seed N] [--jobs 1] [--sources DIRECTORY]`: so many histories, with seeds from N on, of everything
 * below the HTTP server, on a simulated disk, log and clock (test/simulation). One that fails is printed, made smaller and kept in test/simulation/kept,
 * whose plans run in `make test`. `npm run simulate -- PLAN.json` runs a plan again. Exit code 1 when any failed.
 */
import { randomInt } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { readCommandLine, refuse } from "./command-line.ts";
import { COUNTED, type Counts } from "./simulation/counts.ts";
import { NEEDS_COMPILER } from "./simulation/disk.ts";
import { createPlan, type Plan } from "./simulation/plan.ts";
import { shrink } from "./simulation/shrink.ts";
import { Worker } from "./simulation/workers.ts";

/** Seeds of a run follow it. */
const SEED_MAX = 2 ** 30;
const KEPT = join(import.meta.dirname, "simulation", "kept");
const SAID_EACH_MS = 20_000;
/** Failures that are made smaller; a bug shows in many histories. */
const SHRUNK_MAX = 3;

function printCounts(counts: Counts): void {
  for (const name of COUNTED) console.log(`${String(counts.get(name) ?? 0).padStart(10)}  ${name}`);
}

/** A difference in a plan: made smaller, and kept as a file. */
async function keep(worker: Worker, plan: Plan, fault: string): Promise<void> {
  const faultOf = async (smaller: Plan) => (await worker.run({ plan: smaller })).fault;
  const small = await shrink(plan, fault, faultOf);
  const path = join(KEPT, `seed-${plan.seed}.json`);
  const [found] = small.fault.split("\n", 1);
  mkdirSync(KEPT, { recursive: true });
  writeFileSync(path, `${JSON.stringify({ found, plan: small.plan }, null, 1)}\n`);
  const steps = small.plan.steps.length;
  console.log(`     smaller: ${steps} of ${plan.steps.length} steps, after ${small.tries} tries: ${found}`);
  console.log(`     again: npm run simulate -- ${relative(process.cwd(), path)}`);
}

interface Limits {
  readonly histories: number;
  readonly endMs: number;
  readonly first: number;
  readonly sources: string | undefined;
}

/** @returns how many histories failed; null without a C compiler */
async function simulate({ histories, endMs, first, sources }: Limits, jobs: number): Promise<number | null> {
  const workers: Worker[] = [];
  for (let job = 0; job < jobs; job++) {
    const worker = Worker.create(sources);
    if (worker === null) return null;
    workers.push(worker);
  }
  const start = performance.now();
  let [begun, done, failed, readings, saidAt] = [0, 0, 0, 0, start];
  let isInterrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => (isInterrupted = true));
  console.log(`simulating, seeds from ${first} on`);
  const rate = (): number => Math.round(done / ((performance.now() - start) / 60_000));
  const work = async (worker: Worker): Promise<void> => {
    while (begun < histories && performance.now() < endMs && !isInterrupted) {
      const seed = first + begun++;
      const { fault, readings: more } = await worker.run({ seed });
      done++;
      readings += more;
      if (fault !== null) {
        failed++;
        console.log(`FAIL ${fault.split("\n").slice(0, 12).join("\n     ")}`);
        console.log(`     again: npm run simulate -- --seed ${seed} --histories 1`);
        if (failed <= SHRUNK_MAX && sources === undefined) await keep(worker, createPlan(seed), fault);
      }
      if (performance.now() - saidAt < SAID_EACH_MS) continue;
      saidAt = performance.now();
      console.log(`${done} histories, ${failed} failed, ${rate()} a minute`);
    }
  };
  await Promise.all(workers.map(work));
  const minute = rate();
  await Promise.all(workers.map((worker) => worker.close()));
  const counts: Counts = new Map();
  for (const worker of workers)
    for (const [name, times] of worker.counts) counts.set(name, (counts.get(name) ?? 0) + times);
  printCounts(counts);
  const seeds = `seeds ${first} to ${first + done - 1}`;
  console.log(
    `${done} histories (${seeds}), ${readings} readings, ${failed} failed, ${minute} histories a minute with --jobs ${jobs}${isInterrupted ? ", interrupted" : ""}`,
  );
  return isInterrupted ? Math.max(1, failed) : failed;
}

/** @returns what goes wrong; null: nothing */
async function again(path: string): Promise<string | null> {
  const { plan } = JSON.parse(readFileSync(path, "utf8")) as { plan: Plan };
  const worker = Worker.create();
  if (worker === null) return NEEDS_COMPILER;
  const { fault } = await worker.run({ plan });
  await worker.close();
  return fault;
}

const { values, positionals } = readCommandLine({
  name: "simulate",
  about: [
    "Generated histories against everything below the HTTP server, on a simulated disk, clock and broker; the oracle agrees after every step.",
    "A history that fails is printed with its seed, made small, and kept: then the exit code is 1.",
  ],
  positionals: { "PLAN.json": "instead: runs a kept one again" },
  options: {
    histories: { value: "N", text: "how many (1000)" },
    minutes: { value: "M", text: "or how long" },
    seed: { value: "N", text: "of the first history (at random)" },
    jobs: { value: "N", text: "at the same time (1)" },
    sources: { value: "DIR", text: "the sources to run, as a planted bug has them (these)" },
  },
});
if (positionals.length === 1) {
  const fault = await again(positionals[0]);
  console.log(fault ?? `ok ${positionals[0]}`);
  process.exit(fault === null ? 0 : 1);
}
const [seed, jobs] = [Number(values.seed ?? randomInt(1, SEED_MAX)), Number(values.jobs ?? 1)];
const histories = values.histories === undefined ? Number.POSITIVE_INFINITY : Number(values.histories);
const minutes = values.minutes === undefined ? Number.POSITIVE_INFINITY : Number(values.minutes);
const areRight = Number.isSafeInteger(seed) && seed > 0 && jobs >= 1 && jobs <= availableParallelism();
if (!areRight || !(histories > 0) || !(minutes > 0) || positionals.length > 1) {
  refuse("simulate", `expected numbers above 0, at most ${availableParallelism()} jobs, or one PLAN.json`);
}
const isLimited = Number.isFinite(histories) || Number.isFinite(minutes);
const limits: Limits = {
  histories: isLimited ? histories : 1000,
  endMs: performance.now() + minutes * 60_000,
  first: seed,
  sources: values.sources,
};
const failed = await simulate(limits, jobs);
if (failed === null) console.error(`Cannot simulate: it ${NEEDS_COMPILER}`);
process.exit(failed === 0 ? 0 : 1);
