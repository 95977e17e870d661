/** What earlier runs found, kept beside the page (results.json), so that a run of some rows leaves the others as they are. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Machine } from "../harness/machine.ts";
import type { Found, Skipped } from "./results.ts";

/** Raised when what is kept changes its shape; an older file is then begun anew. */
const FORMAT = 1;

/** Significant digits of what is kept. */
const DIGITS = 5;

/** When and how a row was measured. */
export interface Taken {
  readonly date: string;
  readonly command: string;
  /** Short id; `changed`: with changes of src/ or bench/ that it does not hold. */
  readonly commit: string;
  readonly changed: boolean;
  /** Runnable processes over the last minute. */
  readonly loadBefore: string;
  readonly loadAfter: string;
  readonly cores: number;
  readonly machine: string;
  readonly seconds: number;
}

export interface Section {
  readonly found: Found;
  readonly skipped: readonly Skipped[];
  readonly taken: Taken;
}

interface Stored {
  readonly format: number;
  readonly machine: Machine;
  readonly sections: Readonly<Record<string, Section>>;
}

/** Sections by row. Empty where there is no file, or one of another format. */
export function loadSections(path: string): Map<string, Section> {
  if (!existsSync(path)) return new Map();
  const stored: Stored = JSON.parse(readFileSync(path, "utf8"));
  return stored.format === FORMAT ? new Map(Object.entries(stored.sections)) : new Map();
}

export function storeSections(path: string, machine: Machine, sections: ReadonlyMap<string, Section>): void {
  const stored: Stored = { format: FORMAT, machine, sections: Object.fromEntries(sections) };
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === "number" && Number.isFinite(value) ? Number(value.toPrecision(DIGITS)) : value;
  // A line for each row: a run of one changes one line.
  const lines = Object.entries(stored.sections).map(
    ([row, one]) => `${JSON.stringify(row)}:${JSON.stringify(one, rounded)}`,
  );
  writeFileSync(
    path,
    `{"format":${stored.format},\n"machine":${JSON.stringify(stored.machine)},\n"sections":{\n${lines.join(",\n")}\n}}\n`,
  );
}
