/**
 * Sees what a process takes in and commits, tells the oracle, and compares. After a crash it goes back to the commit that the history must be at.
 * What the log brought is known by looking over the reader's shoulder, so that the oracle takes everything in in the same order.
 */
import assert from "node:assert/strict";
import type { Clock } from "../../src/core/clock.ts";
import { ABSENT, type Records } from "../../src/core/records.ts";
import type { Quarantined, RejectedRecord } from "../../src/engine/engine.ts";
import type { Fetched, Gap, Log, Position } from "../../src/log/log.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { State } from "../../src/pipeline/state.ts";
import type { Checkpointer } from "../../src/store/checkpointer.ts";
import { type Arrival, Oracle, type Quarantined as OracleHeld } from "../oracle/oracle.ts";
import { newestRevision } from "./compare-past.ts";
import { compareLists, compareSensor, totalsText } from "./compare-sensor.ts";
import { timesOf } from "./event-times.ts";
import { COUNTS, countsText, type Event, heldText, isAt, keyOf, type Mark, nextIn, settle, textOf } from "./events.ts";
import { KeptCorrections } from "./kept-corrections.ts";
import { WatchedLog } from "./watched-log.ts";

/** What a stored history may be at. */
export type Ending = "closed" | "killed" | "power-lost" | "anew";

const LIST_MAX = 1_000_000;
/** Further ahead a reading's time is none. */
const AHEAD_MS = 300_000;

export class Witness {
  readonly #zone: string;
  #mayLose: boolean;
  #oracle: Oracle;
  readonly #events: Event[] = [];
  readonly #marks: Mark[] = [
    { events: 0, positions: new Map(), totals: "", isDone: true, revision: null, readings: new Map() },
  ];
  /** The newest mark that is known to be on the disk. */
  #synced = 0;
  /** What is read next, by topic id and partition. */
  #positions = new Map<string, number>();
  /** Lives of a partition's offsets: each cut begins one. */
  #lives = new Map<string, number>();
  #newest = new Map<string, number>();
  #lost = new Map<string, { gap: number; cut: number }>();
  /** Rows that the step asked to be released or discarded; null: nothing was asked. */
  #asked: { readonly kind: "released" | "discarded"; readonly rows: ReadonlySet<string> } | null = null;
  #isEnded = false;
  /** The commit that is being written. */
  #written: Mark | null = null;
  #dismissed: readonly RejectedRecord[] | null = null;
  readonly corrections = new KeptCorrections();
  /** The offset that `skip` was asked to go on at, by topic id and partition. */
  skipTo: { readonly key: string; readonly sensor: string; readonly to: number } | null = null;
  /** Whether the host's clock was set forward: then readings may be released by themselves. */
  wasSetForward = false;
  /** Readings that were released so. */
  releasedAlone = 0;
  arrivals = 0;
  /** Gaps and cuts that were told, and power losses that took commits. */
  gaps = 0;
  cuts = 0;
  rolledBack = 0;

  /** @param mayLose whether the log is of others, and may lose what it held */
  constructor(zone: string, mayLose: boolean) {
    this.#zone = zone;
    this.#mayLose = mayLose;
    this.#oracle = new Oracle({ zone });
  }

  get oracle(): Oracle {
    return this.#oracle;
  }

  /** The offset that is read next; 0: nothing was. */
  next(topic: string, partition: number, topicId: string): number {
    return this.#positions.get(keyOf(topic, partition, topicId)) ?? 0;
  }

  /** The newest event time that a partition has brought, of duplicates, too, ms. */
  newestOf(topicId: string, partition: number): number {
    return this.#newest.get(`${topicId} ${partition}`) ?? Number.NEGATIVE_INFINITY;
  }

  /** Commits that can be asked for. */
  get revisions(): readonly Mark[] {
    return this.#marks.filter(({ revision }) => revision !== null);
  }

  /** Known to be in a commit that is on the disk. */
  syncedNext(topic: string, partition: number, topicId: string): number {
    return this.#marks[this.#synced].positions.get(keyOf(topic, partition, topicId)) ?? 0;
  }

  #add(event: Event): void {
    this.#events.push(event);
    this.#apply(event);
  }

  #apply(event: Event): void {
    switch (event.kind) {
      case "arrival": {
        const { arrival } = event;
        const key = keyOf(arrival.sensor, arrival.partition, arrival.topicId);
        // Offsets that were cut off are used again: to the oracle that is another log.
        this.#oracle.receive({ ...arrival, topicId: `${arrival.topicId}#${this.#lives.get(key) ?? 0}` });
        const place = `${arrival.topicId} ${arrival.partition}`;
        const { value, recordTime, appendTime, nowMs } = arrival;
        const latest = (appendTime ? recordTime : nowMs) + AHEAD_MS;
        for (const time of timesOf({ value, time: recordTime }, this.#zone, latest)) {
          this.#newest.set(place, Math.max(time, this.#newest.get(place) ?? Number.NEGATIVE_INFINITY));
        }
        return;
      }
      case "moved": {
        const { sensor, key, to, gap, cut } = event;
        this.#positions.set(key, to);
        const lost = this.#lost.get(sensor) ?? { gap: 0, cut: 0 };
        this.#lost.set(sensor, { gap: lost.gap + gap, cut: lost.cut + (cut ?? 0) });
        if (cut !== null) this.#lives.set(key, (this.#lives.get(key) ?? 0) + 1);
        return;
      }
      case "corrected":
      case "uncorrected":
        this.corrections.apply(event, this.#oracle);
        return;
      default:
        settle(this.#oracle, event);
    }
  }

  /** These held readings are going to be released or discarded; null: no more. */
  ask(kind: "released" | "discarded" | null, rows: readonly Quarantined[]): void {
    this.#asked =
      kind === null
        ? null
        : { kind, rows: new Set(rows.map((row) => `${this.corrections.rootOf(row.sensor)} ${heldText(row)}`)) };
  }

  /** These rejected records are going to be discarded, in the commit after the next. */
  discardRejections(rows: readonly RejectedRecord[]): void {
    this.#dismissed = rows;
  }

  /** The first commit of a discarding holds what was there before. */
  #explainDismissed(): void {
    const rows = this.#dismissed;
    this.#dismissed = null;
    const bySensor = Map.groupBy(rows ?? [], ({ sensor }) => this.corrections.rootOf(sensor));
    for (const [sensor, own] of bySensor) {
      const texts = own.map(({ partition, offset, code }) => `${partition} ${offset} ${code}`);
      this.#add({ kind: "rejections-discarded", sensor, rows: texts });
    }
  }

  #goBack(events: number): void {
    this.#oracle = new Oracle({ zone: this.#zone });
    this.#positions = new Map();
    this.#lives = new Map();
    this.#newest = new Map();
    this.#lost = new Map();
    this.#events.length = events;
    this.corrections.forget();
    for (const event of this.#events) this.#apply(event);
    this.corrections.lower((log, partition) => nextIn(log, partition, this.#positions, this.#lives));
  }

  /** Looks over the shoulder of a process: to be called before its pipeline is made. @param idOf the id of a topic that is open */
  watch(log: Log, state: State, checkpointer: Checkpointer, clock: Clock, pipelineOf: () => Pipeline): Log {
    const commit = state.commit.bind(state);
    state.commit = async () => {
      this.#explainReleases(pipelineOf());
      this.#explainSkip(state);
      const mark: Mark = {
        events: this.#events.length,
        positions: new Map(this.#positions),
        totals: this.#wantedTotals(),
        isDone: false,
        revision: null,
        readings: new Map(this.#oracle.sensors.map((sensor) => [sensor, [...this.#oracle.readings(sensor)]])),
      };
      const last = this.#marks[this.#marks.length - 1];
      if (last.isDone || last.events !== mark.events) this.#marks.push(mark);
      const own = this.#marks[this.#marks.length - 1];
      this.#written = own;
      await commit();
      own.revision = newestRevision(pipelineOf());
      this.#explainDismissed();
    };
    const keep = state.ledger.keep.bind(state.ledger);
    state.ledger.keep = (stored) => {
      keep(stored);
      const event = this.corrections.kept(stored);
      if (event !== null) this.#add(event);
    };
    const end = state.db.commit.bind(state.db);
    state.db.commit = () => {
      end();
      if (this.#written !== null) this.#written.isDone = true;
    };
    const sync = checkpointer.sync.bind(checkpointer);
    checkpointer.sync = async () => {
      const at = this.#marks.findLastIndex(({ isDone }) => isDone);
      const isSynced = await sync();
      // After the end nobody hears of it.
      if (isSynced && !this.#isEnded) this.#synced = Math.max(this.#synced, at);
      return isSynced;
    };
    return new WatchedLog(log, clock, this);
  }

  /** The process is gone. */
  ended(): void {
    this.#isEnded = true;
  }

  /** Positions that a reader begins at, or goes on from. */
  opened(ids: ReadonlyMap<string, string>, positions: readonly Position[]): void {
    for (const { topic, partition, offset } of positions) {
      const next = this.next(topic, partition, ids.get(topic) ?? "");
      assert.equal(offset, next, `"${topic}" partition ${partition} is read on from ${offset}, was read to ${next}`);
    }
  }

  /** The log is told that it may forget. */
  told(ids: ReadonlyMap<string, string>, positions: readonly Position[]): void {
    for (const { topic, partition, offset } of positions) {
      const synced = this.syncedNext(topic, partition, ids.get(topic) ?? "");
      const text = `the log may forget "${topic}" partition ${partition} before ${offset}, but what is on the disk ends at ${synced}`;
      assert.ok(offset <= synced, text);
    }
  }

  /** A gap is taken in. */
  gap(topicId: string, { topic, partition }: Fetched, { from, to, cutFrom }: Gap): void {
    const cut = cutFrom === undefined ? null : cutFrom - to;
    assert.ok(
      this.#mayLose,
      `the log of "${topic}" lost what it had acknowledged: ${from} to ${to}, cut from ${cutFrom}`,
    );
    if (to > from) this.gaps++;
    if (cut !== null) {
      this.cuts++;
      const life = this.#lives.get(keyOf(topic, partition, topicId)) ?? 0;
      this.corrections.cut(`${topicId}#${life}`, partition, to);
    }
    this.#add({ kind: "moved", sensor: topic, key: keyOf(topic, partition, topicId), to, gap: to - from, cut });
  }

  /** A batch is taken in. */
  batch(topicId: string, { topic, partition }: Fetched, records: Records, nowMs: number): void {
    const key = keyOf(topic, partition, topicId);
    const next = this.#positions.get(key) ?? 0;
    for (let i = 0; i < records.count; i++) {
      const offset = records.offset[i];
      assert.ok(offset >= next, `"${topic}" partition ${partition}: ${offset} is brought again, ${next} is next`);
      const bytes = (start: number, end: number) => (start === ABSENT ? null : records.data.slice(start, end));
      const arrival: Arrival = {
        sensor: topic,
        topicId,
        partition,
        offset,
        recordTime: records.timestamp[i],
        appendTime: records.appendTime,
        key: bytes(records.keyStart[i], records.keyEnd[i]),
        value: bytes(records.valueStart[i], records.valueEnd[i]),
        nowMs,
      };
      this.#add({ kind: "arrival", arrival });
      this.arrivals++;
    }
    if (records.nextOffset !== next) {
      this.#add({ kind: "moved", sensor: topic, key, to: records.nextOffset, gap: 0, cut: null });
    }
  }

  /** Held readings that are gone were released or discarded, as was asked, or as the clock was set. */
  #explainReleases(pipeline: Pipeline): void {
    for (const sensor of this.#oracle.sensors) {
      const wanted = this.#oracle.quarantine.filter(({ arrival }) => arrival.sensor === sensor);
      if (wanted.length === 0) continue;
      const { quarantined, released } = pipeline.status(sensor).totals;
      const isUntouched = quarantined === this.#oracle.totals(sensor).quarantined && this.#asked === null;
      if (isUntouched && released === 0) continue;
      const rows = pipeline.listQuarantine({ sensor, limit: LIST_MAX }).items;
      if (rows.length >= wanted.length) continue;
      const gone: OracleHeld[] = [];
      let at = 0;
      for (const held of wanted) {
        if (at < rows.length && heldText(rows[at]) === heldText(held)) at++;
        else gone.push(held);
      }
      const asked = this.#asked;
      const isAsked = (held: OracleHeld): boolean => asked?.rows.has(`${sensor} ${heldText(held)}`) === true;
      const alone = asked === null ? gone : gone.filter((held) => !isAsked(held));
      assert.ok(alone.length === 0 || this.wasSetForward, `${alone.length} held readings of "${sensor}" are gone`);
      this.releasedAlone += alone.length;
      const others = gone.filter((held) => !alone.includes(held));
      if (alone.length > 0) this.#add({ kind: "released", held: alone });
      if (others.length > 0) this.#add({ kind: asked?.kind ?? "released", held: others });
    }
  }

  #explainSkip(state: State): void {
    const { skipTo } = this;
    if (skipTo === null) return;
    for (const { topic, topicId, partition, next } of state.sources.partitions()) {
      const before = this.next(topic, partition, topicId);
      if (keyOf(topic, partition, topicId) !== skipTo.key || next !== skipTo.to || before >= next) continue;
      this.#add({ ...skipTo, kind: "moved", gap: next - before, cut: null });
    }
  }

  /** What `countsText` should be. */
  #wantedCounts(sensor: string): string {
    const { received, counted, duplicates, quarantined, rejected, implicitBoots } = this.#oracle.totals(sensor);
    const { gap, cut } = this.#lost.get(sensor) ?? { gap: 0, cut: 0 };
    return `${sensor} ${received} ${counted} ${duplicates} ${quarantined} ${rejected} ${implicitBoots} ${gap} ${cut} ${this.#oracle.deleted(sensor)}`;
  }

  #wantedTotals(): string {
    const { quarantine, rejections } = this.#oracle;
    return textOf(
      // A sensor may have lost records and nothing else.
      [...new Set([...this.#oracle.sensors, ...this.#lost.keys()])].map((sensor) => {
        const held = quarantine.filter(({ arrival }) => arrival.sensor === sensor).length;
        const listed = rejections.filter(({ arrival }) => arrival.sensor === sensor).length;
        return `${this.#wantedCounts(sensor)} ${held} ${listed}`;
      }),
    );
  }

  /** A history was opened again: goes back to the commit that it holds. To be called before it reads on. @param isNamed damage was */
  found(ending: Ending, state: State, pipeline: Pipeline, isNamed: boolean): void {
    const isAnew = isNamed || ending === "anew";
    if (isAnew) this.#mayLose = true;
    const catchUp = pipeline.corrections.catchUp.bind(pipeline.corrections);
    pipeline.corrections.catchUp = () => {
      for (const event of this.corrections.pending()) this.#add(event);
      return catchUp();
    };
    const last = this.#marks.findLastIndex(({ isDone }) => isDone);
    const first = isAnew ? 0 : ending === "power-lost" ? this.#synced : last;
    const totals = totalsText(pipeline, (name) => this.corrections.rootOf(name));
    this.#isEnded = false;
    const stored = [...state.sources.partitions()];
    let at = ending === "closed" ? last : this.#marks.length - 1;
    while (at >= first && !(this.#marks[at].totals === totals && isAt(this.#marks[at].positions, stored))) at--;
    if (at < first) {
      const places = stored.map(({ topicId, partition, next }) => `${topicId} ${partition}: ${next}`);
      const may = this.#marks
        .slice(first)
        .map((mark) => `${JSON.stringify([...mark.positions])} ${mark.totals}`)
        .join("\n  ");
      assert.fail(`${ending}: the history is at [${places.join(", ")}] ${totals}, which is none of\n  ${may}`);
    }
    if (ending === "closed" && !isNamed) {
      const left = this.#events.slice(this.#marks[at].events);
      assert.deepEqual(left, [], "closed, but what was taken in last is in no commit");
    }
    this.#goBack(this.#marks[at].events);
    this.#marks.length = at + 1;
    this.#marks[at].isDone = true;
    // Of two commits of the same state it may be the earlier one that was found.
    const newest = newestRevision(pipeline);
    for (const mark of this.#marks) if (mark.revision !== null && mark.revision > newest) mark.revision = null;
    if (ending === "power-lost") {
      this.#synced = at;
      if (at < last) this.rolledBack++;
    }
    this.#synced = Math.min(this.#synced, at);
  }

  /** Totals and positions. @param withLists also what is held back and what was refused */
  compare(state: State, pipeline: Pipeline, withLists: boolean): void {
    assert.ok(isAt(this.#positions, [...state.sources.partitions()]), "the positions differ from what was brought");
    for (const { name } of pipeline.sensors.list()) {
      const root = this.corrections.rootOf(name);
      assert.equal(name, this.corrections.nameOf(root), `the name of "${root}"`);
      const status = pipeline.status(root);
      const [got, wanted] = [countsText(root, status), this.#wantedCounts(root)];
      assert.ok(got === wanted, `the totals of ${COUNTS} are\n  ${got}, not\n  ${wanted}`);
      compareSensor(this.#oracle, root, status);
      if (withLists) compareLists(this.#oracle, root, pipeline);
    }
  }
}
