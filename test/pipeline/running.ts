/** A running pipeline over a real history in a directory of its own, and a log that delivers what a test sends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ManualClock } from "../../src/core/clock.ts";
import { openZone } from "../../src/core/zone.ts";
import { BOUNDS, type Bounds } from "../../src/pipeline/bounds.ts";
import { Pipeline } from "../../src/pipeline/pipeline.ts";
import { State } from "../../src/pipeline/state.ts";
import { Checkpointer } from "../../src/store/checkpointer.ts";
import { Database } from "../../src/store/database.ts";
import type { Arrival } from "../oracle/oracle.ts";
import { ReplayLog } from "../simulation/replay-log.ts";

export const NOW = Date.UTC(2026, 4, 1, 12);
export const EVER = { start: 0, end: 4_000_000_000 };

export interface Options {
  readonly keepMs?: number;
  readonly bounds?: Partial<Bounds>;
  readonly rowsAtOnce?: number;
  /** Sensors appear as topics and records name them; default: the only one is temperature. */
  readonly followsAll?: boolean;
}

export interface Running {
  readonly pipeline: Pipeline;
  readonly log: ReplayLog;
  readonly clock: ManualClock;
  readonly state: State;
  readonly db: Database;
  readonly checkpointer: Checkpointer;
  /** What whoever runs it was told. */
  readonly notices: readonly string[];
  /** What a test sends next, as it comes from the log. */
  arrivals(...payloads: unknown[]): Arrival[];
  /** Resolves when it is taken in. */
  send(...payloads: unknown[]): Promise<void>;
  /**
   * Whatever state it is in: a clean close, which may fail, then a new one on the same directory.
   * @param keep another `--keep` from now on; @param between what happens while it is closed @param bounds others from now on
   */
  reopen(keep?: { readonly keepMs?: number }, between?: () => void, bounds?: Partial<Bounds>): Promise<void>;
}

export async function withPipeline(options: Options, body: (running: Running) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-pipeline-"));
  const clock = new ManualClock(NOW);
  const notices: string[] = [];
  let offset = 0;
  let keep: { readonly keepMs?: number } = options;
  let { bounds } = options;
  const open = () => {
    const log = new ReplayLog([{ name: "temperature", id: "t-1", partitions: [0] }], options.rowsAtOnce);
    const db = Database.open(directory);
    const state = new State(db, { ...BOUNDS, ...bounds });
    const checkpointer = new Checkpointer(db.file);
    const settings = {
      state,
      log,
      checkpointer,
      clock,
      zone: openZone("UTC"),
      follow: {
        sensors: options.followsAll === true ? null : ["temperature"],
        passes: () => options.followsAll === true,
        mayCreate: true,
      },
    };
    const pipeline = new Pipeline({
      ...settings,
      clockAheadMs: 300_000,
      keepMs: keep.keepMs ?? null,
      onNotice: (text) => notices.push(text),
    });
    void pipeline.start();
    return { log, db, state, checkpointer, pipeline };
  };
  let parts = open();
  const close = async () => {
    try {
      await parts.pipeline.close();
    } finally {
      await parts.checkpointer.close();
      parts.db.close();
    }
  };
  const running: Running = {
    get pipeline() {
      return parts.pipeline;
    },
    get log() {
      return parts.log;
    },
    get state() {
      return parts.state;
    },
    get db() {
      return parts.db;
    },
    get checkpointer() {
      return parts.checkpointer;
    },
    clock,
    notices,
    arrivals: (...payloads) =>
      payloads.map((payload) => ({
        sensor: "temperature",
        topicId: "t-1",
        partition: 0,
        offset: offset++,
        recordTime: clock.now(),
        appendTime: true,
        key: null,
        value: Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload)),
        nowMs: clock.now(),
      })),
    send: (...payloads) => parts.log.deliver(running.arrivals(...payloads)),
    reopen: async (next = keep, between = () => {}, others = bounds) => {
      await close().catch(() => {});
      keep = next;
      bounds = others;
      between();
      parts = open();
    },
  };
  try {
    await body(running);
  } finally {
    await close().catch(() => {});
    rmSync(directory, { recursive: true });
  }
}

export const reading = (device: string, sequence: number, time: number, value = 1) => ({
  device,
  boot: "b",
  sequence,
  time,
  value,
});
