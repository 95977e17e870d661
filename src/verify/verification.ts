/** Checks a history: against what the log still holds, and each row against the others. Changes nothing; repair.ts does. */
import { mkdirSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { messageOf, TidemarkError } from "../core/errors.ts";
import type { Records } from "../core/records.ts";
import type { Zone } from "../core/zone.ts";
import { Identities } from "../identity/identities.ts";
import type { ReadableLog } from "../log/log.ts";
import { BOUNDS } from "../pipeline/bounds.ts";
import { numberKey } from "../pipeline/device-series.ts";
import { storedCorrections } from "../pipeline/ledger.ts";
import type { State } from "../pipeline/state.ts";
import { Database } from "../store/database.ts";
import { anewIn, lossOf, obstacleOf } from "./anew.ts";
import { Climb } from "./climb.ts";
import { checkDevices } from "./devices.ts";
import type { Difference, Mending, Tell } from "./differences.ts";
import { Explanation } from "./explanation.ts";
import { IdentityComparison, type IdentityRule } from "./identities.ts";
import { readSpans, type Span } from "./log-pass.ts";
import { type Reach, reachesOf, recompute, unreadTopics } from "./recomputation.ts";
import { storedRemoved } from "./removed.ts";
import { checkRows } from "./rows.ts";
import { SecondsComparison } from "./seconds.ts";
import { identityRuleOf, proofOf, type SensorProof } from "./sensor-proof.ts";
import {
  hasOlderParts,
  type StoredPosition,
  type StoredSensor,
  storedDeviceSeries,
  storedPositions,
  storedSensors,
} from "./stored.ts";
import { comparePosition, compareTotals, compareWithPages } from "./totals.ts";
import { compareUncounted } from "./uncounted.ts";

/** Between two times that others may run, ms. */
const SLICE_MS = 20;

/** Where a verification is. */
export interface Progress {
  readonly phase: "log" | "pages";
  readonly share: number | null;
  readonly count: number;
}

/** What is verified, and with which settings of the server. */
export interface VerificationOptions {
  readonly directory: string;
  /** Opens the log, after the history: null when there is none. */
  readonly openLog: () => Promise<ReadableLog | null>;
  readonly zone: Zone;
  readonly clockAheadMs: number;
  readonly nowMs: number;
  /** An empty directory for what is recomputed. */
  readonly scratch: string;
  /** What pages alone do not mend is made anew there, too, for `replaceByLog`. */
  readonly mayRepair: boolean;
  readonly onDifference: (difference: Difference) => void;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** Result of a verification. */
export interface Verified {
  readonly differences: number;
  readonly proofs: readonly SensorProof[];
  readonly reaches: readonly Reach[];
  /** Pages of seconds that were read. */
  readonly pages: number;
  /** Records that were taken in once more. */
  readonly records: number;
  /** Pages to replace, or (null) to delete. */
  readonly repairs: ReadonlyMap<number, Uint8Array | null>;
  /** Differences that neither these repairs mend, nor `anew`. */
  readonly unrepaired: number;
  /** Pages alone do not mend it, and all that the log tells can take the place of what is there. */
  readonly isAnew: boolean;
  /** Why it is not, though there are differences that pages do not mend; null: there are none, or it is. */
  readonly obstacle: string | null;
}

/** @throws TidemarkError of opening the history or the log, the signal's reason when it aborts */
export async function verify(options: VerificationOptions): Promise<Verified> {
  return await new Verification(options).run();
}

class Verification {
  readonly #options: VerificationOptions;
  readonly #db: Database;
  readonly #repairs = new Map<number, Uint8Array | null>();
  /** Readings that the pages of a sensor hold, by its name. */
  readonly #held = new Map<string, number>();
  #log: ReadableLog | null = null;
  #recomputed: { db: Database; state: State } | null = null;
  #records = 0;
  #pages = 0;
  #allPages = 0;
  readonly #mended: Record<Mending, number> = { pages: 0, log: 0, none: 0 };
  #yieldedAt = 0;

  constructor(options: VerificationOptions) {
    this.#options = options;
    this.#db = Database.openSnapshot(options.directory);
  }

  /** An arrow, as it is handed on. */
  readonly #tell: Tell = (difference, mending = "log") => {
    this.#mended[mending]++;
    this.#options.onDifference(difference);
  };

  async run(): Promise<Verified> {
    const { clockAheadMs, openLog } = this.#options;
    try {
      // After the history's snapshot: then it holds all that the history has read, unless it has dropped it.
      const log = await openLog();
      this.#log = log;
      const [sensors, positions] = this.#head();
      const reaches = await reachesOf(log, positions);
      const unread = await unreadTopics(log, sensors, positions);
      await this.#attempt("the log taken in once more", () => this.#recompute(sensors, reaches));
      const state = this.#recomputed?.state ?? null;
      const ground = {
        state,
        reaches,
        clockAheadMs,
        isEmbedded: log?.kind === "embedded",
        isOlder: hasOlderParts(this.#db),
      };
      const proofs = sensors.map((sensor) => proofOf(sensor, ground));
      await this.#attempt("rows", () => this.#inSlices(checkRows(this.#db, this.#tell)));
      for (const reach of reaches) {
        comparePosition(reach, state, proofs, this.#tell);
        this.#tellDamage(reach, proofs);
      }
      for (const proof of proofs) compareTotals(proof, state, unread.includes(proof.sensor.name), this.#tell);
      let changed: ReadonlyMap<number, Uint8Array | null> = new Map();
      await this.#attempt("seconds", async () => {
        changed = await this.#compareSeconds([...proofs, ...this.#deviceProofs(proofs)], reaches);
        const count = this.#db.prepare("SELECT count(*) AS n FROM page WHERE (key / 1073741824) % 8 = 0");
        this.#allPages = Number(count.get()?.n);
      });
      for (const { sensor } of proofs) {
        await this.#attempt(`pages of "${sensor.name}"`, () => this.#climb(sensor, changed));
      }
      await this.#attempt("pages of devices", () => this.#checkDevices(proofs, changed));
      await this.#attempt("identities", () => this.#compareIdentities(proofs));
      await this.#attempt("lists", async () => {
        if (state !== null) compareUncounted(this.#db, state, proofs, this.#tell);
      });
      let obstacle = this.#mended.log === 0 ? null : obstacleOf({ ...ground, proofs, held: this.#held });
      if (this.#mended.log > 0 && obstacle === null && this.#options.mayRepair)
        obstacle = await this.#makeAnew(proofs, reaches);
      return this.#result(proofs, reaches, obstacle);
    } finally {
      this.#recomputed?.db.close();
      this.#db.close();
      await this.#log?.close();
    }
  }

  #result(proofs: readonly SensorProof[], reaches: readonly Reach[], obstacle: string | null): Verified {
    const { pages, log, none } = this.#mended;
    return {
      differences: pages + log + none,
      unrepaired: none + (obstacle === null ? 0 : log),
      isAnew: log > 0 && obstacle === null,
      obstacle,
      proofs,
      reaches,
      records: this.#records,
      pages: this.#pages,
      repairs: this.#repairs,
    };
  }

  /** What everything else is compared by. @throws TidemarkError "history-corrupt" */
  #head(): [StoredSensor[], StoredPosition[]] {
    try {
      return [storedSensors(this.#db), storedPositions(this.#db)];
    } catch (error) {
      throw new TidemarkError("history-corrupt", `Cannot read ${this.#db.file}: ${messageOf(error)}`, error);
    }
  }

  async #recompute(sensors: readonly StoredSensor[], reaches: readonly Reach[]): Promise<void> {
    const { scratch, onProgress } = this.#options;
    const log = this.#log;
    if (log === null || !reaches.some(({ span }) => span !== null)) return;
    const own = storedDeviceSeries(this.#db);
    const deviceSeries = new Map(own.map(({ sensor, name, series }) => [numberKey(sensor, name), series]));
    const all = reaches.reduce((sum, { span }) => sum + (span === null ? 0 : span.end - span.start), 0);
    const onRecords = (count: number): void => {
      this.#records += count;
      onProgress({ phase: "log", share: all === 0 ? null : this.#records / all, count: this.#records });
    };
    const corrections = storedCorrections(this.#db);
    const ground = { sensors, corrections, reaches, deviceSeries };
    this.#recomputed = await recompute({ ...this.#options, ...ground, log, directory: scratch, onRecords });
    const known = new Set(sensors.map(({ name }) => name));
    for (const { name, totals } of this.#recomputed.state.sensors.list()) {
      if (known.has(name) || totals.received === 0) continue;
      const expected = `a sensor with ${totals.received} readings`;
      this.#tell({
        proof: "log",
        sensor: name,
        what: "row of table sensor",
        second: null,
        stored: "nothing",
        expected,
      });
    }
  }

  /** A history as any other, of all that the log holds: where it was read to is a row as the others. @returns what would be lost by it; null: nothing */
  async #makeAnew(proofs: readonly SensorProof[], reaches: readonly Reach[]): Promise<string | null> {
    const log = this.#log;
    if (log === null) throw new Error("BUG: without a log nothing is made anew");
    const directory = anewIn(this.#options.scratch);
    mkdirSync(directory);
    const read = reaches.map((reach): Reach => {
      const { span, logEnd } = reach;
      return { ...reach, damaged: [], span: span === null ? null : { ...span, end: logEnd ?? span.end } };
    });
    const sensors = proofs.map(({ sensor }) => sensor);
    const ground = { sensors, corrections: storedCorrections(this.#db), reaches: read, deviceSeries: null };
    const onRecords = (): void => {};
    const { db, state } = await recompute({ ...this.#options, ...ground, log, directory, onRecords });
    try {
      const isDamaged = read.some(({ damaged }) => damaged.length > 0);
      return isDamaged ? "the log could not be read a second time" : lossOf(state, proofs, this.#held);
    } finally {
      db.close();
    }
  }

  /** What cannot be read of the log, and was not skipped when it was read first. */
  #tellDamage({ position: { topic, partition }, damaged }: Reach, proofs: readonly SensorProof[]): void {
    let skipped = proofs.find(({ sensor }) => sensor.name === topic)?.sensor.totals.gapRecords ?? 0;
    for (const { from, to, why } of damaged) {
      skipped -= to - from;
      if (skipped >= 0) continue;
      const what = `log of ${topic}/${partition}`;
      const stored = `offsets ${from} to ${to - 1} cannot be read: ${why}`;
      this.#tell({
        proof: "checksum",
        sensor: topic,
        what,
        second: null,
        stored,
        expected: "the records that were read",
      });
    }
  }

  /** Seconds against the recomputed ones; what is left after all that may differ is told. @returns pages that are to be others */
  async #compareSeconds(
    proofs: readonly SensorProof[],
    reaches: readonly Reach[],
  ): Promise<ReadonlyMap<number, Uint8Array | null>> {
    const recomputed = this.#recomputed;
    const { signal } = this.#options;
    const log = this.#log;
    if (log === null || recomputed === null) return new Map();
    const comparison = new SecondsComparison(this.#db, recomputed.db);
    for (const proof of proofs) await this.#inSlices(comparison.compare(proof));
    if (comparison.seconds.size > 0) {
      const { sensors } = recomputed.state;
      const seriesOf = (name: string): number => sensors.find(name)?.id ?? -1;
      const explanation = new Explanation(comparison.seconds, { ...this.#options, seriesOf });
      const spans = reaches.flatMap(({ span }) => span ?? []);
      const take = (records: Records, span: Span): void => explanation.take(records, span);
      await readSpans(log, spans, { take }, signal);
      if (proofs.some(({ sensor, isOrdered }) => !isOrdered && comparison.seconds.has(sensor.id))) {
        explanation.seekRivals();
        await readSpans(log, spans, { take }, signal);
      }
      comparison.explain(explanation);
    }
    return comparison.finish(this.#tell);
  }

  /** What is claimed of sensors, of the series of their devices. */
  #deviceProofs(proofs: readonly SensorProof[]): SensorProof[] {
    const bySensor = new Map(proofs.map((proof) => [proof.sensor.id, proof]));
    return storedDeviceSeries(this.#db).flatMap(({ series, sensor, name, isWhole }) => {
      const proof = bySensor.get(sensor);
      if (proof === undefined || !isWhole) return [];
      return { ...proof, sensor: { ...proof.sensor, id: series, device: Buffer.from(name).toString() } };
    });
  }

  /** Pages of devices, and the counts of all. */
  async #checkDevices(proofs: readonly SensorProof[], changed: ReadonlyMap<number, Uint8Array | null>): Promise<void> {
    const identities = new Identities(this.#db, BOUNDS);
    const all = Map.groupBy(storedDeviceSeries(this.#db), ({ sensor }) => sensor);
    const held = Map.groupBy(storedRemoved(this.#db), ({ sensor }) => sensor);
    for (const { sensor } of proofs) {
      const [own, removed] = [all.get(sensor.id) ?? [], held.get(sensor.id) ?? []];
      const check = {
        db: this.#db,
        identities,
        sensor,
        own,
        removed,
        changed,
        repairs: this.#repairs,
        tell: this.#tell,
      };
      await this.#inSlices(this.#counted(checkDevices(check)));
    }
  }

  /** All pages of a series, upwards. @param changed pages of seconds that are to be others */
  async #climb(sensor: StoredSensor, changed: ReadonlyMap<number, Uint8Array | null>): Promise<void> {
    const climb = new Climb(this.#db, sensor, changed, this.#tell);
    await this.#inSlices(this.#counted(climb.run()));
    for (const [key, bytes] of climb.repairs) this.#repairs.set(key, bytes);
    if (climb.total === null) return;
    compareWithPages(sensor, climb.total, this.#tell);
    this.#held.set(sensor.name, climb.total.count);
  }

  *#counted(pages: Iterable<void>): Generator<void> {
    const { onProgress } = this.#options;
    for (const _ of pages) {
      onProgress({ phase: "pages", share: ++this.#pages / this.#allPages, count: this.#pages });
      yield;
    }
  }

  async #compareIdentities(proofs: readonly SensorProof[]): Promise<void> {
    const proofOfSeries = new Map(proofs.map((proof) => [proof.sensor.id, proof]));
    const comparison = new IdentityComparison(this.#db, this.#recomputed?.db ?? null, ({ series, ...fault }) => {
      const sensor = proofOfSeries.get(series)?.sensor.name ?? null;
      this.#tell({ proof: "log", sensor, second: null, ...fault });
    });
    const ruleOf = (series: number): IdentityRule | null => {
      const proof = proofOfSeries.get(series);
      return proof === undefined ? null : identityRuleOf(proof);
    };
    await this.#inSlices(comparison.run(ruleOf));
  }

  /** A part that ends with rows that cannot be read is a difference. */
  async #attempt(what: string, part: () => Promise<void>): Promise<void> {
    try {
      await part();
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (error instanceof TidemarkError && error.code !== "history-corrupt") throw error;
      const expected = "rows that can be read";
      this.#tell({ proof: "parts", sensor: null, what, second: null, stored: messageOf(error), expected });
    }
  }

  /** Does the work step by step; lets others run in between, such as the signal. */
  async #inSlices(work: Iterable<unknown>): Promise<void> {
    for (const _ of work) {
      if (performance.now() - this.#yieldedAt < SLICE_MS) continue;
      await nextTurn();
      this.#options.signal.throwIfAborted();
      this.#yieldedAt = performance.now();
    }
  }
}
