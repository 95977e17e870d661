/**
 * All state of the pipeline, and its one transaction: pages, log positions, identities, totals and dead letters commit together.
 * A failed commit changes nothing: what it wrote is rolled back, and memory is marked as stored only by `committed` of the parts.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Identities } from "../identity/identities.ts";
import type { Topic } from "../log/log.ts";
import { History } from "../rollups/history.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import { BOUNDS, type Bounds } from "./bounds.ts";
import { ClockOffset } from "./clock-offset.ts";
import { Quarantine, Rejections } from "./dead-letters.ts";
import { DeviceSeries } from "./device-series.ts";
import { Horizon } from "./horizon.ts";
import { Ledger } from "./ledger.ts";
import { Removed } from "./removed.ts";
import { Sensors } from "./sensors.ts";
import { type Source, Sources } from "./sources.ts";

/** Opened from the database, changed by ingest, written by commits. */
export class State {
  readonly db: Database;
  readonly bounds: Bounds;
  readonly history: History;
  readonly identities: Identities;
  readonly deviceSeries: DeviceSeries;
  readonly quarantine: Quarantine;
  readonly rejections: Rejections;
  readonly sensors: Sensors;
  readonly sources: Sources;
  readonly ledger: Ledger;
  readonly removed: Removed;
  readonly horizon: Horizon;
  readonly clockOffset: ClockOffset;
  readonly #parts: readonly CommitPart[];
  /** Readings taken in since the last commit. */
  waitingReadings = 0;
  /** Bytes written by all commits so far, as handed to the store. */
  bytesWritten = 0;
  commits = 0;

  constructor(db: Database, bounds: Bounds = BOUNDS) {
    this.db = db;
    this.bounds = bounds;
    this.history = new History(db);
    this.identities = new Identities(db, bounds);
    this.deviceSeries = new DeviceSeries(db, this.history, this.identities, bounds);
    this.removed = new Removed(db);
    this.ledger = new Ledger(db);
    this.sensors = new Sensors(db, bounds.sensors, (name) => this.ledger.nameNow(name));
    this.#rename();
    this.sources = new Sources(db);
    this.quarantine = new Quarantine(db, bounds.quarantineRows);
    this.rejections = new Rejections(db, bounds.rejectionRows, (sensor) => this.#dropped(sensor));
    this.horizon = new Horizon(db, this.history, this.sensors, this.deviceSeries, this.removed);
    this.clockOffset = new ClockOffset(db);
    const { deviceSeries, history, identities, quarantine, rejections, sensors, sources, horizon, clockOffset } = this;
    const { ledger, removed } = this;
    // In the order of writing. It matters four times: forks are copied, and what waits of devices is folded, before pages are written;
    // dropped rejections are counted in their sensor's totals; pages are written before old ones are deleted; and both note what they
    // change before the revision is written.
    const counted = [deviceSeries, history, identities, quarantine, rejections, sensors, sources];
    this.#parts = [...counted, ledger, removed, horizon, clockOffset, history.revisions];
  }

  /** Renames that the history lacks: before anything opens a sensor by its name. */
  #rename(): void {
    for (const stored of this.ledger.pending) {
      if (stored.kind !== "rename") continue;
      const { sensor, to, undone } = stored;
      if (undone === null) this.sensors.rename(sensor, to);
      else this.sensors.rename(to, sensor);
      this.ledger.applied(stored);
    }
  }

  /** What was not as it had been written when it was opened: a sentence each. */
  get notices(): readonly string[] {
    return [...this.db.notices, ...this.sources.wentBack];
  }

  /** Where to read a topic on from, and which sensor it feeds. @throws TidemarkError "too-many-sensors" */
  openTopic(topic: Topic): Source {
    return this.sources.open(topic, this.sensors.open(topic.name));
  }

  /** A rejection past the bound. Counted at once and for good: a commit that fails has it dropped all the same. */
  #dropped(id: number): void {
    const sensor = this.sensors.of(id);
    sensor.totals.rejectionsDropped++;
    sensor.changed = true;
  }

  /** A commit is due whatever the time: too much waits, or is resident. */
  get isFull(): boolean {
    const { commitReadings, waitingBytes, waitingBytesSeries, waitingRows } = this.bounds;
    let bytes = 0;
    let rows = 0;
    for (const part of this.#parts) {
      bytes += part.waitingBytes;
      rows += part.waitingRows;
    }
    return (
      this.waitingReadings >= commitReadings ||
      bytes >= waitingBytes + waitingBytesSeries * Math.min(this.history.changedSeries, this.sensors.size) ||
      rows >= waitingRows ||
      this.identities.isCrowded
    );
  }

  /** Something was taken in, or read past, since the last commit. O(sensors and partitions). */
  get hasChanged(): boolean {
    return this.sensors.hasChanged || this.sources.hasMoved || this.ledger.waitingRows > 0;
  }

  /**
   * Writes everything that changed, in one transaction. Lets others run in between; nothing may be taken in meanwhile.
   * @throws TidemarkError "disk-full"; nothing is lost then: everything stays in memory and can be committed again
   */
  async commit(): Promise<void> {
    let bytes = 0;
    this.horizon.move();
    this.deviceSeries.prepare(this.horizon.hasMoved);
    this.history.revisions.begin();
    this.db.begin();
    try {
      bytes = await this.inSlices(this.#write());
      this.db.commit();
    } catch (error) {
      this.db.rollback();
      for (const part of this.#parts) part.rolledBack?.();
      throw error;
    }
    for (const part of this.#parts) part.committed();
    this.waitingReadings = 0;
    this.bytesWritten += bytes;
    this.commits++;
    await this.inSlices(this.identities.evict());
  }

  *#write(): Generator<number> {
    for (const part of this.#parts) yield* part.write();
  }

  /** Folds deferred readings once they are many. Lets others run in between; nothing may be taken in meanwhile. */
  async catchUp(): Promise<void> {
    if (this.deviceSeries.isBehind) await this.inSlices(this.deviceSeries.catchUp());
    if (this.history.isBehind) await this.inSlices(this.history.catchUp());
  }

  /** Does the work step by step and lets others run in between; at its end, too. @returns the sum of what the steps yield */
  async inSlices(work: Iterable<number>): Promise<number> {
    const { commitSliceMs } = this.bounds;
    let sliceEnd = performance.now() + commitSliceMs;
    let sum = 0;
    for (const step of work) {
      sum += step;
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      sliceEnd = performance.now() + commitSliceMs;
    }
    await nextTurn();
    return sum;
  }
}
