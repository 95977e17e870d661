/** Bugs planted in copies of the sources: the comparison with the oracle must find every one of them, and nothing in the copy without one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { copyWith, type PlantedBug } from "../torture/broken-copy.ts";
import { crash } from "../torture/crash.ts";
import type { SimulationOptions } from "../torture/simulate.ts";

const OPTIONS: SimulationOptions = { seed: 1, readings: 3000, log: "kafka", windows: 30 };

interface Planted extends PlantedBug {
  readonly log?: SimulationOptions["log"];
  readonly seed?: number;
}

const REPLICAS = { seed: 60, readings: 400, log: "kafka", histories: 3 };

const EARLY_OFFSETS: Planted = {
  name: "offsets are committed one commit before their pages",
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

const BUGS: readonly Planted[] = [
  EARLY_OFFSETS,
  {
    name: "partition 1 is ignored",
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
    file: "src/identity/devices.ts",
    changes: [["this.#store(slot, leaving);", ""]],
  },
  {
    name: "a delta does not say which sequences are new",
    file: "src/identity/devices.ts",
    changes: [["if (word < cells[cell + CHANGED_WORD]) cells[cell + CHANGED_WORD] = word;", ""]],
  },
  {
    name: "a question whose window touches what changed does not merge it upwards",
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
    file: "src/metrics/exact-sum.ts",
    changes: [["carry = part - (total - virtual) + (carry - virtual);", "carry = 0 * virtual;"]],
  },
  {
    name: "without a boot a sequence is a duplicate whatever its time",
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
    file: "src/identity/identity.ts",
    changes: [["devices.implicitBoot[slot]++;", ""]],
  },
  {
    name: "pairs that were committed are not looked up",
    file: "src/identity/seen-pairs.ts",
    changes: [["row?.bytes instanceof Uint8Array ? PairBlock.decode(row.bytes) : new PairBlock()", "new PairBlock()"]],
  },
  {
    name: "clocks are judged against the time of reading, not the log's",
    file: "src/pipeline/clocks.ts",
    changes: [
      ["t > (appendTime ? stamp + aheadMs : latest)", "t > latest"],
      ["(appendTime || last <= nowMs + this.#aheadMs)", "last <= nowMs + this.#aheadMs"],
    ],
    log: "kafka-append",
  },
  {
    name: "late is behind what the sensor has, not the partition",
    file: "src/pipeline/ingest.ts",
    changes: [["partition.fronts.of(sensor.id)", "Math.max(partition.fronts.of(sensor.id), sensor.totals.lastTime)"]],
  },
  {
    name: "a restart forgets how far a partition had come",
    file: "src/pipeline/sources.ts",
    changes: [["fronts.restore(Number(sensor), Number(newest))", "fronts.restore(Number(sensor), 0 * Number(newest))"]],
  },
  {
    name: "a recreated topic is taken for a replay",
    file: "src/pipeline/sources.ts",
    changes: [["known !== undefined && known.topicId === topic.id", "known !== undefined"]],
  },
  {
    name: "explicit ids are forgotten when they are committed",
    file: "src/identity/explicit-ids.ts",
    changes: [
      [
        "if (this.#recent.size === 0) this.#recent = this.#pending;\n    else for (const key of this.#pending) this.#recent.add(key);",
        "",
      ],
      ['this.#insert.add(key.codePointAt(0) ?? 0, Buffer.from(key.slice(-HASH_BYTES), "latin1"));', "void key;"],
    ],
  },
];

/** Each replica is right by itself, as far as the oracle looks: only beside another one it is seen. */
const REPLICA_BUGS: readonly PlantedBug[] = [
  {
    name: "late is behind what the sensor has, not the partition",
    file: "src/pipeline/ingest.ts",
    changes: [["partition.fronts.of(sensor.id)", "sensor.totals.lastTime"]],
  },
  {
    name: "whether a rejected record is one reading depends on the others of its batch",
    file: "src/pipeline/by-series.ts",
    changes: [["isCut ? 1 : this.#isSingle[from]", "isCut ? 1 : 0"]],
  },
  {
    name: "duplicates do not move a partition's front",
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
];

/** Characters of what a copy prints: its first line says what was found. */
const OUTPUT_KEPT = 4000;

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a simulation, or replicas, of the sources in `directory`. */
function simulated(
  directory: string,
  options: SimulationOptions | typeof REPLICAS,
  program = "simulate.ts",
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const script = join(directory, "test", "torture", program);
    const child = spawn(process.execPath, [script, JSON.stringify(options)], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk: Buffer): void => {
      if (output.length < OUTPUT_KEPT) output += chunk.toString("utf8");
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output: output.trim() }));
  });
}

async function inCopy<T>(bug: PlantedBug | null, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-planted-"));
  try {
    copyWith(directory, bug);
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test("planted bugs are found by the comparison with the oracle", { concurrency: 2 }, async (t) => {
  const runs = BUGS.map(async (bug) => {
    const { log = OPTIONS.log, seed = OPTIONS.seed } = bug;
    await t.test(`finds: ${bug.name}`, async (t) => {
      const { code, output } = await inCopy(bug, (directory) => simulated(directory, { ...OPTIONS, log, seed }));
      assert.equal(code, 1, `not found: ${output}`);
      assert.match(output, /^AssertionError/, `it ended, but not by the comparison: ${output}`);
      t.diagnostic(output.split("\n", 1)[0]);
    });
  });
  for (const bug of REPLICA_BUGS) {
    runs.push(
      t.test(`finds: ${bug.name}`, async (t) => {
        const { code, output } = await inCopy(bug, (directory) => simulated(directory, REPLICAS, "replicas.ts"));
        assert.equal(code, 1, `not found: ${output}`);
        assert.match(output, /^(seed.*\n)*AssertionError/, `it ended, but not by the comparison: ${output}`);
        t.diagnostic(output.split("\n", 1)[0]);
      }),
    );
  }
  for (const log of ["kafka", "kafka-append"] as const) {
    runs.push(
      t.test(`finds nothing in a copy without a bug: ${log}`, async (t) => {
        const { code, output } = await inCopy(null, (directory) => simulated(directory, { ...OPTIONS, log }));
        assert.equal(code, 0, output);
        t.diagnostic(output);
      }),
    );
  }
  await Promise.all(runs);
});

test("kill -9 of a real process finds it too: offsets are committed before their pages", async (t) => {
  const broken = inCopy(EARLY_OFFSETS, (sources) =>
    crash({ log: "embedded", seed: 51, readings: 3000, kills: 4, bulk: 0, windows: 40, sources }),
  );
  await assert.rejects(broken, (error: unknown) => {
    assert.ok(error instanceof assert.AssertionError, String(error));
    t.diagnostic(error.message.split("\n", 1)[0]);
    return true;
  });
});
