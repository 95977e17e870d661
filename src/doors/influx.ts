/** The bytes of a write request of InfluxDB's → records for the log: the lines as they are, behind a header that says how they are read. */
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { RECORD_BYTES_MAX } from "../core/limits.ts";
import type { LineNaming } from "../core/line-naming.ts";
import { inSlices, type Sliced } from "../core/slices.ts";
import { PRECISIONS, writeHeader } from "../formats/influx/header.ts";
import { InfluxLines } from "../formats/influx/lines.ts";
import type { NewRecord } from "../log/log.ts";
import type { ReadingsLog } from "./body.ts";
import { type DoorCounts, DoorProblems, type DoorView, noCounts } from "./door-counts.ts";
import type { SensorsOf } from "./mapped-door.ts";

/** The topic of all records of line protocol: one request is one append, whatever sensors it names. */
export const INFLUX_TOPIC = "influx";

/** What the unit of times may be called. */
export const PRECISION_NAMES: readonly string[] = Object.keys(PRECISIONS);

/** Bytes of lines in one record: some ms to take in, however short the lines are, so that no answer waits longer for it. */
const LINES_BYTES = 32_768;

/** Lines that are cut before it is asked whether others may run: some 0.1 ms. */
const LINES_AT_ONCE = 1024;

/** Records, and how many lines are in them. */
export interface LineRecords {
  readonly records: NewRecord[];
  readonly lines: number;
}

/**
 * Records of some lines each; none when there is nothing but white space.
 * @param precision one of `PRECISION_NAMES`
 * @throws TidemarkError "record-too-large" when a line does not fit into a record
 */
export function* recordsOfLines(body: Uint8Array, precision: string, naming: LineNaming): Sliced<LineRecords> {
  const head = Buffer.from(writeHeader(precision, naming), "utf8");
  const records: NewRecord[] = [];
  let start = -1;
  let end = 0;
  let count = 0;
  const take = (): void => {
    if (head.length + end - start > RECORD_BYTES_MAX) {
      const wanted = `expected lines of <= ${RECORD_BYTES_MAX - head.length} bytes, was ${end - start}`;
      throw new TidemarkError("record-too-large", `Cannot append lines: ${wanted}`);
    }
    records.push({ value: Buffer.concat([head, body.subarray(start, end)]) });
    start = -1;
  };
  const lines = new InfluxLines(body, 0, body.length);
  for (let seen = 1; lines.step(); seen++) {
    if (seen % LINES_AT_ONCE === 0) yield;
    if (!lines.isContent) continue;
    if (start >= 0 && lines.end - start > LINES_BYTES) take();
    if (start < 0) start = lines.start;
    end = lines.end;
    count++;
  }
  if (start >= 0) take();
  return { records, lines: count };
}

/** What the door needs. */
export interface InfluxDoorOptions {
  readonly engine: SensorsOf;
  readonly log: ReadingsLog;
  readonly clock: Clock;
  readonly naming: LineNaming;
}

/** The door: a message of it is a request, and what is durable of it is counted in lines, as only the pipeline reads them. */
export class InfluxDoor implements DoorView {
  readonly name = "influx";
  readonly counts: DoorCounts = noCounts();
  /** Neither refuses anything by itself, nor connects. */
  readonly trouble = null;
  readonly connections = null;
  readonly #options: InfluxDoorOptions;
  readonly #problems = new DoorProblems();

  constructor(options: InfluxDoorOptions) {
    this.#options = options;
  }

  problems() {
    return this.#problems.list();
  }

  passedOver() {
    return [];
  }

  /** Appends the lines of one request, all of them or none. @param precision one of `PRECISION_NAMES` @throws TidemarkError of the log, "record-too-large" */
  async take(body: Uint8Array, precision: string): Promise<void> {
    const { log, naming, clock } = this.#options;
    this.counts.messages++;
    try {
      const { records, lines } = await inSlices(recordsOfLines(body, precision, naming));
      if (records.length === 0) return;
      await this.#admit();
      await log.append(INFLUX_TOPIC, records);
      this.counts.readings += lines;
    } catch (error) {
      if (error instanceof TidemarkError) {
        this.counts.refused++;
        this.#problems.note(INFLUX_TOPIC, error.code, error.message, "", body, clock.now());
      }
      throw error;
    }
  }

  /** The first lines make their topic. What an operator has to mend is no reason for a sender to drop its lines, which it does for a 4xx. */
  async #admit(): Promise<void> {
    const { engine } = this.#options;
    if (engine.sensors.find(INFLUX_TOPIC)?.followed === true) return;
    const refusal = engine.refusal(INFLUX_TOPIC);
    if (refusal !== null) throw new TidemarkError("topic-missing", refusal.message);
    await engine.admit(INFLUX_TOPIC);
  }
}
