/** What is taken in becomes safe, and nothing else is called safe: commits in the middle of reads, full disks, gaps, cuts, bugs, closing. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { TidemarkError } from "../../src/core/errors.ts";
import { ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { TOP_PAGES_MAX } from "../../src/rollups/levels.ts";
import { fillDisk } from "./full-disk.ts";
import { EVER, NOW, type Running, reading, withPipeline } from "./running.ts";

const readings = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => reading("d", from + i, NOW + i));

function storedPosition({ db }: Running): number {
  return Number(db.prepare("SELECT next FROM position").get()?.next ?? 0);
}

/** Notes the positions that the log is told of and that are not in the history: there must be none. */
function wronglyTold(running: Running): string[] {
  const wrong: string[] = [];
  running.log.onCommitted = (positions) => {
    for (const { offset } of positions) {
      if (offset > storedPosition(running)) wrong.push(`told ${offset}, stored ${storedPosition(running)}`);
    }
  };
  return wrong;
}

test("what follows a commit in the middle of a read is committed at close, and the log is told of no more", () =>
  withPipeline({ bounds: { commitReadings: 5 }, rowsAtOnce: 3 }, async (running) => {
    const wrong = wronglyTold(running);
    await running.send(...readings(0, 10));
    assert.equal(running.state.commits, 1);
    assert.equal(storedPosition(running), 6);
    const { log, pipeline } = running;
    await running.reopen();
    assert.equal(storedPosition(running), 10);
    assert.deepEqual(log.committedPositions.at(-1), [{ topic: "temperature", partition: 0, offset: 10 }]);
    assert.equal(pipeline.trouble, null);
    assert.equal(running.pipeline.status("temperature").totals.counted, 10);
    assert.deepEqual(wrong, []);
  }));

test("what follows a commit in the middle of a read is committed when it is time", () =>
  withPipeline({ bounds: { commitReadings: 5, commitIntervalMs: 0 }, rowsAtOnce: 3 }, async (running) => {
    const { state } = running;
    const { promise: committed, resolve } = Promise.withResolvers<void>();
    const commit = state.commit.bind(state);
    state.commit = async () => {
      await commit();
      if (storedPosition(running) === 10) resolve();
    };
    await running.send(...readings(0, 10));
    await committed;
  }));

test("a full disk is trouble, in the middle of a read or at close, and nothing is lost by it", () =>
  withPipeline({ bounds: { commitReadings: 5 }, rowsAtOnce: 3 }, async (running) => {
    const wrong = wronglyTold(running);
    await running.send(...readings(0, 3));
    const disk = fillDisk(running.db, "INSERT", "position");
    const { state } = running;
    const commit = state.commit.bind(state);
    let failures = 0;
    state.commit = async () => {
      try {
        await commit();
      } catch (error) {
        if (++failures === 2) disk.free();
        throw error;
      }
    };
    const lost = running.arrivals(...readings(3, 7));
    await running.log.deliver(lost);
    assert.equal(failures, 2);
    assert.equal(storedPosition(running), 6);
    assert.equal(running.pipeline.trouble, null);
    fillDisk(running.db, "UPDATE", "sensor");
    const { pipeline, log } = running;
    await running.reopen(); // what waited is given up, and comes again
    await assert.rejects(pipeline.close(), { code: "disk-full" });
    assert.match(pipeline.trouble ?? "", /full/);
    assert.equal(storedPosition(running), 6);
    assert.ok(log.committedPositions.flat().every(({ offset }) => offset <= 6));
    assert.deepEqual(wrong, []);
    await running.log.deliver(lost);
    assert.deepEqual(running.log.opened, [[{ topic: "temperature", partition: 0, offset: 6 }]]);
    assert.equal(running.pipeline.query("temperature", EVER, ALL_NEEDS).aggregate.count, 10);
  }));

test("a gap is counted once, also when what comes after it cannot be read", () =>
  withPipeline({}, async (running) => {
    const gap = { from: 0, to: 5 };
    running.arrivals(...readings(0, 5));
    const { log, pipeline } = running;
    void log.deliver(running.arrivals(...readings(5, 3)), { gap, corruptBatch: 0 });
    while (log.added.length < 2) await delay(20); // tried again, twice
    assert.equal(pipeline.trouble, null);
    assert.match(
      pipeline.notices[0],
      /^cannot read "temperature" partition 0 at offset 5, .*: Cannot read: a checksum is wrong; /,
    );
    assert.equal(pipeline.status("temperature").totals.gapRecords, 5);
    assert.deepEqual(log.added.flat(), Array(log.added.length).fill({ topic: "temperature", partition: 0, offset: 5 }));
  }));

test("a log that was cut back below what was read: counted, told, and read on from there whatever happens", () =>
  withPipeline({}, async (running) => {
    await running.send(...readings(0, 10));
    const wrong = wronglyTold(running);
    await running.pipeline.releaseQuarantine([]); // commits; the log will be told when that is on disk
    assert.equal(storedPosition(running), 10);
    const again = running.arrivals(...readings(20, 3)).map((arrival, i) => ({ ...arrival, offset: 6 + i }));
    await running.log.deliver(again, { gap: { from: 6, to: 6, cutFrom: 10 } });
    const { totals } = running.pipeline.status("temperature");
    assert.deepEqual([totals.cutRecords, totals.gapRecords, totals.counted], [4, 0, 13]);
    // Committed at once: after a crash the old position would skip what came under the same offsets.
    assert.equal(storedPosition(running), 6);
    await running.reopen();
    await running.log.deliver(again);
    assert.deepEqual(running.log.opened, [[{ topic: "temperature", partition: 0, offset: 9 }]]);
    assert.deepEqual(wrong, []);
    assert.equal(running.pipeline.status("temperature").totals.cutRecords, 4);
  }));

test("a full disk while a log that was cut back is noted: nothing has changed, and it is noted the next time", () =>
  withPipeline({}, async (running) => {
    await running.send(...readings(0, 10));
    const { pipeline, state, log } = running;
    const window = { start: NOW / 1000 - 60, end: NOW / 1000 + 60 };
    const asked = { sensor: "temperature", device: null, window };
    await pipeline.corrections.delete(asked, { by: "anna", reason: "" });
    const again = running.arrivals(...readings(20, 3)).map((arrival, i) => ({ ...arrival, offset: 6 + i }));
    const gap = { from: 6, to: 6, cutFrom: 10 };
    const keep = state.ledger.keep.bind(state.ledger);
    state.ledger.keep = () => {
      state.ledger.keep = keep;
      throw new TidemarkError("disk-full", "planted: no space is left");
    };
    void log.deliver(again, { gap });
    while (pipeline.trouble === null) await delay(5);
    assert.match(pipeline.trouble, /planted/);
    assert.equal(pipeline.status("temperature").totals.cutRecords, 0);
    while (log.opened.length < 2) await delay(20); // it follows again
    assert.deepEqual(log.opened[1], [{ topic: "temperature", partition: 0, offset: 10 }]);
    await log.deliver(again, { gap });
    // What was deleted is what lay there then: the new records under these offsets count.
    const { totals } = pipeline.status("temperature");
    assert.deepEqual([totals.cutRecords, totals.deleted, totals.counted], [4, 10, 13]);
    assert.equal(pipeline.query("temperature", EVER, ALL_NEEDS).aggregate.count, 3);
  }));

test("a page that cannot be read ends the pipeline, and nothing of the broken batch is committed", () =>
  withPipeline({}, async (running) => {
    await running.send(...readings(0, 3));
    await running.reopen();
    running.db.prepare("UPDATE page SET bytes=x'ff'").run();
    const { pipeline } = running;
    void running.send(5, 6, 7);
    await assert.rejects(pipeline.failed, { code: "history-corrupt" });
    await pipeline.close();
    assert.equal(storedPosition(running), 3);
    assert.equal(running.log.committedPositions.flat().filter(({ offset }) => offset > 3).length, 0);
    await assert.rejects(pipeline.releaseQuarantine([]), { code: "history-corrupt" });
  }));

test("a question whose merging meets a page that cannot be read ends it: half of it is neither answered nor committed", () =>
  withPipeline({}, async (running) => {
    // So many pages that there is something to merge.
    const spread = Array.from({ length: TOP_PAGES_MAX + 1 }, (_, i) => reading("d", i, NOW - i * 3_600_000));
    await running.send(...spread);
    await running.reopen();
    const { pipeline } = running;
    await running.send(...readings(spread.length, 1));
    running.db.prepare("UPDATE page SET bytes=x'ff'").run();
    const ask = () => pipeline.query("temperature", EVER, ALL_NEEDS);
    assert.throws(ask, { code: "history-corrupt" });
    await assert.rejects(pipeline.failed, { code: "history-corrupt" });
    assert.throws(ask, { code: "history-corrupt" });
    await pipeline.close();
    assert.equal(storedPosition(running), spread.length);
  }));

test("a listener that throws ends the pipeline; what was committed is safe", () =>
  withPipeline({}, async (running) => {
    running.pipeline.onChange(() => {
      throw new Error("BUG: a listener");
    });
    void running.send(...readings(0, 3));
    await assert.rejects(running.pipeline.failed, /BUG: a listener/);
    await running.pipeline.close();
    assert.equal(storedPosition(running), 0);
  }));

test("closing does not wait for a log that does not answer", () =>
  withPipeline({}, async (running) => {
    const { log, pipeline } = running;
    const asked = once(process, "tidemark-test-asked");
    log.open = () => {
      process.emit("tidemark-test-asked" as never);
      return new Promise(() => {});
    };
    log.recreate({ name: "temperature", id: "t-2", partitions: [0] });
    await asked;
    await pipeline.close();
  }));

test("a log that cannot be told what is safe is trouble, and is told again: of no more than is safe by then", () =>
  withPipeline({ bounds: { commitReadings: 3 } }, async (running) => {
    const { log, pipeline } = running;
    const { promise: told, resolve } = Promise.withResolvers<readonly number[]>();
    let tries = 0;
    log.onCommitted = (positions) => {
      if (++tries === 1) {
        void running.send(...readings(3, 2));
        throw new TidemarkError("log-unreachable", "Cannot reach the log: it is away");
      }
      if (tries === 2) assert.match(pipeline.trouble ?? "", /away/);
      resolve(positions.map(({ offset }) => offset));
    };
    await running.send(...readings(0, 3));
    assert.deepEqual(await told, [3]);
    assert.equal(pipeline.status("temperature").totals.counted, 5);
    await pipeline.close();
    assert.equal(pipeline.trouble, null);
    assert.deepEqual(log.committedPositions.at(-1), [{ topic: "temperature", partition: 0, offset: 5 }]);
  }));

test("a commit that is not synced is none for the log: what it holds of it may not be deleted", () =>
  withPipeline({}, async ({ send, checkpointer, pipeline, log }) => {
    await send(...readings(0, 3));
    await checkpointer.close(); // nothing is synced any more
    await pipeline.close();
    assert.deepEqual(log.committedPositions, []);
  }));
