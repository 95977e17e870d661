/** One process of a simulated history: everything below the HTTP server, as src/ has it, on the simulated disk, log and clock. */
import { mkdirSync } from "node:fs";
import { TidemarkError } from "../../src/core/errors.ts";
import { openZone, type Zone } from "../../src/core/zone.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import type { Log } from "../../src/log/log.ts";
import { BOUNDS } from "../../src/pipeline/bounds.ts";
import { openHistory } from "../../src/pipeline/made-anew.ts";
import { Pipeline } from "../../src/pipeline/pipeline.ts";
import { State } from "../../src/pipeline/state.ts";
import { Checkpointer } from "../../src/store/checkpointer.ts";
import type { Database } from "../../src/store/database.ts";
import { HistoryGuard } from "../../src/store/history-guard.ts";
import { localThread } from "./local-thread.ts";
import type { Plan } from "./plan.ts";
import { type HostClock, time } from "./virtual-time.ts";
import type { Ending, Witness } from "./witness.ts";

/** Bounds that small histories reach. */
const TIGHT = {
  commitReadings: 25,
  waitingRows: 12,
  residentDevices: 2,
  bootNames: 2,
  seenBytes: 2000,
  waitingBytes: 20_000,
};
/** For so few readings a table of megabytes would only cost time. */
const FEW = { rememberedValues: 1024 };
/** Small enough that the embedded log deletes what is in the history. */
const RETENTION_BYTES = 160_000;

export const SENSORS = ["temperature", "humidity", "pressure"];

const zones = new Map<string, Zone>();

/** Opening one takes longer than all else of a process. */
function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = openZone(name);
  zones.set(name, zone);
  return zone;
}

export interface ProcessOptions {
  readonly plan: Plan;
  readonly directory: string;
  readonly clock: HostClock;
  readonly witness: Witness;
  /** The log of a broker; null: the embedded one. */
  readonly brokerLog: Log | null;
  /** What is in the directory was damaged: what then is missing must be named. */
  readonly isDamaged: boolean;
}

export class SimulatedProcess {
  /** As nobody watches it. */
  readonly log: Log;
  readonly state: State;
  readonly pipeline: Pipeline;
  /** What it found damaged: a sentence each. */
  notices: readonly string[] = [];
  /** Why it ended by itself; null: it did not. */
  failure: { readonly error: unknown } | null = null;
  readonly #db: Database;
  readonly #checkpointer: Checkpointer;

  private constructor(log: Log, db: Database, state: State, checkpointer: Checkpointer, pipeline: Pipeline) {
    [this.log, this.#db, this.state, this.#checkpointer, this.pipeline] = [log, db, state, checkpointer, pipeline];
    pipeline.failed.catch((error: unknown) => {
      this.failure = { error };
    });
  }

  /** Starts one on what is in the directory. @param ending how the last one ended. @throws TidemarkError as the disk, or the log, lets it not */
  static async start(options: ProcessOptions, ending: Ending): Promise<SimulatedProcess> {
    const { plan, directory, clock, witness } = options;
    mkdirSync(directory, { recursive: true });
    const undo: (() => unknown)[] = [];
    try {
      const thread = localThread((run) => time.soon(run));
      const retention = { directory, retentionBytes: RETENTION_BYTES, clock, thread };
      const log = options.brokerLog ?? (await time.until(openEmbeddedLog(retention)));
      undo.push(() => log.close());
      const notices: string[] = [];
      const guard = new HistoryGuard(thread);
      undo.push(() => guard.close());
      const { db } = await time.until(openHistory(directory, log, guard, (notice) => notices.push(notice)));
      undo.push(() => db.close());
      const state = new State(db, plan.isTight ? { ...BOUNDS, ...FEW, ...TIGHT } : { ...BOUNDS, ...FEW });
      const checkpointer = new Checkpointer(db.file, thread, db.pagesFile);
      undo.push(() => checkpointer.close());
      guard.close();
      const watched = witness.watch(log, state, checkpointer, clock, () => process.pipeline);
      const pipeline = new Pipeline({
        state,
        log: watched,
        checkpointer,
        follow: { sensors: plan.followsAll ? null : SENSORS, passes: () => true, mayCreate: true },
        clock,
        zone: zoneOf(plan.zone),
        clockAheadMs: 300_000,
        keepMs: plan.keepMs,
      });
      const process: SimulatedProcess = new SimulatedProcess(log, db, state, checkpointer, pipeline);
      process.notices = [...notices, ...state.notices, ...(log.notices ?? [])];
      const isNamed = options.isDamaged && process.notices.length > 0;
      // No sums are of what was not synced yet: damage may take it unseen, as a power loss does, and the log is read again.
      witness.found(options.isDamaged && ending === "killed" ? "power-lost" : ending, state, pipeline, isNamed);
      pipeline.start().catch(() => {}); // it goes on trying
      await time.settle();
      return process;
    } catch (error) {
      for (const each of undo.reverse()) await time.until(Promise.resolve(each())).catch(() => {});
      throw error;
    }
  }

  /** Ends it. @returns why it could not end well; null: it did */
  async end(): Promise<unknown> {
    let failure: unknown = null;
    for (const close of [
      () => this.pipeline.close(),
      () => this.#checkpointer.close(),
      () => this.log.close(),
      async () => this.#db.close(),
    ]) {
      await time.until(close()).catch((error: unknown) => {
        failure ??= error;
      });
    }
    return failure;
  }

  /** Whether it may end so on a disk that fails. */
  static isNamed(error: unknown): boolean {
    return error instanceof TidemarkError;
  }
}
