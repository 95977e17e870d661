/**
 * `npm run bench`: tidemark beside its peers, on this machine, in one run.
 * Prepares its data, runs what can run here, prints tables and writes results.md, results.json and growth.svg beside this file;
 * rows that were not asked for stay there as they were.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../src/core/clock.ts";
import { Bench, type Row } from "./harness/bench.ts";
import { commitNow, describeMachine, loadNow } from "./harness/machine.ts";
import { draw } from "./report/picture.ts";
import { allSkipped, markdown, plain, plainGrid } from "./report/report.ts";
import { distance, type Found } from "./report/results.ts";
import { loadSections, type Section, storeSections } from "./report/store.ts";
import { ROWS } from "./rows/rows.ts";

/** Beside the page. */
const PICTURE = "growth.svg";

const HELP = `npm run bench -- [options]

  --only a,b       these rows only
  --quick          small data and few laps (some minutes in all)
  --rounds N       laps of each contestant
  --no-install     leave out peers that are not installed yet
  --date TEXT      the date in results.md (default: the clock's)
  --out FILE       where the results go (default: bench/results.md; "-": nowhere)

Rows:
${ROWS.map(({ name, about }) => `  ${name.padEnd(16)} ${about}`).join("\n")}`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    "no-install": { type: "boolean", default: false },
    date: { type: "string" },
    out: { type: "string", default: join(import.meta.dirname, "results.md") },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const names = values.only?.split(",").map((name) => name.trim());
const unknown = names?.find((name) => !ROWS.some((row) => row.name === name));
if (unknown !== undefined) {
  console.error(`Cannot run "${unknown}": expected ${ROWS.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

// For every process that the bench starts, as the command line does (bin/compiled-code.js) and `make run` fills it.
const ROOT = join(import.meta.dirname, "..");
process.env["NODE_COMPILE_CACHE"] = join(ROOT, "node_modules", ".cache", "tidemark");
execFileSync(process.execPath, [join(ROOT, "scripts", "compile.js")]);
const machine = describeMachine();
for (const [name, value] of machine.rows) console.log(`${name}: ${value}`);
const bench = new Bench({
  quick: values.quick,
  install: !values["no-install"],
  rounds: values.rounds === undefined ? null : Math.max(1, Number(values.rounds)),
});
const page = values.out === "-" ? null : { file: values.out, kept: values.out.replace(/(\.md)?$/, ".json") };
const sections = page === null ? new Map<string, Section>() : loadSections(page.kept);
const dateNow = (): string => `${new Date(systemClock.now()).toISOString().slice(0, 16).replace("T", " ")} UTC`;
const command = ["npm run bench", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(" ");

/** After each row: what was measured stays when the run is cut off. */
function write(): void {
  if (page === null) return;
  const ordered = new Map(
    ROWS.flatMap(({ name }) => {
      const section = sections.get(name);
      return section === undefined ? [] : [[name, section] as const];
    }),
  );
  const picture = [...ordered.values()].flatMap(({ found }) => (found.picture === undefined ? [] : [found.picture]))[0];
  if (picture !== undefined) writeFileSync(join(page.file, "..", PICTURE), draw(picture.panels));
  storeSections(page.kept, machine, ordered);
  writeFileSync(page.file, markdown({ machine, sections: ordered, picture: PICTURE }));
}

async function measure(row: Row): Promise<Section> {
  const started = performance.now();
  const loadBefore = loadNow();
  const skippedBefore = bench.skipped.length;
  let found: Found = { tables: [], goals: [] };
  try {
    found = await row.run(bench);
  } catch (error) {
    bench.skip(`the row ${row.name}`, error);
  }
  const taken = {
    ...{ date: values.date ?? dateNow(), command, ...commitNow(), machine: machine.name, cores: cpus().length },
    ...{ loadBefore, loadAfter: loadNow(), seconds: Math.round((performance.now() - started) / 1000) },
  };
  return { found, taken, skipped: bench.skipped.slice(skippedBefore) };
}

const started = performance.now();
const elapsed = (): string => `[${Math.round((performance.now() - started) / 1000)} s]`;
const rows = ROWS.filter(({ name }) => names === undefined || names.includes(name));
const measured = new Map<string, Section>();
try {
  for (const [i, row] of rows.entries()) {
    console.log(`\n=== ${row.name}: ${row.about} ${elapsed()}`);
    const section = await measure(row);
    measured.set(row.name, section);
    sections.set(row.name, section);
    const { tables, grids = [], notes = [] } = section.found;
    for (const table of tables) console.log(`\n${plain(table)}`);
    for (const grid of grids) console.log(`\n${plainGrid(grid)}`);
    for (const { title, text } of notes) console.log(`\n${title}\n${text}`);
    if (row.usesKafka === true && rows[i + 1]?.usesKafka !== true) await bench.endKafka();
    write();
  }
} finally {
  await bench.close();
}
console.log(`\n=== goals ${elapsed()}`);
for (const goal of [...measured.values()].flatMap(({ found }) => found.goals)) {
  const mark = goal.met === null ? "not measured" : goal.met ? "met" : "MISSED";
  const aim = `aim ${goal.aim}: ${distance(goal)}`;
  console.log(`${mark}: ${goal.what}: at least ${goal.atLeast}; measured ${goal.measured}; ${aim}`);
}
for (const { name, why, how } of allSkipped(measured)) console.log(`not run: ${name}: ${why} (${how})`);
for (const [name, { taken }] of measured) console.log(`${name} took ${taken.seconds} s`);
if (page !== null) console.log(`wrote ${page.file}`);
process.exit(0);
