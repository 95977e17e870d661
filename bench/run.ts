/**
 * `npm run bench`: tidemark beside its peers, on this machine, in one run.
 * Prepares its data, runs what can run here, prints tables and writes results.md and growth.svg beside this file.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../src/core/clock.ts";
import { Bench } from "./harness/bench.ts";
import { describeMachine } from "./harness/machine.ts";
import { markdown, plain } from "./report/report.ts";
import type { Found } from "./report/results.ts";
import { ROWS } from "./rows/rows.ts";

const HELP = `npm run bench -- [options]

  --only a,b       these rows only
  --quick          small data and few laps (some minutes in all)
  --large          also what takes minutes a figure (10^8 readings)
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
    large: { type: "boolean", default: false },
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

const machine = describeMachine();
for (const [name, value] of machine.rows) console.log(`${name}: ${value}`);
const bench = new Bench({
  quick: values.quick,
  large: values.large,
  install: !values["no-install"],
  rounds: values.rounds === undefined ? null : Math.max(1, Number(values.rounds)),
});
const found = new Map<string, Found>();
const date = values.date ?? `${new Date(systemClock.now()).toISOString().slice(0, 16).replace("T", " ")} UTC`;
const command = ["npm run bench", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(" ");

/** After each row: what was measured stays when the run is cut off. */
function write(): void {
  if (values.out === "-") return;
  const pictures = [...found.values()].flatMap((row) => (row.picture === undefined ? [] : [row.picture]));
  if (pictures.length > 0) writeFileSync(join(values.out, "..", "growth.svg"), pictures[0].svg);
  const picture = pictures.length > 0 ? "growth.svg" : null;
  const slopes = pictures.flatMap((one) => one.slopes);
  writeFileSync(values.out, markdown({ machine, date, command, found, skipped: bench.skipped, picture, slopes }));
}

const started = performance.now();
const elapsed = (): string => `[${Math.round((performance.now() - started) / 1000)} s]`;
const rows = ROWS.filter(({ name }) => names === undefined || names.includes(name));
try {
  for (const [i, row] of rows.entries()) {
    console.log(`\n=== ${row.name}: ${row.about} ${elapsed()}`);
    try {
      const result = await row.run(bench);
      found.set(row.name, result);
      for (const table of result.tables) console.log(`\n${plain(table)}`);
      for (const { title, text } of result.notes ?? []) console.log(`\n${title}\n${text}`);
    } catch (error) {
      bench.skip(`the row ${row.name}`, error);
    }
    if (row.usesKafka === true && rows[i + 1]?.usesKafka !== true) await bench.endKafka();
    write();
  }
} finally {
  await bench.close();
}
console.log(`\n=== goals ${elapsed()}`);
for (const { what, atLeast, measured, met } of [...found.values()].flatMap((row) => row.goals)) {
  const mark = met === null ? "not measured" : met ? "met" : "MISSED";
  console.log(`${mark}: ${what}: at least ${atLeast}; measured ${measured}`);
}
for (const { name, why, how } of bench.skipped) console.log(`not run: ${name}: ${why} (${how})`);
if (values.out !== "-") console.log(`wrote ${values.out}`);
process.exit(0);
