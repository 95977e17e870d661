/**
 * A made-up part of a commit, in a copy of the sources: what it takes to add one. It is a file of its own, four lines in `state.ts` (import, field,
 * making it, its place in the list) and one where it is told what it keeps; the database, the commit and the other parts know nothing of it.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { copyWith, plant } from "../torture/broken-copy.ts";

/** The largest value that was ever counted of each sensor. */
const PEAKS = `
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";

export class Peaks implements CommitPart {
  readonly waitingBytes = 0;
  readonly #db: Database;
  readonly #peaks = new Map<number, number>();
  readonly #changed = new Set<number>();

  constructor(db: Database) {
    this.#db = db;
    db.declare("CREATE TABLE IF NOT EXISTS peak(sensor INTEGER PRIMARY KEY, value REAL NOT NULL)");
    for (const { sensor, value } of db.prepare("SELECT * FROM peak").all()) this.#peaks.set(Number(sensor), Number(value));
  }

  get waitingRows(): number {
    return this.#changed.size;
  }

  note(sensor: number, value: number): void {
    if (value <= (this.#peaks.get(sensor) ?? Number.NEGATIVE_INFINITY)) return;
    this.#peaks.set(sensor, value);
    this.#changed.add(sensor);
  }

  *write(): Generator<number> {
    const insert = this.#db.prepare("INSERT OR REPLACE INTO peak VALUES(?, ?)");
    for (const sensor of this.#changed) {
      this.#db.guarded(() => insert.run(sensor, this.#peaks.get(sensor) ?? 0));
      yield 16;
    }
  }

  committed(): void {
    this.#changed.clear();
  }
}
`;

const CHANGES = [
  {
    file: "src/pipeline/state.ts",
    changes: [
      [
        'import { Sensors } from "./sensors.ts";',
        'import { Peaks } from "./peaks.ts";\nimport { Sensors } from "./sensors.ts";',
      ],
      ["    this.sources = new Sources(db);", "    this.sources = new Sources(db);\n    this.peaks = new Peaks(db);"],
      ["  readonly sources: Sources;", "  readonly sources: Sources;\n  readonly peaks: Peaks;"],
      ["horizon, clockOffset, history.revisions];", "horizon, clockOffset, this.peaks, history.revisions];"],
    ],
  },
  {
    file: "src/pipeline/ingest.ts",
    changes: [
      [
        "    totals.counted += n;\n",
        "    totals.counted += n;\n    for (let i = 0; i < n; i++) this.#state.peaks.note(sensor.id, readings.value[i]);\n",
      ],
    ],
  },
] as const;

const SETTINGS = {
  ...{ log: { kind: "local" }, sensors: null, topics: null, createTopics: false },
  ...{ timezone: "UTC", keepMs: null, logRetentionBytes: 16_000_000, clockAheadMs: 300_000 },
};

test("a made-up part of a commit is stored with the others, and found again: its own file, state.ts and the line that tells it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-part-"));
  try {
    copyWith(directory, null);
    writeFileSync(join(directory, "src/pipeline/peaks.ts"), PEAKS);
    for (const change of CHANGES) plant(directory, { name: "a part of a commit", ...change });
    const { openCore } = await import(join(directory, "src/app.ts"));
    const data = join(directory, "data");
    const peaks: unknown[] = [];
    for (const values of [
      [3, 9, 4],
      [1, 2],
      [12, 5],
    ]) {
      const core = await openCore({ ...SETTINGS, data });
      await core.engine.admit("pressure");
      await core.log.append(
        "pressure",
        values.map((value) => ({ value: Buffer.from(String(value)) })),
      );
      const { counted } = core.engine.status("pressure").totals;
      while (core.engine.status("pressure").totals.counted < counted + values.length) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      await core.close();
      const db = new DatabaseSync(join(data, "history.db"));
      peaks.push(db.prepare("SELECT value FROM peak").get()?.value);
      db.close();
    }
    assert.deepEqual(peaks, [9, 9, 12]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
