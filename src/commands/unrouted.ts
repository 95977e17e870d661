/** `tidemark unrouted`: messages that no map is for, and the map that would fit each; and those that a map could not read, or found nothing in. */
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
  const list = listOf(fields.get("items"));
  const doors = listOf(requireSuccess(await ask(client, "doors"), "list what came through the doors").get("items"));
  if (list.length === 0) out("nothing is unrouted");
  for (const item of list) {
    const last = fieldsOf(item.get("last"));
    const door = item.get("door") === "in" ? "/in/" : "";
    out(`${door}${printable(String(item.get("topic")))}  ${timesText(item.get("count"))}, last ${last.get("time")}`);
    out(`  ${payloadText(last.get("payload"))}`);
    const map = item.get("map");
    out(`  ${map === null ? "nothing in it looks like a reading" : `map: ${printable(JSON.stringify(map))}`}`);
  }
  for (const [title, name] of READ_BY_MAPS) {
    const found = doors.flatMap((door) => listOf(door.get(name)));
    if (found.length > 0) out(title);
    for (const item of found) {
      const [map, topic, reason] = ["map", "topic", "reason"].map((key) => printable(String(item.get(key))));
      out(`${map}  ${timesText(item.get("count"))}, last ${item.get("last")}${topic === "" ? "" : `, ${topic}`}`);
      out(`  ${payloadText(item.get("payload"))}`);
      out(`  ${reason}`);
    }
  }
}

/** What `GET /doors` has of messages that found their map. */
const READ_BY_MAPS = [
  ["\ncould not be read, by map:", "problems"],
  ["\nknown, and nothing in it was read, by map (tidemark map --topic TOPIC says why):", "passedOver"],
] as const;

function listOf(value: unknown): ReturnType<typeof fieldsOf>[] {
  return (Array.isArray(value) ? value : []).map(fieldsOf);
}

function payloadText(payload: unknown): string {
  const text = printable(String(payload ?? "").replaceAll(/\s+/g, " "));
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

function timesText(count: unknown): string {
  return count === 1 ? "once" : `${count} times`;
}
