/**
 * Alerts: rules, judged as readings come and again when the past changes, and what was found. The set of alerts is a function of the rules
 * and the readings (docs/decisions/0042-alerts.md).
 *
 *     new Alerts(…) ─open()─▶ judging, each half second, in slices ─stop()─▶ only noting what changes ─close()─▶ closed
 */
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { Pace } from "../core/slices.ts";
import type { Zone } from "../core/zone.ts";
import type { Change } from "../engine/change.ts";
import type { AlertEvent, REASONS } from "./alert.ts";
import type { AlertQuery, AlertStore, RuleRow } from "./alert-store.ts";
import { Dirty } from "./dirty.ts";
import { Judging, type JudgingCounts } from "./judging.ts";
import { instantFrom, type Rule } from "./rule.ts";
import { readRule, refusing } from "./rule-spec.ts";
import { type AlertEngine, keyOf, RuleState } from "./rule-state.ts";
import { type Trial, tryRule } from "./trial.ts";

/** How often to look, ms. */
const TICK_MS = 500;

/** Rules, of the configuration and the API together. New ones are refused. */
const RULES_MAX = 1000;

/** What it is made of. */
export interface AlertsOptions {
  readonly engine: AlertEngine;
  readonly store: AlertStore;
  readonly clock: Clock;
  readonly zone: Zone;
  /** Rules of the configuration: by name; they were read from `file`. */
  readonly configured: Readonly<Record<string, unknown>>;
  readonly file: string;
  /** Names of targets. */
  readonly targets: readonly string[];
  /** Called when judging fails in a way that is a bug. */
  readonly onBug: (error: unknown) => void;
}

/** A rule, and how far it is. */
export interface RuleView {
  readonly rule: Rule;
  readonly isConfigured: boolean;
  /** s */
  readonly begin: number;
  readonly judged: number;
  readonly on: number;
}

/** What was counted since the start, and how it is. */
export interface AlertCounts extends JudgingCounts {
  readonly rules: number;
  readonly on: number;
  readonly kept: number;
  /** How far the rule that is furthest behind is behind what could be judged, s. */
  readonly behindSeconds: number;
  /** Sensors of which something is to be judged again. */
  readonly again: number;
}

/** The alerts of a process. */
export class Alerts {
  readonly targets: readonly string[];
  readonly #options: AlertsOptions;
  readonly #states = new Map<string, RuleState>();
  readonly #dirty = new Dirty();
  readonly #judging: Judging;
  readonly #listeners = new Set<(events: readonly AlertEvent[]) => void>();
  readonly #unlisten: readonly (() => void)[];
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> | null = null;
  #isStopped = false;
  #isDirtyStored = false;
  #trouble: string | null = null;
  /** Of the newest event, since the start. */
  #told = 0;

  /** @throws TidemarkError "config-invalid" */
  constructor(options: AlertsOptions) {
    this.#options = options;
    const { engine, store, clock, zone, targets } = options;
    this.targets = targets;
    const reading = { zone, nowMs: clock.now(), refuse: refusing("config-invalid", `in ${options.file}`) };
    const configured = Object.entries(options.configured).map(([name, given]) =>
      readRule(name, given, `alerts/rules/${name}`, { ...reading, targets }),
    );
    const rows = store.rules();
    for (const row of rows) this.#states.set(row.name, this.#restored(row));
    for (const { sensor, start, end } of store.dirty()) this.#dirty.add(sensor, start, end);
    this.#isDirtyStored = this.#dirty.size > 0;
    const onEvents = (events: readonly AlertEvent[]) => this.#tell(events);
    this.#judging = new Judging({ engine, clock, store, targets, states: this.#states, dirty: this.#dirty, onEvents });
    const names = configured.map(({ name }) => name);
    for (const { name, isConfigured } of rows) if (isConfigured && !names.includes(name)) this.#delete(name);
    for (const rule of configured) this.#put(rule, true);
    if (this.#states.size > RULES_MAX) {
      throw new TidemarkError(
        "config-invalid",
        `Cannot use alerts/rules: expected at most ${RULES_MAX}, were ${this.#states.size}`,
      );
    }
    store.write(() => store.forgetOthers(targets));
    this.#unlisten = [
      engine.onChange((changes) => this.#changed(changes)),
      engine.beforeCommit(() => this.#beforeCommit()),
      engine.sensors.onChange(({ name }, before) => {
        if (before !== null) this.#renamed(name, before);
      }),
    ];
  }

  /** Begins to judge. */
  open(): void {
    this.#timer = setInterval(() => void this.judge(), TICK_MS).unref();
  }

  /** Judges all that is due. Resolves when it is done, or has failed and is tried again. */
  judge(): Promise<void> {
    this.#working ??= this.#judge().finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  async #judge(): Promise<void> {
    try {
      await this.#inSlices(this.#judging.work());
      this.#trouble = null;
    } catch (error) {
      // What was not done is done again: a full disk, a page that cannot be read.
      if (error instanceof TidemarkError) this.#trouble = error.message;
      else this.#options.onBug(error);
    } finally {
      for (const { sensor, start, end } of this.#judging.current) this.#dirty.add(sensor, start, end);
      this.#judging.current.length = 0;
    }
  }

  async #inSlices<T>(work: Generator<undefined, T>): Promise<T | null> {
    const pace = new Pace();
    for (let step = work.next(); ; step = work.next()) {
      if (step.done === true) return step.value;
      if (!pace.isOver) continue;
      await pace.rest();
      if (this.#isStopped) return null;
    }
  }

  /** Judges no more, and notes how far it came; what changes until `close` is noted, too. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#working;
    this.#beforeCommit();
  }

  /** Nothing may use the store any more. */
  close(): void {
    for (const unlisten of this.#unlisten) unlisten();
    this.#options.store.close();
  }

  /** What of them was found damaged at the start, and what became of it. */
  get notices(): readonly string[] {
    return this.#options.store.notices;
  }

  /** Why nothing is judged; null: it is. */
  get trouble(): string | null {
    return this.#trouble;
  }

  get counts(): AlertCounts {
    const { due, counts } = this.#judging;
    const judged = [...this.#states.values()].map((state) => state.judged + state.rule.every);
    const behindSeconds = Math.max(0, due - Math.min(due, ...judged));
    const { kept, on } = this.#options.store.counts;
    return { ...counts, rules: this.#states.size, on, kept, behindSeconds, again: this.#dirty.size };
  }

  /** Raised by one with each event. */
  get told(): number {
    return this.#told;
  }

  /** Adds a listener, called with what was found, in its order. @returns removes it */
  onEvents(listener: (events: readonly AlertEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(events: readonly AlertEvent[]): void {
    this.#told += events.length;
    for (const listener of this.#listeners) listener(events);
  }

  /** By name. */
  rules(): RuleView[] {
    return [...this.#states.values()]
      .map((state) => this.#viewOf(state))
      .sort((a, b) => (a.rule.name < b.rule.name ? -1 : 1));
  }

  rule(name: string): RuleView | null {
    const state = this.#states.get(name);
    return state === undefined ? null : this.#viewOf(state);
  }

  list(query: AlertQuery): ReturnType<AlertStore["list"]> {
    return this.#options.store.list(query);
  }

  /** Adds a rule, or puts it in the place of another. @throws TidemarkError "request-invalid", "disk-full" */
  put(name: string, given: unknown): RuleView {
    const before = this.#states.get(name);
    this.#mustBeOfTheApi(before, `change the rule "${name}"`);
    const rule = this.#read(name, given);
    if (before === undefined && this.#states.size >= RULES_MAX) {
      const most = `expected at most ${RULES_MAX} rules, were ${this.#states.size}`;
      throw new TidemarkError("request-invalid", `Cannot add the rule "${name}": ${most}`);
    }
    return this.#viewOf(this.#put(rule, false));
  }

  /** @returns false: there was none @throws TidemarkError "request-invalid", "disk-full" */
  delete(name: string): boolean {
    const before = this.#states.get(name);
    this.#mustBeOfTheApi(before, `delete the rule "${name}"`);
    if (before !== undefined) this.#delete(name);
    return before !== undefined;
  }

  /** Which alerts a rule would have raised; `from`, and nothing before its first instant, is not heeded. @param window s @throws TidemarkError "request-invalid", "not-ready" */
  async try(name: string, given: unknown, window: { readonly start: number; readonly end: number }): Promise<Trial> {
    const trial = await this.#inSlices(tryRule(this.#read(name, given), this.#options.engine, window));
    if (trial === null) throw new TidemarkError("not-ready", "Cannot try the rule: the server is closing");
    return trial;
  }

  #read(name: string, given: unknown): Rule {
    const { clock, zone, targets } = this.#options;
    const refuse = refusing("request-invalid", "of the rule");
    return readRule(name, given, name, { zone, nowMs: clock.now(), targets, refuse });
  }

  #mustBeOfTheApi(state: RuleState | undefined, doing: string): void {
    if (state?.isConfigured !== true) return;
    const where = `expected a rule of the API, it is in ${this.#options.file}`;
    throw new TidemarkError("request-invalid", `Cannot ${doing}: ${where}`);
  }

  #restored(row: RuleRow): RuleState {
    const { clock, zone, store } = this.#options;
    const reading = { zone, nowMs: clock.now(), targets: null, refuse: refusing("config-invalid", "in alerts.db") };
    const rule = readRule(row.name, JSON.parse(row.given), `alerts/rules/${row.name}`, reading);
    // As it was read then: a zone that is another by now makes no other rule of it.
    const told = new Set(store.subjects(row.name, row.version).map(keyOf));
    return new RuleState({ ...rule, version: row.version }, row, told);
  }

  #put(rule: Rule, isConfigured: boolean): RuleState {
    const { store, clock } = this.#options;
    const before = this.#states.get(rule.name);
    const begin = instantFrom(rule, rule.from ?? Math.floor(clock.now() / 1000));
    const isSame = before?.rule.version === rule.version;
    const from = isSame ? before : { begin, judged: begin - rule.every, settled: begin - rule.every };
    const state = new RuleState(rule, { ...from, isConfigured }, isSame ? before.told : new Set());
    const { name, version, given } = rule;
    const { judged, settled } = state;
    store.write(() =>
      store.putRule({ name, given: JSON.stringify(given), isConfigured, version, begin: state.begin, judged, settled }),
    );
    if (before !== undefined && !isSame) this.#endAll(before, "rule-changed");
    if (before !== undefined) before.isGone = true;
    this.#states.set(name, state);
    return state;
  }

  #delete(name: string): void {
    const state = this.#states.get(name);
    if (state === undefined) return;
    this.#options.store.write(() => this.#options.store.deleteRule(name));
    this.#endAll(state, "rule-deleted");
    state.isGone = true;
    this.#states.delete(name);
  }

  /** What was found goes with the sensor where its rule does; all of it is judged again, as other rules may watch it now. */
  #renamed(now: string, before: string): void {
    const { store } = this.#options;
    const states = [...this.#states.values()].filter((state) => state.watches(now) || state.watches(before));
    for (const state of states) {
      const { name, version } = state.rule;
      if (!state.watches(now)) this.#endAll(state, "sensor-renamed", before);
      else if (state.watches(before)) store.write(() => store.rename(name, version, before, now));
      state.renamed(new Set(store.subjects(name, version).map(keyOf)));
    }
    this.#judging.renamed();
    const { judgedMax } = this.#judging;
    if (states.length > 0 && judgedMax > 0) this.#dirty.add(now, 0, judgedMax);
  }

  /** What a rule raised is over with it, or with the sensor. */
  #endAll(state: RuleState, reason: (typeof REASONS)[number], sensor: string | null = null): void {
    const { store, clock } = this.#options;
    const { name, version } = state.rule;
    const now = Math.floor(clock.now() / 1000);
    const on = store.on(name, version).filter((alert) => sensor === null || alert.sensor === sensor);
    if (on.length === 0) return;
    this.#judging.tell(state, () =>
      on.map((alert) => {
        const ended = Math.max(now, alert.raised);
        return { alert: store.put({ ...alert, ended, reason, revision: alert.revision + 1 }), tells: ["ended"] };
      }),
    );
  }

  /** O(changes), unless something changed that was judged. */
  #changed(changes: readonly Change[]): void {
    const { judgedMax } = this.#judging;
    for (const { sensor, ranges } of changes) {
      for (const { cause, seconds } of ranges) {
        // What is kept no longer was judged while it was there.
        if (cause !== "expired" && seconds.start < judgedMax) this.#dirty.add(sensor, seconds.start, seconds.end);
      }
    }
  }

  /** What changed is in the history from now on: that it is to be judged again must be on disk first. @throws TidemarkError "disk-full" */
  #beforeCommit(): void {
    const { store } = this.#options;
    const all = [...this.#judging.current, ...this.#dirty.list()];
    if (all.length > 0 || this.#isDirtyStored) {
      store.write(() => store.replaceDirty(all));
      this.#isDirtyStored = all.length > 0;
    }
    this.#keepMarks();
    store.syncNow();
  }

  #keepMarks(): void {
    const { store } = this.#options;
    const moved = [...this.#states.values()].filter((state) => state.hasMoved);
    if (moved.length === 0) return;
    store.write(() => {
      for (const { rule, judged, settled } of moved) store.judged(rule.name, judged, settled);
    });
    for (const state of moved) state.keptAt = state.judged;
  }

  #viewOf({ rule, isConfigured, begin, judged }: RuleState): RuleView {
    return { rule, isConfigured, begin, judged, on: this.#options.store.on(rule.name, rule.version).length };
  }
}
