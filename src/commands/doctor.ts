/** `tidemark doctor`: what is configured and how it is, and what to do about each thing that is not well. */
import type { DoctorConfig } from "../config/doctor-config.ts";
import { systemClock } from "../core/clock.ts";
import { plural } from "../core/figures.ts";
import { printable } from "../core/printable.ts";
import { paintIn, type Style } from "../ui/paint.ts";
import { cut, padEnd } from "../ui/text-width.ts";
import { printJson } from "./client.ts";
import { checkDisk } from "./doctor/disk.ts";
import type { Finding, Health } from "./doctor/finding.ts";
import { checkKafka } from "./doctor/kafka.ts";
import { checkSettings, checkVersions } from "./doctor/programs.ts";
import { checkServer } from "./doctor/server.ts";
import type { Terminal } from "./run.ts";

const LOOKS: Readonly<Record<Health, { readonly word: string; readonly style: Style }>> = {
  ok: { word: "ok", style: "green" },
  warning: { word: "warning", style: "yellow" },
  failure: { word: "failure", style: "red" },
};

/** Cells of a finding's health and name. */
const WORD_CELLS = 9;
const CHECK_CELLS = 10;

/** Where the output is no terminal. */
const COLUMNS_ASSUMED = 100;

/** @returns the exit code: 1 when something fails */
export async function doctor(config: DoctorConfig, terminal: Terminal): Promise<number> {
  const { data, logRetentionBytes } = config.config;
  const findings = [
    checkVersions(),
    ...checkSettings(config),
    ...(config.isElsewhere ? [] : checkDisk(data, logRetentionBytes)),
    ...(await checkKafka(config)),
    ...(await checkServer(config, systemClock)),
  ];
  const failing = findings.filter(({ health }) => health === "failure").length;
  const warned = findings.filter(({ health }) => health === "warning").length;
  if (config.json) printJson({ healthy: failing === 0, findings }, terminal.out);
  else {
    const width = Math.min(terminal.columns, COLUMNS_ASSUMED);
    for (const finding of findings) for (const line of linesOf(finding, width, terminal.color)) terminal.out(line);
    terminal.out("");
    terminal.out(summary(failing, warned));
  }
  return failing === 0 ? 0 : 1;
}

function summary(failing: number, warned: number): string {
  if (failing + warned === 0) return "all is well";
  const parts = [
    ...(failing === 0 ? [] : [plural(failing, "failure")]),
    ...(warned === 0 ? [] : [plural(warned, "warning")]),
  ];
  return parts.join(", ");
}

/** Health, name and what was found, then what to do, each within the width. */
function linesOf({ check, health, says, advice }: Finding, width: number, color: boolean): string[] {
  const { word, style } = LOOKS[health];
  const indent = WORD_CELLS + CHECK_CELLS;
  const head = paintIn(color)(style, padEnd(word, WORD_CELLS)) + padEnd(check, CHECK_CELLS);
  const blank = " ".repeat(indent);
  const told = wrapped(printable(says), width - indent);
  const done = advice === null ? [] : wrapped(`→ ${printable(advice)}`, width - indent);
  return [...told.map((line, i) => (i === 0 ? head : blank) + line), ...done.map((line) => blank + line)];
}

/** Words in lines of that width; a longer word is cut. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1];
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(width < 20 ? word : cut(word, width));
  }
  return lines;
}
