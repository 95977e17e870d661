/** The same bytes through our decoder and through the client library's own: the same rows, offsets and ends, and those that were written. And what makes reading fall back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Reader, readRecordsBatches, Writer } from "@platformatic/kafka";
import { TidemarkError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import { Records } from "../../src/core/records.ts";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import { type AbortedTransaction, Unreadable } from "../../src/log/kafka/cluster.ts";
import { parseFetchResponse } from "../../src/log/kafka/fetch-response.ts";
import { endOf, openFetched, type RecordSet } from "../../src/log/kafka/fetched.ts";
import { LibraryBatches } from "../../src/log/kafka/library-batches.ts";
import { type Seen, seen } from "../suites/log-suite.ts";
import { expected, type ForeignBatch, foreignBatch, randomBatch, sealed } from "./foreign-batch.ts";

const TRANSACTIONAL = 16;
const CONTROL = 32;

/** One batch of a generated partition, and whether its records count. */
interface Laid {
  readonly batch: ForeignBatch;
  readonly counts: boolean;
}

/** A partition's log: batches one behind the other, some in transactions that end in a marker, with holes as compaction leaves them. */
interface Laying {
  readonly batches: Laid[];
  /** Each with the offset of its marker. */
  readonly aborted: (AbortedTransaction & { readonly endOffset: number })[];
}

/** A marker's key: version and type, int16 each (Kafka protocol, "Control Batches"). */
function marker(producerId: bigint, baseOffset: bigint, commits: boolean): ForeignBatch {
  const key = Buffer.from([0, 0, 0, commits ? 1 : 0]);
  const record = { offsetDelta: 0, timestampDelta: 0n, key, value: Buffer.alloc(6), headers: [] };
  const times = { baseTimestamp: 1_750_000_000_000n, maxTimestamp: 1_750_000_000_000n };
  return { baseOffset, records: [record], attributes: TRANSACTIONAL | CONTROL, producerId, ...times };
}

function randomLog(random: Random, length: number): Laying {
  const batches: Laid[] = [];
  const aborted: Laying["aborted"] = [];
  const open = new Map<bigint, { readonly commits: boolean; readonly firstOffset: number }>();
  let next = BigInt(random.pick([0, 1, 4_294_967_295, 2 ** 52]));
  const lay = (batch: ForeignBatch, counts: boolean): void => {
    batches.push({ batch, counts });
    next += BigInt(batch.lastOffsetDelta ?? batch.records.length - 1) + 1n;
  };
  const end = (producerId: bigint): void => {
    const transaction = open.get(producerId);
    if (transaction === undefined) return;
    open.delete(producerId);
    if (!transaction.commits) {
      const { firstOffset } = transaction;
      aborted.push({ producerId: Number(producerId), firstOffset, endOffset: Number(next) });
    }
    lay(marker(producerId, next, transaction.commits), false);
  };
  for (let i = 0; i < length; i++) {
    if (random.chance(0.1)) next += BigInt(random.integer(1, 1000)); // a batch that compaction took whole
    const producerId = BigInt(random.integer(1, 3));
    const some = randomBatch(random, random.pick([0, 1, 2, 5, 40]));
    const plain = some.records.length > 0 ? some : { ...some, lastOffsetDelta: random.integer(0, 5) }; // compaction took them
    const batch = { ...plain, baseOffset: next, attributes: plain.attributes & ~TRANSACTIONAL, leaderEpoch: i >> 2 };
    if (random.chance(0.4)) lay({ ...batch, producerId: random.pick([-1n, producerId]) }, true);
    else {
      const transaction = open.get(producerId) ?? { commits: random.chance(0.5), firstOffset: Number(next) };
      open.set(producerId, transaction);
      lay({ ...batch, producerId, attributes: batch.attributes | TRANSACTIONAL }, transaction.commits);
    }
    if (random.chance(0.3)) end(producerId);
    // A transaction that wrote nothing here may end here.
    if (!open.has(producerId) && random.chance(0.1)) lay(marker(producerId, next, random.chance(0.5)), false);
  }
  for (const producerId of [...open.keys()]) end(producerId);
  return { batches, aborted };
}

interface Outcome {
  readonly rows: Seen[];
  /** `nextOffset` of each fill. */
  readonly nexts: number[];
}

function readAll(records: RecordSet, aborted: readonly AbortedTransaction[], from: number): Outcome {
  const into = new Records(1);
  const place = { topic: "t", partition: 0, logEnd: 2 ** 53 - 1, gap: null, from };
  const onUnreadable = (why: string): void => assert.fail(why);
  const fetched = openFetched({ ...place, records, aborted, onTaken: () => {}, onUnreadable });
  const outcome: Outcome = { rows: [], nexts: [] };
  while (fetched.next(into)) {
    outcome.rows.push(...seen(into));
    outcome.nexts.push(into.nextOffset);
  }
  return outcome;
}

function libraryRead(bytes: Buffer): LibraryBatches {
  return new LibraryBatches(readRecordsBatches(Reader.from(bytes)));
}

test("the library's reader and ours bring the same columns for the same bytes, transactions and holes included", () => {
  const random = new Random(20);
  const count = { rows: 0, aborted: 0, compressed: 0, appendTime: 0, cut: 0 };
  for (let round = 0; round < 250; round++) {
    const { batches, aborted } = randomLog(random, random.integer(1, 25));
    const first = random.integer(0, batches.length - 1);
    const last = random.integer(first, batches.length - 1);
    const asked = batches.slice(first, last + 1);
    const whole = asked.map(({ batch }) => foreignBatch(batch));
    const next = batches[last + 1] && foreignBatch(batches[last + 1].batch);
    const cut = next !== undefined && random.chance(0.5) ? next.subarray(0, random.integer(0, next.length - 1)) : null;
    const bytes = Buffer.concat(cut === null ? whole : [...whole, cut]);
    const start = Number(asked[0].batch.baseOffset);
    const { batch: ending } = asked[asked.length - 1];
    const end = Number(ending.baseOffset) + (ending.lastOffsetDelta ?? ending.records.length - 1) + 1;
    const from = start + random.pick([0, 0, 0, 1, 5, 50]);
    // What a broker says: the aborted transactions that reach into the answer.
    const told = aborted.filter(({ firstOffset, endOffset }) => firstOffset < end && endOffset >= start);
    const library = libraryRead(bytes);
    assert.deepEqual(endOf(bytes), endOf(library));
    assert.deepEqual(endOf(bytes), { next: end, epoch: ending.leaderEpoch ?? 17, damaged: false });
    const ours = readAll(bytes, told, from);
    assert.deepEqual(readAll(library, told, from), ours, `round ${round}`);
    assert.deepEqual(
      ours.rows,
      asked.filter(({ counts }) => counts).flatMap(({ batch }) => expected(batch, from)),
    );
    assert.equal(ours.nexts.at(-1), Math.max(end, from));
    count.rows += ours.rows.length;
    count.aborted += told.length;
    count.compressed += asked.filter(({ batch }) => (batch.attributes & 7) !== 0).length;
    count.appendTime += ours.rows.filter(({ appendTime }) => appendTime).length;
    if (cut !== null) count.cut++;
  }
  for (const [name, occurred] of Object.entries(count)) assert.ok(occurred > 50, `${name} occurred ${occurred} times`);
});

test("a record set that begins with a cut off batch is incomplete for both", () => {
  const bytes = foreignBatch(randomBatch(new Random(1), 3)).subarray(0, 70);
  assert.deepEqual(endOf(bytes), { next: -1, epoch: -1, damaged: false });
  assert.deepEqual(readRecordsBatches(Reader.from(bytes)), []);
});

describe("what makes reading fall back", () => {
  const batch = foreignBatch({ ...randomBatch(new Random(5), 9), attributes: 0, body: (bytes) => bytes });

  function refusal(bytes: Buffer): { readonly error: unknown; readonly told: readonly string[] } {
    const told: string[] = [];
    const place = { topic: "t", partition: 0, logEnd: 2 ** 53 - 1, gap: null, from: 0, aborted: null };
    const onUnreadable = (why: string): number => told.push(why);
    const fetched = openFetched({ ...place, records: bytes, onTaken: () => {}, onUnreadable });
    try {
      fetched.next(new Records());
    } catch (error) {
      assert.throws(() => fetched.next(new Records()), Object(error));
      return { error, told };
    }
    return assert.fail("it was read");
  }

  test("a batch that our decoder does not know, under a checksum that is right", () => {
    const strange = Buffer.from(batch);
    strange.writeInt16BE(7, 21); // a codec that is none yet
    const { error, told } = refusal(sealed(strange));
    assert.ok(error instanceof TidemarkError && error.code === "log-corrupt");
    assert.deepEqual(told, [error.message]);
  });

  test("not a damaged one", () => {
    const damaged = Buffer.from(batch);
    damaged[damaged.length - 1] ^= 1;
    const { error, told } = refusal(damaged);
    assert.ok(error instanceof TidemarkError && error.code === "log-corrupt");
    assert.match(error.message, /checksum must be/);
    assert.deepEqual(told, []);
  });

  test("an answer that is laid out in another way", () => {
    const answer = (tail: Buffer): Reader => {
      const writer = Writer.create()
        .appendInt32(0)
        .appendInt16(0)
        .appendInt32(0)
        .appendArray([], () => {})
        .appendTaggedFields();
      return Reader.from(Buffer.concat([writer.buffer, tail]));
    };
    assert.deepEqual(parseFetchResponse(0, 1, 17, answer(Buffer.alloc(0))), { errorCode: 0, partitions: [] });
    assert.throws(() => parseFetchResponse(0, 1, 17, answer(Buffer.alloc(3))), Unreadable);
    const short = Reader.from(Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3]));
    assert.throws(() => parseFetchResponse(0, 1, 17, short), Unreadable);
  });
});

test("what one decoder knows of a batch is not believed of the other's next one", () => {
  const place = { topic: "t", partition: 0, logEnd: 1, gap: null, from: 0, aborted: null };
  const noFault = { onTaken: () => {}, onUnreadable: assert.fail };
  const bytesOf = (key: string | undefined): Buffer => {
    const value = Buffer.from("1");
    return Buffer.from(
      encodeBatch({
        baseOffset: 0,
        records: [key === undefined ? { value } : { key: Buffer.from(key), value }],
        timestamp: 1e12,
      }),
    );
  };
  const into = new Records();
  openFetched({ ...place, ...noFault, records: bytesOf(undefined) }).next(into);
  assert.equal(into.keyless, true);
  openFetched({ ...place, ...noFault, records: libraryRead(bytesOf("device-7")) }).next(into);
  assert.equal(into.keyless, false, "the fall-back's rows have keys");
  openFetched({ ...place, ...noFault, records: bytesOf(undefined) }).next(into);
  openFetched({ ...place, ...noFault, records: bytesOf("device-7") }).next(into);
  assert.equal(into.keyless, false);
});
