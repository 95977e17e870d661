/** kill -9 of the real process on a real disk, during ingest, commits and recovery: the same answers as the oracle's. The embedded log. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { createHistory } from "../oracle/generator.ts";
import { crashRun } from "../torture/crash-run.ts";
import { embeddedContents } from "../torture/log-contents.ts";
import { bulkLane, lanesOf } from "../torture/requests.ts";

const LANES = 3;
const KILLS = 5;
/** Readings beside the history, so that a recovery has something to do. */
const BULK = 160_000;

for (const seed of [31, 32]) {
  test(`answers exactly as the oracle after kill -9 at any moment: embedded log, seed ${seed}`, async (t: TestContext) => {
    const data = mkdtempSync(join(tmpdir(), "tidemark-crash-"));
    t.after(() => rmSync(data, { recursive: true, force: true }));
    const history = createHistory({
      seed,
      readings: 6000,
      nowMs: systemClock.now(),
      log: "embedded",
      clock: "still",
      order: "any",
      partitions: LANES,
    });
    const { zone, nowMs } = history.options;
    const sensors = [...history.options.sensors, "bulk"];
    const report = await crashRun({
      history,
      seed,
      lanes: [...lanesOf(history, seed).lanes, bulkLane("bulk", BULK, nowMs)],
      process: { data, sensors, zone },
      kills: KILLS,
      windows: 60,
      contents: () => embeddedContents(data, sensors, systemClock.now()),
    });
    t.diagnostic(JSON.stringify(report));
    assert.equal(report.killedInCommit + report.killedInIngest + report.stopped, KILLS);
  });
}
