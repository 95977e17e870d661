/** A simulated sensor: measures on the clock's grid (or as fast as it goes since a past time) and delivers through a queue. */
import type { Clock } from "../../core/clock.ts";
import { TidemarkError } from "../../core/errors.ts";
import { Random } from "../../core/random.ts";
import { formatMs } from "../../core/time.ts";
import { pause, SendQueue, type Target } from "./send-queue.ts";
import { Simulation, type SimulationOptions } from "./simulation.ts";

/** A tick this late was slept through (a suspended machine): nothing was measured then. */
const TICK_LATE_MS_MAX = 1000;

/** A clock that was set back by more than this: the grid is taken up where the clock now is. */
const CLOCK_BACK_MS = 1000;

/** A timer is never longer than this, so that a clock that is set is noticed. */
const TIMER_MS_MAX = 1000;

/** A line of progress now and then. */
const REPORT_MS = 60_000;
const PROGRESS_MS = 2000;

/** A backfill that filled the queue goes on once only this many wait: enough to keep the other side busy. */
const BACKFILL_WAITING = 50_000;

/** On shutdown, waiting payloads are delivered for this long, ms. */
const DRAIN_MS = 5000;

/** Of jitter: another stream of numbers than the values', so that a slow network changes no value. */
const JITTER_SEED = 0x9e3779b9;

/** What a sensor measures, how often, and until when. */
export interface SensorOptions extends SimulationOptions {
  readonly sensor: string;
  /** Readings to measure; null: go on. */
  readonly count: number | null;
  /** Beginning of the backfill, ms since the epoch; null: none. */
  readonly fromMs: number | null;
}

/** What a sensor did when it ended. */
export interface SensorResult {
  /** Different readings. */
  readonly measured: number;
  /** Payloads, duplicates included. */
  readonly acknowledged: number;
  readonly undelivered: number;
  /** Ticks at which nothing was measured because too much waited already, or the machine slept. */
  readonly skipped: number;
}

/**
 * Runs until `count` readings are acknowledged, or `signal` aborts and what waits was delivered or DRAIN_MS have passed.
 * @param print gets a line now and then
 * @throws TidemarkError when the other side will never take the readings
 */
export async function runSensor(
  options: SensorOptions,
  target: Target,
  clock: Clock,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<SensorResult> {
  const sensor = new SimulatedSensor(options, target, clock, signal, print);
  return await sensor.run();
}

class SimulatedSensor {
  readonly #options: SensorOptions;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  readonly #print: (line: string) => void;
  readonly #simulation: Simulation;
  readonly #queue: SendQueue;
  readonly #targetName: string;
  #skipped = 0;
  #tick = 0;
  #troubleSince: number | null = null;
  #fullSince: number | null = null;
  #reported: number;

  constructor(
    options: SensorOptions,
    target: Target,
    clock: Clock,
    signal: AbortSignal,
    print: (line: string) => void,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#signal = signal;
    this.#print = (line) => print(`${options.sensor}: ${line}`);
    this.#simulation = new Simulation(options);
    this.#targetName = target.name;
    this.#reported = clock.steady();
    this.#queue = new SendQueue(
      target,
      new Random(options.seed ^ JITTER_SEED),
      (error, tries) => this.#trouble(error, tries),
      () => this.#relief(),
    );
  }

  async run(): Promise<SensorResult> {
    const { device, boot, fromMs } = this.#options;
    this.#print(`sending to ${this.#targetName} as device ${device}, boot ${boot}`);
    try {
      if (fromMs !== null) await this.#backfill(fromMs);
      await this.#live();
      await this.#drain();
    } finally {
      await this.#queue.close();
    }
    if (this.#queue.failure !== null) throw this.#queue.failure;
    this.#print(this.#summary());
    return {
      measured: this.#simulation.measured,
      acknowledged: this.#queue.acknowledged,
      undelivered: this.#queue.waiting,
      skipped: this.#skipped,
    };
  }

  get #done(): boolean {
    const { count } = this.#options;
    return (
      this.#signal.aborted || this.#queue.failure !== null || (count !== null && this.#simulation.measured >= count)
    );
  }

  /** Slows down to what the other side takes; nothing is skipped. */
  async #backfill(fromMs: number): Promise<void> {
    const startedMs = this.#clock.now();
    if (fromMs > startedMs) {
      throw new TidemarkError(
        "config-invalid",
        `Cannot backfill "${this.#options.sensor}": --from must be in the past, was ${formatMs(fromMs)}`,
      );
    }
    this.#tick = this.#simulation.tickAt(fromMs);
    const startedSteadyMs = this.#clock.steady();
    let printedMs = startedSteadyMs;
    while (!this.#done) {
      const nowMs = this.#clock.now();
      if (this.#simulation.timeOf(this.#tick) > nowMs) break;
      this.#measure();
      if (this.#queue.full) await this.#queue.until(BACKFILL_WAITING, this.#signal);
      const steadyMs = this.#clock.steady();
      if (steadyMs - printedMs >= PROGRESS_MS) {
        printedMs = steadyMs;
        this.#progress(fromMs, steadyMs - startedSteadyMs, nowMs);
      }
    }
    await this.#queue.until(0, this.#signal);
    this.#progress(fromMs, this.#clock.steady() - startedSteadyMs, this.#clock.now());
  }

  #progress(fromMs: number, forMs: number, nowMs: number): void {
    const reachedMs = Math.min(this.#simulation.timeOf(this.#tick), nowMs);
    const inTime = nowMs > fromMs ? (reachedMs - fromMs) / (nowMs - fromMs) : 1;
    const { count } = this.#options;
    const share = count === null || count === 0 ? inTime : Math.max(inTime, this.#simulation.measured / count);
    const rate = (this.#queue.acknowledged * 1000) / Math.max(1, forMs);
    const reached = formatMs(reachedMs).slice(0, 19);
    this.#print(
      `backfill at ${reached}Z, ${Math.floor(share * 100)}%: ${grouped(this.#queue.acknowledged)} acknowledged, ${grouped(Math.round(rate))} a second`,
    );
  }

  async #live(): Promise<void> {
    // The current second is measured too: the first reading comes at once.
    this.#tick = Math.max(this.#tick, this.#simulation.tickAt(this.#clock.now() - TICK_LATE_MS_MAX + 1));
    while (!this.#done) {
      const nowMs = this.#clock.now();
      const dueMs = this.#simulation.timeOf(this.#tick);
      if (dueMs > nowMs) {
        const periodMs = 1000 / this.#options.rate;
        if (dueMs - nowMs > periodMs + CLOCK_BACK_MS) this.#tick = this.#simulation.tickAt(nowMs);
        else await pause(Math.min(dueMs - nowMs, TIMER_MS_MAX), this.#signal);
      } else {
        this.#measureDue(nowMs);
        await pause(0, this.#signal); // whatever the clock does, the send queue runs
      }
      this.#report();
    }
  }

  #measureDue(nowMs: number): void {
    if (nowMs - this.#simulation.timeOf(this.#tick) > TICK_LATE_MS_MAX) {
      const oldest = this.#simulation.tickAt(nowMs - TICK_LATE_MS_MAX);
      this.#skipped += Math.max(0, oldest - this.#tick);
      this.#tick = Math.max(this.#tick, oldest);
    }
    while (!this.#done && this.#simulation.timeOf(this.#tick) <= nowMs) {
      if (this.#queue.full) this.#skip();
      else this.#measure();
    }
  }

  #measure(): void {
    this.#queue.offer(this.#simulation.measure(this.#tick++));
    if (this.#fullSince === null) return;
    this.#fullSince = null;
    this.#print(`measuring again; ${grouped(this.#skipped)} ticks were skipped so far`);
  }

  #skip(): void {
    this.#tick++;
    this.#skipped++;
    if (this.#fullSince !== null) return;
    this.#fullSince = this.#clock.now();
    this.#print(
      `${grouped(this.#queue.waiting)} readings wait for ${this.#targetName}: measuring nothing until they are taken`,
    );
  }

  /** Reports the second failure in a row: a first one is often only a kept-alive connection that the other side had closed. */
  #trouble(error: TidemarkError, tries: number): void {
    if (tries < 2 || this.#troubleSince !== null) return;
    this.#troubleSince = this.#clock.steady();
    this.#print(`${error.message}; ${grouped(this.#queue.waiting)} wait, trying again`);
  }

  #relief(): void {
    if (this.#troubleSince === null) return;
    const seconds = Math.round((this.#clock.steady() - this.#troubleSince) / 1000);
    this.#troubleSince = null;
    this.#print(`${this.#targetName} takes readings again after ${seconds} s; ${grouped(this.#queue.waiting)} wait`);
  }

  #report(): void {
    const nowMs = this.#clock.steady();
    if (nowMs - this.#reported < REPORT_MS) return;
    this.#reported = nowMs;
    this.#print(this.#summary());
  }

  #summary(): string {
    const skipped = this.#skipped === 0 ? "" : `, ${grouped(this.#skipped)} ticks skipped`;
    return `${grouped(this.#simulation.measured)} measured, ${grouped(this.#queue.acknowledged)} acknowledged, ${grouped(this.#queue.waiting)} waiting${skipped}`;
  }

  /** Delivers what waits: to the end when all was measured, for a bounded time on the way out. */
  async #drain(): Promise<void> {
    this.#queue.offer(this.#simulation.flush());
    await this.#queue.until(0, this.#signal);
    if (this.#queue.waiting === 0) return;
    await this.#queue.until(0, AbortSignal.timeout(DRAIN_MS));
    const { waiting } = this.#queue;
    if (waiting > 0)
      this.#print(`${grouped(waiting)} ${waiting === 1 ? "reading was" : "readings were"} not delivered`);
  }
}

/** 1234567 → "1,234,567". */
function grouped(count: number): string {
  return count.toLocaleString("en-US");
}
