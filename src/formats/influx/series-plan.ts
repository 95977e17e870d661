/** What comes of a line's measurement and tags, worked out once for all lines that have them: the device, and the sensor of each field. */
import { NAME_BYTES_MAX } from "../../core/limits.ts";
import { fillTemplate, type NameTemplate } from "../../core/name-template.ts";
import { nameOfLongKey } from "../long-key.ts";
import type { LineHeader } from "./header.ts";
import { sensorNameOf } from "./sensor-names.ts";

/** About the memory of a plan and of a field, beside their texts, bytes. */
const PLAN_BYTES = 600;
const FIELD_BYTES = 300;

/** Space for times below a millisecond in a `sequence`, which has 53 bits: ns take 20, and 32 are left to tell series apart. */
const SEQUENCE_OF_SERIES = 2 ** 20;

/** The field that is the measurement itself: its name says nothing. */
const PLAIN_FIELD = "value";

/** A field of a series. */
export interface FieldPlan {
  /** Its name as it is written, escapes and all. */
  readonly key: Uint8Array;
  readonly sensor: string;
  /** Sequence of its readings, to which the ns within the millisecond are added: it tells series apart that share sensor and device. */
  readonly sequence: number;
  /** The record for which `series` and `device` were looked up, and the line in which it was seen last. */
  recordSeen: number;
  lineSeen: number;
  /** Where in that line's values it is. */
  place: number;
  /** -1: there is no such sensor. */
  series: number;
  device: number;
}

/** A measurement with tags. */
export class SeriesPlan {
  readonly deviceName: DataView;
  /** In the order in which they first came, which is mostly that of every line. */
  readonly fields: FieldPlan[] = [];
  readonly #byKey = new Map<string, FieldPlan>();
  readonly #header: LineHeader;
  readonly #text: string;
  readonly #tags: ReadonlyMap<string, string>;
  /** About its memory. */
  readonly bytes: number;

  /** @param text measurement and tags in canonical order, escaped, a character a byte @param tags unescaped; the measurement is one of them */
  private constructor(header: LineHeader, text: string, tags: ReadonlyMap<string, string>) {
    this.#header = header;
    this.#text = text;
    this.#tags = tags;
    this.bytes = PLAN_BYTES + 6 * text.length;
    const name = Buffer.from(firstFilled(header.device, (tag) => tags.get(tag)) ?? tags.get("tags") ?? "", "latin1");
    const short = name.length <= NAME_BYTES_MAX ? name : nameOfLongKey(name, 0, name.length);
    this.deviceName = new DataView(short.buffer, short.byteOffset, short.length);
  }

  /** @param prefix a line up to its fields, a character a byte @returns null when it is no measurement with tags */
  static of(header: LineHeader, prefix: string): SeriesPlan | null {
    const [measurement, ...rest] = splitUnescaped(prefix, ",");
    if (measurement === "") return null;
    const tags: [key: string, value: string][] = [];
    for (const tag of rest) {
      const parts = splitUnescaped(tag, "=");
      if (parts.length !== 2 || parts[0] === "" || parts[1] === "") return null;
      tags.push([parts[0], parts[1]]);
    }
    tags.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    if (tags.some(([key], i) => i > 0 && key === tags[i - 1][0])) return null;
    const joined = tags.map(([key, value]) => `${key}=${value}`).join(",");
    const named = new Map(tags.map(([key, value]) => [unescaped(key), unescaped(value)]));
    // Only what would be taken for another tag stays escaped.
    named.set("tags", joined.replaceAll("\\ ", " "));
    named.set("measurement", unescaped(measurement));
    return new SeriesPlan(header, `${measurement},${joined}`, named);
  }

  /** The plan of a field, made when it is new. @param key escaped, a character a byte; not empty */
  field(key: string): FieldPlan {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const made: FieldPlan = {
      key: Buffer.from(key, "latin1"),
      sensor: sensorNameOf(Buffer.from(this.#sensor(unescaped(key)), "latin1").toString("utf8")),
      sequence: hashOf(`${this.#text} ${key}`) * SEQUENCE_OF_SERIES,
      recordSeen: -1,
      lineSeen: -1,
      place: 0,
      series: -1,
      device: -1,
    };
    this.#byKey.set(key, made);
    this.fields.push(made);
    return made;
  }

  /** Where a template does not say what is to become of the field, it is added to the name. */
  #sensor(field: string): string {
    for (const template of this.#header.sensor) {
      const filled = fillTemplate(template, (name) => (name === "field" ? field : this.#tags.get(name)));
      if (filled !== null && filled !== "") {
        return template.names.includes("field") || field === PLAIN_FIELD ? filled : `${filled}_${field}`;
      }
    }
    const measurement = this.#tags.get("measurement") ?? "";
    return field === PLAIN_FIELD ? measurement : `${measurement}_${field}`;
  }

  /** About the memory of one of its fields. */
  static fieldBytes(key: string): number {
    return FIELD_BYTES + 4 * key.length;
  }
}

function firstFilled(templates: readonly NameTemplate[], find: (name: string) => string | undefined): string | null {
  for (const template of templates) {
    const filled = fillTemplate(template, find);
    if (filled !== null) return filled;
  }
  return null;
}

/** Splits at a sign that no backslash stands before. */
function splitUnescaped(text: string, sign: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === sign) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** Of measurements, tags and fields: a backslash before anything else is one. */
function unescaped(text: string): string {
  return text.replace(/\\([ ,=])/g, "$1");
}

/** 32 bits of a text: two rounds of FNV-1a's step with the finalizer of MurmurHash3, as series of one device must not fall together. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
