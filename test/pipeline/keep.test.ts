/** `--keep`: what is deleted, and what no wrong clock deletes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { KnownTime } from "../../src/pipeline/known-time.ts";
import { EVER, NOW, type Running, reading, withPipeline } from "./running.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEARS = 730 * DAY;
const KEEP = { keepMs: 10 * DAY };

/** Commits whatever waits. */
const commit = async ({ pipeline }: Running): Promise<unknown> => pipeline.releaseQuarantine([]);

const held = ({ pipeline }: Running) => {
  const { aggregate } = pipeline.query("temperature", EVER, ALL_NEEDS);
  const { totals, keptSince } = pipeline.status("temperature");
  const left = totals.counted - totals.expired - totals.deleted;
  assert.equal(aggregate.count, left, "counted readings are in windows, expired or deleted");
  return { ...totals, count: aggregate.count, keptSince };
};

const daily = (days: number, from = 0) =>
  Array.from({ length: days }, (_, i) => reading("d", from + i, NOW - i * DAY, i));

test("what is older than the newest reading by more than it is kept is deleted, whole days, and said", () =>
  withPipeline(KEEP, async (running) => {
    await running.send(...daily(40));
    await commit(running);
    const since = Date.UTC(2026, 3, 21);
    assert.deepEqual(held(running).keptSince, since);
    assert.deepEqual(running.notices, [
      'the history of "temperature" before 2026-04-21T00:00:00Z is deleted: 29 readings',
    ]);
    await running.reopen();
    assert.equal(held(running).count, 11);
    assert.equal(running.pipeline.query("temperature", EVER, ALL_NEEDS).aggregate.max, 10);
    await running.send(reading("d", 100, NOW - 20 * DAY, 500));
    const { counted, expired, count, keptSince } = held(running);
    assert.deepEqual([counted, expired, count, keptSince], [41, 30, 11, since]);
    await running.send(reading("d", 101, NOW, 5));
    assert.equal(running.notices.length, 1, "nothing more is deleted, nothing more said");
  }));

test("a host's clock two years ahead for 30 seconds, and back, deletes nothing and drops nothing", () =>
  withPipeline(KEEP, async (running) => {
    await running.send(...daily(10));
    await commit(running);
    const { clock } = running;
    clock.advance(2 * HOUR); // it is time to look for what is old
    clock.set(clock.now() + YEARS);
    for (let i = 0; i < 6; i++) {
      clock.advance(5000);
      await running.send(`${i}`); // without a time: taken to be of the clock's
      await commit(running);
    }
    await running.send(reading("d", 200, NOW + 2 * HOUR, 7));
    await commit(running);
    assert.equal(held(running).count, 17);
    clock.set(clock.now() - YEARS);
    await running.send(reading("d", 201, NOW + 2 * HOUR + 30_000, 8), reading("d", 202, NOW - 9 * DAY, 9));
    await commit(running);
    await running.reopen();
    const { counted, expired, count } = held(running);
    assert.deepEqual([counted, expired, count], [19, 0, 19]);
    assert.deepEqual(running.notices, []);
  }));

test("nor does one that is ahead when the process starts, also for the first time with --keep", () =>
  withPipeline({}, async (unkept) => {
    await unkept.send(...daily(10));
    await unkept.reopen({ keepMs: 10 * DAY }, () => unkept.clock.set(NOW + YEARS));
    for (let i = 0; i < 6; i++) {
      unkept.clock.advance(5000);
      await unkept.send(`${i}`);
      await commit(unkept);
    }
    await unkept.reopen({ keepMs: 10 * DAY }); // still ahead
    await unkept.send("7");
    await commit(unkept);
    assert.equal(held(unkept).count, 17);
    unkept.clock.set(NOW + 60_000);
    await unkept.send(reading("d", 300, NOW + 60_000, 1), reading("d", 301, NOW - 5 * DAY, 1));
    assert.equal(held(unkept).count, 19);
    assert.equal(held(unkept).expired, 0);
  }));

test("a sensor that sends no more loses nothing; one that goes on does, and time without a process is made good", () =>
  withPipeline(KEEP, async (running) => {
    const { clock } = running;
    await running.send(...daily(10));
    await running.reopen(undefined, () => clock.advance(30 * DAY));
    const go = (hours: number): void => {
      for (let seconds = 0; seconds < hours * 3600; seconds += 5) {
        clock.advance(5000);
        running.state.horizon.watch();
      }
    };
    go(3);
    await running.send("late in the day"); // a rejection: there is something to commit
    await commit(running);
    assert.equal(held(running).count, 10);
    await running.send(reading("d", 400, clock.now(), 1));
    await commit(running);
    const first = held(running);
    assert.ok(first.count > 1, `what was known of the time is ${first.keptSince} and ten days`);
    go(40); // thirty days are made good by now
    await running.send(reading("d", 401, clock.now(), 1));
    await commit(running);
    assert.deepEqual([held(running).count, held(running).expired], [2, 10]);
  }));

test("a horizon in the future, as older versions left it, is taken back, and what they left of deleted days is gone", () =>
  withPipeline({}, async (running) => {
    await running.send(...daily(40));
    await commit(running);
    // As version 2 did: pages that end before are deleted, longer buckets that began before stay as they are.
    const future = Math.floor((NOW + YEARS) / 1000 / 86_400) * 86_400;
    running.db.prepare("DELETE FROM page WHERE key < (SELECT max(key) FROM page) AND (key >> 30) & 7 < 3").run();
    running.db.setSetting("kept-since", future);
    await running.reopen(KEEP);
    assert.equal(running.pipeline.query("temperature", EVER, ALL_NEEDS).aggregate.count, 0);
    await running.send(reading("d", 500, NOW, 3), reading("d", 501, NOW - 3 * DAY, 4));
    await commit(running);
    await running.reopen(KEEP);
    const { aggregate } = running.pipeline.query("temperature", EVER, ALL_NEEDS);
    assert.deepEqual([aggregate.count, aggregate.sum()], [2, 7]);
    assert.equal(running.db.setting("kept-since"), null);
  }));

test("a longer --keep, or none, takes the horizon back: late readings count again", () =>
  withPipeline(KEEP, async (running) => {
    await running.send(...daily(15));
    await commit(running);
    assert.equal(held(running).count, 11);
    await running.reopen({ keepMs: 100 * DAY });
    assert.match(running.notices[1], /is kept from 2026-01-21T00:00:00Z again, no more from 2026-04-21T00:00:00Z/);
    await running.send(reading("d", 600, NOW - 50 * DAY, 1));
    assert.equal(held(running).count, 12);
    await running.reopen({});
    assert.match(running.notices[2], /is kept for ever again/);
    await running.send(reading("d", 601, NOW - 500 * DAY, 1));
    assert.equal(held(running).count, 13);
    assert.equal(held(running).keptSince, null);
  }));

test("a commit that fails expires readings once", () =>
  withPipeline(KEEP, async (running) => {
    await running.send(...daily(40));
    const { state } = running;
    const { write } = state.horizon;
    let failures = 0;
    state.horizon.write = function* () {
      yield* write.call(state.horizon);
      if (failures++ === 0) throw new Error("in the middle");
    };
    await assert.rejects(state.commit(), /in the middle/);
    assert.equal(held(running).expired, 29);
    await state.commit();
    assert.deepEqual([held(running).expired, held(running).count], [29, 11]);
    await running.reopen();
    assert.deepEqual([held(running).expired, held(running).count], [29, 11]);
  }));

test("the known time follows the host's clock back at once, and ahead only when it has stayed there", () => {
  const clock = new ManualClock(NOW);
  const known = new KnownTime(clock, null);
  const pass = (ms: number): number => {
    for (let passed = 0; passed < ms; passed += 1000) {
      clock.advance(1000);
      known.now();
    }
    return known.now();
  };
  assert.equal(pass(10_000), NOW + 10_000);
  clock.set(NOW);
  assert.equal(known.now(), NOW);
  clock.set(NOW + YEARS);
  assert.equal(pass(HOUR), NOW + HOUR, "at the pace of time");
  clock.set(clock.now() + DAY);
  assert.equal(pass(HOUR), NOW + 2 * HOUR, "a new jump, a new probation");
  const later = pass(HOUR);
  assert.ok(later > NOW + 20 * HOUR && later < NOW + 28 * HOUR, "then a day an hour");
  assert.equal(pass(32 * DAY), clock.now(), "until it is made good");
  assert.equal(new KnownTime(clock, NOW).now(), NOW, "a process that starts knows what the last one did");
  assert.equal(new KnownTime(clock, clock.now() + DAY).now(), clock.now(), "or less");
});

test("what a deletion holds is kept no longer than the rest; an undo gives back what is left of it", () =>
  withPipeline(KEEP, async (running) => {
    await running.send(...daily(8));
    const said = { by: "anna", reason: "" };
    const second = (days: number): number => Math.floor((NOW - days * DAY) / 1000);
    const window = { start: second(7), end: second(3) + 1 };
    const made = await running.pipeline.corrections.delete({ sensor: "temperature", device: null, window }, said);
    assert.deepEqual([made.readings, held(running).count, held(running).deleted], [5, 3, 5]);
    running.clock.advance(6 * DAY);
    await running.send(reading("d", 100, NOW + 6 * DAY, 1));
    await commit(running);
    await running.reopen();
    const before = held(running);
    assert.deepEqual([before.keptSince, before.count, before.deleted], [Date.UTC(2026, 3, 27), 4, 5]);
    assert.equal(running.pipeline.corrections.list()[0].readings, 2);
    const old = { start: second(7), end: second(6) };
    await assert.rejects(
      running.pipeline.corrections.delete({ sensor: "temperature", device: null, window: old }, said),
      { code: "request-invalid", message: /its history begins after that time/ },
    );
    await running.pipeline.corrections.undo(1, "anna");
    const { count, deleted } = held(running);
    assert.deepEqual([count, deleted], [6, 3]);
    assert.equal(running.pipeline.status("temperature").firstTime, NOW - 4 * DAY);
    await running.reopen();
    assert.equal(held(running).count, 6);
  }));
