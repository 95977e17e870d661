/** Values as versions with exact counts up to 1,024 values and a sketch of 18 bits wrote them: these bytes are of version 0.1, made by its own code. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader } from "../../src/core/bytes.ts";
import { Aggregate, ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { Distribution } from "../../src/metrics/distribution.ts";
import { findMetric } from "../../src/metrics/registry.ts";
import { EncodedBuckets, encodeBuckets } from "../../src/rollups/buckets-codec.ts";

const fromBase64 = (text: string): Uint8Array => Buffer.from(text, "base64");

/** Oldest tag that is not of those versions. */
const NEW_TAGS = 9;

function read(text: string): Distribution {
  const distribution = new Distribution();
  distribution.mergeEncoded(new ByteReader(fromBase64(text)));
  return distribution;
}

test("exact values are read to the bit, whatever they are, and written in the new form", () => {
  const cases: readonly (readonly [text: string, values: readonly (readonly [value: number, count: number])[]])[] = [
    [
      "AAQFAgYBDsgBugHAuAI=",
      [
        [-3, 2],
        [0, 1],
        [7, 200],
        [100, 40_000],
      ],
    ],
    [
      "AgQxATIDhCAHMgE=",
      [
        [-0.25, 1],
        [0, 3],
        [20.5, 7],
        [20.75, 1],
      ],
    ],
    [
      "BwR+2HsSX3zeogFVVVVVVVXVPwIYLURU+yEJQAGvllAuNY0TXwU=",
      [
        [-1e-140, 1],
        [1 / 3, 2],
        [Math.PI, 1],
        [1e150, 5],
      ],
    ],
  ];
  for (const [text, values] of cases) {
    const expected = new Distribution();
    for (const [value, count] of values) expected.add(value, count);
    const { keys, counts } = read(text).sorted();
    assert.deepEqual(
      [...keys].map((key, i) => [key, counts[i]]),
      values,
    );
    assert.deepEqual(read(text).encoded(), expected.encoded());
    assert.ok(expected.encoded()[0] >= NEW_TAGS);
  }
});

/** A day of series 1: hour 3 has 1,000 integers, hour 5 has 3,000 readings of 2,400 values and more, as a sketch. And its month. */
const DAY_KEY = 10871655644;
const DAY =
  "MigAANl3AQLQDwIAAsgBAgADsPl5I5CZASTQvOIECAgICAEsAADQBwAA3gMAAKIDAADeAwAAAICEHgAAALpoAQAAAADTRsMRAAAAAAAAAAAAAA" +
  "AAAEC0PQAAAAC/k0lBBOdm3kLO5kEAAAAAAAAAACv2l12HIIS+AAAAAAAAAAAAAAAAAMAeu7YAAGUACgIKAgoCCgIKAgoCCgIJAgoCCgIKAgoC" +
  "CgIKAgoCCgIKAgkCCgIKAgoCCgIKAgoCCgIKAgoCCQIKAgoCCgIKAgoCCgIJAgoCCgIKAgoCCgIKAgoCCgIKAgkCCgIKAgoCCgIKAgoCCgIKAg" +
  "oCCQIKAgoCCgIKAgoCCgIKAgoCCgIJAgoCCgIKAgoCCgIKAgkCCgIKAgoCCgIKAgoCCgIKAgoCCQIKAgoCCgIKAgoCCgIKAgoCCgIJAgoCCgIK" +
  "AgoCCgIKAgoCCgIKCAb2iAiWAQLWBALXBALVBALZBALHA0aHQF0=";
const MONTH_KEY = 11945378406;
const MONTH =
  "MgAAABCxdwEAwD4AjBAAgK6mCgCwrYMUIIS8DCDGlN+lAghA+pm57dL3DQgIAMQDAAAAAABAtD0r9pddhyCEvgAAAAAAwB67CGsACoD/BwqAAQ" +
  "pACkAKIAogCiAJIAoQChAKEAoQChAKEAoQChAKCAkICggKCAoICggKCAoICggKCAoICQgKCAoICggKCAoECgQJBAoECgQKBAoECgQKBAoECgQK" +
  "BAkECgQKBAoECgQKBAoECgQKBAoECQQKBAoECgQKBAoECgQKBAoECgQJAgoCCgIKAgoCCgIKAgkCCgIKAgoCCgIKAgoCCgIKAgoCCQIKAgoCCg" +
  "IKAgoCCgIKAgoCCgIJAgoCCgIKAgoCCgIKAgoCCgIKrgOWAQLWBALXBALVBALZBALHAyg9HEM=";
const EXACT_HOUR = 3;
const SKETCHED_HOUR = 5;
const integers = Array.from({ length: 1000 }, (_, i) => (i * 37) % 101);
const decimals = Array.from({ length: 3000 }, (_, i) => (99_000 + ((i * 7919) % 4001)) / 100);

interface Readable {
  mergeInto(aggregate: Aggregate, from: number, to: number, withSums: boolean): void;
  mergeValues(into: Distribution, from: number, to: number): void;
}

function aggregateOf(page: Readable, from: number, to: number): Aggregate {
  const aggregate = new Aggregate(ALL_NEEDS);
  page.mergeInto(aggregate, from, to, true);
  if (aggregate.distribution !== null) page.mergeValues(aggregate.distribution, from, to);
  return aggregate;
}

/** Checks that the interval of each percentile holds the exact one, and that both are the answer where that is exact. */
function compare(aggregate: Aggregate, values: readonly number[], keptBits: number, note: string): void {
  assert.equal(aggregate.count, values.length);
  assert.equal(64 - (aggregate.distribution?.dropped ?? 0), keptBits, note);
  const sorted = values.toSorted((a, b) => a - b);
  for (const name of ["p0", "p1", "p25", "median", "p75", "p99", "p100"]) {
    const metric = findMetric(name);
    assert.ok(metric?.share !== undefined);
    const rank = ((sorted.length - 1) * metric.share.numerator) / metric.share.denominator;
    const below = sorted[Math.floor(rank)];
    const exact = below + (rank % 1) * (sorted[Math.ceil(rank)] - below);
    const interval = aggregate.interval(metric.share);
    const got = metric.read(aggregate, 1);
    assert.ok(interval !== null && got !== null);
    const slack = Math.abs(exact) * 2 ** -50; // of computing `exact` in doubles
    assert.ok(interval[0] <= exact + slack && exact - slack <= interval[1], `${note} ${name}: ${exact} in ${interval}`);
    assert.ok(interval[0] <= got && got <= interval[1], `${note} ${name}: ${got} in ${interval}`);
    if (keptBits === 64) assert.deepEqual(interval, [got, got]);
  }
}

test("pages are read right: exact hours exactly, sketched ones in bins of 18 bits, both together in the coarser ones", () => {
  const encoded = new EncodedBuckets().open(DAY_KEY, fromBase64(DAY));
  const pages = [encoded, encoded.decode()] as const;
  const rewritten = encodeBuckets(DAY_KEY, pages[1]).slice();
  for (const page of [...pages, new EncodedBuckets().open(DAY_KEY, rewritten)]) {
    compare(aggregateOf(page, EXACT_HOUR, EXACT_HOUR + 1), integers, 64, "the exact hour");
    compare(aggregateOf(page, SKETCHED_HOUR, SKETCHED_HOUR + 1), decimals, 18, "the sketched hour");
    compare(aggregateOf(page, 0, 24), [...integers, ...decimals], 18, "the day");
  }
  const month = new EncodedBuckets().open(MONTH_KEY, fromBase64(MONTH));
  compare(aggregateOf(month, 0, 32), [...integers, ...decimals], 18, "the month");
});

test("a page that changes is written in the new form altogether", () => {
  const page = new EncodedBuckets().open(DAY_KEY, fromBase64(DAY)).decode();
  for (const hour of [EXACT_HOUR, SKETCHED_HOUR]) {
    const { values } = page.rows;
    const bytes = values[page.rowOf(hour)];
    assert.ok(bytes instanceof Uint8Array && bytes[0] >= NEW_TAGS, `hour ${hour}`);
  }
});

/** The sketch of that hour. */
const SKETCH = "CAb2iAiWAQLWBALXBALVBALZBALHAw==";

test("merging a sketch with finer bins, in any order, leaves its 18 bits", () => {
  const fine = (): Distribution => {
    const distribution = new Distribution();
    for (let i = 0; i < 3000; i++) distribution.add(1000 + i / 1000, 1);
    return distribution;
  };
  const before = read(SKETCH);
  assert.equal(before.dropped, 46);
  assert.ok(fine().dropped < 46);
  const [one, other] = [read(SKETCH), fine()];
  one.merge(fine());
  other.mergeEncoded(new ByteReader(before.encoded()));
  assert.equal(one.dropped, 46);
  assert.equal(one.count, before.count + 3000);
  assert.deepEqual(one.encoded(), other.encoded());
});
