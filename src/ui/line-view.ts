/** The live stream as plain lines, where there is no terminal. */
import type { Clock } from "../core/clock.ts";
import { formatSecond } from "../core/time.ts";
import type { Known } from "./known.ts";
import type { LiveRow } from "./live-event.ts";
import { plainLine } from "./plain-line.ts";

/** Plain lines of one sensor: at most one in this time. */
const LINE_MS_MIN = 1000;

/** A sensor that changed has a line, at most one a second; the newest state is never lost, only delayed. */
export class LineView {
  readonly #known: Known;
  readonly #clock: Clock;
  readonly #output: NodeJS.WritableStream;
  readonly #onEnd: () => void;
  readonly #told = new Map<string, string>();
  readonly #dirty = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #saidLost = false;

  constructor(known: Known, clock: Clock, output: NodeJS.WritableStream, onEnd: () => void) {
    this.#known = known;
    this.#clock = clock;
    this.#output = output;
    this.#onEnd = onEnd;
  }

  open(): void {
    // The reader of our output may close it (`| head`): an end, no failure.
    this.#output.on("error", this.#onEnd);
  }

  changed(rows: readonly LiveRow[]): void {
    if (this.#saidLost) this.#write(`connected to ${this.#known.server}`);
    this.#saidLost = false;
    for (const { sensor } of rows) this.#dirty.add(sensor);
    if (this.#timer === undefined) this.#tellAndWait();
  }

  lost(): void {
    const { connection } = this.#known;
    if (connection.kind !== "lost" || this.#saidLost) return;
    this.#saidLost = true;
    this.#write(`connection to ${this.#known.server} lost, trying again: ${connection.reason}`);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#tell();
  }

  #tellAndWait(): void {
    this.#timer = undefined;
    if (this.#dirty.size === 0) return;
    this.#tell();
    this.#timer = setTimeout(() => this.#tellAndWait(), LINE_MS_MIN);
  }

  #tell(): void {
    for (const row of this.#known.rows()) {
      const line = plainLine(row);
      if (!this.#dirty.has(row.sensor) || this.#told.get(row.sensor) === line) continue;
      this.#told.set(row.sensor, line);
      this.#write(line);
    }
    this.#dirty.clear();
  }

  #write(text: string): void {
    const second = formatSecond(Math.floor(this.#clock.now() / 1000));
    this.#output.write(`${second} ${text}\n`);
  }
}
