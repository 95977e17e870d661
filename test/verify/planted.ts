/** Damage for tests: one value of one row that is another, as a bug or a disk would leave it. */

import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Seeded } from "../oracle/seeded.ts";

/** Tables, and columns whose values nothing else tells: when a row was taken in, numbers that only have to ascend, the clock of the host. */
export const TABLES: Readonly<Record<string, readonly string[]>> = {
  page: [],
  sensor: [],
  position: [],
  front: [],
  device: [],
  device_series: [],
  boot: [],
  seen: [],
  revision: [],
  revision_note: [],
  revision_range: ["start", "end", "flags"],
  seen_pair: [],
  seen_id: [],
  quarantine: ["id", "clock_offset"],
  rejection: ["id", "arrival", "is_alone"],
};

/** Flips a bit, or changes a number, of a row that is drawn. @returns what was done; null: there is no such row, or it may not be changed so */
export function plantFlip(
  directory: string,
  table: string,
  random: Seeded,
  untold: readonly string[] = TABLES[table] ?? [],
): string | null {
  const db = new DatabaseSync(join(directory, "history.db"));
  try {
    const rows = db.prepare(`SELECT * FROM ${table}`).all();
    if (rows.length === 0) return null;
    const row = random.pick(rows);
    const columns = Object.keys(row).filter((name) => row[name] !== null);
    const column = random.pick(columns.filter((name) => !untold.includes(name)));
    const value = flipped(row[column], random);
    if (value === null) return null;
    const where = columns.map((name) => `"${name}" IS ?`).join(" AND ");
    const update = db.prepare(`UPDATE ${table} SET "${column}"=? WHERE ${where}`);
    const { changes } = update.run(value, ...columns.map((name) => row[name]));
    return changes === 1 ? `${table}.${column} of ${JSON.stringify(row, shown)}: ${shown("", value)}` : null;
  } catch {
    return null; // a constraint: the file cannot hold it
  } finally {
    db.close();
  }
}

function shown(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex").slice(0, 60) : value;
}

function flipped(value: SQLInputValue | undefined, random: Seeded): SQLInputValue | null {
  if (typeof value === "number" && Number.isInteger(value)) return value + random.pick([1, -1, 2, 64, 2 ** 20]);
  if (typeof value === "number") return value + random.pick([0.5, -1.25, 1000.5]);
  const bytes = typeof value === "string" ? Buffer.from(value) : value instanceof Uint8Array ? value.slice() : null;
  if (bytes === null || bytes.length === 0) return null;
  bytes[random.int(0, bytes.length - 1)] ^= 1 << random.int(0, 6);
  return typeof value === "string" ? Buffer.from(bytes).toString() : bytes;
}
