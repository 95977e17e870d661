/** Messages of the world → readings in the log, by maps. What becomes durable together is a batch. */
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import type { NewRecord } from "../log/log.ts";
import type { ReadingsLog } from "./body.ts";
import { type DoorCounts, DoorProblems, type DoorView, noCounts } from "./door-counts.ts";
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
  readonly #repeats = new Repeats();

  constructor(name: string, options: DoorOptions) {
    this.name = name;
    this.maps = options.maps;
    this.#options = options;
  }

  /** Nothing keeps it from taking anything in. */
  get trouble(): string | null {
    return null;
  }

  problems() {
    return this.#problems.list();
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
      return { ...NOTHING, passed: 1 };
    }
    return this.#add(came, routed.map, routed.read, batch, arrivalMs);
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
      if (refusal === null || !FINAL.has(refusal.code)) return true;
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
          if (!(error instanceof TidemarkError) || !FINAL.has(error.code)) {
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
    const { engine, log } = this.#options;
    if (engine.sensors.find(sensor)?.followed !== true) await engine.admit(sensor);
    await log.append(engine.topicOf(sensor), records);
  }
}

/** A reading as docs/formats/payload.md has it. */
function recordOf({ sensor: _, device, ...reading }: Mapped): Uint8Array {
  return Buffer.from(JSON.stringify(device === "" ? reading : { device, ...reading }));
}
