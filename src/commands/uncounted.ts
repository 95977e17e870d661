/** `tidemark quarantine` and `tidemark rejections`: lists, releases or discards what was not counted. */

import type { ListConfig } from "../config/client-config.ts";
import { printable } from "../core/printable.ts";
import { cut } from "../ui/text-width.ts";
import { ask, fieldsOf, printJson, requireSuccess } from "./client.ts";
import { columns } from "./columns.ts";
import type { Console } from "./console.ts";

type Fields = ReadonlyMap<string, unknown>;

/** Title and text of each column; the server's other fields are in --json. */
const COLUMNS: Readonly<Record<string, readonly (readonly [title: string, cell: (item: Fields) => string])[]>> = {
  quarantine: [
    ["ID", (item) => text(item, "id")],
    ["SENSOR", (item) => text(item, "sensor")],
    ["DEVICE", (item) => text(item, "device")],
    ["BOOT", (item) => text(item, "boot")],
    ["SEQUENCE", (item) => text(item, "sequence")],
    ["VALUE", (item) => text(item, "value")],
    ["TIME", (item) => text(item, "time")],
    [
      "WHY",
      (item) => (item.get("reason") === "ahead" ? `ahead of ${text(item, "judgedAgainst")}` : text(item, "reason")),
    ],
  ],
  rejections: [
    ["ID", (item) => text(item, "id")],
    ["SENSOR", (item) => text(item, "sensor")],
    ["OFFSET", (item) => `${text(item, "partition")}/${text(item, "offset")}`],
    ["CAME", (item) => text(item, "arrival")],
    ["WHY", (item) => text(item, "code")],
    ["BYTES", (item) => text(item, "length")],
    ["RECORD", (item) => cut(text(item, "bytes"), SHOWN_MAX)],
  ],
};

/** Cells that a record takes. */
const SHOWN_MAX = 60;

/** Lists, releases or discards quarantined readings or rejections. */
export async function uncounted(
  what: "quarantine" | "rejections",
  config: ListConfig,
  console: Console,
): Promise<void> {
  if (config.action === "list") await list(what, config, console);
  else await act(what, config.action, config, console);
}

async function list(what: string, config: ListConfig, { out }: Console): Promise<void> {
  const query = new URLSearchParams({ limit: String(config.limit) });
  if (config.sensor !== null) query.set("sensor", config.sensor);
  if (config.after !== null) query.set("after", String(config.after));
  const fields = requireSuccess(await ask(config.client, `${what}?${query}`), `list ${what}`);
  if (config.json) {
    printJson(Object.fromEntries(fields), out);
    return;
  }
  const items = fields.get("items");
  const rows = (Array.isArray(items) ? items : []).map(fieldsOf);
  if (rows.length === 0) {
    out(`nothing in ${what}`);
    return;
  }
  const shown = COLUMNS[what];
  const lines = [shown.map(([title]) => title), ...rows.map((row) => shown.map(([, cell]) => cell(row)))];
  for (const line of columns(lines, new Set([0]))) out(line);
  const next = fields.get("next");
  if (typeof next === "number") out(`… more: tidemark ${what} --after ${next}`);
}

async function act(what: string, action: "release" | "discard", config: ListConfig, { out }: Console): Promise<void> {
  const fields = requireSuccess(
    await ask(config.client, `${what}/${action}`, { body: chosen(config), role: "admin" }),
    `${action} from ${what}`,
  );
  const done = action === "release" ? "released" : "discarded";
  const asked = fields.get("asked");
  if (config.json) printJson(Object.fromEntries(fields), out);
  else out(`${done} ${fields.get(done)}${asked === undefined ? "" : ` of ${asked}`}`);
}

function chosen({ ids, all, sensor, device }: ListConfig): object {
  if (ids.length > 0) return { ids };
  if (all) return { all };
  return { ...(sensor === null ? {} : { sensor }), ...(device === null ? {} : { device }) };
}

function text(item: Fields, name: string): string {
  const value = item.get(name);
  if (value === null || value === undefined) return "–";
  return printable(typeof value === "string" ? value : String(value));
}
