/** Messages of the world → readings in the log, by maps. What becomes durable together is a batch. */
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import type { NewRecord } from "../log/log.ts";
import type { ReadingsLog } from "./body.ts";
import { type DoorConnections, type DoorCounts, DoorProblems, type DoorView, noCounts } from "./door-counts.ts";
import type { MapFault, Mapped, Mapper } from "./mapping/mapper.ts";
import type { Maps, Routed } from "./mapping/maps.ts";
import type { Payload } from "./mapping/payload.ts";
import { Repeats } from "./mapping/repeats.ts";
import type { Unrouted } from "./mapping/unrouted.ts";

/** What a door asks of the engine. */
export interface SensorsOf {
  readonly sensors: { find(name: string): { readonly followed: boolean } | undefined };
  refusal(sensor: string): TidemarkError | null;
  admit(sensor: string): Promise<void>;
  /** The topic that a sensor's readings are appended to. */
  topicOf(sensor: string): string;
}

/** What a door needs. */
export interface DoorOptions {
  readonly engine: SensorsOf;
  readonly log: ReadingsLog;
  readonly maps: Maps;
  readonly unrouted: Unrouted;
  readonly clock: Clock;
}

/** A message as it came. */
export interface Came {
  readonly topic: string;
  readonly body: Uint8Array;
  /** Its media type, where it says one. */
  readonly type?: string | undefined;
  readonly payload: Payload;
  readonly isRetained: boolean;
}

/** What was made of one message. */
export interface Taken {
  readonly readings: number;
  readonly repeats: number;
  readonly unchanged: number;
  readonly passed: number;
  readonly faults: readonly MapFault[];
  readonly isUnrouted: boolean;
}

const NOTHING: Taken = { readings: 0, repeats: 0, unchanged: 0, passed: 0, faults: [], isUnrouted: false };

/** Why a sensor takes no reading, now or later: the reading is refused. Other errors of the log pass, and are waited for. */
const FINAL: ReadonlySet<string> = new Set(["too-many-sensors", "sensor-taken", "not-found", "record-too-large"]);

/** … of a door whose messages all wait for one that is not taken: what is wrong with one topic of the log must not hold up the others. */
export const TOPIC_CODES: readonly string[] = ["topic-missing", "topic-recreated", "log-refused"];

/** A topic that could not be written to is tried again after this, ms: a Kafka is asked several times for one that is missing. */
const TOPIC_RETRY_MS = 10_000;

/** Topics that could not be written to and are remembered; past it the oldest is tried again at once. */
const SHUT_MAX = 1000;

/** Readings on their way into the log. */
export class Batch {
  readonly records = new Map<string, NewRecord[]>();
  readonly waits: Promise<void>[] = [];
  readonly #settled = Promise.withResolvers<void>();
  messages = 0;
  readings = 0;

  constructor() {
    this.durable.catch(() => {}); // told by whoever waits for it
  }

  get durable(): Promise<void> {
    return this.#settled.promise;
  }

  add(sensor: string, record: NewRecord): void {
    this.readings++;
    const records = this.records.get(sensor);
    if (records === undefined) this.records.set(sensor, [record]);
    else records.push(record);
  }

  settle(error: unknown): void {
    if (error === null) this.#settled.resolve();
    else this.#settled.reject(error);
  }
}

/** A door whose messages are mapped. */
export class MappedDoor implements DoorView {
  readonly name: string;
  readonly counts: DoorCounts = noCounts();
  readonly maps: Maps;
  readonly #options: DoorOptions;
  readonly #problems = new DoorProblems();
  readonly #passedOver = new DoorProblems();
  readonly #repeats = new Repeats();
  readonly #final: ReadonlySet<string>;
  /** By topic, when it is tried again. */
  readonly #shut = new Map<string, { readonly error: TidemarkError; readonly untilMs: number }>();

  /** @param final codes of errors that refuse a reading, beside those that no waiting helps against */
  constructor(name: string, options: DoorOptions, final: readonly string[] = []) {
    this.name = name;
    this.maps = options.maps;
    this.#options = options;
    this.#final = new Set([...FINAL, ...final]);
  }

  /** Nothing keeps it from taking anything in. */
  get trouble(): string | null {
    return null;
  }

  get connections(): DoorConnections | null {
    return null;
  }

  problems() {
    return this.#problems.list();
  }

  passedOver() {
    return this.#passedOver.list();
  }

  /** Something of a door that is no reading's, by its cause. */
  protected noteProblem(what: string, code: string, reason: string): void {
    this.#problems.note(what, code, reason, "", new Uint8Array(), this.#options.clock.now());
  }

  /** Maps a message, and adds its readings to the batch. */
  take(came: Came, batch: Batch): Taken {
    const { topic, payload, isRetained } = came;
    const arrivalMs = this.#options.clock.now();
    const routed = this.maps.route({ topic, payload, isRetained, arrivalMs });
    return this.takeRouted(came, routed, batch, arrivalMs);
  }

  /** The same for a message that was routed by other means than its topic. */
  takeRouted(came: Came, routed: Routed, batch: Batch, arrivalMs: number): Taken {
    const { topic, body, type } = came;
    const { counts } = this;
    counts.messages++;
    batch.messages++;
    if (routed.kind === "unrouted") {
      counts.unrouted++;
      this.#options.unrouted.note(this.name, topic, body, type, arrivalMs);
      return { ...NOTHING, isUnrouted: true };
    }
    if (routed.kind === "passed") {
      if (routed.isRetained) counts.retained++;
      else counts.passed++;
      if (routed.map !== null) this.#noteNothing(routed.map, came, arrivalMs);
      return { ...NOTHING, passed: 1 };
    }
    return this.#add(came, routed.map, routed.read, batch, arrivalMs);
  }

  /** Of an empty message, which clears what a broker kept, there is nothing to say. */
  #noteNothing({ spec }: Mapper, { topic, body, payload }: Came, arrivalMs: number): void {
    if (payload.kind === "nothing") return;
    this.#passedOver.note(spec.name, "nothing-in-it", "none of its readings is there", topic, body, arrivalMs);
  }

  #add(
    { topic, body }: Came,
    { spec }: Mapper,
    read: { readonly readings: readonly Mapped[]; readonly faults: readonly MapFault[]; readonly passed: number },
    batch: Batch,
    arrivalMs: number,
  ): Taken {
    const { counts } = this;
    const faults = [...read.faults];
    const admitted = read.readings.filter((reading) => {
      const refusal = this.#options.engine.refusal(reading.sensor);
      if (refusal === null || !this.#final.has(refusal.code)) return true;
      faults.push({ code: refusal.code, reason: refusal.message, at: "" });
      return false;
    });
    const sifted = this.#repeats.sift(spec, admitted, arrivalMs);
    for (const reading of sifted.taken) batch.add(reading.sensor, { value: recordOf(reading) });
    this.#repeats.await(sifted, batch.durable);
    for (const wait of sifted.waits) if (wait !== batch.durable) batch.waits.push(wait);
    for (const { code, reason } of faults) this.#problems.note(spec.name, code, reason, topic, body, arrivalMs);
    counts.passed += read.passed;
    counts.refused += faults.length;
    counts.repeats += sifted.repeats;
    counts.unchanged += sifted.unchanged;
    const { repeats, unchanged } = sifted;
    return { readings: sifted.taken.length, repeats, unchanged, passed: read.passed, faults, isUnrouted: false };
  }

  /**
   * Appends a batch; resolves once it is durable, and all that its messages repeat.
   * @throws TidemarkError of the log; what was appended is no more in the batch, and it may be tried again
   */
  async append(batch: Batch): Promise<void> {
    const failures: unknown[] = [];
    await Promise.all(
      [...batch.records].map(async ([sensor, records]) => {
        try {
          await this.#appendTo(sensor, records);
          batch.records.delete(sensor);
          this.counts.readings += records.length;
        } catch (error) {
          if (!(error instanceof TidemarkError) || !this.#final.has(error.code)) {
            failures.push(error);
            return;
          }
          batch.records.delete(sensor);
          this.counts.refused += records.length;
          this.#problems.note(sensor, error.code, error.message, "", records[0].value, this.#options.clock.now());
        }
      }),
    );
    if (failures.length > 0) throw failures[0];
    await Promise.all(batch.waits);
    batch.settle(null);
  }

  async #appendTo(sensor: string, records: readonly NewRecord[]): Promise<void> {
    const { engine, log, clock } = this.#options;
    const shut = this.#shut.get(sensor);
    if (shut !== undefined && clock.steady() < shut.untilMs) throw shut.error;
    this.#shut.delete(sensor);
    try {
      if (engine.sensors.find(sensor)?.followed !== true) await engine.admit(sensor);
      await log.append(engine.topicOf(sensor), records);
    } catch (error) {
      if (error instanceof TidemarkError && this.#final.has(error.code)) {
        this.#shut.set(sensor, { error, untilMs: clock.steady() + TOPIC_RETRY_MS });
        const [oldest] = this.#shut.keys();
        if (this.#shut.size > SHUT_MAX) this.#shut.delete(oldest);
      }
      throw error;
    }
  }
}

/** A reading as docs/formats/payload.md has it. Written out: an object made for JSON.stringify is a third of the cost of a message. */
function recordOf({ device, value, time, id, boot, sequence }: Mapped): Uint8Array {
  const named = device === "" ? "" : `"device":${JSON.stringify(device)},`;
  const timed = time === undefined ? "" : `,"time":${time}`;
  const identified =
    (id === undefined ? "" : `,"id":${JSON.stringify(id)}`) +
    (boot === undefined ? "" : `,"boot":${JSON.stringify(boot)}`) +
    (sequence === undefined ? "" : `,"sequence":${sequence}`);
  return Buffer.from(`{${named}"value":${value}${timed}${identified}}`);
}
