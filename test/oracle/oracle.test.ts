/** The oracle by hand: every metric on a few readings, and every rule of identity and clocks. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Arrival, type Fate, Oracle } from "./oracle.ts";
import { type Interval, quantileFault, Sample, shareOf } from "./statistics.ts";

const NOW = Date.UTC(2023, 5, 1, 12);
const offsets = new WeakMap<Oracle, number>();

type Payload = string | null | Record<string, unknown>;

/** Feeds one record of "s", by default at the next offset of one partition and at NOW. */
function feed(oracle: Oracle, payload: Payload, more: Partial<Arrival> & { keyText?: string } = {}): Fate {
  const offset = more.offset ?? offsets.get(oracle) ?? 0;
  offsets.set(oracle, offset + 1);
  const text = typeof payload === "object" && payload !== null ? JSON.stringify(payload) : payload;
  return oracle.receive({
    sensor: "s",
    topicId: "t",
    partition: 0,
    recordTime: NOW,
    appendTime: false,
    key: more.keyText === undefined ? null : Buffer.from(more.keyText),
    value: text === null ? null : Buffer.from(text),
    nowMs: NOW,
    ...more,
    offset,
  });
}

/** A reading of device "d", `seconds` before NOW. */
const at = (seconds: number, sequence: number | null, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  device: "d",
  value: 1,
  time: NOW - seconds * 1000,
  sequence,
  ...more,
});

describe("metrics", () => {
  const oracle = new Oracle();
  const start = NOW / 1000 - 100;
  const readings: [second: number, value: number][] = [
    [1, 2],
    [2.5, 4],
    [2.999, 4],
    [4, 4],
    [5, 5],
    [5, 5],
    [7, 7],
    [9, 9],
  ];
  for (const [second, value] of readings.toReversed()) feed(oracle, { value, time: (start + second) * 1000 });
  const answer = (metric: string, from = 0, to = 10): number | null =>
    oracle.answer("s", start + from, start + to, metric);

  test("of eight readings", () => {
    const wanted: Record<string, number> = {
      count: 8,
      sum: 40,
      average: 5,
      mean: 5,
      min: 2,
      max: 9,
      range: 7,
      variance: 32 / 7,
      stddev: Math.sqrt(32 / 7),
      populationVariance: 4,
      populationStddev: 2,
      median: 4.5,
      p50: 4.5,
      p0: 2,
      p25: 4,
      p90: 7 + (7 * 0.9 - 6) * 2,
      "p99.9": 7 + (7 * 0.999 - 6) * 2,
      p100: 9,
      first: 2,
      last: 9,
      rate: 0.8,
      seconds: 6,
    };
    for (const [metric, value] of Object.entries(wanted)) assert.equal(answer(metric), value, metric);
    assert.throws(() => answer("mode"), RangeError);
    assert.throws(() => answer("p101"), RangeError);
  });

  test("of half-open seconds", () => {
    assert.equal(answer("count", 2, 3), 2);
    assert.equal(answer("count", 2, 4), 2);
    assert.equal(answer("count", 2, 5), 3);
    assert.equal(answer("sum", 9, 10), 9);
    assert.equal(answer("sum", 8, 9), 0);
    assert.equal(oracle.answer("s", start, start + 10, "rate", 61), 8 / 61);
  });

  test("of one reading, and of none", () => {
    assert.equal(answer("variance", 1, 2), null);
    assert.equal(answer("stddev", 1, 2), null);
    assert.equal(answer("populationStddev", 1, 2), 0);
    assert.equal(answer("median", 1, 2), 2);
    for (const metric of ["count", "sum", "rate", "seconds"]) assert.equal(answer(metric, 10, 20), 0, metric);
    for (const metric of ["mean", "min", "max", "range", "variance", "populationVariance", "p99", "first", "last"]) {
      assert.equal(answer(metric, 10, 20), null, metric);
    }
    assert.equal(oracle.answer("unknown", 0, 1, "count"), 0);
  });

  test("among equal times first is the smallest, last the largest value", () => {
    const tied = new Oracle();
    for (const value of [3, -1, 2]) feed(tied, { value, time: NOW - 500 });
    assert.equal(tied.answer("s", NOW / 1000 - 1, NOW / 1000, "first"), -1);
    assert.equal(tied.answer("s", NOW / 1000 - 1, NOW / 1000, "last"), 3);
  });

  test("before 1970 a second is still the floor", () => {
    assert.equal(
      new Sample([
        { time: -1, value: 1 },
        { time: 1, value: 1 },
      ]).seconds,
      2,
    );
  });

  test("faults are told apart by bits", () => {
    assert.equal(oracle.fault("s", start, start + 10, "mean", 5), null);
    assert.match(
      oracle.fault("s", start, start + 10, "mean", 5.000000000000001) ?? "",
      /mean of "s".*wanted 5, got 5.000000000000001/,
    );
    assert.match(oracle.fault("s", start + 20, start + 30, "sum", -0) ?? "", /wanted 0, got -0/);
    assert.equal(oracle.fault("s", start, start + 10, "median", 4.5, [4.5, 4.5]), null);
    assert.match(
      oracle.fault("s", start, start + 10, "median", 4.51, [4.5, 4.5]) ?? "",
      /median of "s".*wanted 4.5, got 4.51/,
    );
  });

  test("quantiles are exact rationals rounded once, up to 2,048 distinct values", () => {
    const upTo = (count: number): Sample =>
      new Sample(Array.from({ length: count }, (_, i) => ({ time: i, value: i + 1 })));
    const fault = (sample: Sample, metric: string, got: number | null, interval: Interval | null): string | null => {
      const share = shareOf(metric);
      assert.ok(share !== null);
      return quantileFault(sample, share, got, interval);
    };
    const percents = new Sample(Array.from({ length: 101 }, (_, i) => ({ time: i, value: i })));
    assert.equal(fault(percents, "p29", 29, [29, 29]), null);
    assert.match(fault(percents, "p29", 28.999999999999996, [29, 29]) ?? "", /wanted 29, got 28.99/);
    assert.match(fault(percents, "p29", 29, [28, 29]) ?? "", /wanted 29, got 29 in 28,29/);
    assert.match(fault(upTo(2048), "median", 1024, [1024, 1025]) ?? "", /wanted 1024.5/);
    assert.equal(fault(new Sample([]), "median", null, null), null);
    assert.notEqual(fault(new Sample([]), "median", 0, null), null);

    // Three more: from 1,024 on two neighbours are one, and the median is 1026.
    const more = upTo(2051);
    assert.equal(more.dropped(), 43);
    for (const got of [1026, 1027, 1028]) assert.equal(fault(more, "median", got, [1026, 1028]), null);
    assert.equal(fault(more, "median", 1026, [1026, 1026]), null);
    assert.match(fault(more, "median", 1028.5, [1026, 1028]) ?? "", /outside/);
    assert.match(fault(more, "median", 1026.5, [1026.5, 1028]) ?? "", /wanted 1026, said/);
    assert.match(fault(more, "median", 1026, [1026, 1029]) ?? "", /within \[1026, 1028\]/);
    assert.match(fault(more, "p100", 2051, [2050, 2052]) ?? "", /within \[2048, 2051\]/);
    assert.notEqual(fault(more, "median", null, null), null);
    const below = new Sample(more.readings.map(({ time, value }) => ({ time, value: -value })));
    assert.equal(fault(below, "median", -1026.5, [-1028, -1026]), null);
    assert.match(fault(below, "median", -1026, [-1028, -1025]) ?? "", /within \[-1028, -1026\]/);
  });
});

describe("identity", () => {
  test("nothing but the offset: only a replay is not taken", () => {
    const oracle = new Oracle();
    assert.equal(feed(oracle, "7"), "counted");
    assert.equal(feed(oracle, "7"), "counted");
    assert.equal(feed(oracle, "7", { offset: 1 }), "replay");
    assert.equal(feed(oracle, "7", { offset: 0, partition: 1 }), "counted");
    assert.equal(feed(oracle, "7", { offset: 0, topicId: "recreated" }), "counted");
    assert.equal(feed(oracle, "7", { offset: 9 }), "counted");
    assert.equal(feed(oracle, "7", { offset: 5 }), "replay");
    assert.deepEqual(oracle.totals("s"), {
      received: 5,
      counted: 5,
      duplicates: 0,
      conflicts: 0,
      quarantined: 0,
      rejected: 0,
      implicitBoots: 0,
      identities: { explicit: 0, sequence: 0, offset: 5 },
    });
  });

  test("an explicit id, in one sensor, whatever else it says; the first value wins", () => {
    const oracle = new Oracle();
    assert.equal(feed(oracle, at(9, 1, { id: "x", value: 5 })), "counted");
    assert.equal(feed(oracle, at(8, 2, { id: "x", value: 5, device: "other" })), "duplicate");
    assert.equal(feed(oracle, at(8, 2, { id: "x", value: 6 })), "duplicate");
    assert.equal(feed(oracle, at(8, 1, { id: "y" })), "counted", "the same sequence says nothing then");
    assert.equal(feed(oracle, at(8, 1)), "counted", "nor does an id's sequence for others");
    assert.equal(feed(oracle, at(7, null, { id: 17 })), "counted");
    assert.equal(feed(oracle, at(7, null, { id: "17" })), "duplicate");
    assert.equal(feed(oracle, at(9, 1, { id: "x" }), { sensor: "other", topicId: "u" }), "counted");
    assert.equal(oracle.totals("s").conflicts, 1);
    assert.deepEqual(oracle.totals("s").identities, { explicit: 3, sequence: 1, offset: 0 });
    assert.equal(oracle.answer("s", NOW / 1000 - 9, NOW / 1000 - 8, "sum"), 5);
  });

  test("device, boot and sequence, boots in any order", () => {
    const oracle = new Oracle();
    for (const boot of ["a", "b", 3, "a2"]) assert.equal(feed(oracle, at(5, 0, { boot })), "counted");
    assert.equal(feed(oracle, at(1, 0, { boot: "a" })), "duplicate", "whatever its time");
    assert.equal(feed(oracle, at(5, 0, { boot: "3" })), "duplicate");
    assert.equal(feed(oracle, at(5, 0, { boot: "a", device: "e" })), "counted");
    assert.equal(
      feed(oracle, at(5, 0, { boot: "a", device: undefined }), { keyText: "d" }),
      "duplicate",
      "named by the key",
    );
    assert.equal(feed(oracle, at(5, 0, { boot: "a" }), { keyText: "gateway" }), "duplicate", "the payload's name wins");
    assert.equal(feed(oracle, at(5, 0)), "counted", "no boot is another one than any named");
    assert.equal(feed(oracle, at(5, 0, { device: "x", boot: "y|z" })), "counted");
    assert.equal(feed(oracle, at(5, 0, { device: "x|y", boot: "z" })), "counted");
    assert.equal(feed(oracle, at(5, null, { boot: "a" })), "counted", "a boot alone tells nothing");
    assert.equal(oracle.totals("s").implicitBoots, 0);
  });

  test("without a boot: a seen sequence that is newest starts a boot, anything else finds its own", () => {
    const oracle = new Oracle();
    const fates = (...readings: [seconds: number, sequence: number][]): Fate[] =>
      readings.map(([seconds, sequence]) => feed(oracle, at(seconds, sequence)));
    // Boot 0: 100 s to 80 s ago, sequences 1, 2, 4 and 5; boot 1: 50 s to 30 s ago, 3, 4 and 6.
    assert.deepEqual(fates([100, 1], [95, 2], [85, 4], [80, 5]), ["counted", "counted", "counted", "counted"]);
    assert.deepEqual(fates([50, 4], [45, 3], [30, 6]), ["counted", "counted", "counted"]);
    assert.equal(oracle.totals("s").implicitBoots, 1);
    // Inside a range it belongs there.
    assert.deepEqual(fates([90, 3], [90, 3], [100, 1], [50, 4], [40, 5]), [
      "counted",
      "duplicate",
      "duplicate",
      "duplicate",
      "counted",
    ]);
    // In the gap: past the old boot's highest sequence it is the old one's end, else the new one's start.
    assert.deepEqual(fates([70, 6], [60, 2], [70, 6], [60, 2]), ["counted", "counted", "duplicate", "duplicate"]);
    // Boot 0 now reaches to 70 s ago, boot 1 from 60 s ago.
    assert.deepEqual(fates([75, 2], [55, 2], [65, 6]), ["duplicate", "duplicate", "duplicate"]);
    assert.deepEqual(fates([55, 9], [50, 9]), ["counted", "duplicate"], "the new start is boot 1's own range");
    // Before all: the first boot.
    assert.deepEqual(fates([110, 1], [110, 0]), ["duplicate", "counted"]);
    // As new as the newest is not newer.
    assert.deepEqual(fates([30, 6], [30, 7], [29, 7]), ["duplicate", "counted", "counted"]);
    assert.equal(oracle.totals("s").implicitBoots, 2);
    assert.deepEqual(oracle.ambiguities, []);
  });

  test("where two boots' ranges hold a time, the later boot has it", () => {
    const oracle = new Oracle();
    for (const [seconds, sequence] of [
      [100, 1],
      [80, 2],
      [50, 1],
      [30, 5],
    ]) {
      assert.equal(feed(oracle, at(seconds, sequence)), "counted");
    }
    assert.equal(
      feed(oracle, at(0, 7, { time: null }), { recordTime: NOW - 90_000 }),
      "counted",
      "into the latest boot",
    );
    assert.equal(feed(oracle, at(85, 2)), "counted", "in boot 1's range now, and new there");
    assert.equal(feed(oracle, at(95, 1)), "duplicate", "in boot 0's alone");
  });

  test("without a time of its own a seen sequence is a duplicate", () => {
    const oracle = new Oracle();
    const untimed = (sequence: number, recordTime: number): Fate =>
      feed(oracle, at(0, sequence, { time: null }), { recordTime });
    assert.equal(untimed(1, NOW - 9000), "counted");
    assert.equal(untimed(2, NOW - 8000), "counted");
    assert.equal(untimed(1, NOW - 7000), "duplicate");
    assert.equal(untimed(0, NOW - 20_000), "counted");
    assert.equal(oracle.answer("s", NOW / 1000 - 20, NOW / 1000 - 19, "count"), 1);
    assert.equal(oracle.totals("s").implicitBoots, 0);
  });

  test("a refused record has no identity, and is refused again", () => {
    const oracle = new Oracle();
    assert.equal(feed(oracle, at(5, 1, { value: "x" })), "rejected:not-a-number");
    assert.equal(feed(oracle, at(5, 1)), "counted");
    assert.equal(feed(oracle, null), "rejected:empty");
    assert.equal(feed(oracle, null, { offset: 2 }), "replay");
    assert.deepEqual(
      oracle.rejections.map(({ code, arrival }) => [code, arrival.offset]),
      [
        ["not-a-number", 0],
        ["empty", 2],
      ],
    );
    assert.equal(oracle.totals("s").received, 3);
  });
});

describe("clocks", () => {
  test("more than five minutes ahead, or before 2000, is held back and keeps its identity", () => {
    const oracle = new Oracle();
    assert.equal(feed(oracle, at(-300, 1, { boot: "b" })), "counted");
    assert.equal(feed(oracle, at(-300.001, 2, { boot: "b", value: 9 })), "ahead");
    assert.equal(feed(oracle, at(5, 2, { boot: "b", value: 9 })), "duplicate", "though its time is right now");
    assert.equal(feed(oracle, { value: 1, time: 946_684_800_000 }), "counted");
    assert.equal(feed(oracle, { value: 1, time: 946_684_799_999 }), "before-2000");
    assert.equal(feed(oracle, "1", { recordTime: 0 }), "before-2000", "a record's timestamp, too");
    assert.deepEqual(oracle.totals("s"), {
      received: 6,
      counted: 2,
      duplicates: 1,
      conflicts: 0,
      quarantined: 3,
      rejected: 0,
      implicitBoots: 0,
      identities: { explicit: 0, sequence: 1, offset: 1 },
    });
    const { arrival: _, ...held } = oracle.quarantine[0];
    const facts = { value: 9, time: NOW + 300_001, judgedAgainst: NOW, reason: "ahead" };
    assert.deepEqual(held, { device: "d", boot: "b", sequence: 2, ...facts });
  });

  test("what is judged against: the log's own time where it stamps, else the clock", () => {
    const oracle = new Oracle();
    const early = { recordTime: NOW - 3_600_000, nowMs: NOW };
    assert.equal(feed(oracle, at(0, 1), { ...early, appendTime: true }), "ahead");
    assert.equal(feed(oracle, at(0, 2), { ...early, appendTime: false }), "counted");
    assert.equal(oracle.quarantine[0].judgedAgainst, NOW - 3_600_000);
  });

  test("a quarantined reading moves no range, is no newest, and starts no boot", () => {
    const oracle = new Oracle();
    assert.equal(feed(oracle, at(50, 0)), "counted");
    assert.equal(feed(oracle, at(-9999, 1)), "ahead");
    assert.equal(feed(oracle, at(-9999, 0)), "duplicate", "seen, newest, but with a wrong clock");
    assert.equal(feed(oracle, at(40, 2)), "counted");
    assert.equal(feed(oracle, at(30, 1)), "counted", "a new boot: sequence 1 was held, and this is newer");
    assert.equal(oracle.totals("s").implicitBoots, 1);
  });

  test("released ones are counted", () => {
    const oracle = new Oracle();
    feed(oracle, at(-9999, 1, { value: 3 }));
    feed(oracle, at(9_999_999_999, 2));
    assert.equal(
      oracle.release((held) => held.reason === "ahead"),
      1,
    );
    const second = NOW / 1000 + 9999;
    assert.equal(oracle.answer("s", second, second + 1, "sum"), 3);
    assert.equal(feed(oracle, at(-9999, 1)), "duplicate");
    const { counted, quarantined, duplicates } = oracle.totals("s");
    assert.deepEqual([counted, quarantined, duplicates], [1, 1, 1]);
  });

  test("what the rules leave open is named", () => {
    const oracle = new Oracle();
    feed(oracle, at(-9999, 1));
    feed(oracle, at(-9999, 1), { nowMs: NOW + 20_000_000 });
    assert.match(oracle.ambiguities[0], /sequence 1 .* of "d" of "s": sent again after its clock would have passed/);
  });
});
