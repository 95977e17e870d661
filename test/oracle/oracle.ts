/**
 * The oracle: what tidemark must answer, recomputed slowly from raw readings. It imports nothing from src/.
 *
 *   const oracle = new Oracle({ zone: "Europe/Berlin" });
 *   for (const arrival of history.arrivals) oracle.receive(arrival);   // in processing order; returns the arrival's fate
 *   oracle.answer("temperature", startSec, endSec, "p99")              // number | null
 *   oracle.fault("temperature", startSec, endSec, "p99", got)          // null, or what is wrong with `got`
 *   oracle.totals("temperature"), oracle.rejections, oracle.quarantine
 *   oracle.delete({ sensor, device, start, end }), oracle.undo(deletion)
 *
 * Windows are whole seconds of UTC, half-open. Times are ms since the epoch.
 */
import { type Copies, copiesIn } from "./copies.ts";
import { type Decoded, decodeRecord, deviceOf, type Outcome, refused } from "./decode.ts";
import { type Asked, type Deletion, Deletions, type Marks } from "./deletions.ts";
import { DeviceIdentities, type Place, placeIn } from "./identity.ts";
import { KnownDevices } from "./known-devices.ts";
import { type CountedReading, type Interval, metricFault, metricOf, Sample } from "./statistics.ts";
import { NOTHING, type Totals } from "./totals.ts";

const AHEAD_MS = 300_000;
const YEAR_2000 = 946_684_800_000;
const LATE_AFTER_MS = 60_000;

/** A record in the order it was processed. */
export interface Arrival {
  readonly sensor: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
  /** The record's timestamp, ms. */
  readonly recordTime: number;
  /** True when the log stamped it itself: then it is what the clock rule judges against. */
  readonly appendTime: boolean;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** The clock when it was processed, ms. */
  readonly nowMs: number;
}

/** What became of a reading. */
export type ReadingFate = "counted" | "duplicate" | "ahead" | "before-2000" | `rejected:${string}`;

/** What became of an arrival: of each of its readings. `replay`: read before, not received again. */
export type Fate = ReadingFate | "replay" | `${ReadingFate}+${string}`;

/** The fate of a record whose readings have these. */
export function fateOf([first, ...others]: readonly ReadingFate[]): Fate {
  return others.length === 0 ? first : `${first}+${others.join("+")}`;
}

export interface Rejection {
  readonly arrival: Arrival;
  readonly code: string;
}

export interface Quarantined {
  readonly arrival: Arrival;
  readonly kind: IdentityKind;
  readonly device: string;
  /** The same as bytes, latin1. */
  readonly name: string;
  readonly boot: string | null;
  /** Only where it is the identity. */
  readonly sequence: number | null;
  readonly value: number;
  readonly time: number;
  readonly judgedAgainst: number;
  readonly reason: "ahead" | "before-2000";
}

interface Sensor {
  readonly devices: Map<string, DeviceIdentities>;
  readonly known: KnownDevices;
  /** Explicit ids, each with the value it first came with. */
  readonly ids: Map<string, number>;
  /** All that were counted; `left` of them by the deletions, null: to be found. */
  readonly readings: CountedReading[];
  readonly deletions: Deletions;
  left: readonly CountedReading[] | null;
  /** How the copies of each identity came, but of those that are an offset or depend on the order of one partition. */
  readonly copies: Map<string, Copies>;
  totals: Totals;
  /** The last window's readings, until another is asked for or a reading comes. */
  sample: { key: string; sample: Sample } | null;
}

/** What tells a reading from its duplicates. */
type IdentityKind = keyof Totals["identities"];

export class Oracle {
  readonly rejections: Rejection[] = [];
  readonly quarantine: Quarantined[] = [];
  readonly #sensors = new Map<string, Sensor>();
  /** The offset to read next, by topic id and partition. */
  readonly #next = new Map<string, number>();
  /** The newest time that each partition brought, by topic id and partition. */
  readonly #fronts = new Map<string, number>();
  readonly #zone: string;
  readonly #aheadMs: number;

  /** @param options `zone` is for payload times without one (default UTC), `aheadMs` how far ahead a clock may be */
  constructor(options: { zone?: string; aheadMs?: number } = {}) {
    this.#zone = options.zone ?? "UTC";
    this.#aheadMs = options.aheadMs ?? AHEAD_MS;
  }

  /** Takes one record in. */
  receive(arrival: Arrival): Fate {
    const log = logOf(arrival);
    if (arrival.offset < (this.#next.get(log) ?? 0)) return "replay";
    this.#next.set(log, arrival.offset + 1);
    const outcomes = decodeRecord(arrival.value, this.#zone);
    const front = this.#fronts.get(log) ?? -Infinity;
    const reach = (time: number): void => {
      this.#fronts.set(log, Math.max(time, this.#fronts.get(log) ?? -Infinity));
    };
    return fateOf(outcomes.map((payload) => this.#receiveReading(arrival, payload, front, reach)));
  }

  /** @param front of the partition before the record; @param reach called with what each reading moves it to */
  #receiveReading(arrival: Arrival, payload: Outcome, front: number, reach: (time: number) => void): ReadingFate {
    const sensor = this.#sensor(arrival.sensor);
    this.#add(sensor, { received: 1 });
    if (refused(payload)) {
      this.#add(sensor, { rejected: 1 });
      this.rejections.push({ arrival, code: payload.code });
      return `rejected:${payload.code}`;
    }

    const device = deviceOf(payload.device, arrival.key);
    const hasNoTime = arrival.recordTime === -1 && !arrival.appendTime;
    const time = payload.time ?? (hasNoTime ? arrival.nowMs : arrival.recordTime);
    const judgedAgainst = arrival.appendTime ? arrival.recordTime : arrival.nowMs;
    const reason = time > judgedAgainst + this.#aheadMs ? "ahead" : time < YEAR_2000 ? "before-2000" : null;
    const { value, boot, sequence, id } = payload;
    const kind: IdentityKind = id !== null ? "explicit" : sequence !== null ? "sequence" : "offset";
    // Duplicates move it, too; a timestamp before 2000 is none, and the time of reading is nobody's.
    if (reason === null) {
      if (arrival.recordTime >= YEAR_2000) reach(Math.min(time, arrival.recordTime));
      else if (payload.time !== null) reach(time);
    }

    const isLate = time < front - LATE_AFTER_MS;
    const copies = copiesIn(sensor.copies, device, payload);
    copies[reason !== null ? "isImpossible" : isLate ? "isLate" : "isOnTime"] = true;
    copies.arrivals.push(arrival);
    if (arrival.partition !== copies.arrivals[0].partition) copies.isSpread = true;

    const place = this.#place(sensor, device, payload);
    if (place.startsBoot) this.#add(sensor, { implicitBoots: 1 });
    const known = sensor.known.of(device);
    if (place.first !== undefined) {
      known.duplicates++;
      if (place.first !== value) known.conflicts++;
      this.#add(sensor, { duplicates: 1, conflicts: place.first === value ? 0 : 1 });
      return "duplicate";
    }
    place.hold();
    if (reason !== null) {
      this.#add(sensor, { quarantined: 1 });
      known.heldBack++;
      this.quarantine.push({
        arrival,
        kind,
        device: utf8(device),
        name: device,
        boot: boot === null ? null : utf8(boot),
        sequence: kind === "sequence" ? sequence : null,
        value,
        time,
        judgedAgainst,
        reason,
      });
      return reason;
    }
    const origin = { log: logOf(arrival), offset: arrival.offset, releasedAfter: 0 };
    this.#count(sensor, { time, value, device, came: { isLate, copies }, origin }, kind);
    return "counted";
  }

  /** Counts quarantined readings after all. */
  release(which: (held: Quarantined) => boolean): number {
    const released = this.quarantine.filter(which);
    for (const held of released) {
      this.quarantine.splice(this.quarantine.indexOf(held), 1);
      const sensor = this.#sensor(held.arrival.sensor);
      this.#add(sensor, { quarantined: -1 });
      sensor.known.of(held.name).heldBack--;
      const origin = { log: logOf(held.arrival), offset: held.arrival.offset, releasedAfter: sensor.deletions.made };
      this.#count(sensor, { time: held.time, value: held.value, device: held.name, origin }, held.kind);
    }
    return released.length;
  }

  /** Takes counted readings out of all answers. @param marks how far it reaches; default: all that was received */
  delete(asked: Asked, marks: Marks = new Map(this.#next)): Deletion {
    const sensor = this.#sensor(asked.sensor);
    this.#changed(sensor);
    return sensor.deletions.make(asked, marks);
  }

  /** As if it had never been made. */
  undo(deletion: Deletion): void {
    deletion.isUndone = true;
    this.#changed(this.#sensor(deletion.sensor));
  }

  /** How many of the counted readings are deleted. */
  deleted(sensor: string): number {
    return this.totals(sensor).counted - this.readings(sensor).length;
  }

  /**
   * Arrivals that make what counts depend on the order in which partitions are read: copies of a reading that is in another partition, too,
   * of which one is late and the other not, or one is held back: against which append time?
   */
  disagreeing(): Set<Arrival> {
    const all = [...this.#sensors.values()].flatMap(({ copies }) => [...copies.values()]);
    const kinds = (copies: Copies): number => Number(copies.isLate) + Number(copies.isOnTime);
    const mixed = all.filter((copies) => copies.isImpossible || kinds(copies) > 1);
    const others = ({ arrivals: [first, ...more] }: Copies) =>
      more.filter(({ partition }) => partition !== first.partition);
    return new Set(mixed.flatMap(others));
  }

  /** The sensors heard from. */
  get sensors(): string[] {
    return [...this.#sensors.keys()];
  }

  /** The raw counted readings of a sensor that are not deleted, in the order they were counted. */
  readings(sensor: string): readonly CountedReading[] {
    const state = this.#sensors.get(sensor);
    if (state === undefined) return [];
    state.left ??= state.deletions.left(state.readings);
    return state.left;
  }

  /** … and those that are. */
  counted(sensor: string): readonly CountedReading[] {
    return this.#sensors.get(sensor)?.readings ?? [];
  }

  totals(sensor: string): Totals {
    return this.#sensors.get(sensor)?.totals ?? NOTHING;
  }

  /** What is known of a sensor's devices. */
  devices(sensor: string): KnownDevices {
    return this.#sensor(sensor).known;
  }

  /** Event times of the first and newest counted reading of these sensors, ms; null when there is none. */
  span(sensors: readonly string[]): { first: number; newest: number } | null {
    let first = Infinity;
    let newest = -Infinity;
    for (const { time } of sensors.flatMap((sensor) => this.readings(sensor))) {
      first = Math.min(first, time);
      newest = Math.max(newest, time);
    }
    return first === Infinity ? null : { first, newest };
  }

  /** The readings of the seconds [startSec, endSec), of one device where it is named. O(readings of the sensor). */
  sample(sensor: string, startSec: number, endSec: number, device?: string): Sample {
    const state = this.#sensors.get(sensor);
    if (state === undefined) return new Sample([]);
    const key = JSON.stringify([startSec, endSec, device]);
    if (state.sample?.key !== key) {
      const inside = (reading: CountedReading): boolean => {
        const second = Math.floor(reading.time / 1000);
        return second >= startSec && second < endSec && (device === undefined || reading.device === device);
      };
      state.sample = { key, sample: new Sample(this.readings(sensor).filter(inside)) };
    }
    return state.sample.sample;
  }

  /** A metric over the seconds [startSec, endSec); quantiles as if always exact. @param windowSeconds for `rate` */
  answer(
    sensor: string,
    startSec: number,
    endSec: number,
    metric: string,
    windowSeconds: number = endSec - startSec,
  ): number | null {
    return metricOf(this.sample(sensor, startSec, endSec), metric, windowSeconds);
  }

  /**
   * What is wrong with `got` as any metric of a window; null when nothing is. The same bits are wanted, except of quantiles that may be off.
   * @param interval said to hold the exact quantile
   */
  fault(
    sensor: string,
    startSec: number,
    endSec: number,
    metric: string,
    got: number | null,
    interval: Interval | null = null,
    device?: string,
  ): string | null {
    const sample = this.sample(sensor, startSec, endSec, device);
    const fault = metricFault(sample, metric, endSec - startSec, got, interval);
    return fault === null
      ? null
      : `${metric} of "${sensor}"${device === undefined ? "" : `, device "${utf8(device)}",`} in [${startSec}, ${endSec}), ${sample.count} readings: ${fault}`;
  }

  #place(sensor: Sensor, device: string, payload: Decoded): Place {
    const { id, boot, sequence, value, time } = payload;
    if (id !== null) return placeIn(sensor.ids, id, value);
    // Whatever is no replay has an offset that was never seen.
    if (sequence === null) return placeIn(new Map(), "", value);
    const identities = this.#identities(sensor, device);
    if (boot !== null) return identities.placeNamed(boot, sequence, value);
    return time === null ? identities.placeUntimed(sequence, value) : identities.placeTimed(sequence, time, value);
  }

  #sensor(name: string): Sensor {
    let sensor = this.#sensors.get(name);
    if (sensor === undefined) {
      sensor = {
        devices: new Map(),
        known: new KnownDevices(),
        ids: new Map(),
        readings: [],
        deletions: new Deletions(),
        left: null,
        copies: new Map(),
        totals: NOTHING,
        sample: null,
      };
      this.#sensors.set(name, sensor);
    }
    return sensor;
  }

  #identities(sensor: Sensor, device: string): DeviceIdentities {
    let identities = sensor.devices.get(device);
    if (identities === undefined) sensor.devices.set(device, (identities = new DeviceIdentities()));
    return identities;
  }

  #count(sensor: Sensor, reading: CountedReading, kind: IdentityKind): void {
    sensor.readings.push(reading);
    this.#changed(sensor);
    sensor.known.count(reading.device ?? "", reading.came?.isLate === true);
    this.#add(sensor, { counted: 1, late: reading.came?.isLate ? 1 : 0 });
    const { identities } = sensor.totals;
    sensor.totals = { ...sensor.totals, identities: { ...identities, [kind]: identities[kind] + 1 } };
  }

  #changed(sensor: Sensor): void {
    sensor.left = null;
    sensor.sample = null;
  }

  #add(sensor: Sensor, more: Partial<Omit<Totals, "identities">>): void {
    const { totals } = sensor;
    sensor.totals = {
      received: totals.received + (more.received ?? 0),
      counted: totals.counted + (more.counted ?? 0),
      duplicates: totals.duplicates + (more.duplicates ?? 0),
      conflicts: totals.conflicts + (more.conflicts ?? 0),
      quarantined: totals.quarantined + (more.quarantined ?? 0),
      rejected: totals.rejected + (more.rejected ?? 0),
      late: totals.late + (more.late ?? 0),
      implicitBoots: totals.implicitBoots + (more.implicitBoots ?? 0),
      identities: totals.identities,
    };
  }
}

/** The name of a partition: what offsets count. */
export function logOf({ topicId, partition }: Pick<Arrival, "topicId" | "partition">): string {
  return JSON.stringify([topicId, partition]);
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("utf8");
}
