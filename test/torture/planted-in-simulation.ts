/** Planted bugs that only the comparison with the oracle would find, over a simulated history. */
import type { Planted } from "./planted.ts";

/** Caught by `kill -9` of a real process, too. */
export const EARLY_OFFSETS: Planted = {
  name: "offsets are committed one commit before their pages",
  promise: "exactly-once",
  file: "src/pipeline/state.ts",
  changes: [
    [
      "for (const part of this.#parts) yield* part.write();",
      "for (const part of this.#parts.slice(this.commits % 2 === 0 ? 1 : 0)) yield* part.write();",
    ],
    [
      "for (const part of this.#parts) part.committed();",
      "for (const part of this.#parts.slice(this.commits % 2 === 0 ? 1 : 0)) part.committed();",
    ],
  ],
};

/** Each names the promise of docs/GUARANTEES.md that it breaks. */
export const IN_SIMULATION: readonly Planted[] = [
  EARLY_OFFSETS,
  {
    name: "partition 1 is ignored",
    promise: "nothing-silent",
    file: "src/pipeline/intake.ts",
    changes: [
      [
        "const source = this.#source(fetched.topic);",
        "const source = this.#source(fetched.topic);\n    if (fetched.partition === 1) return;",
      ],
    ],
  },
  {
    name: "sequences that leave a device's edge are forgotten",
    promise: "counted-once",
    file: "src/identity/devices.ts",
    changes: [["this.#store(slot, leaving);", ""]],
  },
  {
    name: "a delta does not say which sequences are new",
    promise: "exactly-once",
    file: "src/identity/devices.ts",
    changes: [["if (word < cells[cell + CHANGED_WORD]) cells[cell + CHANGED_WORD] = word;", ""]],
  },
  {
    name: "a question whose window touches what changed does not merge it upwards",
    promise: "late-corrects",
    file: "src/rollups/roll-up.ts",
    changes: [
      [
        "return this.#unmerged.overlaps(window) || (withValues && this.#reachedLevel(window) > 0);",
        "return false && withValues && this.#reachedLevel(window) > 0;",
      ],
    ],
  },
  {
    name: "late readings are not merged into their minute",
    promise: "late-corrects",
    file: "src/rollups/roll-up.ts",
    changes: [
      [
        "if ((seconds.staleMinutes & (1 << m)) === 0) continue;",
        "if ((seconds.staleMinutes & (1 << m)) === 0 || buckets.countOf(firstMinute + m - hour * 60) > 0) continue;",
      ],
    ],
  },
  {
    name: "an hour's values are not merged anew when its minutes change",
    promise: "late-corrects",
    file: "src/rollups/roll-up.ts",
    changes: [
      [
        "this.#staleHours.add(hour);",
        "if (buckets.countOf(firstMinute + 1 - hour * 60) === 0) this.#staleHours.add(hour);",
      ],
    ],
  },
  {
    name: "a page forgets its last value when it is written",
    promise: "same-bits",
    file: "src/rollups/seconds-codec.ts",
    changes: [
      [
        "packColumn(values, n, out, body);",
        "if (n > 1) values[n - 1] = values[0];\n  packColumn(values, n, out, body);",
      ],
    ],
  },
  {
    name: "sums drop what rounding loses",
    promise: "same-bits",
    file: "src/metrics/exact-sum.ts",
    changes: [["carry = part - (total - virtual) + (carry - virtual);", "carry = 0 * virtual;"]],
  },
  {
    name: "without a boot a sequence is a duplicate whatever its time",
    promise: "counted-once",
    file: "src/identity/identity.ts",
    changes: [
      [
        "return this.#pairs.mark(device * SCOPES_A_DEVICE, time, sequence);",
        "return this.#pairs.mark(device * SCOPES_A_DEVICE, 0, sequence);",
      ],
    ],
  },
  {
    name: "a sequence that falls back with another value starts no boot",
    promise: "counted-once",
    file: "src/identity/identity.ts",
    changes: [["devices.implicitBoot[slot]++;", ""]],
  },
  {
    name: "pairs that were committed are not looked up",
    promise: "counted-once",
    file: "src/identity/seen-pairs.ts",
    changes: [["row === undefined ? new PairBlock() :", "row !== null ? new PairBlock() :"]],
  },
  {
    name: "clocks are judged against the time of reading, not the log's",
    promise: "clocks",
    file: "src/pipeline/clocks.ts",
    changes: [
      ["t > (appendTime ? stamp + aheadMs : latest)", "t > latest"],
      ["(appendTime || last <= nowMs + this.#aheadMs)", "last <= nowMs + this.#aheadMs"],
    ],
    log: "kafka-append",
  },
  {
    name: "late is behind what the sensor has, not the partition",
    promise: "same-bits",
    file: "src/pipeline/ingest.ts",
    changes: [["partition.fronts.of(sensor.id)", "Math.max(partition.fronts.of(sensor.id), sensor.totals.lastTime)"]],
  },
  {
    name: "a restart forgets how far a partition had come",
    promise: "exactly-once",
    file: "src/pipeline/sources.ts",
    changes: [["fronts.restore(Number(sensor), Number(newest))", "fronts.restore(Number(sensor), 0 * Number(newest))"]],
  },
  {
    name: "a recreated topic is taken for a replay",
    promise: "counted-once",
    file: "src/pipeline/sources.ts",
    changes: [["known !== undefined && known.topicId === topic.id", "known !== undefined"]],
  },
  {
    name: "explicit ids are forgotten when they are committed",
    promise: "counted-once",
    file: "src/identity/explicit-ids.ts",
    changes: [
      [
        "if (this.#recent.size === 0) this.#recent = this.#pending;\n    else for (const key of this.#pending) this.#recent.add(key);",
        "",
      ],
      ['this.#insert.add(key.codePointAt(0) ?? 0, Buffer.from(key.slice(-HASH_BYTES), "latin1"));', "void key;"],
    ],
  },
  // Each replica is right by itself, as far as the oracle looks: only beside another one it is seen.
  {
    name: "late is behind what a replica has, not the partition",
    promise: "same-bits",
    program: "replicas",
    file: "src/pipeline/ingest.ts",
    changes: [["partition.fronts.of(sensor.id)", "sensor.totals.lastTime"]],
  },
  {
    name: "whether a rejected record is one reading depends on the others of its batch",
    promise: "same-bits",
    program: "replicas",
    file: "src/pipeline/by-series.ts",
    changes: [["isCut ? 1 : this.#isSingle[from]", "isCut ? 1 : 0"]],
  },
  {
    name: "duplicates do not move a partition's front",
    promise: "same-bits",
    program: "replicas",
    file: "src/pipeline/ingest.ts",
    changes: [
      ["const front = this.#clocks.judge(", "let front = this.#clocks.judge("],
      [
        "    partition.fronts.advance(sensor.id, front);\n    if (front > partition.newest) partition.newest = front;\n",
        "",
      ],
      [
        "    this.#countAll(readings, sensor, this.#lateRows",
        "    front = Math.max(...readings.time.subarray(0, this.#counted));\n    partition.fronts.advance(sensor.id, front);\n    this.#countAll(readings, sensor, this.#lateRows",
      ],
    ],
  },
  {
    name: "a sensor's only device loses its past when another one comes",
    promise: "by-device",
    file: "src/pipeline/device-series.ts",
    changes: [["this.#history.fork(sole.sensor, sole.series);", ""]],
  },
  {
    name: "what waits of a device is not in answers about it",
    promise: "by-device",
    file: "src/pipeline/pipeline.ts",
    changes: [["if (device !== undefined) this.#state.deviceSeries.settle(series);", ""]],
  },
  {
    name: "readings of a second device are in the series of the first",
    promise: "by-device",
    file: "src/pipeline/device-series.ts",
    changes: [["=== of.sole.device && isOne(readings, count)) return;", "!== 0) return;"]],
  },
];
