/** The run of `npm run soak` (test/soak.ts): senders, questions, faults and what is measured of a server in the meantime. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Seeded } from "../oracle/seeded.ts";
import { Disk } from "../simulation/disk.ts";
import { begin, end, FAULTS, type Fault, losePower, missingFaults } from "./faults.ts";
import { HttpClient } from "./http-client.ts";
import { TidemarkProcess } from "./tidemark-process.ts";

const SENSORS = ["temperature", "humidity", "pressure"] as const;
const DEVICES = 20;
/** Readings of one request. */
const BATCH = 100;
/** What was acknowledged may be counted a moment later; the comparison at the end is exact. */
const ON_ITS_WAY = BATCH * SENSORS.length * 20;
const MINUTE_MS = 60_000;
/** Between two questions, ms; each asks for the last minute and for everything. */
const ASK_MS = 250;
const RETRY_MS = 50;
/** How long a fault lasts that ends by itself, ms. */
const FAULT_MS = 5000;
const RECOVERY_MS_MAX = 60_000;
/** A batch that is sent twice though it was acknowledged, and one whose readings are up to a day old. */
const TWICE = 0.1;
const LATE = 0.05;
const DAY_MS = 86_400_000;
/** What is wrong once is mostly wrong again. */
const WRONG_KEPT = 100;

export interface SoakOptions {
  readonly minutes: number;
  readonly rate: number;
  readonly seed: number;
  readonly data?: string;
  /** host:port; default: the embedded log. */
  readonly kafka?: string;
  readonly killBroker?: () => Promise<void>;
  readonly print: (line: string) => void;
}

export interface Minute {
  readonly minute: number;
  readonly answersMs: readonly number[];
  readonly perSecond: number;
  readonly memoryMb: number | null;
  readonly historyMb: number;
  readonly logMb: number;
}

export interface SoakReport {
  readonly minutes: readonly Minute[];
  readonly faults: readonly { readonly fault: Fault; readonly minute: number; readonly recoveredMs: number }[];
  readonly acknowledged: number;
  readonly sentTwice: number;
  readonly checked: number;
  readonly wrong: readonly string[];
}

/** What one sensor must answer: between what was acknowledged and what was sent. */
interface Known {
  acknowledged: number;
  sent: number;
  sum: number;
}

/** One run; make a new one for each. */
export class Soak {
  readonly #options: SoakOptions;
  readonly #random: Seeded;
  readonly #data: string;
  readonly #disk: Disk | null;
  readonly #run: string;
  readonly #known = new Map<string, Known>();
  readonly #minutes: Minute[] = [];
  readonly #faults: { fault: Fault; minute: number; recoveredMs: number }[] = [];
  readonly #wrong: string[] = [];
  #process: TidemarkProcess | null = null;
  #client = new HttpClient(0);
  #answersMs: number[] = [];
  #acknowledged = 0;
  #sentTwice = 0;
  #checked = 0;
  #isOver = false;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#random = new Seeded(options.seed);
    if (options.data !== undefined) mkdirSync(options.data, { recursive: true });
    this.#data = mkdtempSync(join(options.data ?? tmpdir(), "tidemark-soak-"));
    this.#disk = Disk.of(this.#data);
    this.#run = this.#data.slice(-6);
    for (const sensor of SENSORS) this.#known.set(this.#nameOf(sensor), { acknowledged: 0, sent: 0, sum: 0 });
  }

  #nameOf(sensor: string): string {
    return this.#options.kafka === undefined ? sensor : `soak-${this.#run}-${sensor}`;
  }

  async run(): Promise<SoakReport> {
    try {
      await this.#start();
      const work = [...this.#known.keys()].map((sensor, i) => this.#send(sensor, i));
      const asking = this.#ask();
      await this.#pass();
      this.#isOver = true;
      await Promise.all([...work, asking]);
      await this.#compare();
      await this.#process?.stop();
    } finally {
      this.#isOver = true;
      await this.#process?.kill();
      this.#client.close();
      this.#disk?.dispose();
      if (this.#wrong.length === 0) rmSync(this.#data, { recursive: true, force: true });
    }
    const [acknowledged, sentTwice, checked] = [this.#acknowledged, this.#sentTwice, this.#checked];
    return { minutes: this.#minutes, faults: this.#faults, acknowledged, sentTwice, checked, wrong: this.#wrong };
  }

  async #start(): Promise<void> {
    const { kafka } = this.#options;
    this.#process = await TidemarkProcess.start({
      data: this.#data,
      sensors: [...this.#known.keys()],
      environment: this.#disk?.environment ?? {},
      ...(kafka === undefined ? {} : { log: `kafka://${kafka}`, flags: ["--create-topics"] }),
    });
    this.#client.close();
    this.#client = new HttpClient(this.#process.port, SENSORS.length + 3);
  }

  /** Each minute a fault, in shuffled turns; then the figures of the minute. */
  async #pass(): Promise<void> {
    const { minutes, kafka, killBroker, print } = this.#options;
    const log = kafka === undefined ? "embedded" : "kafka";
    const missing = missingFaults(log, this.#disk !== null, killBroker !== undefined);
    for (const [fault, why] of missing) print(`without ${fault}: ${why}`);
    const kinds = FAULTS.filter((fault) => !missing.has(fault));
    let turns: Fault[] = [];
    const began = performance.now();
    for (let minute = 1; minute <= minutes; minute++) {
      const before = this.#acknowledged;
      const fromMs = performance.now();
      if (turns.length === 0) turns = this.#random.shuffle(kinds);
      const fault = turns.shift() ?? "ingest";
      await delay(this.#random.int(0, MINUTE_MS / 4));
      const recoveredMs = await this.#do(fault);
      const at = (performance.now() - began) / MINUTE_MS;
      this.#faults.push({ fault, minute: at, recoveredMs });
      await delay(Math.max(0, began + minute * MINUTE_MS - performance.now()));
      const answersMs = this.#answersMs;
      this.#answersMs = [];
      const perSecond = ((this.#acknowledged - before) * 1000) / (performance.now() - fromMs);
      this.#minutes.push({ minute, answersMs, perSecond, memoryMb: this.#memoryMb(), ...this.#sizes() });
      print(
        `minute ${minute}: ${fault}, ready after ${recoveredMs.toFixed(0)} ms; ${perSecond.toFixed(0)} readings/s, ${answersMs.length} questions, ${this.#wrong.length} wrong`,
      );
    }
  }

  /** @returns ms from its end until ready */
  async #do(fault: Fault): Promise<number> {
    if (fault === "commit" || fault === "ingest" || fault === "power") {
      if (fault === "power") {
        this.#disk?.startJournal();
        await delay(FAULT_MS);
      }
      const committing = fault === "commit" ? this.#client.commit().catch(() => {}) : null;
      await this.#process?.kill();
      await committing;
      if (fault === "power" && this.#disk !== null) losePower(this.#disk, this.#random);
      return this.#startAgain();
    }
    if (fault === "stop") {
      await this.#process?.stop();
      return this.#startAgain();
    }
    if (fault === "pause") await this.#process?.pause(FAULT_MS);
    else if (fault === "broker") await this.#options.killBroker?.();
    else if (this.#disk !== null) {
      begin(fault, this.#disk, this.#random);
      await delay(FAULT_MS);
      end(this.#disk);
    }
    return this.#untilReady(performance.now());
  }

  async #startAgain(): Promise<number> {
    const fromMs = performance.now();
    await this.#start();
    return this.#untilReady(fromMs);
  }

  async #untilReady(fromMs: number): Promise<number> {
    for (;;) {
      const ms = performance.now() - fromMs;
      try {
        if ((await this.#client.get("/readyz")).status === 200) return performance.now() - fromMs;
      } catch {
        // not yet
      }
      if (ms > RECOVERY_MS_MAX)
        throw new Error(`not ready ${RECOVERY_MS_MAX} ms after a fault: ${this.#process?.errors}`);
      await delay(10);
    }
  }

  /** One sensor's devices: batches at the asked rate, each until it is acknowledged. */
  async #send(sensor: string, index: number): Promise<void> {
    const random = new Seeded(this.#options.seed + index + 1);
    const known = this.#known.get(sensor) as Known;
    const intervalMs = (BATCH * SENSORS.length * 1000) / this.#options.rate;
    let [sequence, dueMs] = [0, performance.now()];
    while (!this.#isOver) {
      await delay(Math.max(0, dueMs - performance.now()));
      dueMs = Math.max(dueMs + intervalMs, performance.now() - MINUTE_MS);
      const late = random.chance(LATE) ? random.int(0, DAY_MS) : 0;
      let [body, sum] = ["", 0];
      for (let i = 0; i < BATCH; i++, sequence++) {
        const value = (sequence * 7919) % 1009;
        sum += value;
        const own = { device: `device ${sequence % DEVICES}`, boot: "b", sequence: Math.floor(sequence / DEVICES) };
        body += `${JSON.stringify({ ...own, value, time: Date.now() - late })}\n`;
      }
      known.sent += BATCH;
      known.sum += sum;
      await this.#post(sensor, body);
      known.acknowledged += BATCH;
      this.#acknowledged += BATCH;
      if (!random.chance(TWICE)) continue;
      this.#sentTwice += BATCH;
      await this.#post(sensor, body);
    }
  }

  async #post(sensor: string, body: string): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        if (!isFirst) this.#sentTwice += BATCH;
        const { status, text } = await this.#client.post(`/readings/${sensor}`, body);
        if (status === 200) return;
        if (status !== 503 && status !== 429) throw new Error(`POST /readings/${sensor}: ${status} ${text}`);
      } catch (error) {
        if (error instanceof Error && error.message.startsWith("POST ")) throw error;
      }
      await delay(RETRY_MS);
    }
  }

  /** Asks all the time; what a ready server says of everything lies between what it acknowledged before and what was sent after. */
  async #ask(): Promise<void> {
    while (!this.#isOver) {
      await delay(ASK_MS);
      const client = this.#client;
      const low = new Map([...this.#known].map(([sensor, { acknowledged }]) => [sensor, acknowledged]));
      try {
        if ((await client.get("/readyz")).status !== 200) continue;
        const fromMs = performance.now();
        const counts = await this.#counts(client);
        this.#answersMs.push(performance.now() - fromMs);
        for (const [sensor, { sent }] of this.#known) {
          const [count, least] = [counts.get(sensor)?.count ?? 0, low.get(sensor) ?? 0];
          this.#checked++;
          if (count > sent) this.#isWrong(`${sensor}: count ${count}, but only ${sent} were sent`);
          if (count < least - ON_ITS_WAY) this.#isWrong(`${sensor}: count ${count} of ${least} acknowledged`);
        }
      } catch {
        // it was killed meanwhile
      }
    }
  }

  #isWrong(what: string): void {
    if (this.#wrong.length < WRONG_KEPT) this.#wrong.push(what);
  }

  async #counts(client: HttpClient): Promise<Map<string, { count: number; sum: number }>> {
    const question = Object.fromEntries([...this.#known.keys()].map((sensor) => [sensor, ["count", "sum", "p99"]]));
    const { status, text } = await client.post("/compute/metrics", JSON.stringify(question));
    if (status !== 200) throw new Error(`POST /compute/metrics: ${status} ${text}`);
    const { result } = JSON.parse(text) as { result: Record<string, { count: number; sum: number }> };
    return new Map(Object.entries(result));
  }

  /** At the end: to the bit, before and after a restart. */
  async #compare(): Promise<void> {
    const wanted = new Map([...this.#known].map(([sensor, { sent }]) => [sensor, sent]));
    for (const note of ["at the end", "after a kill at the end"]) {
      await this.#untilReady(performance.now());
      const endMs = performance.now() + RECOVERY_MS_MAX;
      let counts = await this.#counts(this.#client);
      while (
        performance.now() < endMs &&
        [...wanted].some(([sensor, count]) => (counts.get(sensor)?.count ?? 0) < count)
      ) {
        await delay(RETRY_MS);
        counts = await this.#counts(this.#client);
      }
      const statuses = await this.#client.statuses();
      for (const [sensor, { sent, sum }] of this.#known) {
        const got = counts.get(sensor);
        this.#checked += 2;
        if (got?.count !== sent || got.sum !== sum)
          this.#isWrong(`${note}, ${sensor}: count ${got?.count}, sum ${got?.sum}; expected ${sent}, ${sum}`);
        const status = statuses.get(sensor);
        if (
          status === undefined ||
          status.received !== status.counted + status.duplicates + status.quarantined + status.rejected
        )
          this.#isWrong(`${note}, ${sensor}: ${JSON.stringify(status)}`);
      }
      await this.#process?.kill();
      await this.#start();
    }
  }

  #memoryMb(): number | null {
    try {
      const status = readFileSync(`/proc/${this.#process?.pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
    } catch {
      return null; // not Linux
    }
  }

  #sizes(): { historyMb: number; logMb: number } {
    const of = (start: string): number =>
      readdirSync(this.#data)
        .filter((name) => name.startsWith(start))
        .reduce((sum, name) => sum + statSync(join(this.#data, name)).size, 0) / 1e6;
    return { historyMb: of("history.db"), logMb: of("log.db") };
  }
}
