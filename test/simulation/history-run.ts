/** Runs a plan: does each step, lets everything come to rest, and compares with the oracle. The same plan is the same history, to the last disk operation. */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Seeded } from "../oracle/seeded.ts";
import { Broker, sentOf } from "./broker.ts";
import { harmBroker } from "./broker-faults.ts";
import { logOf } from "./broker-log.ts";
import { checkEnds, checkKept } from "./checks.ts";
import { brokenClaim } from "./claims.ts";
import { comparePast } from "./compare-past.ts";
import { compareWindows } from "./compare-windows.ts";
import { correct } from "./correction-steps.ts";
import { type Counts, tallyOf } from "./counts.ts";
import { beside, damage, KeptDirectory, takeHistory } from "./damage.ts";
import { CHANGES, type Disk } from "./disk.ts";
import { EmbeddedAppends } from "./embedded-appends.ts";
import { faultOf, settleLists, skipUnreadable } from "./list-steps.ts";
import type { Plan, PlannedRecord, Step } from "./plan.ts";
import { SENSORS, SimulatedProcess } from "./simulated-process.ts";
import { HostClock, time } from "./virtual-time.ts";
import { type Ending, Witness } from "./witness.ts";

const WINDOWS_AT_END = 5;
/** Of a step after which windows are compared, and how many: questions change what is in memory, so not every step asks. */
const ASKED = 0.2;
const WINDOWS_OF_STEP = 1;
/** Longest that anything takes to go on by itself once all faults are over, ms: partitions and commits are tried again each 10 s, the log each 15. */
const HEALED_MS = 90_000;

export async function runPlan(plan: Plan, disk: Disk, counts: Counts): Promise<void> {
  const run = new HistoryRun(plan, disk, counts);
  try {
    await run.run();
  } catch (error) {
    if (error instanceof Error) error.message = `${run.place}: ${error.message}`;
    throw error;
  } finally {
    await run.dispose();
  }
}

class HistoryRun {
  readonly #plan: Plan;
  readonly #disk: Disk;
  readonly #counts: Counts;
  readonly #directory: string;
  readonly #clock: HostClock;
  readonly #witness: Witness;
  readonly #broker: Broker | null;
  readonly #appends: EmbeddedAppends | null;
  #random = new Seeded(1);
  #process: SimulatedProcess | null = null;
  #ending: Ending = "closed";
  /** What the disk will do: freeze there, and how the process then ended; null: nothing that ends it. */
  #doom: Ending | null = null;
  /** Whether the disk has failed since the process was started: then it may be in trouble. */
  #diskFailed = false;
  #isLogTroubled = false;
  /** How the directory was before it was damaged; null: it is not. */
  #kept: KeptDirectory | null = null;
  #place = "at its start";
  /** The latest midnight before which readings were deleted, by sensor. */
  readonly #deletedBefore = new Map<string, number>();

  constructor(plan: Plan, disk: Disk, counts: Counts) {
    [this.#plan, this.#disk, this.#counts] = [plan, disk, counts];
    this.#directory = join(disk.directory, "data");
    rmSync(this.#directory, { recursive: true, force: true });
    time.reset(() => this.#random.next());
    disk.heal();
    disk.startJournal();
    this.#clock = new HostClock(plan.startMs);
    this.#witness = new Witness(plan.zone, plan.log !== "embedded");
    this.#broker = plan.log === "embedded" ? null : new Broker();
    this.#appends = plan.log === "embedded" ? new EmbeddedAppends() : null;
  }

  get place(): string {
    return `seed ${this.#plan.seed}, ${this.#plan.log}, ${this.#place}`;
  }

  #count(name: string, times = 1): void {
    const before = this.#counts.get(name);
    if (before === undefined) throw new Error(`BUG: "${name}" is not counted`);
    this.#counts.set(name, before + times);
  }

  async run(): Promise<void> {
    await this.#open();
    for (const [i, step] of this.#plan.steps.entries()) {
      this.#place = `step ${i} (${step.do})`;
      this.#random = new Seeded(step.seed);
      await this.#do(step);
      await this.#rest();
      this.#check(this.#random.chance(ASKED) ? WINDOWS_OF_STEP : 0);
    }
    this.#random = new Seeded(this.#plan.seed);
    await this.#finish();
  }

  /** All faults are over: everything heals, is read to its end, and is there again after a restart. */
  async #finish(): Promise<void> {
    this.#place = "at its end";
    if (this.#doom !== null) await this.#die(this.#doom);
    this.#disk.heal();
    if (this.#broker !== null) {
      this.#broker.heal();
      this.#broker.changed();
    }
    this.#isLogTroubled = false;
    await this.#open();
    await time.pass(HEALED_MS);
    await this.#rest();
    if (this.#process?.pipeline.trouble?.includes("restart tidemark") === true) {
      await this.#restart();
      await time.pass(HEALED_MS);
      await this.#rest();
    }
    await this.#open();
    this.#diskFailed = false;
    this.#check(WINDOWS_AT_END);
    await this.#restart();
    await this.#open();
    this.#place = "after its last restart";
    this.#check(WINDOWS_AT_END);
    for (const [name, times] of tallyOf(this.#witness, this.#appends)) this.#count(name, times);
  }

  async dispose(): Promise<void> {
    this.#disk.heal();
    this.#kept?.dispose();
    await this.#process?.end();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Starts a process where none is. On a disk that fails it may not start, and says why. */
  async #open(): Promise<void> {
    if (this.#process !== null) return;
    const [plan, directory, clock, witness] = [this.#plan, this.#directory, this.#clock, this.#witness];
    const brokerLog = this.#broker === null ? null : logOf(this.#broker, plan, () => this.#random);
    try {
      this.#process = await SimulatedProcess.start(
        { plan, directory, clock, witness, brokerLog, isDamaged: this.#kept !== null },
        this.#ending,
      );
    } catch (error) {
      if (this.#kept !== null) {
        this.#kept.putBack(error);
        this.#count("damage-refused");
        this.#endDamage();
        this.#disk.startJournal();
        return this.#open();
      }
      if (this.#disk.failed === 0 || !SimulatedProcess.isNamed(error)) throw error;
      this.#count("start-failed");
      this.#ending = this.#ending === "power-lost" ? "power-lost" : "killed";
      if (this.#doom !== null) await this.#die(this.#doom);
      this.#disk.heal();
      return this.#open();
    }
    this.#ending = "killed";
    this.#diskFailed = this.#disk.failed > 0;
    const isNamed = this.#kept !== null && this.#process.notices.length > 0;
    if (this.#kept !== null) this.#count(isNamed ? "damage-repaired" : "damage-right");
    this.#endDamage();
    if (this.#appends !== null) await this.#appends.found(this.#process.log, SENSORS, isNamed);
  }

  async #restart(): Promise<void> {
    await this.#open();
    const process = this.#process;
    if (process === null) return;
    this.#process = null;
    const failure = await process.end();
    if (failure === null && process.failure === null) this.#ending = "closed";
    else {
      if (this.#disk.failed === 0) throw failure ?? process.failure?.error;
      this.#ending = "killed";
    }
    this.#appends?.ended();
    await this.#open();
  }

  /** The process is gone, as the disk is at this moment; what it still does in memory reaches nobody. */
  async #die(ending: Ending): Promise<void> {
    this.#doom = null;
    const process = this.#process;
    this.#process = null;
    if (this.#disk.failed === 0) this.#disk.fail({ what: CHANGES, error: "EIO" });
    this.#witness.ended();
    await process?.end();
    this.#appends?.ended();
    this.#disk.heal();
    // After a power loss that nobody came back from, another crash loses no more than that did.
    this.#ending = this.#ending === "power-lost" && process === null ? "power-lost" : ending;
    if (ending !== "power-lost") return;
    for (const file of readdirSync(this.#directory)) {
      if (file.endsWith("-shm")) rmSync(join(this.#directory, file));
    }
    // Sometimes nearly nothing is lost, sometimes nearly all.
    const kept = this.#random.next();
    const lost = this.#disk.losePower(() => this.#random.chance(kept));
    this.#count("sectors-lost", lost);
  }

  /** Until nothing more happens by itself; ends a process whose disk stopped in the middle. */
  async #rest(): Promise<void> {
    await time.settle();
    const process = this.#process;
    if (this.#disk.failed > 0) this.#diskFailed = true;
    if (this.#doom !== null && this.#disk.failed > 0) {
      this.#count(this.#doom === "power-lost" ? "power-loss-inside" : "kill-inside");
      return this.#die(this.#doom);
    }
    if (process === null || process.failure === null) return;
    const { error } = process.failure;
    if (!this.#diskFailed || !SimulatedProcess.isNamed(error)) throw error;
    await this.#die("killed");
  }

  async #do(step: Step): Promise<void> {
    switch (step.do) {
      case "append":
        return this.#append(step.sensor, step.partition, step.records);
      case "pass":
        this.#count("pass");
        return time.pass(step.ms);
      case "clock":
        this.#clock.set(step.byMs);
        this.#count(step.byMs > 0 ? "clock-forward" : "clock-back");
        if (step.byMs > 0) this.#witness.wasSetForward = true;
        return;
      case "open":
        return this.#open();
      case "restart":
        this.#count("restart");
        return this.#restart();
      case "kill":
      case "power-loss":
        return this.#kill(step.do === "kill" ? "killed" : "power-lost", step.after);
      case "disk-error":
      case "disk-full":
        if (this.#doom !== null) return;
        this.#count(step.do);
        this.#disk.fail(faultOf(step));
        return;
      case "heal-disk":
        if (this.#doom === null) this.#disk.heal();
        return;
      case "commit":
      case "release":
      case "discard":
      case "retry-rejections":
      case "discard-rejections":
        if (this.#process === null || this.#isInTrouble) return;
        this.#count(step.do);
        return settleLists(step, this.#process.pipeline, this.#witness, this.#random);
      case "delete":
      case "rename":
      case "undo":
        if (this.#process === null || this.#process.pipeline.trouble !== null) return;
        return this.#count(await correct(step, this.#process.pipeline, this.#witness, this.#isInTrouble));
      case "anew":
      case "damage":
        return this.#damage(step);
      default:
        return this.#trouble(step);
    }
  }

  /** What waits for a disk does not end before that is healed. */
  get #isInTrouble(): boolean {
    return this.#disk.isArmed || this.#diskFailed || this.#process?.pipeline.trouble !== null;
  }

  async #kill(ending: Ending, after: number): Promise<void> {
    if (this.#process === null) return;
    this.#count(ending === "killed" ? "kill" : "power-loss");
    if (after === 0) return this.#die(ending);
    this.#doom = ending;
    this.#disk.fail({ what: CHANGES, error: "EIO", first: after });
  }

  /** What comes of it shows when the next process is started, on a disk that works. */
  async #damage(step: Step & { readonly do: "damage" | "anew" }): Promise<void> {
    const process = this.#process;
    if (this.#doom !== null || this.#disk.isArmed || this.#diskFailed || process === null) return;
    const isWell = process.pipeline.trouble === null;
    // Offsets of a log that was cut mean other records by now: what of them is deleted depends on when that was heard of.
    if (step.do === "anew" && (this.#witness.cuts > 0 || !isWell)) return;
    if ((step.do === "anew" || step.isClosed) && isWell) {
      this.#process = null;
      const failure = (await process.end()) ?? process.failure?.error;
      if (failure !== undefined) throw failure;
      this.#appends?.ended();
      this.#ending = "closed";
    } else {
      const putBack = beside(this.#directory);
      await this.#die("killed");
      putBack();
    }
    if (step.do === "anew") {
      this.#count("anew");
      takeHistory(this.#directory);
      this.#ending = "anew";
    } else {
      this.#kept = new KeptDirectory(this.#directory);
      if (damage(this.#directory, step)) this.#count(`damage-${step.how}`);
      else this.#endDamage();
    }
    this.#disk.startJournal();
    await this.#open();
  }

  #endDamage(): void {
    if (this.#kept === null) return;
    this.#kept.dispose();
    this.#kept = null;
  }

  async #append(sensor: string, partition: number, records: readonly PlannedRecord[]): Promise<void> {
    this.#count("append");
    const stamp = this.#plan.log === "kafka-append" ? Math.floor(this.#plan.startMs + time.steadyMs) : null;
    const sent = sentOf(records, stamp);
    if (this.#broker !== null) {
      const known = this.#broker.topics.get(sensor);
      if (known === undefined) this.#count("new-sensor");
      const topic = known ?? this.#broker.create(sensor, this.#plan.partitions);
      topic.partitions[partition % topic.partitions.length].append(sent);
      this.#broker.changed();
      return;
    }
    await this.#open();
    const process = this.#process;
    if (process === null || this.#appends === null) return;
    if (process.pipeline.sensors.find(sensor)?.followed !== true) {
      const admitted = await time.until(process.pipeline.admit(sensor).then(() => true)).catch((error: unknown) => {
        if (this.#disk.failed === 0 && !this.#diskFailed) throw error;
        return false;
      });
      this.#count("new-sensor");
      if (!admitted) return;
    }
    this.#appends.append(process.log, sensor, sent);
  }

  async #trouble(step: Step): Promise<void> {
    if (this.#broker === null) {
      if (step.do === "retention") this.#count("retention");
      return;
    }
    if (step.do === "skip") {
      if (this.#process === null || this.#isInTrouble) return;
      this.#count("skip", await skipUnreadable(this.#process.pipeline, this.#broker, this.#witness));
      return;
    }
    if (step.do === "unreachable") this.#isLogTroubled = true;
    for (const name of harmBroker(this.#broker, step, this.#random, this.#clock.now())) this.#count(name);
    this.#broker.changed();
  }

  /** Compares everything that can be compared now. */
  #check(windows: number): void {
    const process = this.#process;
    if (process === null) return;
    const { pipeline, state } = process;
    this.#witness.compare(state, pipeline, windows > 0);
    this.#checkTrouble(process);
    this.#appends?.check(this.#disk.failed > 0 || this.#diskFailed);
    if (this.#broker !== null && !this.#isLogTroubled) {
      assert.equal(brokenClaim(this.#broker, this.#witness, pipeline, this.#plan.zone), null);
    }
    for (const name of checkKept(pipeline, this.#witness.oracle, this.#plan.keepMs, this.#deletedBefore))
      this.#count(name);
    if (windows === 0) return;
    const compared = {
      oracle: this.#witness.oracle,
      pipeline,
      nowMs: this.#clock.now(),
      deletedBefore: this.#deletedBefore,
    };
    compareWindows(compared, windows, this.#random);
    this.#count("as-of", comparePast(compared, this.#witness.revisions, windows, this.#random));
  }

  /** A trouble has a cause; without one all is taken in that can be read. */
  #checkTrouble({ pipeline, state, log }: SimulatedProcess): void {
    const { trouble } = pipeline;
    if (trouble !== null) {
      const mayBe = this.#diskFailed || this.#isLogTroubled || this.#disk.failed > 0;
      assert.ok(mayBe, `trouble without a cause: ${trouble}`);
      return;
    }
    this.#isLogTroubled = this.#broker !== null && this.#broker.unreachable > 0;
    if (this.#isLogTroubled || log.trouble !== null) return;
    const endOf = (topic: string): number => this.#appends?.end(topic) ?? 0;
    checkEnds(pipeline, state, this.#broker ?? endOf);
  }
}
