/** `tidemark unrouted`: messages that no map is for, and the map that would fit each. */
import type { UnroutedConfig } from "../config/map-config.ts";
import { printable } from "../core/printable.ts";
import { ask, fieldsOf, printJson, requireSuccess } from "./client.ts";
import type { Console } from "./console.ts";

/** Characters of a payload. */
const SHOWN_MAX = 200;

/** Lists them. */
export async function unrouted({ client, json }: UnroutedConfig, { out }: Console): Promise<void> {
  const fields = requireSuccess(await ask(client, "unrouted"), "list what is unrouted");
  if (json) {
    printJson(Object.fromEntries(fields), out);
    return;
  }
  const items = fields.get("items");
  const list = (Array.isArray(items) ? items : []).map(fieldsOf);
  if (list.length === 0) out("nothing is unrouted");
  for (const item of list) {
    const last = fieldsOf(item.get("last"));
    const payload = printable(String(last.get("payload") ?? "").replaceAll(/\s+/g, " "));
    const door = item.get("door") === "in" ? "/in/" : "";
    out(`${door}${printable(String(item.get("topic")))}  ${timesText(item.get("count"))}, last ${last.get("time")}`);
    out(`  ${payload.length > SHOWN_MAX ? `${payload.slice(0, SHOWN_MAX)}…` : payload}`);
    const map = item.get("map");
    out(`  ${map === null ? "nothing in it looks like a reading" : `map: ${printable(JSON.stringify(map))}`}`);
  }
}

function timesText(count: unknown): string {
  return count === 1 ? "once" : `${count} times`;
}
