/** Planted bugs of the pipeline that its own tests, or the simulated histories, must catch. */
import type { Planted } from "./planted.ts";

/** Each names the promise of docs/GUARANTEES.md that it breaks. */
export const IN_PIPELINE: readonly Planted[] = [
  {
    name: "the log is told of a commit that is not synced",
    promise: "acknowledged",
    file: "src/pipeline/commits.ts",
    changes: [
      ["if (followed.length === 0 || !(await checkpointer.sync())) return;", "if (followed.length === 0) return;"],
    ],
    by: "test/pipeline/commits.test.ts",
    only: "is none for the log",
  },
  {
    name: "a commit waits for the wall clock",
    promise: "clocks",
    file: "src/pipeline/commits.ts",
    changes: [["const now = this.#options.clock.steady();", "const now = this.#options.clock.now();"]],
    by: "test/pipeline/clock-set.test.ts",
  },
  {
    name: "a clock set forward releases whatever it passes",
    promise: "clocks",
    file: "src/pipeline/clock-offset.ts",
    changes: [["return beforeMs >= -aheadMs && (isProven || beforeMs <= aheadMs);", "return beforeMs >= -aheadMs;"]],
    by: "test/pipeline/clock-behind.test.ts",
  },
  {
    name: "history is kept by the clock alone",
    promise: "kept",
    file: "src/pipeline/horizon.ts",
    changes: [["Math.min(totals.lastTime, knownMs)", "knownMs"]],
    by: "test/pipeline/keep.test.ts",
  },
  {
    name: "a clock that jumps ahead is believed at once",
    promise: "kept",
    file: "src/pipeline/known-time.ts",
    changes: [["this.#ms = Math.min(host, this.#ms + passed * pace);", "this.#ms = host + 0 * pace;"]],
    by: "test/pipeline/keep.test.ts",
  },
  {
    name: "expired pages stay in the file",
    promise: "kept",
    file: "src/pipeline/horizon.ts",
    changes: [["yield* this.#history.expire(series, second, first);", "void [series, second, first];"]],
    by: "test/pipeline/keep.test.ts",
  },
  {
    name: "rows that a full list drops are not counted",
    promise: "nothing-silent",
    file: "src/pipeline/set-aside.ts",
    changes: [["sensor.totals.quarantineDropped++;", ""]],
    by: "test/pipeline/state.test.ts",
  },
  {
    name: "completeUntil passes what is not read",
    promise: "complete-until",
    file: "src/pipeline/unread.ts",
    changes: [
      [
        "if (!this.#isAtEnd(partition) && partition.newest < limit)",
        "if (partition.newest < Number.NEGATIVE_INFINITY)",
      ],
    ],
    by: "test/pipeline/unread.test.ts",
  },
  {
    name: "a released reading stays in the list",
    promise: "counted-once",
    file: "src/pipeline/uncounted.ts",
    changes: [["letters.remove(id);", ""]],
    by: "test/pipeline/pipeline.test.ts",
  },
  {
    name: "a silent device's clock holds the mark for ever",
    promise: "complete-until",
    file: "src/identity/watermark.ts",
    changes: [["Math.abs(nowMs - heardAt) > ACTIVE_DEVICE_MS || ", ""]],
    by: "test/pipeline/pipeline.test.ts",
  },
  {
    name: "what was refused as its sync failed stays in the log",
    promise: "acknowledged",
    file: "src/log/embedded/writer-thread.ts",
    changes: [["if (this.#broken !== null) writer.cutTo(ends);", "void ends;"]],
    by: "test/system/embedded-log-disk.test.ts",
    only: "alone with its file",
  },
  {
    name: "sensors appear beside those of a list",
    promise: "nothing-silent",
    file: "src/pipeline/following.ts",
    changes: [["state.sensors.mayAppear = rule.sensors === null;", "state.sensors.mayAppear = true;"]],
    by: "test/pipeline/unread.test.ts",
  },
  {
    name: "a sensor that a record names holds nothing back while the record's topic is unread",
    promise: "complete-until",
    file: "src/pipeline/sources.ts",
    changes: [
      ["this.#feeding.set(series.id, [...this.feeding(series), source]);\n  }\n\n  /** Every", "}\n\n  /** Every"],
    ],
    by: "test/pipeline/unread.test.ts",
  },
  {
    name: "readings of one record are late for one another",
    promise: "same-bits",
    file: "src/pipeline/clocks.ts",
    changes: [
      ["if (verdicts[i] === LATE && readings.time[i] >= onTimeFrom) verdicts[i] = ON_TIME;", "void onTimeFrom;"],
    ],
    by: "test/pipeline/oracle.test.ts",
  },
  {
    name: "readings by identity leave released ones out",
    promise: "nothing-silent",
    file: "src/pipeline/ingest.ts",
    changes: [["if (identity !== null) sensor.totals.addIdentity(identity);", "void identity;"]],
    by: "test/system/simulate.test.ts",
  },
  {
    name: "a release is forgotten by the next commit",
    promise: "counted-once",
    file: "src/pipeline/dead-letters.ts",
    changes: [["this.db.guarded(() => this.#delete.run(id));", ""]],
    by: "test/system/simulate.test.ts",
  },
  {
    name: "a topic that was made anew holds nothing back until it is opened",
    promise: "complete-until",
    file: "src/pipeline/unread.ts",
    changes: [["if (isOutdated) return Number.NEGATIVE_INFINITY;", "void isOutdated;"]],
    by: "test/system/simulate.test.ts",
  },
];
