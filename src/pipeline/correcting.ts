/** Deletes, renames and undoes between the batches that are read; has what was left undone applied before any is. */
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { sensorNameFault } from "../core/sensor-name.ts";
import type { Window } from "../core/window.ts";
import type { Correction, Corrections, DeletionAsked, Preview, Said } from "../engine/correction.ts";
import { namesShown } from "../engine/directory.ts";
import { Aggregate } from "../metrics/aggregate.ts";
import type { Checkpointer } from "../store/checkpointer.ts";
import type { Deletion, Mark, Stored } from "./correction.ts";
import { CORRECTIONS_MAX } from "./ledger.ts";
import type { Series } from "./sensors.ts";
import type { SerialQueue } from "./serial-queue.ts";
import type { State } from "./state.ts";
import { Taker } from "./taker.ts";

const NUMBERS = { sums: true, quantiles: false };

/** What the pipeline lends. */
export interface CorrectingOptions {
  readonly state: State;
  readonly clock: Clock;
  readonly checkpointer: Checkpointer;
  readonly queue: SerialQueue;
  /** True once closed without a failure. */
  readonly isClosed: () => boolean;
  readonly commit: () => Promise<void>;
  readonly notify: (changed: Iterable<Series>) => void;
  readonly fail: (error: unknown) => void;
}

/** The one who corrects. Each correction is in the file beside the history before anything is changed, so that a crash leaves it to be applied. */
export class Correcting implements Corrections {
  readonly #options: CorrectingOptions;
  readonly #state: State;
  readonly #taker: Taker;

  constructor(options: CorrectingOptions) {
    this.#options = options;
    this.#state = options.state;
    this.#taker = new Taker(options.state);
  }

  list(): readonly Correction[] {
    return this.#state.ledger.list().map((stored) => this.#shown(stored));
  }

  #shown(stored: Stored): Correction {
    const { number, kind, sensor, at, by, reason, undone } = stored;
    const isDeletion = stored.kind === "delete";
    const readings = isDeletion && undone === null ? this.#taker.heldBy(stored) : 0;
    const [to, device, window] = isDeletion ? [null, stored.device, stored.window] : [stored.to, null, null];
    return { number, kind, sensor, to, device, window, at, by, reason, undone, readings };
  }

  /** Applies what is kept and not applied: after a crash, or in a history that is made anew. Before anything is read, in the serial queue. */
  async catchUp(): Promise<void> {
    const { ledger } = this.#state;
    for (const stored of ledger.pending) {
      const series = this.#state.sensors.find(stored.root);
      // What of the sensor is in the history lies before the marks; what is read from now on is judged by them.
      if (stored.kind === "delete" && series !== undefined) await this.#apply(stored, series);
      ledger.applied(stored);
    }
    if (ledger.waitingRows > 0) await this.#options.commit();
  }

  async preview({ sensor, device, window: asked }: DeletionAsked): Promise<Preview> {
    return this.#run(async () => {
      const series = this.#find(sensor);
      const window = this.#windowOf(series, asked);
      const { history } = this.#state;
      const { start, end } = this.#wholeOf(series);
      const before = history.query(series.id, { start, end }, NUMBERS).aggregate;
      const { taken, left } = await this.#taker.preview(series, device, window);
      const after = new Aggregate(NUMBERS);
      for (const [from, to] of [
        [start, Math.min(end, window.start)],
        [Math.max(start, window.end), end],
      ]) {
        if (from < to) after.merge(history.query(series.id, { start: from, end: to }, NUMBERS).aggregate);
      }
      after.merge(left);
      const [firstTime, lastTime] = taken.count > 0 ? [taken.firstTime, taken.lastTime] : [null, null];
      return { readings: taken.count, seconds: taken.seconds, firstTime, lastTime, before, after };
    });
  }

  async delete({ sensor, device, window: asked }: DeletionAsked, { by, reason }: Said): Promise<Correction> {
    return this.#run(async () => {
      const series = this.#find(sensor);
      const window = this.#windowOf(series, asked);
      this.#taker.mustBeAble(series, device, window);
      const made = { ...this.#made(series), by, reason };
      const stored: Deletion = { kind: "delete", ...made, device, window, marks: this.#marksOf(series) };
      await this.#make(stored, series, () => this.#apply(stored, series));
      return this.#shown(stored);
    });
  }

  async rename(sensor: string, to: string, { by, reason }: Said): Promise<Correction> {
    return this.#run(async () => {
      const series = this.#find(sensor);
      const what = `Cannot rename "${series.name}"`;
      const fault = sensorNameFault(to);
      if (fault !== null) throw new TidemarkError("request-invalid", `${what}: expected ${fault}`);
      const { sensors, ledger } = this.#state;
      const taken = sensors.find(to);
      if (taken !== undefined) {
        const whose = taken.name === to ? "there is a sensor of that name" : `that is what "${taken.name}" was called`;
        throw new TidemarkError("correction-refused", `${what} to "${to}": ${whose}; give a name that was never used`);
      }
      const stored: Stored = { kind: "rename", ...this.#made(series), by, reason, to };
      await this.#make(stored, series, async () => sensors.rename(series.name, to));
      return this.#shown(ledger.find(stored.number) ?? stored);
    });
  }

  async undo(number: number, by: string): Promise<Correction> {
    return this.#run(async () => {
      const { ledger, sensors } = this.#state;
      const stored = ledger.find(number);
      if (stored === undefined) throw new TidemarkError("not-found", `Cannot undo correction ${number}: there is none`);
      if (stored.undone !== null) {
        throw new TidemarkError("correction-refused", `Cannot undo correction ${number}: it is undone already`);
      }
      const undone: Stored = { ...stored, undone: { at: this.#options.clock.now(), by } };
      const series = this.#find(stored.root);
      if (stored.kind === "rename") {
        const now = ledger.nameNow(stored.sensor);
        if (now !== stored.to) {
          const what = `"${stored.to}" is called "${now}" since: undo that first`;
          throw new TidemarkError("correction-refused", `Cannot undo correction ${number}: ${what}`);
        }
        if (this.#state.sources.hadTopic(stored.to)) {
          const what = `the topic "${stored.to}" was read since, whose readings would be of two sensors`;
          throw new TidemarkError("correction-refused", `Cannot undo correction ${number}: ${what}`);
        }
        await this.#make(undone, series, async () => sensors.rename(stored.to, stored.sensor));
      } else {
        this.#mustBeLast(stored, series);
        await this.#make(undone, series, () => this.#apply({ ...stored, undone: undone.undone }, series));
      }
      return this.#shown(undone);
    });
  }

  /** Of what a deletion of all devices holds, that of one device cannot be told apart for a later deletion. @throws TidemarkError "correction-refused" */
  #mustBeLast({ number, device, window }: Deletion, { name }: Series): void {
    if (device !== null) return;
    const later = this.#state.ledger.deletionsOf(name).find((other) => {
      const isSame = other.window.start < window.end && window.start < other.window.end;
      return other.number > number && other.device !== null && isSame;
    });
    if (later === undefined) return;
    const what = `correction ${later.number} takes what it gives back of device "${later.device}": undo that first`;
    throw new TidemarkError("correction-refused", `Cannot undo correction ${number}: ${what}`);
  }

  #made(series: Series): Pick<Stored, "number" | "sensor" | "root" | "at" | "undone"> {
    const { ledger } = this.#state;
    const number = ledger.next;
    if (number > CORRECTIONS_MAX) {
      throw new TidemarkError(
        "correction-refused",
        `Cannot correct "${series.name}": corrections must be <= ${CORRECTIONS_MAX}`,
      );
    }
    return {
      number,
      sensor: series.name,
      root: ledger.rootOf(series.name),
      at: this.#options.clock.now(),
      undone: null,
    };
  }

  /** Keeps a correction, changes memory, commits. */
  async #make(stored: Stored, series: Series, change: () => Promise<void>): Promise<void> {
    const { ledger } = this.#state;
    const { commit, checkpointer, notify, fail } = this.#options;
    ledger.keep(stored);
    try {
      await change();
      ledger.applied(stored);
      await commit();
      notify([series]);
    } catch (error) {
      fail(error);
      throw error;
    }
    // It is durable in the file already; a history that a power failure sets back applies it again.
    await checkpointer.sync();
  }

  async #apply(deletion: Deletion, series: Series): Promise<void> {
    const moved = await this.#state.inSlices(
      deletion.undone === null ? this.#taker.remove(deletion, series) : this.#taker.restore(deletion, series),
    );
    if (moved > 0) series.news.add("corrected", deletion.window.start, deletion.window.end);
  }

  /** Where each partition was read to that may have brought readings of the sensor. */
  #marksOf(series: Series): Mark[] {
    const { sources } = this.#state;
    const feeding = new Set(sources.feeding(series).flatMap(({ partitions }) => partitions));
    return Array.from(sources.partitions(), (partition): Mark | null => {
      const { topic, topicId: id, next, fronts } = partition;
      const mayBe = feeding.has(partition) || Number.isFinite(fronts.of(series.id));
      return mayBe && next > 0 ? { topic, partition: partition.partition, id, next } : null;
    }).filter((mark) => mark !== null);
  }

  #find(name: string): Series {
    const { sensors } = this.#state;
    const series = sensors.find(name);
    if (series !== undefined) return series;
    throw new TidemarkError("not-found", `Cannot correct "${name}": expected one of ${namesShown(sensors)}`);
  }

  /** What is older than the sensor is kept is in no window, and cannot be deleted from one. */
  #windowOf({ name, totals }: Series, { start, end }: Window): Window {
    const window = { start: Math.max(start, totals.keptSince), end };
    if (window.start < end) return window;
    throw new TidemarkError("request-invalid", `Cannot delete from "${name}": its history begins after that time`);
  }

  #wholeOf({ totals }: Series): Window {
    const { firstTime, lastTime, keptSince } = totals;
    const start = Math.max(Math.floor(firstTime / 1000), keptSince);
    return Number.isFinite(lastTime) ? { start, end: Math.floor(lastTime / 1000) + 1 } : { start: 0, end: 0 };
  }

  #run<T>(task: () => Promise<T>): Promise<T> {
    const { queue, isClosed, commit } = this.#options;
    return queue.run(async () => {
      if (isClosed()) throw new TidemarkError("not-ready", "Cannot correct anything: tidemark is closing");
      // Nothing is on its way into a series of devices then, and none begins as another one's.
      await commit();
      return task();
    });
  }
}
