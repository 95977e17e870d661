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
      late: 0,
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

  test("without a boot: a duplicate has the same sequence and time, in any order", () => {
    const readings = [
      [7200, 0],
      [7199, 1],
      [3600, 0],
      [3599, 1],
      [3600, 0],
      [7199, 1],
      [3599, 0],
    ] as const;
    for (const order of [readings, readings.toReversed(), readings.toSorted((a, b) => a[1] - b[1])]) {
      const oracle = new Oracle();
      const fates = order.map(([seconds, sequence]) => feed(oracle, at(seconds, sequence)));
      assert.equal(fates.filter((fate) => fate === "counted").length, 5);
      assert.equal(fates.filter((fate) => fate === "duplicate").length, 2);
      assert.equal(oracle.totals("s").implicitBoots, 0);
    }
    const oracle = new Oracle();
    feed(oracle, at(5, 1, { value: 3 }));
    assert.equal(feed(oracle, at(5, 1, { value: 4 })), "duplicate");
    assert.equal(oracle.totals("s").conflicts, 1);
  });

  test("with neither boot nor time: the same sequence and value; another value where the sequence fell back starts a boot", () => {
    const oracle = new Oracle();
    const untimed = (sequence: number, value: number, recordTime = NOW - 9000): Fate =>
      feed(oracle, at(0, sequence, { time: null, value }), { recordTime });
    const fates = (...readings: [sequence: number, value: number][]): Fate[] =>
      readings.map(([sequence, value]) => untimed(sequence, value));
    assert.deepEqual(fates([1, 20], [2, 21], [1, 20], [0, 19]), ["counted", "counted", "duplicate", "counted"]);
    assert.equal(untimed(2, 21, NOW - 20_000), "duplicate", "whatever the record's timestamp");
    assert.equal(oracle.totals("s").implicitBoots, 0);
    assert.deepEqual(fates([0, 25], [1, 20], [2, 21], [2, 21]), ["counted", "counted", "counted", "duplicate"]);
    assert.equal(oracle.totals("s").implicitBoots, 1);
    // Two boards: the sequence does not fall back, the values differ.
    assert.deepEqual(fates([3, 1], [3, 2], [4, 1], [4, 2], [4, 1]), [
      ...["counted", "counted", "counted", "counted"],
      "duplicate",
    ] as Fate[]);
    assert.equal(oracle.totals("s").implicitBoots, 1);
    assert.equal(oracle.totals("s").conflicts, 0);
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
      late: 1,
      implicitBoots: 0,
      identities: { explicit: 0, sequence: 1, offset: 1 },
    });
    const { arrival: _, ...held } = oracle.quarantine[0];
    const facts = { value: 9, time: NOW + 300_001, judgedAgainst: NOW, kind: "sequence", reason: "ahead" };
    assert.deepEqual(held, { device: "d", name: "d", boot: "b", sequence: 2, ...facts });
  });

  test("late is more than a minute behind what its partition brought before, whatever others brought", () => {
    const lates = (...readings: [seconds: number, more?: Partial<Arrival>][]): number => {
      const oracle = new Oracle();
      readings.forEach(([seconds, more], i) => {
        feed(oracle, at(seconds, i), { ...more, offset: i });
      });
      return oracle.totals("s").late;
    };
    assert.equal(lates([100], [160]), 0);
    assert.equal(lates([100], [160.001], [161], [99], [159.001]), 3);
    assert.equal(lates([100], [200, { partition: 1 }], [99]), 0);
    assert.equal(lates([100, { recordTime: NOW - 500_000 }], [160.001]), 0, "no newer than its record");
    assert.equal(lates([100, { recordTime: -1 }], [160.001]), 1, "unless that has no timestamp");
    assert.equal(lates([-9999], [100]), 0, "an impossible time moves nothing");
    const oracle = new Oracle();
    feed(oracle, at(100, 1), { partition: 1 });
    for (const [seconds, partition] of [
      [0, 0],
      [100, 0],
      [100, 1],
    ] as const)
      feed(oracle, at(seconds, seconds === 0 ? 0 : 1), { partition, offset: 1 + seconds / 100 });
    assert.deepEqual(
      oracle.sample("s", 0, 9_999_999_999).late,
      { given: 0, fewest: 0, most: 1 },
      "of two copies one is late",
    );
    const other = new Oracle();
    for (const [i, seconds] of [100, 0, 100].entries()) feed(other, at(seconds, seconds === 0 ? 0 : 1), { offset: i });
    assert.deepEqual(
      other.sample("s", 0, 9_999_999_999).late,
      { given: 0, fewest: 0, most: 0 },
      "within a partition the first counts",
    );
  });

  test("what is judged against: the log's own time where it stamps, else the clock", () => {
    const oracle = new Oracle();
    const early = { recordTime: NOW - 3_600_000, nowMs: NOW };
    assert.equal(feed(oracle, at(0, 1), { ...early, appendTime: true }), "ahead");
    assert.equal(feed(oracle, at(0, 2), { ...early, appendTime: false }), "counted");
    assert.equal(oracle.quarantine[0].judgedAgainst, NOW - 3_600_000);
  });

  test("a quarantined reading has its identity for good", () => {
    const oracle = new Oracle();
    assert.equal(feed(oracle, at(-9999, 1)), "ahead");
    assert.equal(feed(oracle, at(-9999, 0)), "ahead");
    assert.equal(feed(oracle, at(-9999, 1)), "duplicate");
    assert.equal(feed(oracle, at(-9999, 1), { nowMs: NOW + 20_000_000 }), "duplicate", "though its time has come");
    assert.equal(feed(oracle, at(30, 1)), "counted");
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
});
