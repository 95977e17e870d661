/** A walk over values of which some changed, against the oracle over all of them: whatever was pending, on or over before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Rule } from "../../src/alerts/rule.ts";
import { readRule, refusing } from "../../src/alerts/rule-spec.ts";
import { type Span, walk } from "../../src/alerts/walk.ts";
import { openZone } from "../../src/core/zone.ts";
import { alertsOfValues } from "../oracle/alerts.ts";
import { Seeded } from "../oracle/seeded.ts";

const STEP = 10;
const COUNT = 60;
const VALUES = [0, 1, 2, 3, 3, null];

function ruleOf(given: object): Rule {
  const refuse = refusing("config-invalid", "in the test");
  return readRule("r", given, "r", { zone: openZone("UTC"), nowMs: 0, targets: null, refuse });
}

/** Runs of equal values, so that some last as long as `for`. */
function valuesOf(random: Seeded): (number | null)[] {
  const values: (number | null)[] = [];
  while (values.length < COUNT) {
    const value = random.pick(VALUES);
    for (let n = random.int(1, 6); n > 0 && values.length < COUNT; n--) values.push(value);
  }
  return values;
}

function finish(
  rule: Rule,
  values: readonly (number | null)[],
  known: readonly Span[],
  begin: number,
  changedUpTo: number,
) {
  const end = COUNT * STEP;
  const see = (instant: number) => ({ value: values[instant / STEP - 1], isEmpty: false });
  const way = {
    rule,
    floor: STEP,
    begin,
    end,
    changedUpTo,
    known,
    pending: undefined,
    see,
    emptyUpTo: (at: number) => at,
  };
  const walking = walk(way);
  for (let step = walking.next(); ; step = walking.next()) if (step.done === true) return step.value;
}

test("what a walk finds, and what is known behind it, are the alerts of all values", () => {
  const random = new Seeded(42);
  let early = 0;
  for (let round = 0; round < 4000; round++) {
    const isAbove = random.chance(0.5);
    const [limit, until, lasts] = [random.pick([1, 2]), random.pick([0, 1]), random.pick([0, 5, 10, 25, 30, 45])];
    const limits = isAbove ? { above: limit, until: Math.min(limit, until) } : { below: limit, until: limit + until };
    const rule = ruleOf({ sensor: "s", metric: "mean", window: "10s", every: "10s", for: `${lasts}s`, ...limits });
    const instants = Array.from({ length: COUNT }, (_, i) => (i + 1) * STEP);
    const before = valuesOf(random);
    const [first, last] = [random.int(0, COUNT - 1), random.int(0, COUNT - 1)].sort((a, b) => a - b);
    const changed = valuesOf(random);
    const after = before.map((value, i) => (i >= first && i <= last ? changed[i] : value));
    const known = alertsOfValues({ ...limits, for: lasts }, instants, before);
    const expected = alertsOfValues({ ...limits, for: lasts }, instants, after);
    const begin = instants[first];
    const { spans, stop, isWhole } = finish(rule, after, known, begin, instants[last]);
    assert.ok(isWhole);
    if (stop < COUNT * STEP) early++;
    const earlier = known.filter(({ raised, ended }) => raised < begin && ended !== null && ended < begin);
    const later = known.filter(({ raised }) => raised > stop);
    assert.deepEqual(
      [...earlier, ...spans, ...later],
      expected,
      `round ${round}: ${JSON.stringify({ limits, lasts, before, after, begin, stop })}`,
    );
  }
  assert.ok(early > 500, `${early} walks ended before all was walked`);
});
