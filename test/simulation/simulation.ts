/** Runs a generated history through the real pipeline and history, with commits, restarts and crashes, and compares with the oracle. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "../../src/core/clock.ts";
import { openZone } from "../../src/core/zone.ts";
import type { Position } from "../../src/log/log.ts";
import { findMetric, METRICS } from "../../src/metrics/registry.ts";
import { BOUNDS, type Bounds } from "../../src/pipeline/bounds.ts";
import { Pipeline } from "../../src/pipeline/pipeline.ts";
import { State } from "../../src/pipeline/state.ts";
import { Checkpointer } from "../../src/store/checkpointer.ts";
import { Database } from "../../src/store/database.ts";
import type { Batch, History } from "../oracle/generator.ts";
import { Oracle } from "../oracle/oracle.ts";
import type { Seeded } from "../oracle/seeded.ts";
import type { CountedReading } from "../oracle/statistics.ts";
import { compareDeadLetters } from "./compare-dead-letters.ts";
import { type CorrectionsOutcome, MadeCorrections } from "./made-corrections.ts";
import { PastComparison, type PastOutcome } from "./past-comparison.ts";
import { ReplayLog } from "./replay-log.ts";

const PERCENTILES = ["p0", "p1", "p25", "p90", "p99", "p99.9", "p100"];

/** What runs beside the pipeline, and goes down with it. */
export interface Beside {
  /** Something was taken in. */
  taken(): Promise<void>;
  /** Before and after the pipeline is closed. */
  stop(): Promise<void>;
  close(): void;
  /** Nothing more comes for now. */
  settle(): Promise<void>;
  compare(oracle: Oracle): void;
}

export interface SimulationOptions {
  readonly beside?: (pipeline: Pipeline, clock: ManualClock, directory: string) => Beside;
  /** Of the pipeline; default: its own. */
  readonly bounds?: Partial<Bounds>;
  /** Rows of one batch: a read brings several. */
  readonly rowsAtOnce?: number;
}

export interface Outcome extends PastOutcome, CorrectionsOutcome {
  readonly windows: number;
  readonly comparisons: number;
  readonly kills: number;
  readonly restarts: number;
  readonly bytesWritten: number;
}

const utf8 = (latin1: string): string => Buffer.from(latin1, "latin1").toString("utf8");

/** One run; make a new one for each history. */
export class Simulation {
  readonly #history: History;
  readonly #options: SimulationOptions;
  readonly #oracle: Oracle;
  readonly #clock: ManualClock;
  readonly #root = mkdtempSync(join(tmpdir(), "tidemark-simulation-"));
  #generation = 0;
  #state: State;
  #db: Database;
  #checkpointer: Checkpointer;
  #log: ReplayLog;
  #pipeline: Pipeline;
  #beside: Beside | undefined;
  readonly #topicIds = new Map<string, string>();
  #inAnyOrder = false;
  #outcome = { windows: 0, comparisons: 0, kills: 0, restarts: 0, bytesWritten: 0 };
  readonly #past: PastComparison;
  readonly #corrections: MadeCorrections;

  constructor(history: History, options: SimulationOptions = {}) {
    this.#history = history;
    this.#options = options;
    this.#oracle = new Oracle({ zone: history.options.zone });
    this.#past = new PastComparison(history, this.#oracle, options.bounds?.deviceSeries ?? BOUNDS.deviceSeries);
    this.#corrections = new MadeCorrections(this.#oracle, history.corrections, (sensor) => this.#withSeries(sensor));
    this.#clock = new ManualClock(history.options.nowMs);
    ({
      db: this.#db,
      state: this.#state,
      checkpointer: this.#checkpointer,
      log: this.#log,
      pipeline: this.#pipeline,
    } = this.#open());
  }

  get #directory(): string {
    return join(this.#root, String(this.#generation));
  }

  #open() {
    const db = Database.open(this.#directory);
    const state = new State(db, { ...BOUNDS, ...this.#options.bounds });
    // The topics are what they were at the last commit: what came after it comes again.
    this.#topicIds.clear();
    for (const batch of this.#history.batches) {
      if (!this.#topicIds.has(batch.sensor)) this.#topicIds.set(batch.sensor, batch.topicId);
    }
    for (const { topic, topicId } of state.sources.partitions()) this.#topicIds.set(topic, topicId);
    const partitions = Array.from({ length: this.#history.options.partitions }, (_, i) => i);
    const topics = [...this.#topicIds].map(([name, id]) => ({ name, id, partitions }));
    const log = new ReplayLog(topics, this.#options.rowsAtOnce);
    log.onCommitted = (positions) => this.#requireStored(db, positions);
    const checkpointer = new Checkpointer(db.file);
    const pipeline = new Pipeline({
      state,
      log,
      checkpointer,
      follow: { sensors: this.#history.options.sensors, passes: () => false, mayCreate: true },
      clock: this.#clock,
      zone: openZone(this.#history.options.zone),
      clockAheadMs: 300_000,
      keepMs: null,
    });
    pipeline.failed.catch((error: unknown) => {
      throw error;
    });
    this.#beside = this.#options.beside?.(pipeline, this.#clock, this.#directory);
    void pipeline.start();
    return { db, state, checkpointer, log, pipeline };
  }

  /** Only what the history holds may be forgotten by the log. */
  #requireStored(db: Database, positions: readonly Position[]): void {
    for (const { topic, partition, offset } of positions) {
      const row = db.prepare("SELECT next FROM position WHERE topic=? AND partition=?").get(topic, partition);
      assert.ok(offset <= Number(row?.next), `${topic}/${partition}: told ${offset}, stored ${row?.next}`);
    }
  }

  async #close(): Promise<void> {
    await this.#beside?.stop();
    await this.#pipeline.close();
    this.#beside?.close();
    this.#outcome.bytesWritten += this.#state.bytesWritten;
    await this.#checkpointer.close();
    this.#db.close();
  }

  /** Opens the directory again: after a clean close, or as a killed process left it. */
  async #reopen(kill: boolean, upTo: number): Promise<void> {
    const old = this.#directory;
    if (kill) {
      this.#outcome.kills++;
      this.#generation++;
      cpSync(old, this.#directory, { recursive: true });
      this.#generation--;
      await this.#close();
      rmSync(old, { recursive: true });
      this.#generation++;
    } else {
      this.#outcome.restarts++;
      await this.#close();
    }
    ({
      db: this.#db,
      state: this.#state,
      checkpointer: this.#checkpointer,
      log: this.#log,
      pipeline: this.#pipeline,
    } = this.#open());
    const committed = [...this.#state.sources.partitions()].map((partition) => ({ ...partition }));
    for (const batch of this.#history.batches.slice(0, upTo)) {
      const at = committed.find((p) => p.topic === batch.sensor && p.partition === batch.partition);
      const isSafe =
        at !== undefined &&
        (at.topicId === batch.topicId ? at.next > this.#lastOffset(batch) : this.#isBefore(batch.topicId, at.topicId));
      if (!isSafe) await this.#deliver(batch);
    }
  }

  /** Whether a topic was replaced by a later one. */
  #isBefore(topicId: string, later: string): boolean {
    const first = (id: string) => this.#history.batches.findIndex((batch) => batch.topicId === id);
    return first(topicId) < first(later);
  }

  #lastOffset(batch: Batch): number {
    return this.#history.arrivals[batch.end - 1].offset;
  }

  async #deliver(batch: Batch): Promise<void> {
    this.#clock.advance(Math.max(0, batch.nowMs - this.#clock.now())); // set forward, it has what is held back judged anew
    this.#clock.set(batch.nowMs);
    if (this.#topicIds.get(batch.sensor) !== batch.topicId) {
      this.#topicIds.set(batch.sensor, batch.topicId);
      const partitions = Array.from({ length: this.#history.options.partitions }, (_, i) => i);
      this.#log.recreate({ name: batch.sensor, id: batch.topicId, partitions });
    }
    await this.#log.deliver(this.#history.arrivals.slice(batch.start, batch.end));
    await this.#beside?.taken();
  }

  /** Runs all of it, comparing `windows` windows at each stop and at the end. */
  async run(windows: number): Promise<Outcome> {
    try {
      const { batches, marks, arrivals } = this.#history;
      for (const batch of batches) {
        for (const mark of marks) {
          if (mark.batch !== batch.index) continue;
          this.#compare(Math.ceil(windows / 10));
          if (mark.kind === "commit") {
            await this.#pipeline.releaseQuarantine([]);
            this.#past.remember(this.#pipeline);
          } else await this.#reopen(mark.kind === "kill", batch.index);
        }
        if (await this.#corrections.make(batch.index, this.#pipeline)) this.#compare(Math.ceil(windows / 10));
        await this.#deliver(batch);
        for (const arrival of arrivals.slice(batch.start, batch.end)) this.#oracle.receive(arrival);
        this.#compareTotals(batch.sensor);
      }
      this.#compare(windows);
      await this.#beside?.settle();
      this.#beside?.compare(this.#oracle);
      await this.#reopen(false, batches.length);
      this.#compare(windows);
      await this.#beside?.settle();
      this.#beside?.compare(this.#oracle);
      this.#past.compareAll(this.#pipeline, Math.ceil(windows / 10));
      return this.outcome;
    } finally {
      await this.#close();
      rmSync(this.#root, { recursive: true, force: true });
    }
  }

  get outcome(): Outcome {
    return { ...this.#outcome, ...this.#past.outcome, ...this.#corrections.outcome };
  }

  /**
   * Brings the arrivals of a history without replays whose clock stands still (`order: "any"`), each partition's in order and the
   * partitions in whatever order `random` says, as one does that rebuilds a history from the log.
   */
  async runInAnyOrder(windows: number, random: Seeded): Promise<Outcome> {
    this.#inAnyOrder = true;
    try {
      const { arrivals, options } = this.#history;
      for (const arrival of arrivals) this.#oracle.receive(arrival);
      const groups = Map.groupBy(arrivals, ({ sensor, topicId, partition }) => `${sensor} ${topicId} ${partition}`);
      let queues = [...groups.values()].map((queue) => [...queue]);
      this.#clock.set(options.nowMs);
      while (queues.length > 0) {
        const queue = random.pick(queues);
        await this.#log.deliver(queue.splice(0, Math.ceil(random.scale(1, 300))));
        queues = queues.filter(({ length }) => length > 0);
      }
      for (const sensor of options.sensors) {
        this.#compareTotals(sensor);
        this.#compareDevices(sensor);
      }
      this.#compareWindows(this.#history.randomWindows(windows));
      return this.outcome;
    } finally {
      await this.#close();
      rmSync(this.#root, { recursive: true, force: true });
    }
  }

  #compare(windows: number): void {
    for (const sensor of this.#history.options.sensors) {
      this.#compareTotals(sensor);
      this.#compareDevices(sensor);
      compareDeadLetters(this.#pipeline, this.#oracle, sensor, this.#note(sensor));
    }
    this.#corrections.compare(this.#pipeline);
    this.#past.compareOne(this.#pipeline, this.#outcome.windows);
    this.#compareWindows(this.#history.randomWindows(windows, this.#outcome.windows + 1));
  }

  #compareWindows(windows: ReturnType<History["randomWindows"]>): void {
    for (const { start, end } of windows) {
      this.#outcome.windows++;
      for (const sensor of this.#history.options.sensors) {
        this.#compareWindow(sensor, start, end);
        for (const name of this.#withSeries(sensor)) this.#compareWindow(sensor, start, end, name);
      }
    }
  }

  /** Names, as bytes, of devices that have a series: as many as the bound allows. */
  #withSeries(sensor: string): readonly string[] {
    return this.#oracle.devices(sensor).withSeries(this.#options.bounds?.deviceSeries ?? BOUNDS.deviceSeries);
  }

  #compareDevices(sensor: string): void {
    const withSeries = new Set(this.#withSeries(sensor));
    const expected = this.#oracle.devices(sensor).all.map(({ conflicts: _, late, name, ...counts }) => {
      const [device, hasSeries] = [utf8(name), withSeries.has(name)];
      return { device, ...counts, late: this.#inAnyOrder ? null : late, hasSeries, since: null, isWhole: true };
    });
    const listed = this.#pipeline.devices({ sensor, limit: 1000 });
    const got = listed.map(({ device, readings, duplicates, late, heldBack, hasSeries, since, isWhole }) => {
      return {
        device,
        readings,
        duplicates,
        late: this.#inAnyOrder ? null : late,
        heldBack,
        hasSeries,
        since,
        isWhole,
      };
    });
    const byName = (a: { device: string }, b: { device: string }) => (a.device < b.device ? -1 : 1);
    assert.deepEqual(got.toSorted(byName), expected.toSorted(byName), this.#note(sensor));
    const byDevice = (all: readonly CountedReading[]) => Map.groupBy(all, ({ device }) => utf8(device ?? ""));
    const [counted, left] = [byDevice(this.#oracle.counted(sensor)), byDevice(this.#oracle.readings(sensor))];
    for (const { device, firstTime, lastTime, lastValue, hasSeries } of listed) {
      // What a deletion leaves of a device shows its series only.
      const readings = (hasSeries ? left : counted).get(device) ?? [];
      const latest = readings.length === 0 ? null : Math.max(...readings.map(({ time }) => time));
      const values = readings.filter(({ time }) => time === latest).map(({ value }) => value);
      const span = [
        readings.length === 0 ? null : Math.min(...readings.map(({ time }) => time)),
        latest,
        readings.length === 0 ? null : Math.max(...values),
      ];
      assert.deepEqual([firstTime, lastTime, lastValue], span, `${this.#note(sensor)}, device ${device}`);
    }
  }

  #compareTotals(sensor: string): void {
    const expected = this.#oracle.totals(sensor);
    const { totals, identities } = this.#pipeline.status(sensor);
    const { received, counted, duplicates, quarantined, rejected, late, implicitBoots } = totals;
    assert.deepEqual(
      { received, counted, duplicates, quarantined, rejected, late, implicitBoots },
      {
        received: expected.received,
        counted: expected.counted,
        duplicates: expected.duplicates,
        quarantined: expected.quarantined,
        rejected: expected.rejected,
        late: this.#inAnyOrder ? late : expected.late,
        implicitBoots: expected.implicitBoots,
      },
      this.#note(sensor),
    );
    assert.equal(received, counted + duplicates + quarantined + rejected, this.#note(sensor));
    assert.equal(totals.deleted, this.#oracle.deleted(sensor), this.#note(sensor));
    assert.ok(
      totals.conflicts <= expected.conflicts,
      `${this.#note(sensor)}: conflicts ${totals.conflicts} of ${expected.conflicts}`,
    );
    assert.deepEqual(
      { explicit: identities.explicit, sequence: identities.sequence, offset: identities.offset },
      expected.identities,
      this.#note(sensor),
    );
  }

  #note(sensor: string): string {
    return `seed ${this.#history.options.seed}, ${this.#history.options.log}, sensor ${sensor}`;
  }

  /** @param name of a device, as bytes; absent: all of the sensor */
  #compareWindow(sensor: string, start: number, end: number, name?: string): void {
    const device = name === undefined ? undefined : utf8(name);
    const { aggregate } = this.#pipeline.query(sensor, { start, end }, { sums: true, quantiles: true }, device);
    for (const asked of [...METRICS.map((metric) => metric.name), ...PERCENTILES]) {
      const metric = findMetric(asked);
      assert.ok(metric !== undefined);
      const got = metric.read(aggregate, end - start);
      const interval = metric.share === undefined ? null : aggregate.interval(metric.share);
      const fault = this.#oracle.fault(sensor, start, end, asked, got, interval, name);
      assert.equal(fault, null, `${this.#note(sensor)}, ${asked} of [${start}, ${end}): ${fault}`);
      this.#outcome.comparisons++;
    }
    const { given, fewest, most } = this.#oracle.sample(sensor, start, end, name).late;
    const isRight = this.#inAnyOrder ? fewest <= aggregate.late && aggregate.late <= most : aggregate.late === given;
    assert.ok(isRight, `${this.#note(sensor)}, late of [${start}, ${end}): ${aggregate.late}, not ${given}`);
  }
}
