/** How far a rule is judged, and what it is judged by. Seconds. */
import { matcherOf } from "../core/sensor-pattern.ts";
import type { Window } from "../core/window.ts";
import type { Engine } from "../engine/engine.ts";
import type { Needs } from "../metrics/aggregate.ts";
import type { Subject } from "./alert.ts";
import { backOf, instantFrom, instantUpTo, type Rule, reachOf, windowsOf } from "./rule.ts";
import type { Seen, Span } from "./walk.ts";

/** What alerts ask of the running system. */
export type AlertEngine = Pick<
  Engine,
  "sensors" | "query" | "span" | "devices" | "device" | "status" | "onChange" | "beforeCommit" | "backlog" | "trouble"
>;

/** Names a subject within a rule; no sensor has a space in its name. */
export const keyOf = ({ sensor, device }: Subject): string => (device === null ? sensor : `${sensor} ${device}`);

/** A rule at work. */
export class RuleState {
  rule: Rule;
  readonly isConfigured: boolean;
  /** The first instant that is judged, and the last one that was. */
  readonly begin: number;
  judged: number;
  /** Alerts up to here stay as they are. */
  settled: number;
  /** `judged` as the store has it. */
  keptAt: number;
  /** What is on, and since when what is not has been too much: by subject, as of `judged`. Nothing of most. */
  readonly on = new Map<string, Span>();
  readonly pending = new Map<string, number>();
  /** Whether both say how it is; else the store and the values do. */
  isWarm = false;
  /** Subjects that have alerts in the store. */
  told: Set<string>;
  /** Sensors that were renamed since it is at work. */
  renames = 0;
  /** It was deleted, or another rule is in its place. */
  isGone = false;
  readonly #matches: (sensor: string) => boolean;
  readonly #sensors: string[] = [];
  #looked = 0;

  constructor(rule: Rule, row: Pick<RuleState, "isConfigured" | "begin" | "judged" | "settled">, told: Set<string>) {
    this.rule = rule;
    this.isConfigured = row.isConfigured;
    this.begin = row.begin;
    this.judged = row.judged;
    this.settled = row.settled;
    this.keptAt = row.judged;
    this.told = told;
    this.#matches = matcherOf(rule.sensors);
  }

  /** A sensor has another name: what was made of names is made anew. */
  renamed(told: Set<string>): void {
    this.renames++;
    this.#looked = 0;
    this.#sensors.length = 0;
    this.told = told;
    this.on.clear();
    this.pending.clear();
    this.isWarm = false;
  }

  get hasMoved(): boolean {
    return this.judged !== this.keptAt;
  }

  watches(sensor: string): boolean {
    return this.#matches(sensor);
  }

  /** Those of the directory that it watches. The directory only grows, unless `renamed` was called. */
  sensorsOf({ sensors }: AlertEngine): readonly string[] {
    const all = sensors.list();
    for (; this.#looked < all.length; this.#looked++) {
      const { name } = all[this.#looked];
      if (this.#matches(name)) this.#sensors.push(name);
    }
    return this.#sensors;
  }
}

/** The first instant whose windows the history still holds, and behind what is settled. */
export function floorOf(
  state: Pick<RuleState, "rule" | "begin" | "settled">,
  engine: AlertEngine,
  of: Subject,
): number {
  const { keptSince } = engine.span(of.sensor, of.device ?? undefined);
  const { rule, begin, settled } = state;
  const kept = keptSince === null ? begin : instantFrom(rule, Math.ceil(keptSince / 1000) + reachOf(rule));
  return Math.max(begin, settled + rule.every, kept);
}

/** Instants that are looked over at first. */
const STRIDE = 8;

const NOTHING: Seen = { value: null, isEmpty: true };

const COUNT: Needs = { sums: false, quantiles: false };

/** What a rule sees of a subject at an instant, and for how long that is nothing. */
export function eyesOf(rule: Rule, engine: AlertEngine, { sensor, device: named }: Subject) {
  const device = named ?? undefined;
  const { metric, window, per, every } = rule;
  const back = backOf(rule);
  const windows = windowsOf(rule);
  const read = (end: number): { readonly value: number | null; readonly count: number } => {
    const { aggregate } = engine.query(sensor, { start: end - window, end }, metric.needs, device);
    return { value: metric.read(aggregate, window), count: aggregate.count };
  };
  const see = (instant: number): Seen => {
    // Before its first reading there is nothing to be silent, nor none of.
    const { firstTime } = engine.span(sensor, device);
    if (firstTime === null || instant <= Math.floor(firstTime / 1000)) return NOTHING;
    const own = read(instant);
    if (back === null) return { value: own.value, isEmpty: own.count === 0 };
    const other = read(instant - back);
    const isEmpty = own.count + other.count === 0;
    if (own.value === null || other.value === null) return { value: null, isEmpty };
    const difference = own.value - other.value;
    return { value: per === null ? difference : (difference / window) * per, isEmpty };
  };
  /** Strides that double: a year without readings costs some twenty look-ups. */
  const emptyUpTo = (instant: number, end: number): number => {
    let at = instant;
    for (let stride = STRIDE * every; at < end; stride *= 2) {
      const next = Math.min(end, at + stride);
      const isEmpty = windows.every((each) => {
        const range = { start: at + every - each.back - each.length, end: next - each.back };
        return engine.query(sensor, range, COUNT, device).aggregate.count === 0;
      });
      if (!isEmpty) return at;
      at = next;
    }
    return at;
  };
  return { see, emptyUpTo };
}

/**
 * Instants that judge otherwise when the seconds [start, end) have changed: those whose windows touch them, a range for each window. Where
 * the first reading is not before them it is another than it was, and instants up to the next reading have a value by now, or none.
 * @param judged the last instant that matters
 */
export function touched(
  rule: Rule,
  engine: AlertEngine,
  { sensor, device }: Subject,
  { start, end }: Window,
  judged: number,
  emptyUpTo: (instant: number, end: number) => number,
): { readonly first: number; readonly last: number }[] {
  const { firstTime } = engine.span(sensor, device ?? undefined);
  const isFirst = firstTime === null || Math.floor(firstTime / 1000) >= start;
  return windowsOf(rule).map(({ back, length }) => {
    const first = instantFrom(rule, start + back + 1);
    let last = instantUpTo(rule, end - 1 + back + length);
    if (!isFirst) return { first, last };
    for (let next = last; next < judged; last = next) {
      next = emptyUpTo(last, judged);
      if (next === last) break;
    }
    return { first: instantFrom(rule, start + 1), last: last + STRIDE * rule.every };
  });
}
