/**
 * Runs plans on the disk that this process was started with. Reads lines of JSON, `{"plan": …}` or `{"seed": N}`; writes one for each, with what went
 * wrong, or null. At the end of its input it writes how often each thing happened.
 */
// First: it replaces the timers that src/ takes.
import "./virtual-time.ts";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { COUNTED } from "./counts.ts";
import { Disk } from "./disk.ts";
import { runPlan } from "./history-run.ts";
import { createPlan, type Plan } from "./plan.ts";

export interface Task {
  readonly seed?: number;
  readonly plan?: Plan;
}

export interface Done {
  readonly fault: string | null;
  readonly readings: number;
}

const disk = Disk.own;
if (disk === null) throw new Error("the worker was started without a disk");
let stray: unknown = null;
process.on("unhandledRejection", (error) => {
  stray ??= error;
});
const counts = new Map(COUNTED.map((name) => [name, 0]));
const say = (message: object): void => void writeSync(1, `${JSON.stringify(message)}\n`);

async function done(task: Task): Promise<Done> {
  const plan = task.plan ?? createPlan(task.seed ?? 1);
  let readings = 0;
  for (const step of plan.steps) if (step.do === "append") readings += step.records.length;
  stray = null;
  try {
    await runPlan(plan, disk as Disk, counts);
    if (stray !== null) throw stray;
    return { fault: null, readings };
  } catch (error) {
    const text = error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error);
    return { fault: text, readings };
  }
}

const lines = createInterface({ input: process.stdin });
let last: Promise<void> = Promise.resolve();
lines.on("line", (line) => {
  last = last.then(async () => say(await done(JSON.parse(line) as Task)));
});
await once(lines, "close");
await last;
say({ counts: [...counts] });
