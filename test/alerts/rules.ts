/** Random rules for a history: thresholds are values that its readings have, so that alerts come and go. */
import { durationText } from "../../src/alerts/duration.ts";
import type { OracleRule } from "../oracle/alerts.ts";
import type { Seeded } from "../oracle/seeded.ts";
import { metricOf, Sample } from "../oracle/statistics.ts";
import type { TwoSided } from "./beside.ts";

const METRICS = [
  "count",
  "mean",
  "min",
  "max",
  "sum",
  "last",
  "first",
  "range",
  "stddev",
  "p90",
  "median",
  "rate",
  "seconds",
];

/** @param steps of the grid, s @param readings of each sensor, ms */
export function randomRules(
  count: number,
  readings: ReadonlyMap<string, readonly { readonly time: number; readonly value: number }[]>,
  from: number,
  steps: readonly number[],
  random: Seeded,
  mayBeByDevice: boolean,
): Map<string, TwoSided> {
  const rules = new Map<string, TwoSided>();
  for (let i = 0; i < count; i++) {
    const [sensor, all] = random.pick([...readings]);
    const every = random.pick(steps);
    const window = Math.max(1, Math.round(every * random.scale(0.5, 60)));
    const lasts = random.chance(0.5) ? 0 : Math.round(every * random.scale(0.5, 12));
    const shared = { window, for: lasts, every, from };
    const byDevice = mayBeByDevice && random.chance(0.3);
    const texts = {
      sensor,
      ...(byDevice ? { device: random.pick(["*", "d-*"]) } : {}),
      every: durationText(every),
      from: new Date(from * 1000).toISOString(),
    };
    const ofFor = lasts === 0 ? {} : { for: durationText(lasts) };
    if (random.chance(0.15)) {
      const rule: OracleRule = { ...shared, metric: "count", below: 1 };
      rules.set(`silent-${i}`, {
        sensor,
        byDevice,
        rule,
        given: { ...texts, ...ofFor, noDataFor: durationText(window) },
      });
      continue;
    }
    const metric = random.pick(METRICS);
    const against = random.chance(0.3) ? random.pick(["before", "day-before"] as const) : undefined;
    const per = against === "before" && random.chance(0.5) ? 3600 : undefined;
    const at = random.pick(all).time / 1000;
    const sample = new Sample(all.filter(({ time }) => time >= (at - window) * 1000 && time < at * 1000));
    const level = against === undefined ? (metricOf(sample, metric, window) ?? 1) : random.int(-5, 5);
    const isAbove = random.chance(0.5);
    const slack = random.chance(0.5) ? 0 : Math.abs(level) * 0.1 + 0.5;
    const limits = isAbove ? { above: level, until: level - slack } : { below: level, until: level + slack };
    const more = { ...(against === undefined ? {} : { against }), ...(per === undefined ? {} : { per }) };
    rules.set(`rule-${i}`, {
      sensor,
      byDevice,
      rule: { ...shared, metric, ...more, ...limits },
      given: {
        ...texts,
        ...ofFor,
        metric,
        window: durationText(window),
        ...(against === undefined ? {} : { against }),
        ...(per === undefined ? {} : { per: durationText(per) }),
        ...limits,
      },
    });
  }
  return rules;
}
