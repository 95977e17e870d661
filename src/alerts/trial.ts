/** A rule tried on the past: which alerts there would have been. Nothing of it is kept. */
import { TidemarkError } from "../core/errors.ts";
import { matcherOf } from "../core/sensor-pattern.ts";
import type { Subject } from "./alert.ts";
import { instantFrom, instantUpTo, type Rule } from "./rule.ts";
import { type AlertEngine, eyesOf, floorOf } from "./rule-state.ts";
import { Subjects } from "./subjects.ts";
import { type Span, walk } from "./walk.ts";

/** Instants of one trial, of all sensors: some seconds of work, in slices. */
const TRIAL_INSTANTS_MAX = 500_000;
/** Alerts of one trial; there are more where `isWhole` is false. */
const TRIAL_ALERTS_MAX = 1000;

/** What a trial found. */
export interface Trial {
  /** Of the rule, s. */
  readonly every: number;
  readonly instants: number;
  readonly isWhole: boolean;
  readonly alerts: readonly (Subject & Span)[];
}

/** Judges [start, end), s. @throws TidemarkError "request-invalid" when it is too much */
export function* tryRule(
  rule: Rule,
  engine: AlertEngine,
  { start, end }: { readonly start: number; readonly end: number },
): Generator<undefined, Trial> {
  const matches = matcherOf(rule.sensors);
  const sensors = engine.sensors.list().filter(({ name }) => matches(name));
  const all = new Subjects(engine);
  const subjects = sensors.flatMap(({ name }) => all.of(rule, name));
  const asked = (Math.max(0, end - start) / rule.every) * subjects.length;
  if (asked > TRIAL_INSTANTS_MAX) {
    const most = `expected at most ${TRIAL_INSTANTS_MAX} instants, were ${Math.floor(asked)}`;
    throw new TidemarkError("request-invalid", `Cannot try the rule: ${most}; ask for less, or with a longer every`);
  }
  const alerts: (Subject & Span)[] = [];
  let instants = 0;
  for (const subject of subjects) {
    const floor = floorOf(
      { rule, begin: instantFrom(rule, start), settled: Number.NEGATIVE_INFINITY },
      engine,
      subject,
    );
    const last = instantUpTo(rule, end - 1);
    let begin = floor;
    for (let isWhole = false; !isWhole && begin <= last; ) {
      const more = { changedUpTo: Number.POSITIVE_INFINITY, known: [], pending: null };
      const walking = walk({ rule, floor, begin, end: last, ...more, ...eyesOf(rule, engine, subject) });
      for (let step = walking.next(); ; step = walking.next()) {
        if (step.done === true) {
          alerts.push(...step.value.spans.map((span) => ({ ...subject, ...span })));
          isWhole = step.value.isWhole;
          begin = step.value.stop + rule.every;
          break;
        }
        instants++;
        yield;
      }
      if (alerts.length > TRIAL_ALERTS_MAX)
        return { every: rule.every, instants, isWhole: false, alerts: alerts.slice(0, TRIAL_ALERTS_MAX) };
    }
  }
  return { every: rule.every, instants, isWhole: true, alerts };
}
