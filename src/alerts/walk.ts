/** Walks a rule over its instants: from values to alerts. A function of the values alone, so that it may be done again from anywhere. */
import { clears, holds, type Rule } from "./rule.ts";

/** What a rule's windows hold at an instant. */
export interface Seen {
  /** null: there is none, as of a mean without readings. */
  readonly value: number | null;
  /** No window holds a reading. */
  readonly isEmpty: boolean;
}

/** An alert by its instants, in seconds. It is on in [raised, ended). */
export interface Span {
  /** Since when it was too much. */
  readonly from: number;
  /** When that had been so for `for`. */
  readonly raised: number;
  /** null: it goes on. */
  readonly ended: number | null;
  /** When it was raised. */
  readonly value: number;
}

/** What to walk. */
export interface Way {
  readonly rule: Rule;
  /** Earlier instants have no value. */
  readonly floor: number;
  /** The first instant to judge, and the last. */
  readonly begin: number;
  readonly end: number;
  /** The last instant whose value may be another than when `known` was found; Infinity: none is known. */
  readonly changedUpTo: number;
  /** Alerts that were found before, by `from`: all that are on at `begin` or later. */
  readonly known: readonly Span[];
  /** Since when it has been too much, before `begin`; null: it was not; undefined: to be found. */
  readonly pending: number | null | undefined;
  readonly see: (instant: number) => Seen;
  /** Of an instant whose windows are empty: the last one, up to `end`, before which none is that is not. */
  readonly emptyUpTo: (instant: number, end: number) => number;
}

/** What was found. */
export interface Walked {
  /** Those that are on in [begin, stop], by `from`. */
  readonly spans: readonly Span[];
  /** The last instant that was judged: from there on all is as known. */
  readonly stop: number;
  readonly pending: number | null;
  /** False: many were found, and the rest is another walk. */
  readonly isWhole: boolean;
}

/** Of one walk: it then stops at the next instant at which nothing is on, and the rest is another walk. */
const SPANS_MAX = 1000;

/**
 *     idle ─too much─▶ pending ─for `for`─▶ raised ─ends─▶ idle      pending ─not too much, or no value─▶ idle
 *
 * An instant without a value ends nothing. Judged from `begin` on until the state is as it was known to be, behind all changes: then all
 * that follows is as known, too. When nothing is on there, and has not been for `for`, what is pending rests on unchanged values only.
 */
export function* walk(way: Way): Generator<undefined, Walked> {
  const { rule, begin, end, changedUpTo, known, see, emptyUpTo } = way;
  const { every } = rule;
  const spans: Span[] = [];
  const before = known.find((span) => span.raised < begin && (span.ended === null || span.ended >= begin));
  let raised: Span | null = before === undefined ? null : { ...before, ended: null };
  let pending: number | null = null;
  if (raised === null) pending = way.pending === undefined ? yield* pendingBefore(way) : way.pending;
  for (let instant = begin; ; instant += every) {
    if (instant > end)
      return { spans: raised === null ? spans : [...spans, raised], stop: end, pending, isWhole: true };
    yield;
    const { value, isEmpty } = see(instant);
    const isTooMuch = value !== null && holds(rule, value);
    if (raised !== null) {
      if (value !== null && clears(rule, value)) {
        spans.push({ ...raised, ended: instant });
        raised = null;
      }
    } else if (!isTooMuch) pending = null;
    else {
      pending ??= instant;
      if (instant - pending >= rule.for) {
        raised = { from: pending, raised: instant, ended: null, value };
        pending = null;
      }
    }
    const isOn = (span: Span) => span.raised <= instant && (span.ended === null || span.ended > instant);
    const then = known.find(isOn);
    if (raised !== null && then !== undefined && instant >= changedUpTo) {
      return { spans: [...spans, { ...raised, ended: then.ended }], stop: instant, pending, isWhole: true };
    }
    const isQuiet = raised === null && then === undefined;
    const isAsKnown = instant >= changedUpTo + rule.for;
    if (isQuiet && (isAsKnown || (pending === null && spans.length >= SPANS_MAX))) {
      return { spans, stop: instant, pending, isWhole: isAsKnown };
    }
    // The same value for a while: nothing moves on.
    if (isEmpty && pending === null && (raised !== null || !isTooMuch)) instant = emptyUpTo(instant, end);
  }
}

/** Since when it has been too much at the instant before `begin`, at which nothing is on; null: it was not. At most `for` is looked at. */
function* pendingBefore({ rule, floor, begin, known, see }: Way): Generator<undefined, number | null> {
  const { every } = rule;
  if (rule.for === 0) return null;
  const previous = begin - every;
  // What was too much before that is raised by now.
  let first = Math.max(floor, Math.floor((previous - rule.for) / every) * every + every);
  for (const { ended } of known) if (ended !== null && ended < begin) first = Math.max(first, ended + every);
  let pending: number | null = null;
  for (let instant = first; instant <= previous; instant += every) {
    yield;
    const { value } = see(instant);
    if (value !== null && holds(rule, value)) pending ??= instant;
    else pending = null;
  }
  return pending;
}
