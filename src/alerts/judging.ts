/**
 * Judges rules step by step: what has come since, and again what changed. One piece of work at a time; between its steps others run.
 * What is on disk when it is broken off is a state from which the same work comes to the same alerts.
 */
import type { Clock } from "../core/clock.ts";
import type { Window } from "../core/window.ts";
import { type Alert, type AlertEvent, type EventKind, type Owner, type Subject, shownEvent } from "./alert.ts";
import type { AlertStore } from "./alert-store.ts";
import { differencesOf } from "./differences.ts";
import type { Dirty } from "./dirty.ts";
import { instantUpTo } from "./rule.ts";
import { type AlertEngine, eyesOf, floorOf, keyOf, type RuleState, touched } from "./rule-state.ts";
import { Subjects } from "./subjects.ts";
import { type Walked, walk } from "./walk.ts";

/** An instant is judged so long after it, s: readings of its last second are on their way. What comes later corrects it. */
const SETTLE_SECONDS = 2;

/** Alerts that are kept, of all rules: some 40 MB. Past it the oldest that are over are dropped, some at a time, and counted. */
const KEPT_MAX = 100_000;
const DROPPED_AT_ONCE = 1000;

/** What judging needs. */
export interface JudgingOptions {
  readonly engine: AlertEngine;
  readonly clock: Clock;
  readonly store: AlertStore;
  /** By name. */
  readonly states: ReadonlyMap<string, RuleState>;
  readonly dirty: Dirty;
  readonly targets: readonly string[];
  /** Called with what was found, once it is written. */
  readonly onEvents: (events: readonly AlertEvent[]) => void;
}

/** What was counted since the start. */
export interface JudgingCounts {
  /** Judged for the first time, and again as readings of the past changed. */
  instants: number;
  instantsAgain: number;
  events: Record<EventKind, number>;
  /** Alerts that were dropped as there were too many. */
  alertsDropped: number;
}

/** The work. */
export class Judging {
  readonly #options: JudgingOptions;
  readonly counts: JudgingCounts = {
    instants: 0,
    instantsAgain: 0,
    events: { raised: 0, ended: 0, changed: 0, "taken-back": 0 },
    alertsDropped: 0,
  };
  /** Behind the last instant that any rule has judged, or judges now: later seconds were not looked at. */
  judgedMax = Number.NEGATIVE_INFINITY;
  readonly #subjects: Subjects;
  /** Taken to be judged again, and not done. */
  readonly current: ({ readonly sensor: string } & Window)[] = [];

  constructor(options: JudgingOptions) {
    this.#options = options;
    this.#subjects = new Subjects(options.engine);
    for (const { judged } of options.states.values()) this.judgedMax = Math.max(this.judgedMax, judged);
  }

  /** A sensor has another name. */
  renamed(): void {
    this.#subjects.forget();
  }

  /** The last second that could be judged by now. */
  get due(): number {
    return Math.floor(this.#options.clock.now() / 1000) - SETTLE_SECONDS;
  }

  /** All that is due. What cannot be known now is judged later: while the log is read again after a start, or not read at all. */
  *work(): Generator<undefined> {
    const { states, engine } = this.#options;
    if (engine.backlog > 0 || engine.trouble !== null) return;
    const { due } = this;
    yield* this.#again();
    for (const state of states.values()) {
      const target = instantUpTo(state.rule, due);
      if (target > state.judged) yield* this.#onwards(state, target);
      yield* this.#again();
    }
  }

  *#onwards(state: RuleState, target: number): Generator<undefined> {
    const { engine } = this.#options;
    this.judgedMax = Math.max(this.judgedMax, target);
    const { isWarm, renames } = state;
    state.isWarm = false; // until all of it is done
    for (const sensor of state.sensorsOf(engine)) {
      for (const subject of this.#subjects.of(state.rule, sensor)) {
        yield* this.#walk(state, subject, state.judged + state.rule.every, target, isWarm);
        if (state.isGone || state.renames !== renames) return;
      }
    }
    state.judged = target;
    state.isWarm = true;
  }

  *#again(): Generator<undefined> {
    const { dirty, states } = this.#options;
    for (let item = dirty.take(); item !== null; item = dirty.take()) {
      const { sensor, ranges } = item;
      this.current.push(...ranges.map((range) => ({ sensor, ...range })));
      for (const state of states.values()) {
        if (!state.watches(sensor)) continue;
        for (const subject of this.#subjects.of(state.rule, sensor)) yield* this.#walkAgain(state, subject, ranges);
      }
      this.current.length = 0;
    }
  }

  *#walkAgain(state: RuleState, subject: Subject, ranges: readonly Window[]): Generator<undefined> {
    const { engine } = this.#options;
    const { rule, judged } = state;
    const { emptyUpTo } = eyesOf(rule, engine, subject);
    const instants = ranges.flatMap((range) => touched(rule, engine, subject, range, judged, emptyUpTo));
    for (const { first, last } of instants.sort((a, b) => a.first - b.first)) {
      yield* this.#walk(state, subject, first, judged, false, last);
    }
  }

  /** @param changedUpTo given: what is known up to `end` holds behind this instant */
  *#walk(
    state: RuleState,
    subject: Subject,
    from: number,
    end: number,
    isWarm: boolean,
    changedUpTo = Number.POSITIVE_INFINITY,
  ): Generator<undefined> {
    const { engine } = this.#options;
    const { rule, renames } = state;
    const floor = floorOf(state, engine, subject);
    let begin = Math.max(from, floor);
    if (begin > end) return;
    const key = keyOf(subject);
    const owner: Owner = { rule: rule.name, version: rule.version, ...subject };
    const eyes = eyesOf(rule, engine, subject);
    let pending = isWarm ? (state.pending.get(key) ?? null) : undefined;
    for (;;) {
      // What was on before `begin` matters, too: what is pending began behind it.
      const known = isWarm && !state.on.has(key) ? [] : this.#known(state, owner, begin);
      const way = { rule, floor, begin, end, changedUpTo, known, pending, ...eyes };
      let walked: Walked;
      const walking = walk(way);
      for (;;) {
        const step = walking.next();
        if (step.done === true) {
          walked = step.value;
          break;
        }
        if (changedUpTo === Number.POSITIVE_INFINITY) this.counts.instants++;
        else this.counts.instantsAgain++;
        yield;
        if (state.isGone || state.renames !== renames) return;
      }
      this.#keep(state, owner, begin, walked, known);
      // One that goes on as was known may have another beginning by now.
      if (walked.stop >= end || walked.spans.at(-1)?.ended === null) this.#remember(state, key, walked);
      if (walked.isWhole) return;
      begin = walked.stop + rule.every;
      pending = null;
    }
  }

  #known({ rule, told }: RuleState, owner: Owner, begin: number): readonly Alert[] {
    return told.has(keyOf(owner)) ? this.#options.store.known(owner, begin - rule.for - rule.every) : [];
  }

  /** How it is behind the last instant. */
  #remember(state: RuleState, key: string, { spans, pending }: Walked): void {
    const last = spans.at(-1);
    if (last !== undefined && last.ended === null) state.on.set(key, last);
    else state.on.delete(key);
    if (pending === null) state.pending.delete(key);
    else state.pending.set(key, pending);
  }

  #keep(state: RuleState, owner: Owner, begin: number, walked: Walked, known: readonly Alert[]): void {
    const { store, clock } = this.#options;
    const nowMs = clock.now();
    const differences = differencesOf(owner, begin, walked, known, nowMs, (id) => store.find(id));
    if (differences.length === 0) return;
    state.told.add(keyOf(owner));
    this.tell(state, () => differences.map(({ alert, tells }) => ({ alert: store.put(alert), tells })));
  }

  /** Writes alerts and what is to be delivered of them, in one transaction, and calls the listener. @throws TidemarkError "disk-full" */
  tell(
    { rule }: RuleState,
    put: () => readonly { readonly alert: Alert; readonly tells: readonly EventKind[] }[],
  ): void {
    const { store, clock, onEvents, targets } = this.#options;
    const foundMs = clock.now();
    let events: AlertEvent[] = [];
    store.write(() => {
      events = put().flatMap(({ alert, tells }) =>
        tells.map((kind, i) => {
          // As it was told at that time: of what was raised and is over, first that it was raised.
          const revision = alert.revision - (tells.length - 1 - i);
          const then = i < tells.length - 1 ? { ...alert, revision, ended: null } : alert;
          return { kind, foundMs, alert: then, text: rule.text };
        }),
      );
      for (const event of events) {
        const shown = shownEvent(event);
        const body = JSON.stringify(shown);
        for (const target of rule.to)
          if (targets.includes(target)) store.addDelivery(target, String(shown["id"]), body);
      }
      this.#dropOldest();
    });
    for (const { kind } of events) this.counts.events[kind]++;
    if (events.length > 0) onEvents(events);
  }

  #dropOldest(): void {
    const { store, states } = this.#options;
    const before = store.counts.kept;
    if (before <= KEPT_MAX) return;
    for (const [name, last] of store.drop(DROPPED_AT_ONCE)) {
      const state = states.get(name);
      if (state !== undefined) state.settled = Math.max(state.settled, last);
    }
    this.counts.alertsDropped += before - store.counts.kept;
  }
}
