/** A map that would fit a message that nobody mapped: a preset where one finds readings in it, else one made of what is in it. */
import { openZone } from "../../core/zone.ts";
import { presetMap, readMaps } from "./map-spec.ts";
import { type Mapped, Mapper } from "./mapper.ts";
import type { Payload } from "./payload.ts";
import { PRESETS } from "./presets.ts";

/** A map as it would stand in a configuration file. */
export type Suggested = Readonly<Record<string, unknown>>;

/** Numbers of one payload that a suggestion reads: more are a document. */
const READINGS_MAX = 20;

/** Objects within objects that are looked into. */
const DEPTH_MAX = 8;

/** Levels of a topic that say what a message is, not whose it is. */
const KINDS =
  /^(state|status|sensor|sensors|event|events|data|telemetry|value|values|json|up|rx|main|measurement|measurements|info)$/i;

/** What payloads call a time, a device. */
const TIMES =
  /^(time|ts|timestamp|date|datetime|dateutc|last_seen|created_at|measured_at|received_at|epoch|unixtime|when)$/i;
const DEVICES =
  /^(device|device_?id|device_?name|dev_?eui|mac|serial|node|node_?id|station|station_?id|sensor_?id|host)$/i;

/** Numbers that are seldom measured. */
const NOT_MEASURED =
  /^(id|_id|seq|sequence|counter|count|version|rssi|snr|lqi|linkquality|port|fport|fcnt|uptime|heap)$/i;

let presets: readonly Mapper[] | null = null;

/** @param topic null: the message came by HTTP, and is told by the name of its map. null: there is nothing in it that could be a reading */
export function suggestMap(topic: string | null, payload: Payload, arrivalMs: number): Suggested | null {
  presets ??= Object.keys(PRESETS).map((name) => new Mapper(presetMap(name), openZone("UTC")));
  let best = { like: "", readings: 0 };
  for (const preset of presets) {
    const captures = topic === null ? {} : preset.match(topic);
    if (captures === null || (topic !== null && preset.skips(topic))) continue;
    const { readings, faults } = preset.read(payload, captures, arrivalMs);
    // Without a topic a name such as "temperature" tells no preset from another: its time has to be there, or what says whose it is.
    const isAny = preset.spec.readings.some(({ at }) => at.text === "{field}");
    const isTold = ({ time, device, id }: Mapped) =>
      time !== undefined || (!isAny && (device !== "" || id !== undefined));
    if (faults.length > 0 || (topic === null && !readings.every(isTold))) continue;
    if (readings.length > best.readings) best = { like: preset.spec.name, readings: readings.length };
  }
  if (best.readings > 0) return { like: best.like };
  const made = payload.kind === "value" ? ofPayload(topic, payload.value) : null;
  return made !== null && isUsable(made) ? made : null;
}

function ofPayload(topic: string | null, value: unknown): Suggested | null {
  const levels = topic?.split("/") ?? [];
  if (typeof value === "number" || typeof value === "string")
    return topic === null || Number.isNaN(Number(value)) ? null : plain(levels);
  const list = Array.isArray(value) ? "" : null;
  const item: unknown = Array.isArray(value) ? value[0] : value;
  if (typeof item !== "object" || item === null) return null;
  const found: Looked = { readings: [], time: null, device: null };
  look(item, "", found, DEPTH_MAX);
  if (found.readings.length === 0) return null;
  const at = deviceLevel(levels);
  return {
    ...(topic === null ? {} : { name: nameOf(levels), topic: patternOf(levels, at) }),
    ...(list === null ? {} : { list }),
    ...(at >= 0 || found.device === null ? {} : { with: { device: found.device } }),
    readings: found.readings,
    ...(found.time === null ? {} : { time: { at: found.time, as: "auto", else: "arrival" }, id: "time" }),
  };
}

/** A number is the payload: the topic says of what, and whose. */
function plain(levels: readonly string[]): Suggested {
  const last = KINDS.test(levels[levels.length - 1]) && levels.length > 1 ? levels.length - 2 : levels.length - 1;
  const at = last - 1 - [...levels.slice(0, last)].reverse().findIndex((level) => !KINDS.test(level));
  const topic = levels.map((level, i) =>
    i === last ? "{sensor}" : i === at && last > 0 ? "{device}" : escaped(level),
  );
  return { name: nameOf(levels), topic: topic.join("/"), readings: [{ at: "", sensor: "{sensor}" }] };
}

interface Looked {
  readonly readings: object[];
  time: string | null;
  device: string | null;
}

function look(value: object, path: string, found: Looked, depth: number): void {
  for (const [key, inner] of Object.entries(value)) {
    const at = path === "" ? escaped(key) : `${path}/${escaped(key)}`;
    const sensor = key.replaceAll(/[^a-zA-Z0-9._-]+/g, "_");
    const isScalar = typeof inner === "string" || typeof inner === "number";
    if (typeof inner === "object" && inner !== null && !Array.isArray(inner)) {
      if (depth > 0) look(inner, at, found, depth - 1);
    } else if (!isScalar || NOT_MEASURED.test(key)) {
    } else if (TIMES.test(key)) {
      found.time ??= at;
    } else if (DEVICES.test(key)) {
      found.device ??= at;
    } else if (found.readings.length < READINGS_MAX) {
      if (typeof inner === "number") found.readings.push({ at, sensor });
      else if (/^[+-]?\d{1,15}(\.\d{1,15})?$/.test(inner)) found.readings.push({ at, sensor, as: "text" });
    }
  }
}

/** The last level that is no word for a kind of message; -1: none but the first. */
function deviceLevel(levels: readonly string[]): number {
  for (let i = levels.length - 1; i >= 1; i--) if (!KINDS.test(levels[i])) return i;
  return levels.length > 1 && !KINDS.test(levels[0]) ? 0 : -1;
}

function patternOf(levels: readonly string[], at: number): string {
  return levels.map((level, i) => (i === at ? "{device}" : escaped(level))).join("/");
}

function escaped(text: string): string {
  return text.replaceAll("~", "~0").replaceAll("/", "~1");
}

function nameOf(levels: readonly string[]): string {
  return levels[0].replaceAll(/[^\p{L}\p{N}._ -]/gu, "").slice(0, 60) || "mapped";
}

/** Braces in names and the like make maps that the configuration would not take. */
function isUsable(suggested: Suggested): boolean {
  try {
    readMaps([{ name: "mapped", ...suggested }], "a suggestion");
    return true;
  } catch {
    return false;
  }
}
