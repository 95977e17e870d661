/** `tidemark devices`: the devices of a sensor. */
import type { DeviceColumn, DevicesConfig } from "../config/devices-config.ts";
import { ageText, countText, NOTHING, valueText } from "../core/figures.ts";
import { printable } from "../core/printable.ts";
import { type Column, tableLines } from "../ui/columns.ts";
import { paintIn } from "../ui/paint.ts";
import { ask, fieldsOf, printJson, requireSuccess } from "./client.ts";
import type { Terminal } from "./run.ts";

/** Devices of one request: the most there are. */
const PART_MAX = 1000;

/** What the server calls the columns. */
const SORTS: Readonly<Record<DeviceColumn, string>> = {
  name: "name",
  heard: "lastHeard",
  last: "lastValue",
  count: "readings",
  late: "late",
  duplicates: "duplicates",
  conflicts: "conflicts",
  held: "heldBack",
};

/** A device as it is shown. */
interface Row {
  readonly fields: ReadonlyMap<string, unknown>;
  /** The server's clock, ms. */
  readonly nowMs: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "DEVICE", width: 11, rank: 0, left: true, cell: ({ fields }) => nameOf(fields) },
  { title: "COUNT", width: 6, rank: 0, cell: (row) => countText(numberOf(row, "readings")) },
  { title: "LAST", width: 5, rank: 1, cell: ({ fields }) => valueText(numberOrNull(fields.get("lastValue"))) },
  { title: "HEARD", width: 5, rank: 0, cell: heardText },
  { title: "LATE", width: 4, rank: 4, cell: (row) => countText(numberOf(row, "late")) },
  { title: "DUPL", width: 4, rank: 4, cell: (row) => countText(numberOf(row, "duplicates")) },
  { title: "HELD", width: 4, rank: 3, cell: (row) => countText(numberOf(row, "heldBack")) },
  { title: "SERIES", width: 10, rank: 2, left: true, cell: ({ fields }) => seriesText(fields) },
  {
    title: "ODD",
    width: 5,
    rank: 2,
    left: true,
    cell: ({ fields }) => flagsOf(fields).join(", ") || NOTHING,
    warns: ({ fields }) => flagsOf(fields).some((flag) => flag !== "simulated"),
  },
];

/** Prints them. @throws TidemarkError "not-found" where there is no such sensor */
export async function devices(config: DevicesConfig, { out, color, columns }: Terminal): Promise<void> {
  const { sensor, sort, limit, json, client } = config;
  const rows: Row[] = [];
  let head: ReadonlyMap<string, unknown> = new Map();
  for (let after: string | null = null; ; ) {
    const most = limit === 0 ? PART_MAX : Math.min(PART_MAX, limit - rows.length);
    const asked = { sensor, sort: SORTS[sort], limit: String(most), ...(after === null ? {} : { after }) };
    const answer = await ask(client, `devices?${new URLSearchParams(asked)}`);
    head = requireSuccess(answer, "list devices");
    const items = head.get("items");
    for (const item of Array.isArray(items) ? items : [])
      rows.push({ fields: fieldsOf(item), nowMs: answer.dateMs ?? 0 });
    const next = head.get("next");
    if (typeof next !== "string" || rows.length === limit) break;
    after = next;
  }
  const [all, withSeries] = [Number(head.get("devices")), Number(head.get("withSeries"))];
  if (json) {
    printJson({ items: rows.map(({ fields }) => Object.fromEntries(fields)), devices: all, withSeries }, out);
    return;
  }
  if (rows.length === 0) {
    out(`no device of ${sensor} was heard of yet`);
    return;
  }
  for (const line of tableLines(COLUMNS, rows, columns, paintIn(color))) out(line);
  if (rows.length < all) out(`${rows.length} of ${all} devices: --limit 0 shows all`);
}

function nameOf(fields: ReadonlyMap<string, unknown>): string {
  const name = String(fields.get("device"));
  return name === "" ? "(none)" : printable(name);
}

function heardText({ fields, nowMs }: Row): string {
  const heard = Date.parse(String(fields.get("lastHeard")));
  return ageText(Number.isNaN(heard) ? null : Math.max(0, nowMs - heard));
}

function seriesText(fields: ReadonlyMap<string, unknown>): string {
  if (fields.get("hasSeries") !== true) return NOTHING;
  const since = fields.get("since");
  return typeof since === "string" ? since.slice(0, 10) : "whole";
}

function flagsOf(fields: ReadonlyMap<string, unknown>): readonly string[] {
  const flags = fields.get("flags");
  return Array.isArray(flags) ? flags.map(String) : [];
}

function numberOf({ fields }: Row, name: string): number {
  return numberOrNull(fields.get(name)) ?? 0;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
