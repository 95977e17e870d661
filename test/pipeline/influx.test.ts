/** Lines through log batches, identity and history: each reading once, whatever is sent again how, and through crashes. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { DEFAULT_NAMING, type LineNaming } from "../../src/core/line-naming.ts";
import { Random } from "../../src/core/random.ts";
import { Records } from "../../src/core/records.ts";
import { atOnce } from "../../src/core/slices.ts";
import { openZone } from "../../src/core/zone.ts";
import { recordsOfLines } from "../../src/doors/influx.ts";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import { decodeBatch } from "../../src/log/record-batch.ts";
import { BOUNDS } from "../../src/pipeline/bounds.ts";
import { Ingest } from "../../src/pipeline/ingest.ts";
import { State } from "../../src/pipeline/state.ts";
import { Database } from "../../src/store/database.ts";

const NOW = Date.UTC(2026, 4, 1, 12);

class Opened {
  readonly state: State;
  readonly #db: Database;
  readonly #ingest: Ingest;
  #offset = 0;

  constructor(directory: string, sensors = BOUNDS.sensors) {
    this.#db = Database.open(directory);
    this.state = new State(this.#db, { ...BOUNDS, sensors });
    this.state.sensors.mayAppear = true;
    const clock = new ManualClock(NOW);
    this.#ingest = new Ingest(this.state, { clock, zone: openZone("UTC"), clockAheadMs: 300_000 });
  }

  /** A request's lines, as one batch of the log. */
  take(lines: readonly string[], precision = "ns", naming: LineNaming = DEFAULT_NAMING): void {
    const source = this.state.openTopic({ name: "influx", id: "t", partitions: [0] });
    const { records: given } = atOnce(recordsOfLines(Buffer.from(lines.join("\n")), precision, naming));
    const records = new Records();
    const bytes = encodeBatch({ baseOffset: this.#offset, records: given, timestamp: NOW });
    decodeBatch(bytes, 0, bytes.length, 0, records);
    this.#offset += given.length;
    this.#ingest.take(records, source, source.partitions[0]);
  }

  /** Without a commit: what was taken in since the last one is forgotten. */
  close(): void {
    this.#db.close();
  }

  totals(sensor: string) {
    const series = this.state.sensors.find(sensor);
    assert.ok(series !== undefined, sensor);
    return series.totals;
  }
}

function inDirectory(use: (directory: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-influx-"));
    try {
      await use(directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
}

test(
  "lines that come again count once: in other batches, tags and fields in another order, after crashes",
  inDirectory(async (directory) => {
    const seed = 4;
    const random = new Random(seed);
    const shuffled = (items: readonly string[]): string[] =>
      items
        .map((item) => ({ item, at: random.next() }))
        .sort((a, b) => a.at - b.at)
        .map(({ item }) => item);
    const ns = BigInt(NOW - 3_600_000) * 1_000_000n;
    // Several a millisecond: ns tell them apart.
    const points = Array.from({ length: 600 }, (_, i) => {
      const tags = [`host=h${i % 7}`, `rack=r\\ ${i % 3}`, ...(i % 2 === 0 ? ["zone=z"] : [])];
      return { tags, fields: [`a=${i}`, `b=${i}i`, 'text="x"'], time: ns + BigInt(i) * 400_000n };
    });
    const line = ({ tags, fields, time }: (typeof points)[number]): string =>
      `${["m", ...shuffled(tags)].join(",")} ${shuffled(fields).join(",")} ${time}`;
    let opened = new Opened(directory);
    let crashes = 0;
    for (let round = 0; round < 60; round++) {
      const first = random.integer(0, points.length - 1);
      const batch = points.slice(first, first + random.integer(1, 120));
      opened.take(shuffled(batch.map(line)));
      if (random.chance(0.2)) await opened.state.commit();
      else if (random.chance(0.1)) {
        // What was not committed is forgotten; the log would bring it again, here a sender does.
        opened.close();
        opened = new Opened(directory);
        crashes++;
      }
    }
    opened.take(shuffled(points.map(line)));
    for (const sensor of ["m_a", "m_b"]) {
      const { received, counted, duplicates, conflicts, rejected, quarantined } = opened.totals(sensor);
      assert.deepEqual([counted, conflicts, rejected, quarantined], [points.length, 0, 0, 0], `seed ${seed}`);
      assert.equal(received, counted + duplicates);
      assert.ok(duplicates > points.length);
    }
    assert.ok(crashes > 2);
    opened.close();
  }),
);

test(
  "a corrected value is a conflict, another series of the same sensor and device is none",
  inDirectory(async (directory) => {
    const opened = new Opened(directory);
    const naming = { sensor: ["all{field}"], device: ["one"] };
    const time = BigInt(NOW - 1000) * 1_000_000n;
    opened.take(
      [`a v=1 ${time}`, `a v=2 ${time}`, `b v=3 ${time}`, `b v=3 ${time}`, `a v=4 ${time + 1n}`],
      "ns",
      naming,
    );
    const { counted, duplicates, conflicts } = opened.totals("allv");
    assert.deepEqual([counted, duplicates, conflicts], [3, 2, 1]);
    opened.close();
  }),
);

test(
  "sensors past the limit are rejected by name and counted, the rest of the batch counts",
  inDirectory(async (directory) => {
    const opened = new Opened(directory, 4);
    opened.take(["a value=1", "b value=1", "c value=1", "d value=1", "e value=1", "a value=2"]);
    assert.deepEqual(
      opened.state.sensors.list().map(({ name }) => name),
      ["influx", "a", "b", "c"],
    );
    assert.equal(opened.state.sensors.refused, 2);
    assert.equal(opened.totals("a").counted, 2);
    const { received, rejected } = opened.totals("influx");
    assert.deepEqual([received, rejected], [2, 2]);
    await opened.state.commit();
    assert.deepEqual(
      opened.state.rejections.list(undefined, 0, 10).map(({ code, bytes }) => [code, Buffer.from(bytes).toString()]),
      [
        ["sensor-unknown", "d value=1"],
        ["sensor-unknown", "e value=1"],
      ],
    );
    opened.close();
  }),
);
