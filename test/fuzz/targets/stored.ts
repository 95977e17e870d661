/** Bytes that come from a file or another tidemark: aggregates, pages, seen blocks and pairs. Stored ones lie behind a checksum; what is wrong behind it must end all the same. */
import { ByteReader, ByteWriter } from "../../../src/core/bytes.ts";
import { PairBlock } from "../../../src/identity/pair-block.ts";
import { SeenBlock } from "../../../src/identity/seen-block.ts";
import { Aggregate } from "../../../src/metrics/aggregate.ts";
import { decodeAggregate, encodeAggregate } from "../../../src/metrics/aggregate-codec.ts";
import { pageKey, SECONDS_PER_PAGE } from "../../../src/rollups/levels.ts";
import { check } from "../../../src/rollups/page-frame.ts";
import { EncodedSeconds, encodeSeconds } from "../../../src/rollups/seconds-codec.ts";
import { SecondsPage } from "../../../src/rollups/seconds-page.ts";
import { Seeded } from "../../oracle/seeded.ts";
import { isOperating, type Target } from "../target.ts";

/** "@throws RangeError for what it cannot have written". */
const isRange = (error: unknown): boolean =>
  error instanceof RangeError && !/call stack|allocation/.test(error.message);

function aggregateOf(seed: number): Aggregate {
  const random = new Seeded(seed);
  const aggregate = new Aggregate({ sums: true, quantiles: true });
  const values = Float64Array.from({ length: random.int(1, 3000) }, () =>
    seed % 2 === 0 ? random.int(0, 50) : random.next() * 1e9,
  );
  aggregate.addValues(values, values.length, true);
  aggregate.count = aggregate.seconds = values.length;
  aggregate.ends(0, values[0], 1000, values[values.length - 1]);
  aggregate.distribution?.addColumn(values, 0, values.length);
  return aggregate;
}

const aggregate: Target = {
  name: "aggregate",
  seeds: () =>
    [1, 2, 3, 4].map((seed) => {
      const out = new ByteWriter(1024);
      encodeAggregate(out, aggregateOf(seed));
      return out.finish();
    }),
  mayThrow: isRange,
  run(input) {
    decodeAggregate(new ByteReader(new Uint8Array(input)));
  },
};

function secondsPage(seed: number): Uint8Array {
  const random = new Seeded(seed);
  const page = new SecondsPage(0);
  if (seed % 2 === 0) page.becomeListed();
  for (let second = 0; second < SECONDS_PER_PAGE; second++) {
    if (random.chance(0.7)) page.put(second, random.int(0, 999), random.int(0, 100) / 4, random.chance(0.1) ? 1 : 0);
  }
  return encodeSeconds(SECONDS_KEY, page).slice();
}

const SECONDS_KEY = pageKey(1, 0, 0);
const seconds = new EncodedSeconds();

/** Their checksum is looked at first: what passes it is as it was written. */
const pages: Target = {
  name: "pages",
  seeds: () => [1, 2, 3, 4].map(secondsPage),
  mayThrow: isOperating,
  run(input) {
    check(SECONDS_KEY, input);
    const page = seconds.open(SECONDS_KEY, new Uint8Array(input));
    page.mergeInto(new Aggregate({ sums: true, quantiles: true }), 0, SECONDS_PER_PAGE, true);
    page.decode();
  },
};

const PAIRS_MAX = 100_000;

const seen: Target = {
  name: "seen",
  seeds: () => {
    const block = new SeenBlock();
    for (let i = 0; i < 3000; i++) block.mark((i * 37) % 60_000);
    const pairs = new PairBlock();
    return [block.encode(), pairs.encode()];
  },
  mayThrow: isRange,
  run(input) {
    const bytes = new Uint8Array(input);
    try {
      SeenBlock.decode(bytes).encode();
    } catch (error) {
      if (!isRange(error)) throw error;
    }
    // A run of any number of pairs is written in a few bytes, and is no damage that the block could tell.
    if (new ByteReader(bytes).varint() < PAIRS_MAX) PairBlock.decode(bytes).encode();
  },
};

export const STORED_TARGETS: readonly Target[] = [aggregate, pages, seen];
