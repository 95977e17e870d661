/**
 * `npm run flips -- [--all [--part I/N] | --random N] [--large] [--log embedded|kafka] [--ending closed|killed] [--seed N] [--jobs N]`: flips a bit of a byte
 * of a file of a data directory, opens it, asks everything of it, and compares with what the undamaged one answers; for each byte of each file (`--part`:
 * each Nth from the Ith on), or for so many at random, of which every second is of a file drawn without regard to its size. Of each byte one bit is flipped,
 * drawn by the seed. What is answered in silence, no error of ours, or hangs, is printed and kept in test/flips/kept, which `make test` tries again.
 * `npm run flips -- FILE.json` tries one again. Exit code 1 when there was any. Default: 1,000 at random of each small directory.
 */
import { randomInt } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { readCommandLine, refuse } from "./command-line.ts";
import { tryKept } from "./flips/again.ts";
import { type Choice, flipsOf } from "./flips/choice.ts";
import { ENDINGS, type Ending, makeSubjects, nameOf, type Subject } from "./flips/subject.ts";
import { type Flip, OUTCOMES, type Outcome } from "./flips/trial.ts";
import { FlipWorker } from "./flips/workers.ts";

const SEED_MAX = 2 ** 30;
/** Flips handed to a worker at once. */
const AT_ONCE = 200;
/** Faults that are printed and kept; a bug shows in many places. */
const KEPT_MAX = 10;
const KEPT = join(import.meta.dirname, "flips", "kept");

function next(flips: Iterator<Flip, undefined>): Flip[] {
  const some: Flip[] = [];
  while (some.length < AT_ONCE) {
    const flip = flips.next().value;
    if (flip === undefined) break;
    some.push(flip);
  }
  return some;
}

interface Count {
  readonly outcomes: Map<Outcome | "FAULT", number>;
  readonly said: Map<string, number>;
}

function add<T>(counts: Map<T, number>, name: T): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** @returns how many faults there were */
async function tryAll(subject: Subject, healthy: string, root: string, jobs: number, choice: Choice): Promise<number> {
  const workers = Array.from({ length: jobs }, (_, i) => new FlipWorker(subject, healthy, join(root, `work-${i}`)));
  const [files] = await Promise.all(workers.map((worker) => worker.start()));
  const counts = new Map<string, Count>(files.map(({ file }) => [file, { outcomes: new Map(), said: new Map() }]));
  const startMs = performance.now();
  let [tried, faults] = [0, 0];
  const flips = flipsOf(files, choice, subject.seed);
  const work = async (worker: FlipWorker): Promise<void> => {
    for (let some = next(flips); some.length > 0; some = next(flips)) {
      await worker.run(some, (told) => {
        tried++;
        const count = counts.get(told.flip.file);
        if (!("fault" in told)) {
          if (count !== undefined) add(count.outcomes, told.outcome);
          if (count !== undefined && told.said !== "") add(count.said, `${told.outcome}: ${told.said}`);
          return;
        }
        if (count !== undefined) add(count.outcomes, "FAULT");
        if (faults++ < KEPT_MAX) keep(subject, told.flip, told.fault);
      });
    }
  };
  await Promise.all(workers.map(work));
  for (const worker of workers) worker.end();
  const seconds = (performance.now() - startMs) / 1000;
  const which = "parts" in choice ? `part ${choice.part} of ${choice.parts} of all bytes` : "at random";
  console.log(
    `${nameOf(subject)}, seed ${subject.seed}: ${tried} flips, ${which}, ${faults} faults, ${Math.round((60 * tried) / seconds)} a minute`,
  );
  for (const { file, bytes } of files) {
    const { outcomes, said } = counts.get(file) as Count;
    const texts = [...OUTCOMES, "FAULT" as const].flatMap((name) =>
      outcomes.has(name) ? `${outcomes.get(name)} ${name}` : [],
    );
    console.log(`  ${file} (${bytes} bytes): ${texts.join(", ")}`);
    for (const [text, times] of [...said].sort(([, a], [, b]) => b - a).slice(0, 4))
      console.log(`      ${times} × ${text.slice(0, 200)}`);
  }
  return faults;
}

function keep(subject: Subject, flip: Flip, fault: string): void {
  console.log(
    `FAULT ${nameOf(subject)}: ${flip.file}, byte ${flip.at}, bit ${flip.bit}\n     ${fault.split("\n").slice(0, 8).join("\n     ")}`,
  );
  mkdirSync(KEPT, { recursive: true });
  const name = `${nameOf(subject).replaceAll(" ", "-")}-${flip.file.replaceAll("/", "-")}-${flip.at}-${flip.bit}.json`;
  writeFileSync(join(KEPT, name), `${JSON.stringify({ found: fault.split("\n", 1)[0], subject, flip }, null, 1)}\n`);
}

const { values, positionals } = readCommandLine({
  name: "flips",
  about: [
    "Flips a bit of a byte of a data directory, opens it, asks everything of it, and compares with what the undamaged one answers.",
    "What is answered in silence, hangs, or is no error of ours is printed and kept: then the exit code is 1.",
  ],
  positionals: { "FILE.json": "instead: tries a kept one again" },
  options: {
    all: { text: "each byte of each file" },
    part: { value: "I/N", text: "with --all: each Nth from the Ith on (0/1)" },
    random: { value: "N", text: "so many at random of each directory (1000)" },
    large: { text: "of a large directory, not of small ones" },
    log: { value: "LOG", text: "embedded or kafka (both)" },
    ending: { value: "HOW", text: `${ENDINGS.join(" or ")} (both)` },
    seed: { value: "N", text: "of directories and bits (at random)" },
    jobs: { value: "N", text: "at the same time (1)" },
  },
});
if (positionals.length === 1) {
  const { outcome, said } = await tryKept(positionals[0]);
  console.log(`${outcome}: ${said}`);
  process.exit(0);
}
const [seed, jobs, random] = [values.seed ?? randomInt(1, SEED_MAX), values.jobs ?? 1, values.random ?? 1000].map(
  Number,
);
const [part, parts] = (values.part ?? "0/1").split("/").map(Number);
const logs = (["embedded", "kafka"] as const).filter((name) => values.log === undefined || values.log === name);
const endings = ENDINGS.filter((name) => values.ending === undefined || values.ending === name);
const areRight = seed > 0 && random > 0 && jobs >= 1 && jobs <= availableParallelism() && part >= 0 && part < parts;
if (!areRight || logs.length === 0 || endings.length === 0 || (values.all && values.random !== undefined)) {
  const jobsExpected = `at most ${availableParallelism()} jobs`;
  refuse(
    "flips",
    `expected --all or --random, numbers above 0, ${jobsExpected}, and a log and an ending that there are`,
  );
}
const choice: Choice = values.all ? { part, parts } : { random };
// In memory where there is such a place: thousands of syncs, of which none is the point.
const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-flips-"));
process.on("exit", () => rmSync(root, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
let faults = 0;
for (const log of logs) {
  const subject = { size: values.large ? "large" : "small", log, seed } as const;
  const made = join(root, log);
  mkdirSync(made);
  await makeSubjects(subject, made);
  for (const ending of endings) {
    const work = join(made, `of-${ending}`);
    mkdirSync(work);
    faults += await tryAll({ ...subject, ending: ending as Ending }, join(made, ending), work, jobs, choice);
    rmSync(work, { recursive: true });
  }
  rmSync(made, { recursive: true });
}
process.exit(faults > 0 ? 1 : 0);
