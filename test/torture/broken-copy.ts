/** A copy of the sources with one bug planted in it. */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");
/** What tests of the copy read. */
const COPIED = ["src", "package.json", "bin", "docs", "scripts", "test"];

export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  /** Texts that stand in the file exactly once, and what stands there instead. */
  readonly changes: readonly (readonly [from: string, to: string])[];
}

/** Copies the sources into `directory` and plants the bug. @throws Error when a text is not there exactly once: then the bug was not planted */
export function copyWith(directory: string, bug: PlantedBug | null): void {
  for (const path of COPIED) cpSync(join(ROOT, path), join(directory, path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
  if (bug !== null) plant(directory, bug);
}

/** Changes a file of a copy. @throws Error when a text is not there exactly once */
export function plant(directory: string, { name, file, changes }: PlantedBug): void {
  const path = join(directory, file);
  let text = readFileSync(path, "utf8");
  for (const [from, to] of changes) {
    const count = text.split(from).length - 1;
    if (count !== 1)
      throw new Error(`Cannot plant "${name}": ${file} must have this once, has it ${count} times: ${from}`);
    text = text.replace(from, () => to);
  }
  writeFileSync(path, text);
}

/** Takes a bug out of a copy again. */
export function restore(directory: string, { file }: PlantedBug): void {
  cpSync(join(ROOT, file), join(directory, file));
}
