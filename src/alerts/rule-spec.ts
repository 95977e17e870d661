/** Rules of the configuration file and of the API → rules that can be judged by, or what is wrong with them. */
import { parseTime, TIME_EXPECTED } from "../core/asked-time.ts";
import { TidemarkError } from "../core/errors.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
import { patternFault } from "../core/sensor-pattern.ts";
import { formatMs } from "../core/time.ts";
import type { Zone } from "../core/zone.ts";
import { nearestMetric } from "../metrics/nearest-metric.ts";
import { findMetric, type Metric } from "../metrics/registry.ts";
import { readDuration } from "./duration.ts";
import { COMPARISONS, type Rule, versionOf } from "./rule.ts";

/** Patterns of one rule. */
const SENSORS_MAX = 100;

/** A year: a window is read from few pages, whatever its length, and what it costs is bounded by INSTANTS_MAX. */
const WINDOW_MAX = 366 * 86_400;

/** Instants within one window, and within `for`: so many are judged again when one reading of the past changes. */
const INSTANTS_MAX = 3600;

/** Steps of the grid where none is given: the largest that divides a window into sixty. */
const STEPS: readonly number[] = [86_400, 21_600, 3600, 1800, 600, 300, 60, 30, 10];

const TEXT_MAX = 200;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const NAME_EXPECTED = "a name of 1 to 100 characters of A-Z a-z 0-9 . _ -, the first a letter or digit";

const TEXT = { type: "string" } as const;
const DURATION = { ...TEXT, pattern: "^\\d{1,9}[smhd]$", examples: ["90s", "5m", "12h", "7d"] } as const;

/** The JSON Schema of a rule, for the API's description; `readRule` judges what goes together. */
export const RULE_SCHEMA = {
  title: "Rule",
  description: "docs/ALERTS.md",
  type: "object",
  required: ["sensor"],
  additionalProperties: false,
  properties: {
    sensor: {
      description: "names, or patterns with * and ?",
      anyOf: [TEXT, { type: "array", items: TEXT, minItems: 1, maxItems: SENSORS_MAX }],
    },
    device: {
      description: "each of these devices by itself: names, or patterns with * and ?",
      anyOf: [TEXT, { type: "array", items: TEXT, minItems: 1, maxItems: SENSORS_MAX }],
    },
    metric: { ...TEXT, description: "any metric of POST /compute/metrics" },
    window: { ...DURATION, description: "what the metric is of: so long before each instant, such as 5m" },
    against: { enum: COMPARISONS, description: "less the same metric of the window before, or of a day before" },
    per: { ...DURATION, description: "with against before: the difference as a rate, such as 1h" },
    above: { type: "number", description: "more is too much" },
    below: { type: "number", description: "less is too much" },
    until: { type: "number", description: "an alert ends here; above or below where not given" },
    noDataFor: { ...DURATION, description: "in place of metric, window, above and below: no reading for so long" },
    for: { ...DURATION, description: "raised when it has been too much at each instant of so long" },
    every: { ...DURATION, description: "judged at each whole multiple of it" },
    from: { ...TEXT, description: "nothing before is judged; not given: since the rule was made" },
    to: { type: "array", items: TEXT, maxItems: 20, description: "targets of the configuration" },
    text: { ...TEXT, maxLength: TEXT_MAX, description: "for people, with each alert" },
  },
} as const;

type Key = keyof typeof RULE_SCHEMA.properties;
const KEYS: readonly string[] = Object.keys(RULE_SCHEMA.properties);

/** Names a fault: where, and what was expected. @throws always */
export type Refuse = (path: string, expected: string, was: unknown, hint?: string) => never;

/** The refusals of a file's rules, or of a request's. */
export function refusing(code: "config-invalid" | "request-invalid", where: string): Refuse {
  return (path, expected, was, hint = "") => {
    const shown = (JSON.stringify(was) ?? "nothing").slice(0, 120);
    throw new TidemarkError(code, `Cannot use "${path}" ${where}: expected ${expected}, was ${shown}${hint}`);
  };
}

/** What a rule is read with. */
export interface RuleReading {
  readonly zone: Zone;
  readonly nowMs: number;
  /** Names that `to` may have; null: any. */
  readonly targets: readonly string[] | null;
  readonly refuse: Refuse;
}

/** @param path of the rule, for errors @throws TidemarkError of `refuse` */
export function readRule(name: string, given: unknown, path: string, reading: RuleReading): Rule {
  const { refuse } = reading;
  if (!NAME.test(name)) return refuse(path, NAME_EXPECTED, name);
  const fields = new Fields(given, path, refuse);
  const [sensors, devices] = [fields.sensors(), fields.devices()];
  const noDataFor = fields.duration("noDataFor");
  if (noDataFor !== null) {
    for (const key of ["metric", "window", "against", "per", "above", "below", "until"] as const) {
      if (fields.has(key)) refuse(`${path}/${key}`, "nothing beside noDataFor", fields.raw(key));
    }
  }
  const metric = noDataFor === null ? fields.metric() : metricNamed("count");
  const window = noDataFor ?? fields.duration("window");
  if (window === null) return refuse(`${path}/window`, "a duration such as 5m", undefined);
  if (window > WINDOW_MAX) refuse(`${path}/window`, "at most 366d", fields.raw("window"));
  const against = fields.comparison();
  const per = fields.duration("per");
  if (per !== null && against !== "before") refuse(`${path}/per`, 'against: "before" with it', fields.raw("per"));
  const [above, below] = noDataFor === null ? [fields.number("above"), fields.number("below")] : [null, 1];
  if ((above === null) === (below === null)) return refuse(path, "either above or below, or noDataFor", given);
  const threshold = above ?? below ?? 0;
  const until = fields.number("until") ?? threshold;
  if (above !== null && until > above) refuse(`${path}/until`, `at most ${above}, which is above`, until);
  if (below !== null && until < below) refuse(`${path}/until`, `at least ${below}, which is below`, until);
  const least = Math.max(1, Math.ceil(window / INSTANTS_MAX));
  const every = fields.duration("every") ?? STEPS.find((step) => step * 60 <= window) ?? 10;
  if (every < least || every > 86_400) {
    refuse(`${path}/every`, `${least}s to 1d (a window has at most ${INSTANTS_MAX} of it)`, fields.raw("every"));
  }
  const waits = fields.duration("for", true) ?? 0;
  if (waits > INSTANTS_MAX * every) {
    refuse(`${path}/for`, `at most ${INSTANTS_MAX} times every, which is ${every}s`, fields.raw("for"));
  }
  const from = fields.from(reading);
  const to = fields.targets(reading.targets);
  const rule = { name, given: fields.given, sensors, devices, metric, window, against, per, isAbove: above !== null };
  const whole = { ...rule, threshold, until, for: waits, every, from, to, text: fields.text("text") };
  return { ...whole, version: versionOf(whole) };
}

function metricNamed(name: string): Metric {
  const metric = findMetric(name);
  if (metric === undefined) throw new Error(`BUG: there is no metric ${name}`);
  return metric;
}

/** A rule's fields, each read once. */
class Fields {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #refuse: Refuse;

  constructor(given: unknown, path: string, refuse: Refuse) {
    this.#path = path;
    this.#refuse = refuse;
    if (typeof given !== "object" || given === null || Array.isArray(given)) {
      refuse(path, 'a rule such as {"sensor":"freezer","metric":"max","window":"5m","above":-15}', given);
    }
    this.#fields = { ...given };
    for (const key of Object.keys(this.#fields)) {
      if (!KEYS.includes(key)) refuse(path, `the keys ${KEYS.join(", ")}`, key, didYouMean(nearest(key, KEYS)));
    }
  }

  get given(): Readonly<Record<string, unknown>> {
    return this.#fields;
  }

  has(key: Key): boolean {
    return this.#fields[key] !== undefined;
  }

  raw(key: Key): unknown {
    return this.#fields[key];
  }

  #fault(key: Key, expected: string, hint = ""): never {
    return this.#refuse(`${this.#path}/${key}`, expected, this.raw(key), hint);
  }

  sensors(): readonly string[] {
    const raw = this.raw("sensor");
    const list: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
    const names = list.filter((name) => typeof name === "string");
    if (names.length !== list.length || names.length === 0 || names.length > SENSORS_MAX) {
      return this.#fault("sensor", `1 to ${SENSORS_MAX} names of sensors, or patterns such as "plant-*"`);
    }
    for (const name of names) {
      const fault = patternFault(name);
      if (fault !== null) this.#refuse(`${this.#path}/sensor`, fault, name);
    }
    return names;
  }

  devices(): readonly string[] | null {
    const raw = this.raw("device");
    if (raw === undefined) return null;
    const names = Array.isArray(raw) ? raw : [raw];
    const areNames = names.every((name) => typeof name === "string" && name !== "");
    if (!areNames || names.length === 0 || names.length > SENSORS_MAX) {
      return this.#fault("device", `1 to ${SENSORS_MAX} names of devices, or patterns such as "*"`);
    }
    return names;
  }

  metric(): Metric {
    const name = this.raw("metric");
    const expected = "a metric such as mean, max or p95, and window";
    if (typeof name !== "string") return this.#fault("metric", expected);
    return findMetric(name) ?? this.#fault("metric", expected, didYouMean(nearestMetric(name)));
  }

  comparison(): Rule["against"] {
    const raw = this.raw("against");
    if (raw === undefined) return null;
    return COMPARISONS.find((each) => each === raw) ?? this.#fault("against", COMPARISONS.join(" or "));
  }

  duration(key: "window" | "per" | "noDataFor" | "for" | "every", mayBeZero = false): number | null {
    const raw = this.raw(key);
    if (raw === undefined) return null;
    const seconds = typeof raw === "string" ? readDuration(raw) : null;
    if (seconds === null || (seconds === 0 && !mayBeZero)) {
      return this.#fault(key, "a duration of whole seconds such as 90s, 5m, 12h or 7d");
    }
    return seconds;
  }

  number(key: "above" | "below" | "until"): number | null {
    const raw = this.raw(key);
    if (raw === undefined) return null;
    return typeof raw === "number" && Number.isFinite(raw) ? raw : this.#fault(key, "a number");
  }

  text(key: "text"): string | null {
    const raw = this.raw(key);
    if (raw === undefined) return null;
    return typeof raw === "string" && raw.length <= TEXT_MAX ? raw : this.#fault(key, `at most ${TEXT_MAX} characters`);
  }

  /** Absolute: relative to now it would be another rule each time it is read. */
  from({ zone, nowMs }: RuleReading): number | null {
    const raw = this.raw("from");
    if (raw === undefined) return null;
    const parsed = typeof raw === "string" && /^\d{4}-/.test(raw) ? parseTime(raw, zone, nowMs) : null;
    if (parsed === null || "fault" in parsed) return this.#fault("from", `a time of ${TIME_EXPECTED}, none from now`);
    const second = Math.floor(parsed.startMs / 1000);
    if (parsed.startMs > nowMs) this.#fault("from", `a time that has passed at ${formatMs(nowMs)}`);
    return second;
  }

  targets(known: readonly string[] | null): readonly string[] {
    const raw = this.raw("to") ?? [];
    if (!Array.isArray(raw)) return this.#fault("to", 'a list of targets such as ["ops"]');
    const names = raw.map(String);
    const unknown = known === null ? undefined : names.find((name) => !known.includes(name));
    if (unknown !== undefined && known !== null) {
      const expected = known.length === 0 ? "nothing, as the configuration has no alerts/targets" : known.join(", ");
      this.#fault("to", expected, didYouMean(nearest(unknown, known)));
    }
    return [...new Set(names)];
  }
}
