/**
 * All that the pipeline knows, and its one transaction: pages, log positions, identities, counters and dead letters commit together.
 * A commit that fails changes nothing: what it wrote is rolled back, and only `#committed` says in memory that it is stored.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Names } from "../core/names.ts";
import { Boots } from "../identity/boots.ts";
import { Deltas } from "../identity/deltas.ts";
import { Devices } from "../identity/devices.ts";
import { ExplicitIds } from "../identity/explicit-ids.ts";
import { SeenStore } from "../identity/seen-store.ts";
import type { Topic } from "../log/log.ts";
import { History } from "../rollups/history.ts";
import type { Database } from "../store/database.ts";
import { BOUNDS, type Bounds } from "./bounds.ts";
import { Quarantine, Rejections } from "./dead-letters.ts";
import { Sensors } from "./sensors.ts";
import { type Source, Sources } from "./sources.ts";

/** How long a commit works before it lets others run, ms: a fraction of what a reader of the live stream would notice. */
const COMMIT_SLICE_MS = 4;

/** About the bytes that a boot and an explicit id take in memory until they are committed. */
const BOOT_BYTES = 150;
const ID_BYTES = 120;

export class State {
  readonly db: Database;
  readonly bounds: Bounds;
  readonly history: History;
  readonly deviceNames = new Names();
  readonly bootNames = new Names();
  readonly seen: SeenStore;
  readonly devices: Devices;
  readonly boots: Boots;
  readonly ids: ExplicitIds;
  readonly quarantine: Quarantine;
  readonly rejections: Rejections;
  readonly sensors: Sensors;
  readonly sources: Sources;
  readonly #deltas: Deltas;
  /** The history is kept from this second on; older readings are counted but not folded. */
  keptSince: number;
  /** Readings taken in since the last commit. */
  waitingReadings = 0;
  /** Bytes written by all commits so far, as handed to the store. */
  bytesWritten = 0;
  commits = 0;

  constructor(db: Database, bounds: Bounds = BOUNDS) {
    this.db = db;
    this.bounds = bounds;
    this.history = new History(db);
    this.seen = new SeenStore(db, bounds.seenBytes);
    this.devices = new Devices(db, this.seen, this.deviceNames, bounds.residentDevices);
    this.boots = new Boots(db, this.bootNames);
    this.ids = new ExplicitIds(db);
    this.quarantine = new Quarantine(db, bounds.quarantineRows);
    this.rejections = new Rejections(db, bounds.rejectionRows);
    this.#deltas = new Deltas(db, this.devices);
    this.sensors = new Sensors(db, this.devices);
    this.sources = new Sources(db);
    this.keptSince = Number(db.setting("kept-since") ?? Number.NEGATIVE_INFINITY);
  }

  /** Where to read a topic on from, and which sensor it feeds. @throws TidemarkError "config-invalid" past the limit, "disk-full" */
  openTopic(topic: Topic): Source {
    return this.sources.open(topic, this.sensors.open(topic.name));
  }

  /** Bytes in memory that only a commit lets go of. */
  get waitingBytes(): number {
    const { history, seen, boots, ids, quarantine, rejections } = this;
    return (
      history.dirtyBytes +
      seen.dirtyBytes +
      boots.waiting * BOOT_BYTES +
      ids.waiting * ID_BYTES +
      quarantine.waitingBytes +
      rejections.waitingBytes
    );
  }

  /** New rows that wait for a commit. */
  get waitingRows(): number {
    const { devices, boots, ids, quarantine, rejections } = this;
    return devices.waiting + boots.waiting + ids.waiting + quarantine.waiting + rejections.waiting;
  }

  /** So much waits, or is resident, that a commit is due whatever the time. */
  get isFull(): boolean {
    const { commitReadings, waitingBytes, waitingBytesSeries, waitingRows, residentDevices } = this.bounds;
    return (
      this.waitingReadings >= commitReadings ||
      this.waitingBytes >= waitingBytes + waitingBytesSeries * this.history.changedSeries ||
      this.waitingRows >= waitingRows ||
      this.deviceNames.size > residentDevices + (residentDevices >> 4)
    );
  }

  /** Something was taken in, or read past, since the last commit. O(sensors and partitions). */
  get hasChanged(): boolean {
    return this.sensors.hasChanged || this.sources.hasMoved;
  }

  /**
   * Writes everything that changed, in one transaction. Lets others run in between; nothing may be taken in meanwhile.
   * @param keepFrom deletes what ends before this second (a UTC midnight); null: nothing
   * @throws TidemarkError "disk-full"; nothing is lost then: everything stays in memory and can be committed again
   */
  async commit(keepFrom: number | null = null): Promise<void> {
    let bytes = 0;
    const idle = this.devices.idlest();
    this.db.begin();
    try {
      bytes = await inSlices(this.#write(idle, keepFrom));
      this.db.guarded(() => {
        this.db.setSetting("quarantine-last-id", this.quarantine.lastId);
        this.db.setSetting("rejection-last-id", this.rejections.lastId);
      });
      this.db.commit();
    } catch (error) {
      this.db.rollback();
      throw error;
    }
    this.#committed();
    if (keepFrom !== null) {
      this.keptSince = keepFrom;
      for (const { id } of this.sensors.list()) this.history.forget(id, keepFrom);
    }
    this.bytesWritten += bytes;
    this.commits++;
    await inSlices(this.devices.evict(idle));
    if (this.bootNames.size > this.bounds.bootNames) this.#forgetBootNames();
  }

  *#write(idle: readonly number[], keepFrom: number | null): Generator<number> {
    const parts = [this.history, this.seen, this.ids, this.boots, this.quarantine, this.rejections];
    for (const part of [
      this.#makeRoom(),
      ...parts.map((whole) => whole.write()),
      this.#deltas.write(idle),
      this.sensors.write(),
      this.sources.write(),
      this.#expire(keepFrom),
    ]) {
      yield* part;
    }
  }

  /** Folds readings that were put off, once they are many. Lets others run in between; nothing may be taken in meanwhile. */
  async catchUp(): Promise<void> {
    if (this.history.isBehind) await inSlices(this.history.catchUp());
  }

  /** Drops the oldest rejections beyond the bound. Counted at once and for good: a commit that fails has them dropped all the same. */
  *#makeRoom(): Generator<number> {
    for (const id of this.rejections.makeRoom()) {
      const sensor = this.sensors.of(id);
      sensor.totals.rejectionsDropped++;
      sensor.changed = true;
      yield 0;
    }
  }

  *#expire(keepFrom: number | null): Generator<number> {
    if (keepFrom === null) return;
    for (const { id } of this.db.prepare("SELECT id FROM sensor").all()) {
      this.db.guarded(() => this.history.expire(Number(id), keepFrom));
      yield 0;
    }
    this.db.guarded(() => this.db.setSetting("kept-since", keepFrom));
  }

  #committed(): void {
    this.history.committed();
    this.seen.committed();
    this.ids.committed();
    this.boots.committed(this.devices.nextId);
    this.devices.committed();
    this.#deltas.committed();
    this.quarantine.committed();
    this.rejections.committed();
    this.sensors.committed();
    this.sources.committed();
    this.waitingReadings = 0;
  }

  #forgetBootNames(): void {
    for (let slot = 0; slot < this.bootNames.slotLimit; slot++) {
      if (this.bootNames.isUsed(slot)) this.bootNames.release(slot);
    }
    this.boots.forgetNames();
    this.devices.unresolveEdges();
  }
}

/** Does the work step by step and lets others run in between; at its end, too. @returns the sum of what the steps yield */
async function inSlices(work: Iterable<number>): Promise<number> {
  let sliceEnd = performance.now() + COMMIT_SLICE_MS;
  let sum = 0;
  for (const step of work) {
    sum += step;
    if (performance.now() < sliceEnd) continue;
    await nextTurn();
    sliceEnd = performance.now() + COMMIT_SLICE_MS;
  }
  await nextTurn();
  return sum;
}
