/**
 * All that the pipeline knows, and its one transaction: pages, log positions, identities, counters and dead letters commit together.
 *
 * Identities are committed as a *delta* of the devices that changed, and a sweep turns a part of the devices into whole rows at each
 * commit, so that a delta is needed for two sweeps at most. Recovery loads rows and applies the deltas left. docs/formats/identity.md
 */
import type { StatementSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { assert, TidemarkError } from "../core/errors.ts";
import { SENSORS_MAX } from "../core/limits.ts";
import { Names } from "../core/names.ts";
import type { Position, Topic } from "../log/log.ts";
import type { Database } from "../rollups/database.ts";
import { History } from "../rollups/history.ts";
import { Boots } from "./boots.ts";
import { Quarantine, Rejections } from "./dead-letters.ts";
import { Devices } from "./devices.ts";
import { ExplicitIds } from "./explicit-ids.ts";
import { SeenStore } from "./seen-store.ts";
import { Totals } from "./totals.ts";
import { Watermark } from "./watermark.ts";

/** Commits that a sweep of all devices takes: recovery applies twice as many deltas at most. */
const SWEEP_COMMITS = 32;

/** How long a commit works before it lets others run, ms: a fraction of what a reader of the live stream would notice. */
const COMMIT_SLICE_MS = 4;

/** Boot names interned at once; past it they are forgotten at the next commit and interned anew. */
const BOOT_NAMES_MAX = 65_536;

/** A sensor's part of the state. Its series in the history has the same number. */
export interface SensorState {
  readonly id: number;
  readonly name: string;
  totals: Totals;
  readonly watermark: Watermark;
  /** When its newest reading was taken in, ms; null when none was since the start. */
  lastArrival: number | null;
  /** Its totals differ from what is stored. */
  changed: boolean;
}

/** How far a topic partition is read. */
export interface PartitionState {
  readonly topic: string;
  readonly partition: number;
  topicId: string;
  next: number;
  /** Newest counted event time from it, ms. */
  newest: number;
}

export interface CommitReport {
  readonly positions: readonly Position[];
  readonly bytes: number;
  readonly milliseconds: number;
}

const out = new ByteWriter(65_536);

export class State {
  readonly db: Database;
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
  readonly #addSensor: StatementSync;
  readonly #selectSensor: StatementSync;
  readonly #writeDelta: StatementSync;
  readonly #dropDeltas: StatementSync;
  readonly #writeTotals: StatementSync;
  readonly #writePosition: StatementSync;
  #nextDelta: number;
  #sweepSlot = 0;
  #sweepFirstDelta: number;
  #previousSweepDelta: number;
  /** The history is kept from this second on; older readings are counted but not folded. */
  keptSince: number;
  /** Bytes written by all commits so far, as handed to the store. */
  bytesWritten = 0;
  commits = 0;

  constructor(db: Database) {
    this.db = db;
    this.history = new History(db);
    this.seen = new SeenStore(db);
    this.devices = new Devices(db, this.seen, this.deviceNames);
    this.boots = new Boots(db);
    this.ids = new ExplicitIds(db);
    this.quarantine = new Quarantine(db);
    this.rejections = new Rejections(db);
    this.#addSensor = db.prepare("INSERT OR IGNORE INTO sensor(name) VALUES(?)");
    this.#selectSensor = db.prepare("SELECT id, totals FROM sensor WHERE name=?");
    this.#writeDelta = db.prepare("INSERT INTO delta VALUES(?, ?)");
    this.#dropDeltas = db.prepare("DELETE FROM delta WHERE id<?");
    this.#writeTotals = db.prepare("UPDATE sensor SET totals=? WHERE id=?");
    this.#writePosition = db.prepare("INSERT OR REPLACE INTO position VALUES(?, ?, ?, ?, ?)");
    this.#nextDelta = this.#recover();
    this.#sweepFirstDelta = this.#nextDelta;
    this.#previousSweepDelta = 0;
    this.keptSince = Number(db.setting("kept-since") ?? Number.NEGATIVE_INFINITY);
    for (const row of db.prepare("SELECT * FROM position").all()) {
      this.partitions.set(`${row.topic}/${row.partition}`, {
        topic: String(row.topic),
        partition: Number(row.partition),
        topicId: String(row.topic_id),
        next: Number(row.next),
        newest: row.newest === null ? Number.NEGATIVE_INFINITY : Number(row.newest),
      });
    }
  }

  /** Loads the devices of all deltas left and applies them in order. @returns the number of the next delta */
  #recover(): number {
    const asOf = new Map<number, number>();
    let last = 0;
    for (const row of this.db.prepare("SELECT id, bytes FROM delta ORDER BY id").iterate()) {
      last = Number(row.id);
      assert(row.bytes instanceof Uint8Array, () => `delta ${last} has no bytes`);
      const from = new ByteReader(row.bytes);
      while (!from.done) {
        const device = from.varint();
        const length = from.varint();
        const end = from.position + length;
        const known = asOf.size;
        const slot = this.devices.loadById(device);
        assert(slot >= 0, () => `delta ${last} names device ${device}, which has no row`);
        if (!asOf.has(slot)) asOf.set(slot, this.devices.asOf);
        assert(asOf.size >= known, () => "a device was forgotten during recovery");
        if (last > (asOf.get(slot) ?? 0)) this.devices.readState(from, slot);
        from.position = end;
      }
    }
    return Math.max(last, Number(this.db.setting("last-delta") ?? 0)) + 1;
  }

  /** Finds or makes the sensor. @throws TidemarkError "config-invalid" past the limit */
  openSensor(name: string): SensorState {
    const open = this.sensors.get(name);
    if (open !== undefined) return open;
    this.#addSensor.run(name);
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
      lastArrival: null,
      changed: false,
    };
    this.sensors.set(name, sensor);
    return sensor;
  }

  /** Where to read a topic's partitions on from: a recreated topic starts anew. */
  openTopic(topic: Topic): PartitionState[] {
    return topic.partitions.map((partition) => {
      const key = `${topic.name}/${partition}`;
      const known = this.partitions.get(key);
      if (known !== undefined && known.topicId === topic.id) return known;
      const fresh = { topic: topic.name, partition, topicId: topic.id, next: 0, newest: Number.NEGATIVE_INFINITY };
      this.partitions.set(key, fresh);
      return fresh;
    });
  }

  /** Bytes in memory that only a commit lets go of. */
  get waitingBytes(): number {
    return this.history.dirtyBytes + this.seen.dirtyBytes;
  }

  /**
   * Writes everything that changed, in one transaction. Lets others run in between; nothing may be taken in meanwhile.
   * @param keepFrom deletes what ends before this second (a UTC midnight); null: nothing
   * @throws TidemarkError "disk-full"; nothing is lost then: everything stays in memory and can be committed again
   */
  async commit(keepFrom: number | null = null): Promise<CommitReport> {
    const start = performance.now();
    let sliceEnd = start + COMMIT_SLICE_MS;
    let bytes = 0;
    const positions = [...this.partitions.values()].map(({ topic, partition, next }) => ({
      topic,
      partition,
      offset: next,
    }));
    const delta = this.#nextDelta;
    const idle = this.devices.idlest();
    this.db.begin();
    try {
      const parts = [this.history, this.seen, this.ids, this.boots, this.quarantine, this.rejections];
      for (const part of [...parts.map((whole) => whole.write()), this.#writeDevices(delta, idle)]) {
        for (const written of part) {
          bytes += written;
          if (performance.now() < sliceEnd) continue;
          await nextTurn();
          sliceEnd = performance.now() + COMMIT_SLICE_MS;
        }
      }
      this.db.guarded(() => {
        const dropped = this.rejections.makeRoom();
        const first = this.sensors.values().next().value;
        if (dropped > 0 && first !== undefined) {
          first.totals.rejectionsDropped += dropped;
          first.changed = true;
        }
        for (const sensor of this.sensors.values()) {
          if (sensor.changed) this.#writeTotals.run(sensor.totals.encode(), sensor.id);
        }
        for (const { topic, partition, topicId, next, newest } of this.partitions.values()) {
          this.#writePosition.run(topic, partition, topicId, next, Number.isFinite(newest) ? newest : null);
        }
        if (keepFrom !== null) {
          for (const sensor of this.sensors.values()) this.history.expire(sensor.id, keepFrom);
          this.db.setSetting("kept-since", keepFrom);
        }
        this.db.setSetting("last-delta", delta);
        this.db.setSetting("quarantine-last-id", this.quarantine.lastId);
        this.db.setSetting("rejection-last-id", this.rejections.lastId);
      });
      this.db.commit();
    } catch (error) {
      this.db.rollback();
      throw error;
    }
    this.#committed(idle);
    if (keepFrom !== null) {
      this.keptSince = keepFrom;
      for (const sensor of this.sensors.values()) this.history.forget(sensor.id, keepFrom);
    }
    this.bytesWritten += bytes;
    this.commits++;
    return { positions, bytes, milliseconds: performance.now() - start };
  }

  #committed(idle: readonly number[]): void {
    this.#nextDelta++;
    this.history.committed();
    this.seen.committed();
    this.ids.committed();
    this.boots.committed();
    this.devices.committed();
    this.quarantine.committed();
    this.rejections.committed();
    for (const sensor of this.sensors.values()) sensor.changed = false;
    this.devices.evict(idle);
    if (this.#sweepSlot >= this.deviceNames.slotLimit) {
      this.#sweepSlot = 0;
      this.#previousSweepDelta = this.#sweepFirstDelta;
      this.#sweepFirstDelta = this.#nextDelta;
    }
    if (this.bootNames.size > BOOT_NAMES_MAX) {
      for (let slot = 0; slot < this.bootNames.slotLimit; slot++)
        if (this.bootNames.isUsed(slot)) this.bootNames.release(slot);
      this.devices.unresolveEdges();
    }
  }

  /** New and idle devices as rows, a part of the others swept into rows, the rest of what changed as one delta. */
  *#writeDevices(delta: number, idle: readonly number[]): Generator<number> {
    const { devices } = this;
    devices.beginWrite();
    const whole = new Set<number>(idle);
    const sweepEnd = Math.min(
      this.deviceNames.slotLimit,
      this.#sweepSlot + Math.ceil(this.deviceNames.slotLimit / SWEEP_COMMITS),
    );
    for (let slot = this.#sweepSlot; slot < sweepEnd; slot++) if (devices.hasStaleRow(slot)) whole.add(slot);
    for (const slot of devices.dirtySlots) if (devices.isNew(slot)) whole.add(slot);
    for (const slot of whole) yield devices.writeRow(slot, delta);
    out.reset();
    const state = new ByteWriter(512);
    for (const slot of devices.dirtySlots) {
      if (whole.has(slot)) continue;
      state.reset();
      devices.writeState(state, slot, devices.changedWord[slot]);
      out.varint(devices.id[slot]);
      out.block(state.view());
      yield 0;
    }
    if (out.length > 0) this.db.guarded(() => this.#writeDelta.run(delta, out.view()));
    this.db.guarded(() => this.#dropDeltas.run(this.#previousSweepDelta));
    this.#sweepSlot = sweepEnd;
    yield out.length;
  }
}
