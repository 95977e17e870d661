/** The ingest takes a stream of records in, in batches of any length, as it does one record at a time: same totals, same marks, same bytes. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { Random } from "../../src/core/random.ts";
import { Records } from "../../src/core/records.ts";
import { openZone } from "../../src/core/zone.ts";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import { decodeBatch } from "../../src/log/record-batch.ts";
import { Ingest } from "../../src/pipeline/ingest.ts";
import { State } from "../../src/pipeline/state.ts";
import { Database } from "../../src/store/database.ts";

const NOW = Date.UTC(2026, 4, 1, 12);
const PARTITIONS = 3;
const RUNS = 60;

interface Sent {
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly time: number;
}

/** Runs of records of one partition each, as fetches bring them, with everything that must not be taken for an orderly row. */
function stream(random: Random, keyed: boolean): Sent[][] {
  const clocks = Array.from({ length: PARTITIONS }, (_, i) => NOW - 90_000_000 - i * 40_000);
  return Array.from({ length: RUNS }, () => {
    const partition = random.integer(0, PARTITIONS - 1);
    const step = random.pick([0, 1, 20, 1000, 1000]);
    return Array.from({ length: random.integer(1, 700) }, () => {
      clocks[partition] += step;
      const roll = random.next();
      const time =
        roll < 0.01
          ? clocks[partition] - random.integer(0, 9_000_000) // older than the run, perhaps late
          : roll < 0.015
            ? NOW + random.integer(200_000, 900_000) // ahead, some too far
            : roll < 0.02
              ? random.integer(0, 2_000_000_000) // before anybody measured
              : clocks[partition];
      const text = random.chance(0.01)
        ? random.pick(["abc", "", " ", "1e999", "NaN", '{"value":3,"device":"d","sequence":1}', '{"value":"7"}'])
        : String(random.integer(0, 2000) / random.pick([1, 1, 1, 10]));
      return {
        partition,
        key: keyed && random.chance(0.6) ? Buffer.from(`device-${random.integer(1, 3)}`) : null,
        value: Buffer.from(text),
        time,
      };
    });
  });
}

/** Takes a stream in, each run cut by `cut`; what the history, the totals, the marks and the lists hold afterwards. */
function takeIn(runs: readonly Sent[][], appendTime: boolean, cut: (left: number) => number) {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-ingest-"));
  const db = Database.open(directory);
  try {
    const state = new State(db);
    const ingest = new Ingest(state, { clock: new ManualClock(NOW), zone: openZone("UTC"), clockAheadMs: 300_000 });
    const source = state.openTopic({ name: "temperature", id: "t", partitions: [0, 1, 2] });
    const { own: sensor, partitions } = source;
    const records = new Records();
    for (const run of runs) {
      const { partition } = run[0];
      for (let from = 0; from < run.length; ) {
        const to = Math.min(run.length, from + cut(run.length - from));
        const part = run.slice(from, to);
        const bytes = encodeBatch({
          baseOffset: partitions[partition].next,
          records: part.map(({ key, value }) => ({ value, ...(key === null ? {} : { key }) })),
          timestamp: NOW,
        });
        decodeBatch(bytes, 0, bytes.length, 0, records);
        part.forEach(({ time }, i) => {
          records.timestamp[i] = time;
        });
        records.appendTime = appendTime;
        ingest.take(records, source, partitions[partition]);
        partitions[partition].next = records.nextOffset;
        from = to;
      }
    }
    db.begin();
    for (const part of [state.deviceSeries, state.history]) {
      for (const _ of part.write()) {
        // one page
      }
    }
    db.commit();
    const pages = db.prepare("SELECT key, hex(bytes) AS bytes FROM page ORDER BY key").all();
    const held = state.quarantine.list(undefined, 0, 1_000_000);
    const refused = state.rejections.list(undefined, 0, 1_000_000);
    return {
      pages,
      totals: sensor.totals.snapshot(),
      mark: state.identities.completeUntil(sensor.id, NOW),
      fronts: partitions.map(({ fronts }) => fronts.of(sensor.id)),
      newest: partitions.map(({ newest, next }) => [newest, next]),
      held: held.map(({ device, time, value, reason }) => [device, time, value, reason]),
      refused: refused.map(({ code, offset, bytes }) => [code, offset, Buffer.from(bytes).toString()]),
    };
  } finally {
    db.close();
    rmSync(directory, { recursive: true });
  }
}

for (const keyed of [false, true]) {
  for (const appendTime of [false, true]) {
    const name = [
      keyed ? "some rows name a device" : "no row names a device",
      appendTime ? "times of the log" : "times of the producer",
    ].join(", ");
    test(`batches of any length: ${name}`, () => {
      const random = new Random(Number(keyed) * 2 + Number(appendTime) + 1);
      const runs = stream(random, keyed);
      const expected = takeIn(runs, appendTime, () => 1);
      const { late, quarantined, rejected, duplicates } = expected.totals;
      // Everything happened, or this shows nothing.
      assert.ok(late > 10 && quarantined > 10 && rejected > 10 && expected.pages.length > 10);
      assert.ok(!keyed || duplicates > 0);
      assert.deepEqual(
        takeIn(runs, appendTime, (left) => left),
        expected,
      );
      assert.deepEqual(
        takeIn(runs, appendTime, () => Math.ceil(2 ** (random.next() * 9))),
        expected,
      );
    });
  }
}
