/** A map that would fit a message that nobody mapped: a preset where one finds readings in it, else one made of what is in it. */
import { openZone } from "../../core/zone.ts";
import { presetMap, readMaps } from "./map-spec.ts";
import { type Mapped, Mapper } from "./mapper.ts";
import { type Captures, TopicPattern } from "./pattern.ts";
import type { Payload } from "./payload.ts";
import { PRESETS } from "./presets.ts";

/** A map as it would stand in a configuration file. */
export type Suggested = Readonly<Record<string, unknown>>;

/** Numbers of one payload that a suggestion reads: more are a document. */
const READINGS_MAX = 20;

/** Objects within objects that are looked into. */
const DEPTH_MAX = 8;

/** Levels that people put into the topics of their devices. */
const LEVELS_MAX = 4;

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

/** A level that is one of several of a device. */
const CHANNEL = /^\d{1,3}$/;

let presets: readonly Mapper[] | null = null;

/** @param topic null: the message came by HTTP, and is told by the name of its map. null: there is nothing in it that could be a reading */
export function suggestMap(topic: string | null, payload: Payload, arrivalMs: number): Suggested | null {
  presets ??= Object.keys(PRESETS).map((name) => new Mapper(presetMap(name), openZone("UTC")));
  let best: { readonly map: Suggested; readonly readings: number } = { map: {}, readings: 0 };
  for (const preset of presets) {
    const fit = topic === null ? { captures: {}, more: {} } : fitOf(preset, topic);
    if (fit === null || (topic !== null && preset.skips(topic))) continue;
    const { readings, faults } = preset.read(payload, fit.captures, arrivalMs);
    // Without a topic a name such as "temperature" tells no preset from another: its time has to be there, or what says whose it is.
    const isAny = preset.spec.readings.some(({ at }) => at.text === "{field}");
    const isTold = ({ time, device, id }: Mapped) =>
      time !== undefined || (!isAny && (device !== "" || id !== undefined));
    if (faults.length > 0 || (topic === null && !readings.every(isTold))) continue;
    if (readings.length <= best.readings) continue;
    const map = { like: preset.spec.name, ...fit.more };
    best = { map, readings: readings.length };
  }
  if (best.readings > 0) return best.map;
  const made = payload.kind === "value" ? ofPayload(topic, payload.value) : null;
  return made !== null && isUsable(made) ? made : null;
}

/** A preset as it could be for a topic. */
interface Fit {
  readonly captures: Captures;
  /** What its map says beside `like`. */
  readonly more: Suggested;
}

/** The preset as it is, or with levels of that topic among its own, as devices let people set them. */
function fitOf({ spec }: Mapper, topic: string): Fit | null {
  const levels = topic.split("/");
  for (const pattern of spec.topics) {
    const captures = pattern.match(topic);
    if (captures !== null) return { captures, more: {} };
  }
  for (const { text } of spec.topics) {
    const own = text.split("/");
    const spare = levels.length - own.length;
    const rest = own[own.length - 1].endsWith("...}");
    for (let more = rest ? 1 : spare; more > 0 && more <= Math.min(spare, LEVELS_MAX); more++) {
      for (let at = 0; at < own.length; at++) {
        const between = levels.slice(at, at + more);
        if (between.some((level) => /[{}+#]/.test(level))) continue;
        const made = [...own.slice(0, at), ...between.map(escaped), ...own.slice(at)].join("/");
        const captures = new TopicPattern(made).match(topic);
        if (captures !== null)
          return { captures, more: { name: nameOf([spec.name, ...between], () => true), topic: made } };
      }
    }
  }
  return null;
}

function ofPayload(topic: string | null, value: unknown): Suggested | null {
  const levels = topic?.split("/") ?? [];
  if (typeof value === "number" || typeof value === "string")
    return topic === null || Number.isNaN(Number(value)) ? null : plain(levels);
  const looked = placesOf(value).map(([list, item]) => ({ list, found: lookedInto(item) }));
  const best = looked.find(({ found }) => found.readings.length > 0);
  if (best === undefined) return null;
  const { list, found } = best;
  const time = found.time ?? (list ? timeBeside(value) : null);
  const at = deviceLevel(levels);
  // Elements of a list are of one message: they are told apart by what each says.
  const isParted = at >= 0 && list !== null && found.device !== null;
  return {
    ...(topic === null ? {} : { name: nameOf(levels, (i) => i !== at), topic: patternOf(levels, at) }),
    ...(list === null ? {} : { list }),
    ...(isParted ? { with: { part: found.device }, device: "{device}/{part}" } : {}),
    ...(at >= 0 || found.device === null ? {} : { with: { device: found.device } }),
    readings: found.readings,
    ...(time === null ? {} : { time: { at: time, as: "auto", else: "arrival" }, id: "time" }),
  };
}

/** Where readings may be: the message itself, or the first element of its list, or of a list in it; each with the path of the list. */
function placesOf(value: unknown): [list: string | null, item: object][] {
  if (Array.isArray(value)) return isObject(value[0]) ? [["", value[0]]] : [];
  if (!isObject(value)) return [];
  const lists = Object.entries(value).flatMap(([key, inner]: [string, unknown]): [string, object][] =>
    Array.isArray(inner) && isObject(inner[0]) ? [[escaped(key), inner[0]]] : [],
  );
  return [[null, value], ...lists];
}

function lookedInto(item: object): Looked {
  const found: Looked = { readings: [], time: null, device: null };
  look(item, "", found, DEPTH_MAX);
  return found;
}

function timeBeside(value: unknown): string | null {
  const key = isObject(value) ? Object.keys(value).find((name) => TIMES.test(name)) : undefined;
  return key === undefined ? null : `/${escaped(key)}`;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A number is the payload: the topic says of what, and whose. */
function plain(levels: readonly string[]): Suggested {
  const last = KINDS.test(levels[levels.length - 1]) && levels.length > 1 ? levels.length - 2 : levels.length - 1;
  const isChannel = (level: string | undefined) => level !== undefined && CHANNEL.test(level);
  const isName = (level: string, i: number) => i < last && !KINDS.test(level) && !isChannel(level);
  // `x/relay/0/power`: what is before a number says of which kind it is, so that the device is before that.
  const before = levels.findLastIndex((level, i) => isName(level, i) && !isChannel(levels[i + 1]));
  const named = before >= 0 ? before : levels.findLastIndex(isName);
  const at = named >= 0 ? named : levels.findLastIndex((level, i) => i < last && isChannel(level));
  const number = at < 0 ? -1 : levels.findIndex((level, i) => i > at && i < last && isChannel(level));
  const topic = levels.map((level, i) =>
    i === last ? "{sensor}" : i === at ? "{device}" : i === number ? "{channel}" : escaped(level),
  );
  const device = number < 0 ? {} : { device: "{device}/{channel}" };
  const name = nameOf(levels, (i) => i !== last && i !== at && i !== number);
  return { name, topic: topic.join("/"), ...device, readings: [{ at: "", sensor: "{sensor}" }] };
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

/** Of the levels that are always these, but for words for a kind of message: maps have names of their own. */
function nameOf(levels: readonly string[], isFixed: (index: number) => boolean): string {
  const told = levels.filter((level, i) => isFixed(i) && (i === 0 || !KINDS.test(level))).join(" ");
  const name = (text: string) =>
    text
      .replaceAll(/[^\p{L}\p{N}._ -]/gu, "")
      .slice(0, 60)
      .trim();
  return name(told) || name(levels[0]) || "mapped";
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
