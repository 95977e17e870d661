/** The results as a page (bench/results.md) and as lines for the terminal. */
import type { Machine } from "../harness/machine.ts";
import { type Found, rowsOf, type Skipped, type Table } from "./results.ts";

export interface Report {
  readonly machine: Machine;
  readonly date: string;
  readonly command: string;
  readonly found: ReadonlyMap<string, Found>;
  readonly skipped: readonly Skipped[];
  readonly picture: string | null;
  /** What growth came to, in words. */
  readonly slopes: readonly string[];
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

/** The page. Every figure in it comes from one run on one machine. */
export function markdown(report: Report): string {
  const { machine, found, skipped } = report;
  const parts = [
    "# Results of `npm run bench`",
    `Written by the bench; do not edit. One run, everything in it measured in turn (A B A B) on the same machine; medians with the smallest and largest lap. “tidemark is 4 ×” means four times as fast (or small) as that line.`,
    markdownTable(
      ["", ""],
      [
        ["date", report.date],
        ["command", `\`${report.command}\``],
        ...machine.rows.map(([name, value]) => [name, value]),
      ],
      [],
    ),
  ];
  const goals = [...found.values()].flatMap((row) => row.goals);
  if (goals.length > 0) {
    parts.push("## Goals (design, section 4)");
    parts.push(
      markdownTable(
        ["what", "at least", "aim", "measured", ""],
        goals.map((goal) => [goal.what, goal.atLeast, goal.aim, goal.measured, goalMark(goal.met)]),
        [],
      ),
    );
  }
  for (const [name, row] of found) {
    if (row.tables.length > 0 || row.notes !== undefined) parts.push(`## ${name}`);
    for (const table of row.tables) parts.push(markdownOf(table));
    for (const { title, text } of row.notes ?? []) parts.push(`### ${title}`, `\`\`\`\n${text}\n\`\`\``);
  }
  if (report.picture !== null) {
    parts.push("## Growth", `![cost against size](${report.picture})`);
    parts.push(report.slopes.map((text) => `- ${text}`).join("\n"));
  }
  if (skipped.length > 0) {
    parts.push("## Not run");
    parts.push(skipped.map(({ name, why, how }) => `- **${name}**: ${why}. To run it: ${how}.`).join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
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
  const rows = [[`${table.title} [${table.unit}]`, "median", "min – max", "laps", "tidemark is", ""], ...rowsOf(table)];
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row, r) => (i === 0 && r === 0 ? 0 : row[i].length))));
  return rows
    .map((row, r) =>
      row
        .map((cell, i) => {
          if (r === 0 && i === 0) return `${cell}\n${"".padEnd(widths[0] + 2)}`;
          return i === 0 ? `  ${cell.padEnd(widths[i])}` : i < 5 ? cell.padStart(widths[i]) : cell;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
