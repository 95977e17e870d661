/** Which column, or key of an object, holds which field of a reading. */
import { TidemarkError } from "../../core/errors.ts";
import { didYouMean, nearest } from "../../core/nearest.ts";

/** What a reading is made of. */
export const FIELDS = ["value", "time", "device", "boot", "sequence", "id"] as const;

/** One of FIELDS. */
export type Field = (typeof FIELDS)[number];

/** By field: the name, or the number from 1 on, of a column that somebody named. */
export type Named = ReadonlyMap<Field, string>;

/** By field: the index of its column. */
export type Columns = ReadonlyMap<Field, number>;

/** What columns are usually called, where nobody says it. */
const USUAL: Readonly<Record<Field, readonly string[]>> = {
  value: ["value", "reading", "val", "wert", "valeur", "_value"],
  time: ["time", "timestamp", "datetime", "date", "ts", "zeit", "zeitpunkt", "datum", "_time"],
  device: ["device", "device_id", "deviceid"],
  boot: ["boot"],
  sequence: ["sequence", "seq"],
  id: ["id"],
};

/** A number, a date or a time of day: no row of titles holds one. */
const DATUM = /^[+-]?\d[\d.,:/TZ +-]*$/;

/** Whether the first row has titles. */
export function isHeader(row: readonly string[]): boolean {
  return !row.some((cell) => DATUM.test(cell));
}

/** Columns of a table with titles. @throws TidemarkError "request-invalid" that lists them */
export function columnsByTitle(titles: readonly string[], named: Named): Columns {
  const columns = new Map<Field, number>();
  const lower = titles.map((title) => title.toLowerCase());
  for (const field of FIELDS) {
    const name = named.get(field);
    const found =
      name === undefined ? lower.findIndex((title) => USUAL[field].includes(title)) : indexOf(name, titles, lower);
    if (found !== -1) columns.set(field, found);
    else if (name !== undefined) {
      throw refused(`there is no column ${name}${didYouMean(nearest(name, titles))}`, titles);
    }
  }
  // The other one of two can only be the value.
  if (!columns.has("value") && titles.length === 2 && columns.has("time"))
    columns.set("value", 1 - columns.get("time")!);
  return required(columns, titles);
}

/** Columns of a table without titles: a time and a value where there are two. @throws TidemarkError "request-invalid" */
export function columnsByPlace(row: readonly string[], named: Named): Columns {
  const columns = new Map<Field, number>();
  for (const [field, name] of named) {
    const at = /^\d+$/.test(name) ? Number(name) - 1 : -1;
    if (at < 0 || at >= row.length) throw refused(`there is no column ${name}: it has no titles, count from 1`, row);
    columns.set(field, at);
  }
  if (named.size === 0 && row.length === 2)
    return new Map([
      ["time", 0],
      ["value", 1],
    ]);
  return required(columns, row);
}

function indexOf(name: string, titles: readonly string[], lower: readonly string[]): number {
  const exact = titles.indexOf(name);
  if (exact !== -1) return exact;
  const other = lower.indexOf(name.toLowerCase());
  if (other !== -1) return other;
  return /^\d+$/.test(name) && Number(name) >= 1 && Number(name) <= titles.length ? Number(name) - 1 : -1;
}

function required(columns: Columns, row: readonly string[]): Columns {
  const missing = (["value", "time"] as const).find((field) => !columns.has(field));
  if (missing === undefined) return columns;
  throw refused(`which column is the ${missing} is not clear: expected --columns time=…,value=…`, row);
}

function refused(what: string, row: readonly string[]): TidemarkError {
  return new TidemarkError(
    "request-invalid",
    `Cannot import: ${what}; the first row is ${row.join(" | ").slice(0, 300)}`,
  );
}
