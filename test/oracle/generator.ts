/**
 * Histories to compare tidemark with the oracle on: several sensors, partitions and many devices, with everything that goes wrong in them.
 * Seeded: the same options give the same history. It imports nothing from src/.
 *
 *   const history = createHistory({ seed: 1, readings: 20_000, nowMs: 1_700_000_000_000 });
 *   const oracle = new Oracle({ zone: history.options.zone });
 *   for (const batch of history.batches) {
 *     for (const mark of history.marks) if (mark.batch === batch.index) …       // commit, restart or kill before this batch
 *     clock.set(batch.nowMs);                                                   // one clock a batch
 *     feed history.arrivals.slice(batch.start, batch.end)                       // one topic and partition, offsets ascending
 *   }
 *   for (const { start, end } of history.randomWindows(100)) compare(oracle.fault(sensor, start, end, metric, got));
 *
 * `fates[i]` is what must become of `arrivals[i]` (the generator's own truth, found without the oracle's rules). A batch may be split at will;
 * neighbouring batches with the same topic id and partition may be joined where the clock rule judges against the record's timestamp (`log` not "kafka").
 * With `log: "embedded"` there is one partition and the topic is not recreated; record timestamps are the processing clock.
 * For a real broker or a real process use `clock: "still"` (everything is judged at `nowMs`, which should be the real now) and
 * `order: "any"` (the counted set does not depend on how partitions are interleaved; fates of single arrivals may then differ, sums do not).
 * Where the log will not take some records, filter `arrivals` by fate (`rejected:record-too-large`) before feeding both sides, or set `oversized: false`.
 */
import { createCorrections, type Known } from "./corrections.ts";
import { createDevices, KINDS } from "./devices.ts";
import { GARBAGE, GARBAGE_CODES } from "./garbage.ts";
import { type Batch, CASES, type GeneratorOptions, type History, type Mark } from "./history.ts";
import { type Arrival, type Fate, fateOf, type ReadingFate } from "./oracle.ts";
import { joinReadings, renderPayload, wrap } from "./payload.ts";
import { Seeded } from "./seeded.ts";
import { DAY, HOUR, type Reading, type Sending, type Span, type Tally, TICK_MAX } from "./sending.ts";
import { createTimeline } from "./timeline.ts";
import { type AskedWindow, createWindows } from "./windows.ts";

export type { Batch, GeneratorOptions, History } from "./history.ts";

const AHEAD_MS = 300_000;
const YEAR_2000 = 946_684_800_000;
/** How long after the broker's timestamp a "kafka-append" record is read. */
const READ_LAG = 3 * HOUR;
const MANY_READINGS = 50;
const MANY_VALUES = 2048;
const MANY_IN_BATCH = 20;
/** Share of records that are several readings, where what follows allows it. */
const SEVERAL = 0.04;

/** Makes a history. O(readings); 200,000 take a few seconds. */
export function createHistory(given: GeneratorOptions): History {
  return new Builder(resolve(given)).build();
}

function resolve(given: GeneratorOptions): Required<GeneratorOptions> {
  const log = given.log ?? "kafka";
  const sensors = given.sensors ?? ["temperature", "humidity", "pressure"];
  return {
    days: 14,
    sensors,
    partitions: log === "embedded" ? 1 : 3,
    devices: defaultDevices(given.readings / sensors.length),
    log,
    clock: "moving",
    order: "given",
    zone: "Europe/Berlin",
    recreate: log !== "embedded",
    replays: false,
    garbage: Math.max(GARBAGE_CODES.length - 1, Math.floor(given.readings * 0.01)),
    oversized: true,
    renames: true,
    ...given,
  };
}

/** Enough readings for each device of a small history to live through reboots; then every kind; then with the square root. */
function defaultDevices(sensorReadings: number): number {
  return Math.max(3, Math.min(KINDS.length, Math.floor(sensorReadings / 25)), Math.ceil(Math.sqrt(sensorReadings) / 2));
}

class Builder {
  readonly #options: Required<GeneratorOptions>;
  readonly #random: Seeded;
  readonly #cases = new Map<string, number>(CASES.map((name) => [name, 0]));
  readonly #arrivals: Arrival[] = [];
  readonly #fates: Fate[] = [];
  readonly #batches: Batch[] = [];
  readonly #marks: Mark[] = [];
  /** Counted readings of each sensor, and what is known of them and their copies. */
  readonly #counted: { time: number; value: number }[][];
  readonly #known: Known[][];
  readonly #topicIds: string[];
  readonly #offsets: number[][];

  constructor(options: Required<GeneratorOptions>) {
    this.#options = options;
    this.#random = new Seeded(options.seed);
    this.#counted = options.sensors.map(() => []);
    this.#known = options.sensors.map(() => []);
    this.#topicIds = options.sensors.map((_, sensor) => this.#topicId(sensor, 1));
    this.#offsets = options.sensors.map(() => new Array<number>(options.partitions).fill(0));
  }

  readonly #tally: Tally = (name) => {
    const count = this.#cases.get(name);
    if (count === undefined) throw new Error(`BUG: case "${name}" is not listed`);
    this.#cases.set(name, count + 1);
  };

  build(): History {
    const sendings = this.#plan();
    const ticks = this.#cutTicks(sendings);
    const recreateAt = this.#options.recreate ? Math.floor(ticks.length * 0.6) : -1;
    ticks.forEach((tick, index) => {
      if (index === recreateAt) this.#recreate(0);
      this.#addTick(tick);
    });
    this.#describeCounted();
    const [cases, random] = [this.#cases, this.#random.int(0, 2 ** 31)];
    const starts = this.#batches.map(({ start }) => start);
    return {
      options: this.#options,
      arrivals: this.#arrivals,
      fates: this.#fates,
      batches: this.#batches,
      marks: this.#marks,
      corrections: createCorrections(this.#options, this.#known, starts, new Seeded(random), this.#tally),
      caseCounts: cases,
      describe: () => [...cases].map(([name, count]) => `${String(count).padStart(8)}  ${name}`).join("\n"),
      randomWindows: (count, seed = random) => this.#windows(count, seed),
    };
  }

  #plan(): Sending[] {
    const { sensors, readings, nowMs, days, partitions, devices, clock, order } = this.#options;
    const span: Span = {
      start: nowMs - days * DAY,
      now: nowMs,
      partitions,
      isStill: clock === "still",
      anyOrder: order === "any",
    };
    // A tenth of the records are copies, some are garbage.
    const each = Math.ceil((readings * 0.87) / sensors.length);
    const sendings = sensors.flatMap((_, sensor) =>
      createDevices(this.#random, sensor, each, devices, partitions).flatMap((planned) =>
        createTimeline(planned.device, planned.readings, span, this.#random, this.#tally),
      ),
    );
    sendings.push(...this.#garbage(span));
    return sendings.sort((a, b) => a.at - b.at);
  }

  #garbage(span: Span): Sending[] {
    const { garbage, sensors, log, oversized } = this.#options;
    const codes = GARBAGE_CODES.filter((code) => code !== "record-too-large");
    const sendings: Sending[] = [];
    const add = (code: string): void => {
      // The embedded log knows no record without a value.
      const texts = GARBAGE[code].filter((text) => text !== null || log !== "embedded");
      const at = Math.floor(span.start + this.#random.next() * (span.now - span.start));
      sendings.push({
        at,
        sensor: this.#random.int(0, sensors.length - 1),
        partition: this.#random.int(0, span.partitions - 1),
        recordTime: at,
        key: this.#random.chance(0.5) ? Buffer.from("garbage") : null,
        reading: null,
        conflict: null,
        garbage: { code, text: this.#random.pick(texts) },
      });
      this.#tally(`rejected:${code}`);
    };
    const first = garbage < codes.length ? this.#random.int(0, codes.length - 1) : 0;
    for (let index = 0; index < garbage; index++) add(codes[(first + index) % codes.length]);
    if (oversized) for (let index = 0; index < 2; index++) add("record-too-large");
    return sendings;
  }

  /** Cuts what arrives into ticks: what is processed at one clock. Most are within an hour, some are a consumer that catches up. */
  #cutTicks(sendings: readonly Sending[]): Sending[][] {
    const ticks: Sending[][] = [];
    const sizeMax = Math.max(8, sendings.length / 40);
    let tick: Sending[] = [];
    let size = 1;
    let spanMax = HOUR;
    for (const sending of sendings) {
      if (tick.length >= size || (tick.length > 0 && sending.at > tick[0].at + spanMax)) {
        ticks.push(tick);
        tick = [];
      }
      if (tick.length === 0) {
        size = this.#random.scale(1, sizeMax);
        spanMax = this.#random.chance(0.1) ? TICK_MAX : HOUR;
      }
      tick.push(sending);
    }
    if (tick.length > 0) ticks.push(tick);
    return ticks;
  }

  /** Processes a tick: each topic partition in turn, in batches. */
  #addTick(tick: readonly Sending[]): void {
    const { clock, log, nowMs: end, partitions } = this.#options;
    const logTime = tick[tick.length - 1].at;
    const nowMs = clock === "still" ? end : log === "kafka-append" ? logTime + READ_LAG : logTime;
    const groups = Map.groupBy(tick, (sending) => sending.sensor * partitions + sending.partition);
    for (const group of this.#random.shuffle([...groups.values()])) {
      let start = 0;
      while (start < group.length) {
        const size = this.#random.chance(0.3) ? Math.ceil(this.#random.scale(1, group.length)) : group.length;
        const batch = group.slice(start, start + size);
        this.#addBatch(batch, log === "embedded" ? nowMs : logTime, nowMs);
        start += batch.length;
      }
    }
  }

  #addBatch(batch: readonly Sending[], logTime: number, nowMs: number): void {
    const { sensor, partition } = batch[0];
    if (this.#batches.length > 0 && this.#random.chance(0.03)) this.#mark(sensor, partition, nowMs);
    const start = this.#arrivals.length;
    for (let at = 0; at < batch.length; ) {
      const record = this.#recordAt(batch, at);
      this.#addArrival(record, logTime, nowMs);
      at += record.length;
    }
    this.#closeBatch(start, sensor, partition, nowMs, false);
    if (batch.length === 1) this.#tally("batch-of-one");
    if (batch.length >= MANY_IN_BATCH) this.#tally("batch-of-many");
  }

  #closeBatch(start: number, sensor: number, partition: number, nowMs: number, isReplay: boolean): void {
    this.#batches.push({
      index: this.#batches.length,
      start,
      end: this.#arrivals.length,
      sensor: this.#options.sensors[sensor],
      topicId: this.#topicIds[sensor],
      partition,
      nowMs,
      isReplay,
    });
  }

  /** Something happens before the next batch; after it the partition's last records may come again. */
  #mark(sensor: number, partition: number, nowMs: number): void {
    const kind = this.#random.pick(["commit", "restart", "kill"] as const);
    this.#marks.push({ batch: this.#batches.length, kind });
    this.#tally(`mark-${kind}`);
    const [topicId, reach] = [this.#topicIds[sensor], this.#random.int(1, 200)];
    if (!this.#options.replays || kind === "commit") return;
    const recent = this.#arrivals
      .slice(-reach)
      .filter((each) => each.topicId === topicId && each.partition === partition);
    const again = [...new Map(recent.map((each) => [each.offset, each])).values()].sort((a, b) => a.offset - b.offset);
    if (again.length === 0) return;
    const start = this.#arrivals.length;
    for (const arrival of again) {
      this.#arrivals.push({ ...arrival, nowMs });
      this.#fates.push("replay");
      this.#tally("fate-replay");
    }
    this.#closeBatch(start, sensor, partition, nowMs, true);
  }

  /** The sendings that are one record: the one at `at`, now and then with some that follow it. */
  #recordAt(batch: readonly Sending[], at: number): Sending[] {
    const first = batch[at];
    const isWithGarbage = first.garbage !== null || (at + 1 < batch.length && batch[at + 1].garbage !== null);
    const size = this.#random.chance(isWithGarbage ? 0.5 : SEVERAL) ? this.#random.int(2, 5) : 1;
    const isLike = (sending: Sending): boolean =>
      keyText(sending) === keyText(first) && isBare(sending) === isBare(first) && canBeJoined(sending);
    let end = at + 1;
    while (end < Math.min(batch.length, at + size) && isLike(first) && isLike(batch[end])) end++;
    return batch.slice(at, end);
  }

  #addArrival(record: readonly Sending[], logTime: number, nowMs: number): void {
    const { log, clock, sensors } = this.#options;
    const { sensor, partition, key } = record[0];
    const appendTime = log !== "kafka";
    const hasNoTime = !appendTime && clock === "moving" && this.#random.chance(0.01);
    const recordTime = appendTime ? logTime : hasNoTime ? -1 : record[0].recordTime;
    const judgedAgainst = appendTime ? recordTime : nowMs;
    const times = record.map(({ reading }) => (reading === null ? null : timeOf(reading, judgedAgainst)));
    const offset = this.#offsets[sensor][partition]++;
    const topicId = this.#topicIds[sensor];
    const head = { sensor: sensors[sensor], topicId, partition, offset, recordTime, appendTime };
    this.#arrivals.push({ ...head, key, value: this.#valueOf(record, times), nowMs });
    const timeOfRecord = hasNoTime ? nowMs : recordTime;
    this.#fates.push(fateOf(record.map((each, i) => this.#fate(each, times[i] ?? timeOfRecord, judgedAgainst))));
    if (hasNoTime) this.#tally("time-none");
    if (key !== null && key.length > 256) this.#tally("key-hashed");
    if (record.length > 1 && record.some(({ garbage }) => garbage !== null)) this.#tally("several-with-refused");
  }

  #valueOf(record: readonly Sending[], times: readonly (number | null)[]): Uint8Array | null {
    const values = record.map(({ reading, conflict, garbage }, i) =>
      reading !== null
        ? renderPayload(reading, times[i], conflict, this.#options.zone, this.#random, this.#tally)
        : bytesOf(garbage?.text ?? null),
    );
    const [value] = values;
    if (value === null) return null;
    if (values.length > 1)
      return joinReadings(
        values.filter((each) => each !== null),
        isBare(record[0]),
        this.#random,
        this.#tally,
      );
    return record[0].reading !== null && this.#random.chance(0.02) ? wrap(value, this.#random, this.#tally) : value;
  }

  /** The truth about a sending, without the rules that must find it. */
  #fate(sending: Sending, time: number, judgedAgainst: number): ReadingFate {
    const { reading } = sending;
    if (reading === null) return `rejected:${sending.garbage?.code}`;
    const fate = reading.identity?.taken ? "duplicate" : judge(time, judgedAgainst);
    if (reading.identity !== null) reading.identity.taken = true;
    this.#tally(`fate-${fate}`);
    const { value } = sending.conflict ?? reading.written;
    if (fate === "counted") this.#counted[sending.sensor].push({ time, value });
    if (fate === "counted" || fate === "duplicate") {
      const { name } = reading.device;
      const device = name === null ? null : Buffer.from(String(name)).toString("latin1");
      const [arrival, second, isCopy] = [this.#fates.length, Math.floor(time / 1000), fate === "duplicate"];
      this.#known[sending.sensor].push({ arrival, device, second, isCopy });
    }
    return fate;
  }

  #recreate(sensor: number): void {
    this.#topicIds[sensor] = this.#topicId(sensor, 2);
    this.#offsets[sensor].fill(0);
    this.#tally("recreated-topic");
  }

  /** A UUID that names the sensor and which time its topic was created. */
  #topicId(sensor: number, creation: number): string {
    const number = (sensor * 16 + creation).toString(16).padStart(12, "0");
    return `${this.#options.seed.toString(16).padStart(8, "0").slice(-8)}-0000-4000-8000-${number}`;
  }

  #describeCounted(): void {
    for (const readings of this.#counted) {
      const bySecond = Map.groupBy(readings, ({ time }) => Math.floor(time / 1000));
      for (const second of bySecond.values())
        if (second.length >= MANY_READINGS) this.#tally("seconds-with-many-readings");
      for (const hour of Map.groupBy(readings, ({ time }) => Math.floor(time / HOUR)).values()) {
        if (new Set(hour.map(({ value }) => value)).size > MANY_VALUES) this.#tally("hours-with-many-values");
      }
      for (const _ of tiesOf(readings)) this.#tally("ties");
    }
  }

  #windows(count: number, seed: number): AskedWindow[] {
    const readings = this.#counted.flat();
    const seconds = new Set(readings.map(({ time }) => Math.floor(time / 1000)));
    const ties = this.#counted.flatMap((own) => tiesOf(own).map((time) => Math.floor(time / 1000)));
    const landscape = { seconds: Float64Array.from(seconds).sort(), ties };
    return createWindows(landscape, Math.floor(this.#options.nowMs / 1000), count, new Seeded(seed));
  }
}

/** The payload's time, null when it has none. */
function timeOf({ edge, time }: Reading, judgedAgainst: number): number | null {
  if (edge === null) return time;
  return edge.isRelative ? judgedAgainst + edge.ms : edge.ms;
}

function isBare({ reading }: Sending): boolean {
  return reading?.device.kind.bare === true;
}

/** In a record of several: a reading, or an object that is none. */
function canBeJoined({ garbage }: Sending): boolean {
  if (garbage === null) return true;
  if (garbage.text === null || !/^ *\{/.test(garbage.text) || garbage.text.length > 2000) return false;
  try {
    JSON.parse(garbage.text);
    return true;
  } catch {
    return false;
  }
}

function keyText({ key }: Sending): string {
  return key === null ? "none" : `key ${Buffer.from(key).toString("latin1")}`;
}

function judge(time: number, judgedAgainst: number): ReadingFate {
  if (time > judgedAgainst + AHEAD_MS) return "ahead";
  return time < YEAR_2000 ? "before-2000" : "counted";
}

function bytesOf(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text);
}

/** Event times that several readings with different values have. */
function tiesOf(readings: readonly { time: number; value: number }[]): number[] {
  const groups = Map.groupBy(readings, ({ time }) => time);
  return [...groups].filter(([, group]) => new Set(group.map(({ value }) => value)).size > 1).map(([time]) => time);
}
