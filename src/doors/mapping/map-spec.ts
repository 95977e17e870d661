/** A map as the configuration file has it → what the mapper works with, each refusal naming file, map, path and what was expected. */
import { messageOf, TidemarkError } from "../../core/errors.ts";
import { didYouMean, nearest } from "../../core/nearest.ts";
import { openZone, type Zone } from "../../core/zone.ts";
import { PathFault, Template, TopicPattern } from "./pattern.ts";
import { Place } from "./place.ts";
import { PRESETS } from "./presets.ts";
import { TIME_FORMS, type TimeRule } from "./time-rule.ts";
import { type Scale, UNITS, unitOf } from "./units.ts";

/** A value of JSON that stands for itself. */
export type Scalar = string | number | boolean | null;

/** A value at a place that becomes a reading. */
export interface ReadingRule {
  readonly at: Place;
  readonly sensor: Template;
  /** null: that of the map. */
  readonly device: Template | null;
  readonly scale: Scale | { readonly at: Place; readonly otherwise: Scale | null } | null;
  /** Whether a text that holds a number is that number. */
  readonly isText: boolean;
}

/** What a capture is read from, beside the topic. */
export interface WithRule {
  readonly name: string;
  /** The first of them where something is. */
  readonly at: readonly Place[];
  readonly otherwise: string | null;
  /** Remembers the text by this: a name that is sent once, and later only its number. */
  readonly by: Template | null;
}

/** What tells a copy from another reading; null: nothing. */
export type IdentityRule =
  | null
  | { readonly kind: "time" }
  | { readonly kind: "id"; readonly id: Template }
  | { readonly kind: "sequence"; readonly boot: TextRule | null; readonly sequence: TextRule };

/** A text from a place, or of captures. */
export type TextRule = { readonly at: Place; readonly otherwise: string | null } | Template;

/** What a payload is turned into before it is looked into. */
const PAYLOAD_FORMATS = ["auto", "senml"] as const;

/** One of them. */
export type PayloadFormat = (typeof PAYLOAD_FORMATS)[number];

/** Where in a message everything is. */
export interface MapSpec {
  readonly name: string;
  /** Empty: for what is sent to it by its name only. */
  readonly topics: readonly TopicPattern[];
  readonly skip: readonly TopicPattern[];
  readonly format: PayloadFormat;
  readonly list: Place | null;
  readonly with: readonly WithRule[];
  readonly when: readonly { readonly at: Place; readonly values: readonly Scalar[] }[];
  /** null: the capture `device`, or none. */
  readonly device: Template | null;
  readonly readings: readonly ReadingRule[];
  /** Numbers that say that there is no value. */
  readonly noValue: readonly number[];
  readonly time: TimeRule;
  readonly identity: IdentityRule;
  /** null: copies are told by their identity only. */
  readonly repeatsMs: number | null;
  readonly changed: boolean;
  /** Whether what a broker kept for new subscribers is taken. */
  readonly takesRetained: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const KEYS = [
  "name",
  "like",
  "topic",
  "skip",
  "format",
  "list",
  "with",
  "when",
  "device",
  "readings",
  "also",
  "noValue",
  "time",
  "id",
  "boot",
  "sequence",
  "repeatsWithin",
  "changed",
  "retained",
] as const;

/** Maps of one configuration: each is asked for every message that nobody before it took. */
const MAPS_MAX = 200;

const MS_OF: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** An hour: what is remembered is bounded by count, too. */
const REPEATS_MS_MAX = 3_600_000;

/** Reads `map` of a configuration file. @param file named in errors @throws TidemarkError "config-invalid" */
export function readMaps(value: unknown, file: string): MapSpec[] {
  if (!Array.isArray(value)) throw refusal(file, "map", 'a list of maps such as [{"like":"tasmota"}]', value);
  if (value.length > MAPS_MAX) throw refusal(file, "map", `at most ${MAPS_MAX} maps`, value.length);
  const specs = value.map((each: unknown, i) => new MapReader(file, i).read(each));
  for (const [i, { name }] of specs.entries()) {
    if (specs.findIndex((spec) => spec.name === name) < i) {
      throw refusal(file, `map/${i}/name`, "names that no other map has", name);
    }
  }
  return specs;
}

/** A preset as a map. */
export function presetMap(name: string): MapSpec {
  return new MapReader("presets.json", 0).read({ like: name });
}

function refusal(file: string, path: string, expected: string, was: unknown, hint = ""): TidemarkError {
  const shown = was === undefined ? "nothing" : (JSON.stringify(was) ?? "nothing").slice(0, 120);
  return new TidemarkError(
    "config-invalid",
    `Cannot use "${path}" in ${file}: expected ${expected}, was ${shown}${hint}`,
  );
}

/** Reads one map. `path` in the errors is that of the file. */
class MapReader {
  readonly #file: string;
  #path: string;

  constructor(file: string, index: number) {
    this.#file = file;
    this.#path = `map/${index}`;
  }

  read(value: unknown): MapSpec {
    const own = this.#object(value, "", KEYS, 'a map such as {"like":"tasmota"}');
    const fields: Fields = { ...this.#preset(own), ...own };
    const name = fields["name"];
    if (typeof name !== "string" || !/^[^/\p{C}]{1,100}$/u.test(name)) {
      throw this.#fault("name", "a name of 1 to 100 characters without a slash", name);
    }
    this.#path = `${this.#path} (${name})`;
    const readings = [...this.#list(fields["readings"], "readings"), ...this.#list(fields["also"], "also")];
    if (readings.length === 0)
      throw this.#fault("readings", 'readings such as [{"at":"temperature"}]', fields["readings"]);
    const time = this.#time(fields["time"] ?? "arrival", "time");
    return {
      name,
      topics: this.#topics(fields["topic"], "topic"),
      skip: this.#topics(fields["skip"], "skip"),
      format: this.#oneOf(fields["format"] ?? "auto", "format", PAYLOAD_FORMATS),
      list: fields["list"] === undefined ? null : this.#place(fields["list"], "list"),
      with: this.#with(fields["with"]),
      when: this.#when(fields["when"]),
      device: fields["device"] === undefined ? null : this.#template(fields["device"], "device"),
      readings: readings.map(([each, path]) => this.#reading(each, path)),
      noValue: this.#numbers(fields["noValue"] ?? [], "noValue"),
      time,
      identity: this.#identity(fields, time),
      repeatsMs:
        fields["repeatsWithin"] === undefined ? null : this.#duration(fields["repeatsWithin"], "repeatsWithin"),
      changed: this.#flag(fields["changed"] ?? false, "changed"),
      takesRetained: this.#oneOf(fields["retained"] ?? "ignore", "retained", ["ignore", "take"]) === "take",
    };
  }

  #preset({ like }: Fields): Fields {
    if (like === undefined) return {};
    const names = Object.keys(PRESETS);
    if (typeof like === "string" && Object.hasOwn(PRESETS, like)) return { name: like, ...PRESETS[like] };
    const suggestion = typeof like === "string" ? didYouMean(nearest(like, names)) : "";
    throw this.#fault("like", `one of ${names.join(", ")}`, like, suggestion);
  }

  #fault(path: string, expected: string, was: unknown, hint = ""): TidemarkError {
    return refusal(this.#file, path === "" ? this.#path : `${this.#path}/${path}`, expected, was, hint);
  }

  #object(value: unknown, path: string, keys: readonly string[], expected: string): Fields {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.#fault(path, expected, value);
    for (const key of Object.keys(value)) {
      if (!keys.includes(key)) {
        throw this.#fault(path, `the keys ${keys.join(", ")}`, key, didYouMean(nearest(key, keys)));
      }
    }
    return { ...value };
  }

  #list(value: unknown, path: string): [unknown, string][] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw this.#fault(path, "a list", value);
    return value.map((each: unknown, i) => [each, `${path}/${i}`]);
  }

  /** What a path, a template or a zone is made of; what it refuses is said with where it stands. */
  #made<T>(value: unknown, path: string, expected: string, make: (text: string) => T): T {
    if (typeof value !== "string") throw this.#fault(path, expected, value);
    try {
      return make(value);
    } catch (error) {
      if (error instanceof PathFault) throw this.#fault(path, error.message, value);
      throw this.#fault(path, `${expected} (${messageOf(error)})`, value);
    }
  }

  #place(value: unknown, path: string): Place {
    return this.#made(value, path, 'a path such as "params/temperature:{n}/tC"', (text) => new Place(text));
  }

  #template(value: unknown, path: string): Template {
    return this.#made(value, path, 'a text such as "{node}/{probe}"', (text) => new Template(text));
  }

  #topics(value: unknown, path: string): TopicPattern[] {
    if (value === undefined) return [];
    const make = (each: unknown, at: string) =>
      this.#made(each, at, "a topic such as tele/{node}/SENSOR", (text) => new TopicPattern(text));
    if (!Array.isArray(value)) return [make(value, path)];
    return this.#list(value, path).map(([each, at]) => make(each, at));
  }

  #numbers(value: unknown, path: string): number[] {
    const each: readonly unknown[] = Array.isArray(value) ? value : [value];
    return each.map((number) => {
      if (typeof number === "number") return number;
      throw this.#fault(path, "a number that stands for no value, such as -9999, or a list of them", value);
    });
  }

  #flag(value: unknown, path: string): boolean {
    if (typeof value !== "boolean") throw this.#fault(path, "true or false", value);
    return value;
  }

  #oneOf<const T extends string>(value: unknown, path: string, words: readonly T[]): T {
    const word = words.find((each) => each === value);
    if (word === undefined) throw this.#fault(path, words.map((each) => `"${each}"`).join(", "), value);
    return word;
  }

  #with(value: unknown): WithRule[] {
    if (value === undefined) return [];
    const entries = Array.isArray(value)
      ? this.#list(value, "with").map(([each, path]): [string, unknown, string] => [lastKey(each), each, path])
      : Object.entries(this.#anyObject(value, "with")).map(([name, each]): [string, unknown, string] => [
          name,
          each,
          `with/${name}`,
        ]);
    return entries.map(([name, each, path]) => {
      if (!/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name)) throw this.#fault(path, "a name that a capture may have", name);
      if (typeof each === "string") return { name, at: [this.#place(each, path)], otherwise: null, by: null };
      const { at, else: otherwise, by } = this.#object(each, path, ["at", "else", "by"], "a path");
      const places: [unknown, string][] = Array.isArray(at) ? this.#list(at, `${path}/at`) : [[at, `${path}/at`]];
      return {
        name,
        at: places.map(([place, where]) => this.#place(place, where)),
        otherwise: otherwise === undefined ? null : this.#text(otherwise, `${path}/else`),
        by: by === undefined ? null : this.#template(by, `${path}/by`),
      };
    });
  }

  #anyObject(value: unknown, path: string): Fields {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
    throw this.#fault(path, 'names and paths such as {"model":"model"}, or a list of paths', value);
  }

  #text(value: unknown, path: string): string {
    if (typeof value === "string" || typeof value === "number") return String(value);
    throw this.#fault(path, "a text or a number", value);
  }

  #when(value: unknown): MapSpec["when"] {
    if (value === undefined) return [];
    return Object.entries(this.#anyObject(value, "when")).map(([at, wanted]) => {
      const path = `when/${at}`;
      const values = (Array.isArray(wanted) ? wanted : [wanted]).map((each: unknown): Scalar => {
        if (each === null || typeof each === "string" || typeof each === "number" || typeof each === "boolean")
          return each;
        throw this.#fault(path, "a value, or a list of those that it may have", each);
      });
      return { at: this.#place(at, path), values };
    });
  }

  #reading(value: unknown, path: string): ReadingRule {
    const fields = this.#object(value, path, ["at", "sensor", "device", "scale", "as"], 'such as {"at":"temperature"}');
    const at = this.#place(fields["at"], `${path}/at`);
    const sensor = fields["sensor"] ?? lastKey(fields["at"]);
    if (sensor === "") throw this.#fault(`${path}/sensor`, "the sensor that it is", fields["sensor"]);
    return {
      at,
      sensor: this.#template(sensor, `${path}/sensor`),
      device: fields["device"] === undefined ? null : this.#template(fields["device"], `${path}/device`),
      scale: fields["scale"] === undefined ? null : this.#scale(fields["scale"], `${path}/scale`),
      isText: this.#oneOf(fields["as"] ?? "number", `${path}/as`, ["number", "text"]) === "text",
    };
  }

  #scale(value: unknown, path: string): ReadingRule["scale"] {
    if (typeof value === "string") {
      const unit = unitOf(value);
      if (unit === undefined) throw this.#fault(path, `a unit: ${Object.keys(UNITS).join(", ")}`, value);
      return unit;
    }
    const expected = '{"factor":0.1}, {"factor":1,"offset":-40}, a unit such as "fahrenheit", or {"at":"TempUnit"}';
    const fields = this.#object(value, path, ["factor", "offset", "at", "else"], expected);
    if (fields["at"] !== undefined) {
      const otherwise = fields["else"] === undefined ? null : this.#scale(fields["else"], `${path}/else`);
      if (otherwise !== null && "at" in otherwise) throw this.#fault(`${path}/else`, "a unit", fields["else"]);
      return { at: this.#place(fields["at"], `${path}/at`), otherwise };
    }
    const [factor, offset] = [fields["factor"] ?? 1, fields["offset"] ?? 0];
    if (typeof factor !== "number" || factor === 0 || typeof offset !== "number")
      throw this.#fault(path, expected, value);
    return { factor, offset };
  }

  #time(value: unknown, path: string): TimeRule {
    if (value === "arrival") return null;
    const expected = '"arrival", or a place such as {"at":"time","as":"auto","else":"arrival"}';
    const fields = this.#object(value, path, ["at", "as", "zone", "else"], expected);
    return {
      at: this.#place(fields["at"], `${path}/at`),
      as: this.#oneOf(fields["as"] ?? "auto", `${path}/as`, TIME_FORMS),
      zone: fields["zone"] === undefined ? null : this.#zone(fields["zone"], `${path}/zone`),
      otherwise: fields["else"] === undefined ? undefined : this.#time(fields["else"], `${path}/else`),
    };
  }

  #zone(value: unknown, path: string): Zone {
    return this.#made(value, path, 'a time zone such as "UTC" or "Europe/Berlin"', openZone);
  }

  #identity(fields: Fields, time: TimeRule): IdentityRule {
    const { id, boot, sequence } = fields;
    if (id !== undefined && (boot !== undefined || sequence !== undefined)) {
      throw this.#fault("id", "either id, or sequence and perhaps boot", id);
    }
    if (id === "time") {
      if (time === null) throw this.#fault("id", '"time" only where the payload says a time', id);
      return { kind: "time" };
    }
    if (id !== undefined) return { kind: "id", id: this.#template(id, "id") };
    if (sequence === undefined) {
      if (boot !== undefined) throw this.#fault("boot", "sequence with it", boot);
      return null;
    }
    return {
      kind: "sequence",
      boot: boot === undefined ? null : this.#textRule(boot, "boot"),
      sequence: this.#textRule(sequence, "sequence"),
    };
  }

  #textRule(value: unknown, path: string): TextRule {
    if (typeof value === "string") return this.#template(value, path);
    const fields = this.#object(value, path, ["at", "else"], 'a place such as {"at":"f_cnt","else":0}, or a text');
    const otherwise = fields["else"];
    return {
      at: this.#place(fields["at"], `${path}/at`),
      otherwise: otherwise === undefined ? null : this.#text(otherwise, `${path}/else`),
    };
  }

  #duration(value: unknown, path: string): number {
    const match = typeof value === "string" ? /^(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|h)$/.exec(value) : null;
    const ms = match === null ? 0 : Number(match[1]) * MS_OF[match[2]];
    if (ms > 0 && ms <= REPEATS_MS_MAX) return ms;
    throw this.#fault(path, "a duration up to an hour such as 500ms or 2s", value);
  }
}

/** `a/b/{c}` → what a reading there is called where its map does not say: the last level. */
function lastKey(path: unknown): string {
  return typeof path === "string" ? path.slice(path.lastIndexOf("/") + 1).replace(/^\{(.*?)(\.\.\.)?\}$/, "{$1}") : "";
}
