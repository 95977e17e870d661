/** What the pipeline tells beside numbers: lateness, completeUntil, lists and their release, retention, positions, flags. Real history, replayed log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { EVER, NOW, type Running, reading, withPipeline } from "./running.ts";

const held = ({ pipeline }: Running) => {
  const { totals } = pipeline.status("temperature");
  assert.equal(pipeline.query("temperature", EVER, ALL_NEEDS).aggregate.count, totals.counted);
  return totals;
};

const lateOf = ({ pipeline }: Running): number => {
  const { late } = pipeline.status("temperature").totals;
  assert.equal(pipeline.query("temperature", EVER, ALL_NEEDS).aggregate.late, late);
  return late;
};

test("late is more than a minute behind what the partition brought before; duplicates bring, too; it lasts", () =>
  withPipeline({}, async (bench) => {
    await bench.send(reading("a", 0, NOW - 10_000), reading("b", 0, NOW - 70_000));
    assert.equal(lateOf(bench), 0);
    await bench.send(reading("a", 1, NOW - 70_001));
    assert.equal(lateOf(bench), 1);
    // Ahead, but not impossible: it counts for no newer than its record.
    await bench.send(reading("c", 0, NOW + 200_000), reading("a", 2, NOW - 60_000));
    assert.equal(lateOf(bench), 1);
    await bench.send(reading("d", 0, NOW + 86_400_000), reading("a", 3, NOW - 59_000));
    assert.equal(lateOf(bench), 1, "what is held back brings nothing");
    bench.clock.advance(30_000);
    await bench.send(reading("c", 0, NOW + 200_000), reading("a", 4, NOW - 31_000));
    assert.equal(lateOf(bench), 2, "a duplicate, appended later");
    await bench.reopen();
    await bench.send(reading("b", 1, NOW - 30_001), reading("b", 2, NOW - 30_000));
    assert.equal(lateOf(bench), 3);
    const list = [reading("e", 0, NOW + 29_000), reading("e", 1, NOW - 30_002), reading("e", 2, NOW + 29_000)];
    await bench.send(list, [
      reading("e", 3, NOW - 30_000),
      reading("e", 4, NOW + 30_000),
      reading("e", 5, NOW - 30_000),
    ]);
    assert.equal(lateOf(bench), 4, "readings of one record came at once");
  }));

test("completeUntil is the slowest active device's newest, and stays when all are silent", () =>
  withPipeline({}, async ({ pipeline, clock, send }) => {
    await send(reading("a", 0, NOW - 10_000), reading("b", 0, NOW - 60_000));
    assert.equal(pipeline.status("temperature").completeUntil, NOW - 60_000);
    await send(reading("a", 1, NOW - 5000), reading("a", 2, NOW - 59_000), reading("a", 3, NOW - 61_000));
    clock.advance(61_000);
    await send(reading("a", 4, NOW + 50_000));
    // b is silent: it no longer holds the mark.
    assert.equal(pipeline.status("temperature").completeUntil, NOW + 50_000);
    await send(reading("b", 1, NOW));
    assert.equal(pipeline.status("temperature").completeUntil, NOW);
    clock.advance(3_600_000);
    assert.equal(pipeline.status("temperature").completeUntil, NOW);
  }));

test("a wrong clock is held back, spoils nobody's mark, and is released once", () =>
  withPipeline({}, async (bench) => {
    await bench.send(reading("good", 0, NOW - 1000, 5));
    await bench.send(
      reading("ahead", 0, NOW + 86_400_000, 50),
      reading("old", 0, 1000, 70),
      reading("ahead", 0, NOW + 86_400_000, 50),
    );
    const { totals, completeUntil } = bench.pipeline.status("temperature");
    assert.deepEqual([totals.counted, totals.quarantined, totals.duplicates], [1, 2, 1]);
    assert.equal(completeUntil, NOW - 1000);
    const { items } = bench.pipeline.listQuarantine({ limit: 10 });
    assert.deepEqual(
      items.map((row) => [row.device, row.reason, row.value]),
      [
        ["ahead", "ahead", 50],
        ["old", "before-2000", 70],
      ],
    );
    assert.equal(await bench.pipeline.releaseQuarantine([items[0].id, items[0].id, 999]), 1);
    assert.equal(await bench.pipeline.releaseQuarantine([items[0].id]), 0);
    assert.equal(await bench.pipeline.discardQuarantine([items[1].id]), 1);
    await bench.reopen();
    await bench.send(reading("ahead", 0, NOW + 86_400_000, 50));
    const after = bench.pipeline.status("temperature").totals;
    assert.deepEqual([after.received, after.counted, after.duplicates, after.quarantined], [5, 2, 2, 1]);
    assert.equal(bench.pipeline.query("temperature", EVER, ALL_NEEDS).aggregate.max, 50);
    assert.equal(bench.pipeline.listQuarantine({ limit: 10 }).items.length, 0);
  }));

test("all of a device, of a sensor, and more than are dealt with at once", () =>
  withPipeline({}, async (bench) => {
    const { pipeline } = bench;
    const ahead = Array.from({ length: 2500 }, (_, i) =>
      reading(i % 2 === 0 ? "even" : "odd", i, NOW + 86_400_000 + i),
    );
    await bench.send(...ahead);
    assert.equal(await pipeline.releaseQuarantine({ device: "nobody" }), 0);
    assert.equal(await pipeline.releaseQuarantine({ sensor: "temperature", device: "even" }), 1250);
    const released = pipeline.releaseQuarantine({});
    await bench.send(reading("late", 0, NOW + 86_400_000)); // is not of those that were there
    assert.equal(await released, 1250);
    assert.deepEqual([held(bench).counted, held(bench).quarantined], [2500, 1]);
    await bench.send("a", "b");
    assert.equal(await pipeline.discardRejections({ sensor: "temperature" }), 2);
    assert.equal(await pipeline.discardQuarantine({}), 1);
    assert.equal(pipeline.listQuarantine({ limit: 10 }).items.length, 0);
  }));

test("a copy of what was held back stays a duplicate when its time has come, released or discarded, restarted or not", () =>
  withPipeline({}, async (bench) => {
    const implicit = (sequence: number, time: number) => ({ device: "d", sequence, time, value: 1 });
    const [soon, later] = [NOW + 3_600_000, NOW + 7_200_000];
    await bench.send(implicit(0, NOW), implicit(1, soon), implicit(2, later));
    const { items } = bench.pipeline.listQuarantine({ limit: 10 });
    await bench.pipeline.releaseQuarantine([items[0].id]);
    await bench.pipeline.discardQuarantine([items[1].id]);
    for (const restart of [false, true]) {
      if (restart) await bench.reopen();
      bench.clock.set(NOW + 86_400_000);
      await bench.send(implicit(1, soon), implicit(2, later));
    }
    const { totals } = bench.pipeline.status("temperature");
    assert.deepEqual([totals.counted, totals.quarantined, totals.duplicates, totals.implicitBoots], [2, 1, 4, 0]);
    // Another time is another reading.
    await bench.send(implicit(1, later + 1));
    assert.equal(bench.pipeline.status("temperature").totals.counted, 3);
  }));

test("rejections keep their bytes, page by page, and leave when they are discarded", () =>
  withPipeline({}, async (bench) => {
    await bench.send("abc", { value: "1e2" }, "{", "NaN", reading("d", 0, NOW));
    const first = bench.pipeline.listRejections({ limit: 3 });
    assert.deepEqual(
      first.items.map((row) => row.code),
      ["not-a-number", "numeric-string", "unreadable"],
    );
    assert.equal(Buffer.from(first.items[0].bytes).toString(), "abc");
    await bench.reopen();
    const second = bench.pipeline.listRejections({ limit: 3, after: first.next ?? 0 });
    assert.deepEqual([second.items.length, second.items[0].code, second.next], [1, "not-finite", null]);
    assert.equal(await bench.pipeline.releaseRejections([first.items[0].id]), 0);
    assert.equal(await bench.pipeline.discardRejections([first.items[0].id]), 1);
    assert.equal(bench.pipeline.listRejections({ limit: 10 }).items.length, 3);
    const { received, counted, rejected } = bench.pipeline.status("temperature").totals;
    assert.deepEqual([received, counted, rejected], [5, 1, 4]);
  }));

test("a device with a hundred duplicates and nothing new is flagged until something new comes", () =>
  withPipeline({}, async ({ pipeline, send }) => {
    await send(reading("d", 0, NOW, 1));
    await send(...Array.from({ length: 100 }, () => reading("d", 0, NOW, 2)));
    assert.equal(pipeline.status("temperature").stuckDevices, 1);
    assert.equal(pipeline.status("temperature").totals.conflicts, 100);
    await send(reading("d", 1, NOW));
    assert.equal(pipeline.status("temperature").stuckDevices, 0);
  }));

test("the log is told of positions only once they are on disk, and reading goes on from there", () =>
  withPipeline({}, async (bench) => {
    await bench.send(reading("d", 0, NOW), reading("d", 1, NOW));
    const before = bench.log;
    assert.deepEqual(before.committedPositions, []);
    await bench.reopen();
    assert.deepEqual(before.committedPositions.at(-1), [{ topic: "temperature", partition: 0, offset: 2 }]);
    await bench.send(reading("d", 2, NOW));
    assert.deepEqual(bench.log.opened, [[{ topic: "temperature", partition: 0, offset: 2 }]]);
  }));
