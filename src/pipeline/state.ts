/**
 * All that the pipeline knows, and its one transaction: pages, log positions, identities, counters and dead letters commit together.
 * A commit that fails changes nothing: what it wrote is rolled back, and only `#committed` says in memory that it is stored.
 */
import type { StatementSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { TidemarkError } from "../core/errors.ts";
import { SENSORS_MAX } from "../core/limits.ts";
import { Names } from "../core/names.ts";
import { Boots } from "../identity/boots.ts";
import { Deltas } from "../identity/deltas.ts";
import { Devices } from "../identity/devices.ts";
import { ExplicitIds } from "../identity/explicit-ids.ts";
import { SeenStore } from "../identity/seen-store.ts";
import { Watermark } from "../identity/watermark.ts";
import type { Topic } from "../log/log.ts";
import { History } from "../rollups/history.ts";
import type { Database } from "../store/database.ts";
import { BOUNDS, type Bounds } from "./bounds.ts";
import { Quarantine, Rejections } from "./dead-letters.ts";
import { Totals } from "./totals.ts";

/** How long a commit works before it lets others run, ms: a fraction of what a reader of the live stream would notice. */
const COMMIT_SLICE_MS = 4;

/** About the bytes that a boot and an explicit id take in memory until they are committed. */
const BOOT_BYTES = 150;
const ID_BYTES = 120;

/** A sensor's part of the state. Its series in the history has the same number. */
export interface SensorState {
  readonly id: number;
  readonly name: string;
  readonly totals: Totals;
  readonly watermark: Watermark;
  /** Of its topic, as it was last opened, by their numbers. */
  partitions: readonly PartitionState[];
  /** When its newest reading was taken in, ms; null when none was since the start. */
  lastArrival: number | null;
  /** Its totals differ from what is stored. */
  changed: boolean;
}

/** `committed` of a partition whose stored position means nothing any more. */
export const NOT_COMMITTED = -1;

/** How far a topic partition is read. */
export interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  /** What to read next: all before it is taken in. */
  next: number;
  /** What `next` was at the last commit: only what is before it may be forgotten by the log. */
  committed: number;
  /** Where the log ended when that was last heard of. */
  end: number;
  /** Newest counted event time from it, ms. */
  newest: number;
}

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
  readonly sensors = new Map<string, SensorState>();
  readonly partitions = new Map<string, PartitionState>();
  readonly #byId = new Map<number, SensorState>();
  readonly #deltas: Deltas;
  readonly #addSensor: StatementSync;
  readonly #selectSensor: StatementSync;
  readonly #writeTotals: StatementSync;
  readonly #writePosition: StatementSync;
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
    this.#addSensor = db.prepare("INSERT OR IGNORE INTO sensor(name) VALUES(?)");
    this.#selectSensor = db.prepare("SELECT id, totals FROM sensor WHERE name=?");
    this.#writeTotals = db.prepare("UPDATE sensor SET totals=? WHERE id=?");
    this.#writePosition = db.prepare("INSERT OR REPLACE INTO position VALUES(?, ?, ?, ?, ?)");
    this.keptSince = Number(db.setting("kept-since") ?? Number.NEGATIVE_INFINITY);
    for (const row of db.prepare("SELECT * FROM position").all()) {
      const next = Number(row.next);
      this.partitions.set(`${row.topic}/${row.partition}`, {
        topic: String(row.topic),
        partition: Number(row.partition),
        topicId: String(row.topic_id),
        next,
        committed: next,
        end: next,
        newest: row.newest === null ? Number.NEGATIVE_INFINITY : Number(row.newest),
      });
    }
  }

  /** Finds or makes the sensor. @throws TidemarkError "config-invalid" past the limit, "disk-full" */
  openSensor(name: string): SensorState {
    const open = this.sensors.get(name);
    if (open !== undefined) return open;
    this.db.guarded(() => this.#addSensor.run(name));
    const row = this.#selectSensor.get(name);
    const id = Number(row?.id);
    if (id > SENSORS_MAX) {
      throw new TidemarkError("config-invalid", `Cannot add sensor "${name}": sensors must be <= ${SENSORS_MAX}`);
    }
    const sensor: SensorState = {
      id,
      name,
      totals: row?.totals instanceof Uint8Array ? Totals.decode(row.totals) : new Totals(),
      watermark: new Watermark(this.devices, id),
      partitions: [],
      lastArrival: null,
      changed: false,
    };
    this.sensors.set(name, sensor);
    this.#byId.set(id, sensor);
    return sensor;
  }

  /** The sensor of that number, which this process may not have been asked to follow. */
  sensorOf(id: number): SensorState {
    return (
      this.#byId.get(id) ?? this.openSensor(String(this.db.prepare("SELECT name FROM sensor WHERE id=?").get(id)?.name))
    );
  }

  /** Where to read a topic's partitions on from: a recreated topic starts anew. */
  openTopic(topic: Topic): readonly PartitionState[] {
    const sensor = this.openSensor(topic.name);
    sensor.partitions = topic.partitions.map((partition) => {
      const key = `${topic.name}/${partition}`;
      const known = this.partitions.get(key);
      if (known !== undefined && known.topicId === topic.id) return known;
      // One that takes another's place is stored with the next commit, so that all partitions of a topic are of one life of it.
      const committed = known === undefined ? 0 : NOT_COMMITTED;
      const start = { next: 0, committed, end: 0, newest: Number.NEGATIVE_INFINITY };
      const fresh = { topic: topic.name, partition, topicId: topic.id, ...start };
      this.partitions.set(key, fresh);
      return fresh;
    });
    return sensor.partitions;
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
    for (const { changed, partitions } of this.sensors.values()) {
      if (changed || partitions.some(({ next, committed }) => next !== committed)) return true;
    }
    return false;
  }

  /**
   * Writes everything that changed, in one transaction. Lets others run in between; nothing may be taken in meanwhile.
   * @param keepFrom deletes what ends before this second (a UTC midnight); null: nothing
   * @throws TidemarkError "disk-full"; nothing is lost then: everything stays in memory and can be committed again
   */
  async commit(keepFrom: number | null = null): Promise<void> {
    let bytes = 0;
    const idle = this.devices.idlest();
    const positions = this.#positions();
    this.db.begin();
    try {
      bytes = await inSlices(this.#write(idle, positions, keepFrom));
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
    for (const [partition, next] of positions) partition.committed = next;
    if (keepFrom !== null) {
      this.keptSince = keepFrom;
      for (const sensor of this.sensors.values()) this.history.forget(sensor.id, keepFrom);
    }
    this.bytesWritten += bytes;
    this.commits++;
    await inSlices(this.devices.evict(idle));
    if (this.bootNames.size > this.bounds.bootNames) this.#forgetBootNames();
  }

  *#write(
    idle: readonly number[],
    positions: readonly [PartitionState, number][],
    keepFrom: number | null,
  ): Generator<number> {
    const parts = [this.history, this.seen, this.ids, this.boots, this.quarantine, this.rejections];
    for (const part of [
      this.#makeRoom(),
      ...parts.map((whole) => whole.write()),
      this.#deltas.write(idle),
      this.#writeSensors(),
      this.#writePositions(positions),
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
      const sensor = this.sensorOf(id);
      sensor.totals.rejectionsDropped++;
      sensor.changed = true;
      yield 0;
    }
  }

  *#writeSensors(): Generator<number> {
    for (const sensor of this.sensors.values()) {
      if (!sensor.changed) continue;
      const totals = sensor.totals.encode();
      this.db.guarded(() => this.#writeTotals.run(totals, sensor.id));
      yield totals.length;
    }
  }

  /** The partitions that were read on since the last commit, and how far. */
  #positions(): [PartitionState, number][] {
    const moved = [...this.partitions.values()].filter(({ next, committed }) => next !== committed);
    return moved.map((partition) => [partition, partition.next]);
  }

  *#writePositions(positions: readonly [PartitionState, number][]): Generator<number> {
    for (const [{ topic, partition, topicId, newest }, next] of positions) {
      const newestTime = Number.isFinite(newest) ? newest : null;
      this.db.guarded(() => this.#writePosition.run(topic, partition, topicId, next, newestTime));
      yield topic.length + topicId.length;
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
    this.waitingReadings = 0;
    for (const sensor of this.sensors.values()) sensor.changed = false;
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
