/** A broker that lies about base offsets, which no checksum covers: nothing is counted twice or lost in silence. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { Records } from "../../src/core/records.ts";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import { FetchedBatches } from "../../src/log/kafka/fetched.ts";
import { record } from "../suites/log-suite.ts";

interface Batch {
  readonly base: number;
  readonly count: number;
}

function bytesOf(batches: readonly Batch[], claimed: (batch: Batch) => number): Uint8Array {
  const parts = batches.map((batch) => {
    const records = Array.from({ length: batch.count }, (_, i) => record(`${batch.base + i}`));
    const bytes = Buffer.from(encodeBatch({ baseOffset: batch.base, records, timestamp: 1, appendTime: true }));
    bytes.writeBigInt64BE(BigInt(claimed(batch)), 0);
    return bytes;
  });
  return new Uint8Array(Buffer.concat(parts));
}

/** The values that are handed out before the end or an error. */
function read(records: Uint8Array, from: number): { values: number[]; error: unknown } {
  const place = {
    topic: "t",
    partition: 0,
    logEnd: 1000,
    gap: null,
    from,
    aborted: null,
    onDamaged: () => {},
    isDropped: () => false,
  };
  const fetched = new FetchedBatches({ ...place, records });
  const values: number[] = [];
  const into = new Records();
  try {
    while (fetched.next(into)) {
      for (let i = 0; i < into.count; i++) {
        values.push(Number(Buffer.from(into.data.subarray(into.valueStart[i], into.valueEnd[i])).toString()));
      }
    }
    return { values, error: null };
  } catch (error) {
    return { values, error };
  }
}

test("a base offset that does not fit between its neighbours is refused before any of its records; which of two lies nobody knows", () => {
  const random = new Random(31);
  for (let round = 0; round < 400; round++) {
    const from = random.integer(10, 50);
    let base = from - random.integer(0, 3); // the first batch may begin before
    const batches = Array.from({ length: random.integer(2, 6) }, () => {
      const batch = { base, count: random.integer(4, 9) };
      base += batch.count + random.pick([0, 0, 5]); // compaction leaves holes
      return batch;
    });
    const whole = read(
      bytesOf(batches, (batch) => batch.base),
      from,
    );
    assert.equal(whole.error, null);
    const liar = random.integer(0, batches.length - 2); // of the last one nothing behind it tells
    const { base: honest, count } = batches[liar];
    const following = batches[liar + 1].base;
    const high = following - count + random.integer(1, 100);
    const before = liar === 0 ? from : batches[liar - 1].base + batches[liar - 1].count;
    const low = Math.max(0, before - count - random.integer(0, 5));
    for (const lie of [high, low]) {
      const { values, error } = read(
        bytesOf(batches, (batch) => (batch.base === honest ? lie : batch.base)),
        from,
      );
      assert.match(String(error), /the batch at offset \d+ is damaged: /, `${JSON.stringify(batches)} ${lie}`);
      assert.deepEqual(values, whole.values.slice(0, values.length));
      assert.ok(values.every((value) => value < honest));
    }
  }
});
