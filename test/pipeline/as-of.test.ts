/** As of an earlier commit, in a running pipeline: releases, restarts, what `--keep` deletes, and what an answer of then is asked for with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { EVER, NOW, type Running, reading, withPipeline } from "./running.ts";

const DAY = 86_400_000;
const SECOND = Math.floor(NOW / 1000);

/** Commits whatever waits. @returns the revision */
async function commit({ pipeline, clock }: Running): Promise<number> {
  clock.advance(1000);
  await pipeline.releaseQuarantine([]);
  return pipeline.asOf(clock.now()).revision;
}

const countAt = ({ pipeline }: Running, revision: number, window = EVER): number =>
  pipeline.asOf(revision).query("temperature", window, ALL_NEEDS).aggregate.count;

test("each commit is a revision, whose answer stays through later ones, restarts, and what is not committed", () =>
  withPipeline({}, async (running) => {
    assert.throws(() => running.pipeline.asOf(NOW), { code: "revision-gone" });
    const revisions: number[] = [];
    for (let round = 0; round < 20; round++) {
      await running.send(reading("d", round, NOW - round * 7000, round));
      revisions.push(await commit(running));
      if (round % 6 === 5) await running.reopen();
      await running.send(reading("d", 1000 + round, NOW - round * 7000, -1));
      for (const [i, revision] of revisions.entries())
        assert.equal(countAt(running, revision), 2 * i + 1, `${i} of ${round}`);
    }
  }));

test("what was released says so, and so do late readings", () =>
  withPipeline({}, async (running) => {
    const { pipeline } = running;
    await running.send(reading("d", 1, NOW), reading("d", 2, NOW + 3_600_000));
    const before = await commit(running);
    await running.send(reading("e", 1, NOW - 120_000, 5), reading("e", 2, NOW - 120_000, 6), reading("e", 3, NOW, 6));
    await commit(running);
    const [{ id }] = pipeline.listQuarantine({ limit: 10 }).items;
    assert.equal(await pipeline.releaseQuarantine([id]), 1);
    const seconds = (from: number) => ({ start: SECOND + from, end: SECOND + from + 1 });
    assert.deepEqual(pipeline.asOf(before).revised("temperature", EVER), {
      by: [
        { cause: "reading", readings: 1, seconds: 1, range: seconds(0) },
        { cause: "late", readings: 2, seconds: 1, range: seconds(-120) },
        { cause: "released", readings: 1, seconds: 1, range: seconds(3600) },
      ],
      ranges: [{ start: SECOND - 120, end: SECOND + 1 }, seconds(3600)],
    });
    assert.equal(countAt(running, before), 1);
    assert.deepEqual(pipeline.asOf(before).span("temperature"), { firstTime: NOW, lastTime: NOW });
  }));

test("a window that has lost seconds to --keep since is refused, with what can be asked; others are answered", () =>
  withPipeline({ keepMs: 10 * DAY }, async (running) => {
    const { pipeline, clock } = running;
    await running.send(...Array.from({ length: 8 }, (_, day) => reading("d", day, NOW - (8 - day) * DAY, day)));
    const before = await commit(running);
    assert.equal(countAt(running, before), 8);
    clock.advance(5 * DAY);
    await running.send(reading("d", 100, clock.now(), 1));
    await commit(running);
    clock.advance(3_600_000);
    await running.send(reading("d", 101, clock.now(), 1));
    const after = await commit(running);
    const { keptSince } = pipeline.status("temperature");
    assert.ok(keptSince !== null && pipeline.status("temperature").totals.expired > 0);
    const refused = {
      code: "revision-gone",
      message: new RegExp(`before ${new Date(keptSince).toISOString()}.* were deleted`),
    };
    assert.throws(() => countAt(running, before), refused);
    const past = pipeline.asOf(before);
    assert.throws(() => past.revised("temperature", EVER), refused);
    const kept = { start: keptSince / 1000, end: EVER.end };
    const left = 8 - pipeline.status("temperature").totals.expired;
    assert.equal(countAt(running, before, kept), left);
    assert.equal(countAt(running, after), left + 2);
    const { firstTime, lastTime } = past.span("temperature");
    assert.ok(firstTime !== null && firstTime < keptSince, "without a from it would begin with what is deleted");
    assert.equal(lastTime, NOW - DAY);
  }));

test("a full disk in the middle of a commit leaves no revision behind", () =>
  withPipeline({}, async (running) => {
    const { db, state } = running;
    await running.send(reading("d", 1, NOW));
    const before = await commit(running);
    await running.send(reading("d", 2, NOW, 3));
    const write = db.commit.bind(db);
    db.commit = () => {
      db.commit = write;
      throw new Error("not this time");
    };
    await assert.rejects(state.commit(), /not this time/);
    assert.equal(running.pipeline.asOf(Number.MAX_SAFE_INTEGER).revision, before);
    assert.equal(countAt(running, before), 1);
    const after = await commit(running);
    assert.deepEqual([countAt(running, before), countAt(running, after)], [1, 2]);
  }));
