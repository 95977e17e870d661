/** One message through one map → the readings in it, and what of it is none. */
import { ID_BYTES_MAX, NAME_BYTES_MAX, VALUE_MAGNITUDE_MAX, VALUE_MAGNITUDE_MIN } from "../../core/limits.ts";
import { sensorNameFault } from "../../core/sensor-name.ts";
import type { Zone } from "../../core/zone.ts";
import type { MapSpec, ReadingRule, TextRule } from "./map-spec.ts";
import type { Captures, Template } from "./pattern.ts";
import { formatted, type Payload } from "./payload.ts";
import type { Found, Part, Place } from "./place.ts";
import { Remembered } from "./remembered.ts";
import { type TimeOutcome, type TimeRead, TimeRules } from "./time-rule.ts";
import { type Scale, scaled, unitOf } from "./units.ts";

/** Readings of one message: a list of a day by the second is split by no device. Past it a fault. */
const READINGS_MAX = 10_000;

/** What devices write that have no value. */
const NO_VALUE: readonly string[] = [
  "",
  "nan",
  "unknown",
  "unavailable",
  "none",
  "null",
  "undefined",
  "n/a",
  "-",
  "--",
  "---",
];

const PLAIN_NUMBER = /^[+-]?(\d{1,99}(\.\d{0,99})?|\.\d{1,99})(e[+-]?\d{1,3})?$/i;

/** A reading as a map finds it. */
export interface Mapped {
  readonly sensor: string;
  /** "": none is named. */
  readonly device: string;
  readonly value: number;
  /** ms since the epoch; undefined: when it came. */
  readonly time?: number;
  readonly id?: string;
  readonly boot?: string;
  readonly sequence?: number;
}

/** Something that should have been a reading. */
export interface MapFault {
  readonly code: string;
  readonly reason: string;
  /** Where in the payload; "" is all of it. */
  readonly at: string;
}

/** What a map finds. */
export interface MapRead {
  readonly readings: readonly Mapped[];
  readonly faults: readonly MapFault[];
  /** Values that are no reading, and need not be one: texts where any field is read, `nan`, `unavailable`. */
  readonly passed: number;
}

/** A message as its map reads it. */
interface Reading {
  readonly root: Part;
  readonly arrivalMs: number;
  readonly isText: boolean;
  readonly readings: Mapped[];
  readonly faults: MapFault[];
  readonly seen: Set<string>;
  readonly taken: Set<string>;
  /** Of the item, once it was read; undefined: it was not. */
  time: TimeOutcome | undefined;
  passed: number;
}

class Refused extends Error {
  readonly code: string;

  constructor(code: string, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** Reads messages by one map. */
export class Mapper {
  readonly spec: MapSpec;
  readonly #times: TimeRules;
  readonly #remembered = new Remembered();
  /** Where something else than readings is. */
  readonly #otherPlaces: readonly Place[];
  /** Whether the time depends on the reading. */
  readonly #isTimeLate: boolean;
  /** Whether what `with` names depends on the reading. */
  readonly #isWithLate: boolean;

  /** @param zone of times that name none */
  constructor(spec: MapSpec, zone: Zone) {
    this.spec = spec;
    this.#times = new TimeRules(zone);
    this.#otherPlaces = otherPlaces(spec);
    this.#isTimeLate = otherPlaces({ ...spec, with: [], when: [], identity: null }).some(
      ({ names }) => names.length > 0,
    );
    this.#isWithLate = spec.with.some(({ at }) => at.some(({ names }) => names.length > 0));
  }

  /** The captures of a topic; null: the map is for others. */
  match(topic: string): Captures | null {
    for (const pattern of this.spec.topics) {
      const captures = pattern.match(topic);
      if (captures !== null) return captures;
    }
    return null;
  }

  /** Whether it leaves the topic alone. */
  skips(topic: string): boolean {
    return this.spec.skip.some((pattern) => pattern.match(topic) !== null);
  }

  /** @param given captures of the topic @param arrivalMs when the message came */
  read(payload: Payload, given: Captures, arrivalMs: number): MapRead {
    const { spec } = this;
    const content = formatted(payload, spec.format);
    if (content.kind === "nothing") return { readings: [], faults: [], passed: 0 };
    if (content.kind === "fault") {
      return { readings: [], faults: [{ code: "unreadable", reason: content.fault, at: "" }], passed: 0 };
    }
    const root: Part = { value: content.value, path: "" };
    const reading: Reading = {
      root,
      arrivalMs,
      isText: content.isText,
      readings: [],
      faults: [],
      seen: new Set(),
      taken: new Set(),
      time: undefined,
      passed: 0,
    };
    for (const item of this.#items(root, given)) {
      if (reading.readings.length >= READINGS_MAX) {
        const reason = `expected at most ${READINGS_MAX} readings in a message`;
        reading.faults.push({ code: "too-many-readings", reason, at: item.path });
        break;
      }
      this.#readItem(item, reading);
    }
    return reading;
  }

  /** The message, or each item of its list: where that is an array its elements, else what is there itself. */
  #items(root: Part, given: Captures): readonly Found[] {
    const { list } = this.spec;
    if (list === null) return [{ ...root, captures: given }];
    return list.find(root, root, given, READINGS_MAX).flatMap(({ value, captures, path }) => {
      if (!Array.isArray(value)) return [{ value, captures, path }];
      return value.map((each: unknown, i) => ({ value: each, captures, path: path === "" ? `${i}` : `${path}/${i}` }));
    });
  }

  #readItem(item: Found, reading: Reading): void {
    const { spec } = this;
    const { root } = reading;
    const fits = spec.when.every(({ at, values }) => {
      const found = at.first(item, root, item.captures)?.value;
      return values.some((value) => value === (found ?? null));
    });
    if (!fits) {
      reading.passed++;
      return;
    }
    const captures = this.#withCaptures(item, root, item.captures);
    reading.time = undefined;
    // What says something else is no reading, whatever a capture says.
    for (const place of this.#otherPlaces) {
      const found = place.first(item, root, captures);
      if (found !== undefined) reading.taken.add(found.path);
    }
    for (const rule of spec.readings) {
      for (const found of rule.at.find(item, root, captures, READINGS_MAX)) {
        if (reading.readings.length >= READINGS_MAX) return;
        if (reading.taken.has(found.path)) continue;
        this.#readValue(rule, found, item, reading);
      }
    }
  }

  /** Adds what `with` names. A name that is sent once is remembered by what is sent in its place. */
  #withCaptures(item: Part, root: Part, given: Captures): Captures {
    let captures = given;
    const later: (() => void)[] = [];
    for (const { name, at, otherwise, by } of this.spec.with) {
      const text = firstText(at, item, root, captures) ?? otherwise;
      if (text !== null) captures = { ...captures, [name]: text };
      if (by === null) continue;
      later.push(() => {
        const key = by.fill(captures);
        if (typeof key !== "string") return;
        const known = text ?? this.#remembered.get(`${name} ${key}`);
        if (text !== null) this.#remembered.set(`${name} ${key}`, text);
        if (known !== undefined) captures = { ...captures, [name]: known };
      });
    }
    for (const step of later) step();
    return captures;
  }

  #readValue(rule: ReadingRule, found: Found, item: Part, reading: Reading): void {
    const { spec } = this;
    const { root } = reading;
    // What is read in parts is not read whole: a list of phases is no number that is none.
    const cut = found.path.lastIndexOf("/");
    if (cut > 0) reading.taken.add(found.path.slice(0, cut));
    // Where anything is read that is there, much of it is no number, and need not be.
    const isAny = rule.at.names.length > 0 || rule.sensor.names.length > 0 || spec.list !== null;
    const isText = rule.isText || reading.isText;
    const number = numberOf(found.value, isText);
    const value = typeof number === "number" && spec.noValue.includes(number) ? null : number;
    if (value === null || (typeof value === "string" && isAny && !(rule.isText && typeof found.value === "string"))) {
      if (typeof found.value !== "object" || found.value === null) reading.passed++;
      return;
    }
    reading.taken.add(found.path);
    try {
      if (typeof value === "string") throw new Refused("not-a-number", value);
      const captures = this.#isWithLate ? this.#withCaptures(item, root, found.captures) : found.captures;
      const made = this.#made(rule, inUnit(value, rule, item, root, captures), item, reading, captures);
      const identity = `${made.sensor}\n${made.device}\n${made.id ?? ""}\n${made.boot ?? ""}\n${made.sequence ?? ""}\n${made.time ?? ""}`;
      const isKnown = made.id !== undefined || made.sequence !== undefined;
      if (isKnown && reading.seen.has(identity)) {
        const reason = `another value of this message is of sensor "${made.sensor}" and device "${made.device}" at the same time, too: expected a device that tells them apart`;
        throw new Refused("same-identity", reason);
      }
      reading.seen.add(identity);
      reading.readings.push(made);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      reading.faults.push({ code: error.code, reason: error.message, at: found.path });
    }
  }

  #made(rule: ReadingRule, value: number, item: Part, reading: Reading, captures: Captures): Mapped {
    const { spec } = this;
    const { root, arrivalMs } = reading;
    const magnitude = Math.abs(value);
    if (!(magnitude <= VALUE_MAGNITUDE_MAX) || (magnitude < VALUE_MAGNITUDE_MIN && value !== 0)) {
      throw new Refused("out-of-range", `expected a value of up to ${VALUE_MAGNITUDE_MAX}, was ${value}`);
    }
    const sensor = sensorOf(filled(rule.sensor, captures, "sensor"));
    const template = rule.device ?? spec.device;
    const device = template === null ? (captures["device"] ?? "") : filled(template, captures, "device");
    if (Buffer.byteLength(device) > NAME_BYTES_MAX) {
      throw new Refused(
        "device-invalid",
        `expected a device of at most ${NAME_BYTES_MAX} bytes, was "${device.slice(0, 80)}…"`,
      );
    }
    const outcome = this.#isTimeLate
      ? this.#times.read(spec.time, item, root, captures, arrivalMs)
      : (reading.time ??= this.#times.read(spec.time, item, root, captures, arrivalMs));
    if (outcome !== null && "fault" in outcome) {
      throw new Refused(outcome.isMissing ? "time-missing" : "time-unreadable", outcome.fault);
    }
    const time = outcome === null ? {} : { time: outcome.ms };
    return { sensor, device, value, ...time, ...this.#identity(item, root, captures, outcome) };
  }

  #identity(item: Part, root: Part, captures: Captures, time: TimeRead | null): Partial<Mapped> {
    const { identity } = this.spec;
    if (identity === null) return {};
    // A reading without boot that has a time is known by device, sequence and time: with one sequence for all, by device and time.
    if (identity.kind === "time") return time?.isOwn === true ? { sequence: 0 } : {};
    if (identity.kind === "id") {
      const id = filled(identity.id, captures, "id");
      if (id !== "" && Buffer.byteLength(id) <= ID_BYTES_MAX) return { id };
      throw new Refused("id-invalid", `expected an id of 1 to ${ID_BYTES_MAX} bytes, was "${id.slice(0, 80)}"`);
    }
    const text = textBy(identity.sequence, item, root, captures, "sequence");
    const sequence = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(sequence)) {
      throw new Refused("sequence-invalid", `expected a sequence from 0 on, was "${text.slice(0, 80)}"`);
    }
    if (identity.boot === null) return { sequence };
    const boot = textBy(identity.boot, item, root, captures, "boot");
    if (Buffer.byteLength(boot) <= NAME_BYTES_MAX) return { sequence, boot };
    throw new Refused(
      "boot-invalid",
      `expected a boot of at most ${NAME_BYTES_MAX} bytes, was "${boot.slice(0, 80)}…"`,
    );
  }
}

function otherPlaces(spec: MapSpec): Place[] {
  const places = [...spec.with.flatMap(({ at }) => at), ...spec.when.map(({ at }) => at)];
  for (let rule = spec.time; rule !== null && rule !== undefined; rule = rule.otherwise ?? null) places.push(rule.at);
  if (spec.identity?.kind !== "sequence") return places;
  const { boot, sequence } = spec.identity;
  for (const rule of [boot, sequence]) if (rule !== null && "at" in rule) places.push(rule.at);
  return places;
}

function firstText(places: readonly Place[], item: Part, root: Part, captures: Captures): string | null {
  for (const place of places) {
    const text = textOf(place.first(item, root, captures)?.value);
    if (text !== null) return text;
  }
  return null;
}

/** The text of a scalar; null of anything else. */
function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

function textBy(rule: TextRule, item: Part, root: Part, captures: Captures, what: string): string {
  if (!("at" in rule)) return filled(rule, captures, what);
  const text = textOf(rule.at.first(item, root, captures)?.value) ?? rule.otherwise;
  if (text !== null) return text;
  throw new Refused(`${what}-missing`, `no ${what} at "${rule.at.text}"`);
}

function filled(template: Template, captures: Captures, what: string): string {
  const text = template.fill(captures);
  if (typeof text === "string") return text;
  throw new Refused("capture-missing", `no {${text.missing}} for the ${what} "${template.text}"`);
}

/** A number, null for what says that there is no value, or what is wrong. */
function numberOf(value: unknown, isText: boolean): number | string | null {
  if (typeof value === "number") return value;
  if (value === null || value === undefined) return null;
  if (typeof value === "string") {
    const text = value.trim();
    if (NO_VALUE.includes(text.toLowerCase())) return null;
    if (isText && PLAIN_NUMBER.test(text)) return Number(text);
    const hint = !isText && PLAIN_NUMBER.test(text) ? ' in quotes ("as": "text" reads it)' : "";
    return `expected a number, was ${JSON.stringify(text.slice(0, 80))}${hint}`;
  }
  return `expected a number, was ${typeof value === "object" ? (Array.isArray(value) ? "a list" : "an object") : String(value)}`;
}

function inUnit(value: number, { scale }: ReadingRule, item: Part, root: Part, captures: Captures): number {
  if (scale === null) return value;
  if (!("at" in scale)) return scaled(value, scale);
  const text = textOf(scale.at.first(item, root, captures)?.value);
  const unit: Scale | null | undefined = text === null ? scale.otherwise : unitOf(text);
  if (unit !== null && unit !== undefined) return scaled(value, unit);
  throw new Refused("unit-unknown", `expected a unit that is known at "${scale.at.text}", was ${text ?? "none"}`);
}

/** Names of sensors are topics of the log: what they cannot hold becomes `_`. */
function sensorOf(text: string): string {
  const sensor = text.replaceAll(/[^a-zA-Z0-9._-]+/g, "_");
  const fault = sensorNameFault(sensor);
  if (fault === null) return sensor;
  throw new Refused("sensor-invalid", `expected ${fault}, was "${text.slice(0, 80)}"`);
}
