/** Generated histories: everything occurs, everything repeats, and the oracle's rules find what the generator knows to be true. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Deletion } from "./deletions.ts";
import { createHistory, type GeneratorOptions, type History } from "./generator.ts";
import { Oracle } from "./oracle.ts";
import { Seeded } from "./seeded.ts";
import { WINDOW_KINDS } from "./windows.ts";

/** A week after the clocks of Berlin went back. */
const NOW = Date.UTC(2023, 10, 5, 12, 0, 0, 123);

const make = (seed: number, readings: number, more: Partial<GeneratorOptions> = {}): History =>
  createHistory({ seed, readings, nowMs: NOW, ...more });

function processed(history: History): Oracle {
  const oracle = new Oracle({ zone: history.options.zone });
  history.arrivals.forEach((arrival, index) => {
    const fate = oracle.receive(arrival);
    const payload = arrival.value && Buffer.from(arrival.value).toString().slice(0, 300);
    assert.equal(fate, history.fates[index], `seed ${history.options.seed}, arrival ${index}: ${payload}`);
  });
  return oracle;
}

test("every case occurs in a moderate history", () => {
  const history = make(1, 15_000, { replays: true });
  for (const [name, count] of history.caseCounts) assert.ok(count > 0, `${name} never occurs:\n${history.describe()}`);
  assert.match(history.describe(), /^ +\d+ {2}identity-id\n/);
  const total = history.arrivals.length;
  assert.ok(total > 13_500 && total < 16_500, `${total} arrivals`);
  const share = (name: string): number => (history.caseCounts.get(name) ?? 0) / total;
  assert.ok(Math.abs(share("duplicate") - 0.1) < 0.03, `${share("duplicate")} duplicates`);
  assert.ok(Math.abs(share("late") - 0.05) < 0.02, `${share("late")} late`);
});

describe("the rules find the truth", () => {
  for (const log of ["kafka", "kafka-append", "embedded"] as const) {
    test(log, () => {
      for (let seed = 1; seed <= 25; seed++) processed(make(seed, 250, { log, replays: seed % 2 === 0 }));
      for (let seed = 1; seed <= 3; seed++)
        processed(make(seed, 3000, { log, clock: seed === 3 ? "still" : "moving" }));
    });
  }

  test("one sensor, one partition, one device", () => {
    for (let seed = 1; seed <= 40; seed++) processed(make(seed, 300, { sensors: ["s"], partitions: 1, devices: 1 }));
  });
});

test("deletions take what the generator knows to be there, in any order of undoing", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const history = make(seed, 600, { replays: seed % 2 === 0 });
    const oracle = new Oracle({ zone: history.options.zone });
    const made = new Map<number, Deletion>();
    for (const batch of history.batches) {
      for (const [i, correction] of history.corrections.entries()) {
        if (correction.batch !== batch.index) continue;
        if (correction.do === "delete") {
          const before = oracle.deleted(correction.sensor);
          made.set(i, oracle.delete(correction));
          assert.equal(oracle.deleted(correction.sensor) - before, correction.takes, `seed ${seed}, correction ${i}`);
        } else if (correction.do === "undo") {
          const deletion = made.get(correction.of);
          if (deletion !== undefined) oracle.undo(deletion);
        }
      }
      for (const arrival of history.arrivals.slice(batch.start, batch.end)) oracle.receive(arrival);
    }
    for (const deletion of made.values()) oracle.undo(deletion);
    const all = oracle.sensors.map((sensor) => oracle.totals(sensor).counted);
    assert.deepEqual(
      oracle.sensors.map((sensor) => oracle.readings(sensor).length),
      all,
    );
  }
});

test("the same options give the same history, another seed another one", () => {
  const [one, same, other] = [make(7, 600), make(7, 600), make(8, 600)];
  assert.deepEqual(one.arrivals, same.arrivals);
  assert.deepEqual([one.batches, one.marks, one.fates], [same.batches, same.marks, same.fates]);
  assert.deepEqual(one.corrections, same.corrections);
  assert.deepEqual(one.randomWindows(30), same.randomWindows(30));
  assert.notDeepEqual(one.randomWindows(30, 1), one.randomWindows(30, 2));
  assert.notDeepEqual(one.arrivals, other.arrivals);
});

test("batches cut the arrivals by topic, partition and clock, and offsets have no holes", () => {
  const history = make(3, 2000);
  const next = new Map<string, number>();
  let end = 0;
  let clock = 0;
  for (const [index, batch] of history.batches.entries()) {
    assert.deepEqual([batch.index, batch.start], [index, end]);
    assert.ok(batch.end > batch.start && batch.nowMs >= clock && batch.nowMs <= NOW);
    end = batch.end;
    clock = batch.nowMs;
    for (const arrival of history.arrivals.slice(batch.start, batch.end)) {
      const { sensor, topicId, partition, nowMs, offset } = arrival;
      const { sensor: wanted, topicId: topic, partition: number, nowMs: now } = batch;
      assert.deepEqual([sensor, topicId, partition, nowMs], [wanted, topic, number, now]);
      const log = `${topicId} ${partition}`;
      assert.equal(offset, next.get(log) ?? 0);
      next.set(log, offset + 1);
      assert.ok(arrival.recordTime <= nowMs + 3_600_000, "a broker would refuse it");
      assert.ok(Number.isSafeInteger(arrival.recordTime) && Number.isSafeInteger(nowMs));
    }
  }
  assert.equal(end, history.arrivals.length);
  for (const mark of history.marks) assert.ok(mark.batch > 0 && mark.batch < history.batches.length);
});

test("the embedded log: one partition, its own time, no record without a value", () => {
  for (const { partition, recordTime, nowMs, appendTime, value } of make(4, 1500, { log: "embedded" }).arrivals) {
    assert.deepEqual([partition, recordTime, appendTime], [0, nowMs, true]);
    assert.notEqual(value, null);
  }
});

test("in any order of partitions the same readings are counted", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const history = make(seed, 1200, { clock: "still", order: "any" });
    const wanted = processed(history);
    const random = new Seeded(seed);
    const queues = [...Map.groupBy(history.arrivals, ({ sensor, partition }) => `${sensor} ${partition}`).values()];
    const oracle = new Oracle({ zone: history.options.zone });
    while (queues.some((queue) => queue.length > 0)) {
      const queue = random.pick(queues.filter((each) => each.length > 0));
      for (const arrival of queue.splice(0, Math.ceil(random.scale(1, 200)))) oracle.receive(arrival);
    }
    for (const sensor of history.options.sensors) {
      const lateOf = (from: Oracle) => from.sample(sensor, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY).late;
      // Which of two copies counts, that of one partition or of another, depends on the order; not how the copies came.
      const { fewest, most } = lateOf(wanted);
      const { late, ...totals } = oracle.totals(sensor);
      assert.deepEqual({ ...totals, late: 0 }, { ...wanted.totals(sensor), late: 0 }, `seed ${seed}`);
      assert.deepEqual(lateOf(oracle), { given: late, fewest, most });
      const sorted = (from: Oracle): string[] =>
        from
          .readings(sensor)
          .map(({ time, value }) => `${time} ${value}`)
          .sort();
      assert.deepEqual(sorted(oracle), sorted(wanted));
    }
  }
});

test("windows of every kind, whole seconds, some empty and some with everything", () => {
  const history = make(5, 1500);
  const oracle = processed(history);
  const windows = history.randomWindows(300);
  assert.equal(windows.length, 300);
  assert.deepEqual(new Set(windows.map(({ kind }) => kind)), new Set(WINDOW_KINDS));
  const counts = windows.map(({ start, end }) => {
    assert.ok(Number.isSafeInteger(start) && Number.isSafeInteger(end) && start < end);
    return oracle.sensors.reduce((sum, sensor) => sum + oracle.sample(sensor, start, end).count, 0);
  });
  const all = oracle.sensors.reduce((sum, sensor) => sum + oracle.totals(sensor).counted, 0);
  for (const [index, { kind }] of windows.entries()) {
    if (["empty-gap", "before-all", "after-all"].includes(kind)) assert.equal(counts[index], 0, kind);
    if (["one-second", "between-readings", "tie", "everything"].includes(kind))
      assert.ok(kind === "between-readings" || counts[index] > 0, kind);
    if (kind === "everything") assert.ok(counts[index] > all * 0.95);
  }
});
