/**
 * `npm run torture -- [--minutes 5] [--seed N] [--kafka]`: simulations against the oracle and kill -9 of real processes, with seeds that follow from N,
 * until the time is over. Each round is a process; one that fails is printed with the command that runs it again. Exit code 1 when any did.
 * `npm run torture -- scale`: 100,000 devices, and a year of three sensors (test/scale).
 */
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { type Broker, startBroker } from "./kafka/broker.ts";
import { Seeded } from "./oracle/seeded.ts";
import type { CrashSettings } from "./torture/crash.ts";
import type { SimulationOptions } from "./torture/simulate.ts";

/** A round that takes longer hangs, which is a failure. */
const ROUND_MS_MAX = 600_000;
/** Of what a failed round printed. */
const OUTPUT_MAX = 4000;
const SEED_MAX = 2 ** 31 - 1;

interface Round {
  readonly script: string;
  readonly options: SimulationOptions | CrashSettings;
}

/** Two simulations, then a crash run, and so on. */
function roundOf(number: number, random: Seeded, withKafka: boolean): Round {
  const seed = random.int(1, SEED_MAX);
  if (number % 3 !== 2) {
    const log = random.pick(["kafka", "kafka-append", "embedded"] as const);
    return {
      script: "simulate.ts",
      options: { seed, readings: Math.ceil(random.scale(100, 12_000)), log, windows: 40 },
    };
  }
  const log = withKafka && random.chance(0.5) ? "kafka" : "embedded";
  const bulk = random.chance(0.3) ? Math.ceil(random.scale(1000, 300_000)) : 0;
  const readings = Math.ceil(random.scale(500, 12_000));
  return { script: "crash.ts", options: { log, seed, readings, kills: random.int(2, 10), bulk, windows: 60 } };
}

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function run(path: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: environment,
      timeout: ROUND_MS_MAX,
      killSignal: "SIGKILL",
    });
    let output = "";
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(-OUTPUT_MAX);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output: output.trim() }));
  });
}

/** @returns how many rounds failed */
async function torture(minutes: number, seed: number, broker: Broker | null): Promise<number> {
  const random = new Seeded(seed);
  const environment = { ...process.env, ...(broker === null ? {} : { TIDEMARK_TEST_KAFKA: broker.bootstrap }) };
  const endMs = performance.now() + minutes * 60_000;
  let [rounds, failures] = [0, 0];
  console.log(`torture with seed ${seed} for ${minutes} min${broker === null ? "" : `, Kafka at ${broker.bootstrap}`}`);
  while (performance.now() < endMs) {
    const { script, options } = roundOf(rounds++, random, broker !== null);
    const path = join(import.meta.dirname, "torture", script);
    const text = JSON.stringify(options);
    const start = performance.now();
    const { code, output } = await run(path, [text], environment);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    if (code === 0) console.log(`ok   ${script} ${text} ${seconds} s ${output}`);
    else {
      failures++;
      console.log(`FAIL ${script} ${text} ${seconds} s, exit code ${code}\n${output}`);
      console.log(`     again: node ${relative(process.cwd(), path)} '${text}'`);
    }
  }
  console.log(`${rounds - failures} passed, ${failures} failed`);
  return failures;
}

async function scale(): Promise<void> {
  const { runDevices } = await import("./scale/devices.ts");
  const steps = Array.from({ length: 10 }, (_, i) => (i + 1) * 2_000_000);
  console.log("100,000 devices, 1% of sequences lost for good, arrival shuffled, one in ten sent twice");
  await runDevices({ devices: 100_000, steps, intervalMs: 60_000, print: console.log });
  const { runBackfill } = await import("./scale/backfill.ts");
  console.log("a year of three sensors at one reading a second");
  await runBackfill({ days: 365, steps: 10, print: console.log });
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string", default: String(randomInt(SEED_MAX)) },
    kafka: { type: "boolean", default: false },
  },
});
if (positionals[0] === "scale") await scale();
else {
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  if (!(minutes > 0) || !Number.isSafeInteger(seed) || positionals.length > 0) {
    console.error("Cannot torture: expected [--minutes M] [--seed N] [--kafka], or scale");
    process.exit(2);
  }
  const broker = values.kafka ? await startBroker() : null;
  const failures = await torture(minutes, seed, broker);
  await broker?.stop();
  process.exit(failures > 0 ? 1 : 0);
}
