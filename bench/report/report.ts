/** The results as a page (bench/results.md) and as lines for the terminal. */
import type { Machine } from "../harness/machine.ts";
import { distance, type Grid, rowsOf, type Skipped, type Table } from "./results.ts";
import type { Section, Taken } from "./store.ts";

export interface Report {
  /** Of the newest run. */
  readonly machine: Machine;
  /** What each row found, when and how, in the order of the rows. */
  readonly sections: ReadonlyMap<string, Section>;
  /** The file of the picture, where a row has one. */
  readonly picture: string;
}

const HEAD = ["who", "median", "min – max", "laps", "tidemark is", "remark"];

function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[],
): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = head.map((_, i) => (right.includes(i) ? "--:" : ":--"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

function goalMark(met: boolean | null): string {
  return met === null ? "not measured" : met ? "met" : "**missed**";
}

/** The page. A section is replaced when its row runs again; its line says when, how and at what load that was. */
export function markdown({ machine, sections, picture }: Report): string {
  const parts = [
    "# Results of `npm run bench`",
    "Written by the bench; do not edit. What stands in one table was measured in one run, in turn (A B A B), on one machine; medians with the smallest and largest lap. “tidemark is 4 ×” means four times as fast (or small) as that line. Each section says when it was measured; `npm run bench -- --only ROW` measures it anew and leaves the others as they are.",
    markdownTable(["", ""], [...machine.rows], []),
  ];
  const goals = [...sections].flatMap(([row, { found }]) => found.goals.map((goal) => ({ row, ...goal })));
  if (goals.length > 0) {
    parts.push("## Goals (design, section 4)");
    parts.push(
      markdownTable(
        ["what", "at least", "measured", "", "aim", "distance to it", "command"],
        goals.map((goal) => [
          ...[goal.what, goal.atLeast, goal.measured, goalMark(goal.met), goal.aim, distance(goal)],
          `\`${commandOf(goal.row)}\``,
        ]),
        [],
      ),
      "The distances are explained row by row in [docs/PERFORMANCE.md](../docs/PERFORMANCE.md).",
    );
  }
  for (const [name, { found, taken }] of sections) {
    parts.push(`## ${name}`, takenText(taken, machine));
    for (const table of found.tables) parts.push(markdownOf(table));
    for (const { title, about, head, rows, synced } of found.grids ?? []) {
      const right = head.map((_, i) => i).slice(1);
      parts.push(`### ${title}`, about, markdownTable(head, rows, right), `Writes: ${synced}.`);
    }
    if (found.picture !== undefined) {
      parts.push(`![cost against size](${picture})`);
      parts.push(found.picture.slopes.map((text) => `- ${text}`).join("\n"));
    }
    for (const { title, text } of found.notes ?? []) parts.push(`### ${title}`, `\`\`\`\n${text}\n\`\`\``);
  }
  const skipped = allSkipped(sections);
  if (skipped.length > 0) {
    parts.push("## Not run");
    parts.push(skipped.map(({ name, why, how }) => `- **${name}**: ${why}. To run it: ${how}.`).join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
}

/** What shows a row alone. */
function commandOf(row: string): string {
  return `npm run bench -- --only ${row}`;
}

/** Who could not run, each reason once. */
export function allSkipped(sections: ReadonlyMap<string, Section>): Skipped[] {
  const all = [...sections.values()].flatMap((section) => section.skipped);
  return [...new Map(all.map((one) => [`${one.name}: ${one.why}`, one])).values()];
}

function takenText(taken: Taken, machine: Machine): string {
  const changed = taken.changed ? " with changes" : "";
  const elsewhere = taken.machine === machine.name ? "" : `, on another machine (${taken.machine})`;
  return `Measured ${taken.date} by \`${taken.command}\` at commit ${taken.commit}${changed}; load ${taken.loadBefore} before and ${taken.loadAfter} after on ${taken.cores} cores; ${taken.seconds} s${elsewhere}.`;
}

function markdownOf(table: Table): string {
  const head = [...HEAD];
  head[1] = table.unit;
  return [
    `### ${table.title}`,
    table.about,
    markdownTable(head, rowsOf(table), [1, 2, 3, 4]),
    `Writes: ${table.synced}.`,
  ].join("\n\n");
}

/** A table for the terminal. */
export function plain(table: Table): string {
  const head = [`${table.title} [${table.unit}]`, "median", "min – max", "laps", "tidemark is", ""];
  return columns([head, ...rowsOf(table)]);
}

/** A grid for the terminal. */
export function plainGrid({ title, head, rows }: Grid): string {
  return columns([[`${title} [${head[0]}]`, ...head.slice(1)], ...rows]);
}

/** The first cell is a line of its own. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row, r) => (i === 0 && r === 0 ? 0 : row[i].length))));
  return rows
    .map((row, r) =>
      row
        .map((cell, i) => {
          if (r === 0 && i === 0) return `${cell}\n${"".padEnd(widths[0] + 2)}`;
          return i === 0 ? `  ${cell.padEnd(widths[i])}` : cell.padStart(i < row.length - 1 ? widths[i] : 0);
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
