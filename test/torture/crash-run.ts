/**
 * Sends a generated history to a real process that is killed (kill -9) again and again: while it takes readings in, while it commits, and
 * while it recovers. Senders send again what was not acknowledged. At the end the log is read back, and all answers are compared with the oracle.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { runningProcesses } from "../../src/commands/run-files.ts";
import type { Oracle } from "../oracle/oracle.ts";
import { Seeded } from "../oracle/seeded.ts";
import { ask, compareAnswers, compareTotals, oracleOf, RecordCounts } from "./comparison.ts";
import type { CrashOptions, CrashReport, Happened } from "./crash-options.ts";
import { begin, end, type Fault, losePower } from "./faults.ts";
import { HttpClient, type Status } from "./http-client.ts";
import type { ReadingsRequest } from "./requests.ts";
import { TidemarkProcess } from "./tidemark-process.ts";
import { requireNoDifference } from "./verified.ts";

/** Moments of a start at which a process is killed, as parts of the time that the last whole start took: before them nothing of ours runs. */
const RECOVERY_FROM = 0.3;
const RECOVERY_TO = 1.4;
/** A commit of the history takes some tens of milliseconds: how long it commits on and on before it is killed. */
const COMMITS_MS_MAX = 200;
/** Waiting between tries that a server refused for now, ms. */
const RETRY_MS = 20;
const DRAIN_MS_MAX = 60_000;
/** Each kind in turn, so that a short run has all of them. */
const KINDS: readonly Fault[] = ["commit", "ingest", "commit", "stop"];
/** How long a fault lasts that ends by itself, ms. */
const FAULT_MS = { low: 50, high: 2000 };
/** Between two looks whether it is ready again, ms. */
const LOOK_MS = 10;

export async function crashRun(options: CrashOptions): Promise<CrashReport> {
  const run = new CrashRun(options);
  try {
    return await run.run();
  } finally {
    await run.end();
  }
}

class CrashRun {
  readonly #options: CrashOptions;
  readonly #random: Seeded;
  readonly #acknowledged = new RecordCounts();
  readonly #bySensor = new Map<string, number>();
  readonly #report = {
    killedInIngest: 0,
    killedInCommit: 0,
    killedBeforeListening: 0,
    killedInReplay: 0,
    stopped: 0,
    powerLosses: 0,
    sectorsLost: 0,
  };
  readonly #total: number;
  readonly #faults: Happened[] = [];
  readonly #startsKilled: number[] = [];
  readonly #beganMs = performance.now();
  #startMs = 0;
  #sent = 0;
  #process: TidemarkProcess | null = null;
  #client: Promise<HttpClient>;
  #offer: (client: HttpClient) => void = () => {};
  /** Those who wait for `sent` to come to a number. */
  #waiting: { readonly sent: number; readonly resolve: () => void }[] = [];
  #given: HttpClient[] = [];
  /** Set when something failed: senders give up. */
  #failed = false;
  /** All is sent, and nothing more is done to it. */
  #isOver = false;

  constructor(options: CrashOptions) {
    this.#options = options;
    this.#random = new Seeded(options.seed);
    const lanes = options.lanes.flat().reduce((sum, { records }) => sum + records.length, 0);
    this.#total = lanes + (options.produced?.length ?? 0);
    for (const { sensor } of options.produced ?? []) this.#count(sensor, 1);
    this.#client = this.#nextClient();
  }

  #count(sensor: string, records: number): void {
    this.#bySensor.set(sensor, (this.#bySensor.get(sensor) ?? 0) + records);
  }

  #nextClient(): Promise<HttpClient> {
    return new Promise((resolve) => {
      this.#offer = resolve;
    });
  }

  async run(): Promise<CrashReport> {
    if (this.#options.faults?.includes("power")) this.#options.disk?.startJournal();
    const { lanes, produce, produced = [], history, seed, windows, contents, corrections } = this.#options;
    await this.#start();
    const senders = [...lanes.map((lane) => this.#send(lane)), produce?.((records) => this.#onProduced(records))];
    const sending = Promise.all(senders);
    sending.catch(() => {
      this.#failed = true;
      for (const { resolve } of this.#waiting) resolve();
    });
    const isOver = Promise.all([sending, this.#crash()]).finally(() => (this.#isOver = true));
    await Promise.all([
      isOver,
      corrections?.make(
        () => this.#client,
        () => this.#isOver,
      ),
    ]);
    const statuses = await this.#drained();
    const client = await this.#client;
    const listed = (await corrections?.listed(client)) ?? [];
    const asked = await ask(client, history.options.sensors, history.randomWindows(windows));
    await client.commit();
    await requireNoDifference(this.#options.process, `seed ${seed}, beside the server`);
    await this.#process?.stop();

    const arrivals = await contents();
    const held = RecordCounts.of(arrivals);
    for (const arrival of produced) this.#acknowledged.add(arrival.sensor, arrival);
    const note = `seed ${seed}`;
    assert.deepEqual(this.#acknowledged.beyond(held), [], `${note}: acknowledged, but not in the log`);
    const oracle = oracleOf(arrivals, history.options.zone);
    const corrected = corrections?.tell(oracle, arrivals, listed, note) ?? 0;
    compareTotals(oracle, statuses, note);
    let comparisons = compareAnswers(oracle, asked, note);
    comparisons += await this.#compareAgain(oracle, `${note}, after a clean restart`);
    if (corrections !== null) {
      corrections.removeHistory();
      comparisons += await this.#compareAgain(oracle, `${note}, made anew from the log`);
    }
    return {
      ...this.#report,
      faults: this.#faults,
      startsKilledMs: this.#startsKilled,
      sentTwice: arrivals.length - this.#total,
      records: arrivals.length,
      corrections: corrected,
      comparisons,
    };
  }

  /** What a new process answers. */
  async #compareAgain(oracle: Oracle, note: string): Promise<number> {
    const { history, windows, corrections } = this.#options;
    await this.#start();
    const client = await this.#client;
    compareTotals(oracle, await this.#drained(), note);
    const asked = await ask(client, history.options.sensors, history.randomWindows(windows));
    const comparisons = compareAnswers(oracle, asked, note);
    const ofDevices = (await corrections?.compareDevices(client, oracle, note)) ?? 0;
    await this.#process?.stop();
    await requireNoDifference(this.#options.process, `${note}, stopped`);
    return comparisons + ofDevices;
  }

  async end(): Promise<void> {
    this.#failed = true;
    this.#isOver = true;
    this.#offer(new HttpClient(0)); // whoever still waits for one gives up
    for (const client of this.#given) client.close();
    await this.#process?.kill();
  }

  async #start(): Promise<void> {
    const start = performance.now();
    this.#process = new TidemarkProcess(this.#options.process);
    const port = await this.#process.listening;
    this.#startMs = performance.now() - start;
    const client = new HttpClient(port, this.#options.lanes.length + 1);
    this.#given.push(client);
    this.#offer(client);
    this.#client = Promise.resolve(client);
  }

  async #kill(): Promise<void> {
    this.#client = this.#nextClient();
    await this.#process?.kill();
  }

  async #send(lane: readonly ReadingsRequest[]): Promise<void> {
    for (const request of lane) {
      while (!(await this.#delivered(request))) if (this.#failed) return;
      for (const record of request.records) this.#acknowledged.add(request.sensor, record);
      this.#count(request.sensor, request.records.length);
      await this.#onSent(request.records.length);
    }
  }

  async #delivered({ sensor, body, headers }: ReadingsRequest): Promise<boolean> {
    const client = await this.#client;
    try {
      const { status, text } = await client.post(`/readings/${sensor}`, body, headers);
      if (status === 200) return true;
      assert.ok(status === 503 || status === 429, `POST /readings/${sensor}: ${status} ${text}`);
      await delay(RETRY_MS);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      await delay(RETRY_MS); // the process is gone; the next one will be asked
    }
    return false;
  }

  async #onSent(records: number): Promise<void> {
    this.#sent += records;
    const ready = this.#waiting.filter(({ sent }) => sent <= this.#sent);
    this.#waiting = this.#waiting.filter(({ sent }) => sent > this.#sent);
    for (const { resolve } of ready) resolve();
  }

  /** Producers of their own wait while nothing runs, or all would be sent before the second kill. */
  async #onProduced(records: number): Promise<void> {
    await this.#onSent(records);
    await this.#client;
  }

  #untilSent(sent: number): Promise<void> {
    if (sent <= this.#sent || this.#failed) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ sent, resolve }));
  }

  /** Kills at moments spread over all that is sent. */
  async #crash(): Promise<void> {
    const random = this.#random;
    const kinds = this.#options.faults ?? KINDS;
    const moments = Array.from({ length: this.#options.kills }, () => random.int(1, this.#total - 1)).sort(
      (a, b) => a - b,
    );
    for (const [i, moment] of moments.entries()) {
      await this.#untilSent(moment);
      if (this.#failed) return;
      const client = await this.#client;
      await this.#do(kinds[i % kinds.length], client);
    }
  }

  async #do(fault: Fault, client: HttpClient): Promise<void> {
    const random = this.#random;
    const report: Happened = { fault, atMs: this.#passedMs, recoveredMs: null };
    this.#faults.push(report); // from here on nobody looks whether the one before is over
    if (fault === "commit" || fault === "ingest" || fault === "power" || fault === "stop") {
      if (fault === "stop") {
        this.#client = this.#nextClient();
        await this.#process?.stop();
        this.#report.stopped++;
      } else if (fault === "commit" || (fault === "power" && random.chance(0.5))) await this.#killInCommit(client);
      else {
        await delay(random.scale(0.5, 30));
        await this.#kill();
        this.#report.killedInIngest++;
      }
      if (fault === "power") this.#losePower();
      if (random.chance(0.6)) {
        await this.#killStarting();
        if (fault === "power") this.#losePower();
      }
      const endedMs = performance.now();
      await this.#start();
      this.#watchRecovery(report, endedMs);
      return;
    }
    const ms = random.scale(FAULT_MS.low, FAULT_MS.high);
    const { disk = null, killBroker } = this.#options;
    if (fault === "pause") await this.#process?.pause(ms);
    else if (fault === "broker") await killBroker?.();
    else if (disk !== null) {
      begin(fault, disk, random);
      await delay(ms);
      end(disk);
    }
    this.#watchRecovery(report, performance.now());
  }

  /** Nothing runs. */
  #losePower(): void {
    const { disk = null } = this.#options;
    if (disk === null) return;
    this.#report.sectorsLost += losePower(disk, this.#random);
    this.#report.powerLosses++;
    runningProcesses(this.#options.process.data); // or the next start would be refused
  }

  get #passedMs(): number {
    return Math.round(performance.now() - this.#beganMs);
  }

  /** Fills in when it was ready again, unless it ends before. */
  #watchRecovery(report: Happened, endedMs: number): void {
    const process = this.#process;
    const client = new HttpClient(process?.port ?? 0, 1);
    this.#given.push(client);
    const look = async (): Promise<void> => {
      while (process?.isRunning && this.#faults.at(-1) === report) {
        if ((await client.get("/readyz")).status === 200) {
          report.recoveredMs = Math.round(performance.now() - endedMs);
          return;
        }
        await delay(LOOK_MS);
      }
    };
    look().catch(() => {}); // it was killed meanwhile
  }

  async #killInCommit(client: HttpClient): Promise<void> {
    // One commit after the other, so that one is under way when it is killed.
    let isKilled = false;
    const committing = async (): Promise<void> => {
      while (!isKilled) await client.commit();
    };
    const ended = committing().catch(() => {});
    await delay(this.#random.scale(0.5, COMMITS_MS_MAX));
    isKilled = true;
    await this.#kill();
    await ended;
    this.#report.killedInCommit++;
  }

  /** Starts it and kills it before it has read the log again. */
  async #killStarting(): Promise<void> {
    this.#process = new TidemarkProcess(this.#options.process);
    const { listening } = this.#process;
    const ms = this.#startMs * (RECOVERY_FROM + (RECOVERY_TO - RECOVERY_FROM) * this.#random.next());
    let isListening = false;
    listening.then(
      () => {
        isListening = true;
      },
      () => {},
    );
    this.#startsKilled.push(this.#passedMs);
    await delay(ms);
    if (isListening) this.#report.killedInReplay++;
    else this.#report.killedBeforeListening++;
    await this.#process.kill();
  }

  /** Resolves when all that was acknowledged has been taken in, and nothing is left in the log. */
  async #drained(): Promise<ReadonlyMap<string, Status>> {
    const client = await this.#client;
    const start = performance.now();
    const wanted = (await this.#options.ends?.()) ?? this.#bySensor;
    for (;;) {
      const said = await client.statuses();
      const statuses = this.#options.corrections?.rooted(said) ?? said;
      const isDone = [...wanted].every(([sensor, count]) => {
        const status = statuses.get(sensor);
        return status !== undefined && status.lag === 0 && status.received >= count;
      });
      if (isDone) return statuses;
      const ms = performance.now() - start;
      assert.ok(ms < DRAIN_MS_MAX, `it takes nothing in any more: ${JSON.stringify([...statuses.values()])}`);
      await delay(RETRY_MS);
    }
  }
}
