/** An engine for the server's tests: the raw readings, scanned for each question; status and dead letters as a test sets them. */
import { TidemarkError } from "../../src/core/errors.ts";
import type { Window } from "../../src/core/window.ts";
import type { Change } from "../../src/engine/change.ts";
import type { Correction, Corrections, DeletionAsked, Preview, Said } from "../../src/engine/correction.ts";
import { Directory, namesShown, type Sensor } from "../../src/engine/directory.ts";
import type {
  Chosen,
  DeviceStatus,
  Engine,
  EngineCounters,
  ListPart,
  Quarantined,
  RejectedRecord,
  SensorSpan,
  SensorStatus,
  SensorTotals,
  Standstill,
} from "../../src/engine/engine.ts";
import type { Past } from "../../src/engine/past.ts";
import { Aggregate, type Needs } from "../../src/metrics/aggregate.ts";
import type { Answer } from "../../src/metrics/answer.ts";
import { squareError } from "../../src/metrics/exact-sum.ts";

interface Reading {
  /** ms. */
  readonly time: number;
  readonly value: number;
  readonly late: boolean;
  readonly device: string;
}

const EVER: Window = { start: -1e11, end: 1e11 };

const NO_TOTALS: SensorTotals = {
  received: 0,
  counted: 0,
  duplicates: 0,
  conflicts: 0,
  quarantined: 0,
  rejected: 0,
  released: 0,
  deleted: 0,
  late: 0,
  gapRecords: 0,
  cutRecords: 0,
  implicitBoots: 0,
  expired: 0,
  quarantineDropped: 0,
  rejectionsDropped: 0,
};

export class ScanEngine implements Engine {
  readonly sensors = new Directory<Sensor>();
  trouble: string | null = null;
  damage: TidemarkError | null = null;
  backlog = 0;
  /** Whether sensors may appear. */
  isOpen = false;
  notices: readonly string[] = [];
  counters: EngineCounters = {
    commits: 3,
    bytesWritten: 4096,
    historyBytes: 8192,
    freeBytes: 1e9,
    revisionBytes: 77,
    revisionsSince: 1_578_928_320_000,
    revisionsDropped: 2,
    logBytes: 61,
    historyScrub: { compared: 9, passes: 1, damaged: [] },
    logScrub: { compared: 4, passes: 0, damaged: [] },
  };
  readonly corrections = new ScanCorrections(this);
  standstills: readonly Standstill[] = [];
  unreadKeys: SensorStatus["unreadKeys"] = [];
  repeatedIds: SensorStatus["repeatedIds"] = [];
  /** Overrides of what `status` says. */
  readonly totals = new Map<string, Partial<SensorTotals>>();
  quarantine: Quarantined[] = [];
  rejections: RejectedRecord[] = [];
  /** The windows that were asked for. */
  queries: Window[] = [];
  /** What `asOf` finds; null: nothing is kept. */
  past: Past | null = null;
  /** Thrown by the next calls of `query`. */
  failure: Error | null = null;
  readonly #readings = new Map<string, Reading[]>();
  readonly #listeners = new Set<(changes: readonly Change[]) => void>();

  constructor(sensors: readonly string[] = ["temperature", "humidity", "pressure"]) {
    for (const sensor of sensors) this.appear(sensor);
  }

  refusal(sensor: string): TidemarkError | null {
    if (this.isOpen || this.sensors.find(sensor) !== undefined) return null;
    return new TidemarkError("not-found", `Cannot append to "${sensor}": expected one of ${namesShown(this.sensors)}`);
  }

  async admit(sensor: string): Promise<void> {
    this.appear(sensor);
  }

  appear(name: string): void {
    this.#readings.set(name, []);
    this.sensors.add({ name, followed: true });
  }

  add(
    sensor: string,
    ...readings: readonly (readonly [time: number, value: number, late?: boolean, device?: string])[]
  ): void {
    for (const [time, value, late, device] of readings) {
      this.#of(sensor).push({ time, value, late: late === true, device: device ?? "" });
    }
    const seconds = readings.map(([time]) => Math.floor(time / 1000));
    const range = (some: readonly number[]) => ({ start: Math.min(...some), end: Math.max(...some) + 1 });
    const late = seconds.filter((_, i) => readings[i][2] === true);
    const prompt = seconds.filter((_, i) => readings[i][2] !== true);
    this.#tell([
      {
        sensor,
        ranges: [
          ...(prompt.length === 0 ? [] : [{ cause: "reading" as const, seconds: range(prompt) }]),
          ...(late.length === 0 ? [] : [{ cause: "late" as const, seconds: range(late) }]),
        ],
      },
    ]);
  }

  /** Says that a sensor's readings in this second were released. */
  released(sensor: string, second: number): void {
    this.#tell([{ sensor, ranges: [{ cause: "released", seconds: { start: second, end: second + 1 } }] }]);
  }

  /** Says that all of these may have changed. */
  changed(...sensors: readonly string[]): void {
    this.#tell(sensors.map((sensor) => ({ sensor, ranges: [{ cause: "reading", seconds: EVER }] })));
  }

  #tell(changes: readonly Change[]): void {
    for (const listener of this.#listeners) listener(changes);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  query(sensor: string, window: Window, needs: Needs, of?: string): Answer {
    this.#require(sensor, of);
    this.queries.push(window);
    if (this.failure !== null) throw this.failure;
    const aggregate = new Aggregate(needs);
    const seconds = new Set<number>();
    for (const { time, value, late, device } of this.#of(sensor)) {
      if (of !== undefined && device !== of) continue;
      const second = Math.floor(time / 1000);
      if (second < window.start || second >= window.end) continue;
      seconds.add(second);
      aggregate.count++;
      if (late) aggregate.late++;
      aggregate.min = Math.min(aggregate.min, value);
      aggregate.max = Math.max(aggregate.max, value);
      aggregate.ends(time, value, time, value);
      aggregate.addSum(value);
      aggregate.addSquares(value * value);
      aggregate.addSquares(squareError(value, value * value));
      aggregate.distribution?.add(value, 1);
    }
    aggregate.seconds = seconds.size;
    return { aggregate, cost: { pages: 1, buckets: seconds.size, pagesFromDisk: 0 } };
  }

  asOf(ms: number): Past {
    if (this.past !== null) return this.past;
    throw new TidemarkError("revision-gone", `Cannot answer as of ${ms}: no revision is kept yet`);
  }

  span(sensor: string, device?: string): SensorSpan {
    this.#require(sensor, device);
    const known = device === undefined ? null : this.device(sensor, device);
    return known === null ? this.status(sensor) : { ...known, keptSince: null };
  }

  /** Devices from this one on, by name, have no series. */
  firstWithoutSeries = "\uFFFF";

  #require(sensor: string, device: string | undefined): void {
    if (device === undefined || this.device(sensor, device)?.hasSeries === true) return;
    throw new TidemarkError("no-device-series", `Cannot answer for device "${device}" of "${sensor}": it has none`);
  }

  requireSeries(sensor: string, device: string): void {
    this.#require(sensor, device);
  }

  device(sensor: string, device: string): DeviceStatus | null {
    return this.devices({ sensor, limit: Infinity }).find((known) => known.device === device) ?? null;
  }

  devices({ sensor, after, limit }: { sensor: string; after?: string; limit: number }): readonly DeviceStatus[] {
    const groups = [...Map.groupBy(this.#of(sensor), ({ device }) => device)];
    const known = groups.map(([device, readings]): DeviceStatus => {
      const lastTime = Math.max(...readings.map(({ time }) => time));
      return {
        device,
        readings: readings.length,
        duplicates: 0,
        conflicts: 0,
        late: readings.filter(({ late }) => late).length,
        heldBack: 0,
        isWhole: true,
        firstTime: Math.min(...readings.map(({ time }) => time)),
        lastTime,
        lastValue: Math.max(...readings.filter(({ time }) => time === lastTime).map(({ value }) => value)),
        lastHeard: lastTime,
        isStuck: false,
        hasSeries: device !== "" && device < this.firstWithoutSeries,
        since: null,
      };
    });
    const sorted = known.sort((a, b) => Buffer.compare(Buffer.from(a.device), Buffer.from(b.device)));
    return sorted.filter(({ device }) => after === undefined || device > after).slice(0, limit);
  }

  async rankDevices({ sensor, by, after, limit }: Parameters<Engine["rankDevices"]>[0]): Promise<DeviceStatus[]> {
    const key = (device: DeviceStatus): number => device[by] ?? Number.NEGATIVE_INFINITY;
    const all = [...this.devices({ sensor, limit: Infinity })];
    all.sort((a, b) => (key(a) === key(b) ? 0 : key(b) - key(a)));
    return all.slice(1 + all.findIndex(({ device }) => device === after)).slice(0, limit);
  }

  status(sensor: string): SensorStatus {
    const readings = this.#of(sensor);
    const totals = { ...NO_TOTALS, counted: readings.length, ...this.totals.get(sensor) };
    const received = totals.counted + totals.duplicates + totals.quarantined + totals.rejected;
    const times = readings.map((reading) => reading.time);
    const lastTime = readings.length === 0 ? null : Math.max(...times);
    const newest = readings.filter((reading) => reading.time === lastTime).map((reading) => reading.value);
    return {
      sensor,
      followed: true,
      totals: { ...totals, received },
      completeUntil: lastTime,
      firstTime: readings.length === 0 ? null : Math.min(...times),
      lastTime,
      keptSince: null,
      lastValue: newest.length === 0 ? null : Math.max(...newest),
      lastArrival: null,
      devices: new Set(readings.map(({ device }) => device)).size,
      deviceSeries: 0,
      simulatedDevices: 0,
      stuckDevices: 0,
      identities: { explicit: 0, sequence: readings.length, offset: 0 },
      lag: 0,
      standstills: this.standstills,
      unreadKeys: this.unreadKeys,
      passedOver: 0,
      repeatedIds: this.repeatedIds,
    };
  }

  async skip(topic: string, partition: number, to: number): Promise<number> {
    const found = this.standstills.find((one) => one.topic === topic && one.partition === partition);
    if (found === undefined) throw new TidemarkError("request-invalid", `Cannot skip in "${topic}": it is read`);
    return to - found.offset;
  }

  onChange(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  beforeCommit(): () => void {
    return () => {};
  }

  topicOf(sensor: string): string {
    return sensor;
  }

  listQuarantine(query: { sensor?: string; after?: number; limit: number }): ListPart<Quarantined> {
    return partOf(this.quarantine, query);
  }

  listRejections(query: { sensor?: string; after?: number; limit: number }): ListPart<RejectedRecord> {
    return partOf(this.rejections, query);
  }

  async releaseQuarantine(which: Chosen): Promise<number> {
    const released = this.quarantine.filter((item) => isMeant(item, which));
    this.quarantine = this.quarantine.filter((item) => !isMeant(item, which));
    for (const { sensor, time, value } of released) this.add(sensor, [time, value]);
    return released.length;
  }

  async discardQuarantine(which: Chosen): Promise<number> {
    const before = this.quarantine.length;
    this.quarantine = this.quarantine.filter((item) => !isMeant(item, which));
    return before - this.quarantine.length;
  }

  async releaseRejections(): Promise<number> {
    return 0;
  }

  async discardRejections(which: Chosen): Promise<number> {
    const before = this.rejections.length;
    this.rejections = this.rejections.filter((item) => !isMeant(item, which));
    return before - this.rejections.length;
  }

  #of(sensor: string): Reading[] {
    const readings = this.#readings.get(sensor);
    if (readings === undefined) throw new Error(`BUG: asked for the unknown sensor ${sensor}`);
    return readings;
  }
}

/** Corrections that are remembered, and change nothing. */
class ScanCorrections implements Corrections {
  readonly #engine: ScanEngine;
  #made: Correction[] = [];

  constructor(engine: ScanEngine) {
    this.#engine = engine;
  }

  list(): readonly Correction[] {
    return this.#made;
  }

  async preview({ sensor, window }: DeletionAsked): Promise<Preview> {
    const needs = { sums: true, quantiles: false };
    const taken = this.#engine.query(sensor, window, needs).aggregate;
    const before = this.#engine.query(sensor, { start: 0, end: 4e9 }, needs).aggregate;
    const [firstTime, lastTime] = taken.count === 0 ? [null, null] : [taken.firstTime, taken.lastTime];
    return { readings: taken.count, seconds: taken.seconds, firstTime, lastTime, before, after: before };
  }

  async delete({ sensor, device, window }: DeletionAsked, said: Said): Promise<Correction> {
    return this.#add({ kind: "delete", sensor, to: null, device, window, ...said });
  }

  async rename(sensor: string, to: string, said: Said): Promise<Correction> {
    return this.#add({ kind: "rename", sensor, to, device: null, window: null, ...said });
  }

  #add(made: Omit<Correction, "number" | "at" | "undone" | "readings">): Correction {
    const correction = { ...made, number: this.#made.length + 1, at: 0, undone: null, readings: 0 };
    this.#made.push(correction);
    return correction;
  }

  async undo(number: number, by: string): Promise<Correction> {
    const found = this.#made.find((made) => made.number === number);
    if (found === undefined) throw new TidemarkError("not-found", `Cannot undo correction ${number}: there is none`);
    const undone = { ...found, undone: { at: 1, by } };
    this.#made = this.#made.map((made) => (made === found ? undone : made));
    return undone;
  }
}

function partOf<T extends { readonly id: number; readonly sensor: string }>(
  all: readonly T[],
  { sensor, after, limit }: { sensor?: string; after?: number; limit: number },
): ListPart<T> {
  const items = all.filter((item) => item.id > (after ?? -1) && (sensor === undefined || item.sensor === sensor));
  const last = items[limit - 1];
  return { items: items.slice(0, limit), next: items.length > limit && last !== undefined ? last.id : null };
}

function isMeant(
  item: { readonly id: number; readonly sensor: string; readonly device?: string },
  which: Chosen,
): boolean {
  if ("length" in which) return which.includes(item.id);
  return (which.sensor ?? item.sensor) === item.sensor && (which.device ?? item.device) === item.device;
}
