/** Our Fetch parser against the client library's own, on random responses cut into random chunks as they come from a socket. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { fetchV17, Reader, ResponseError, Writer } from "@platformatic/kafka";
import { Random } from "../../src/core/random.ts";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import { parseFetchResponse } from "../../src/log/kafka/fetch-response.ts";

interface Part {
  readonly partition: number;
  readonly errorCode: number;
  readonly lastStableOffset: number;
  readonly aborted: { producerId: number; firstOffset: number }[] | null;
  readonly divergedAt: number;
  readonly records: Uint8Array | null;
}

function randomPart(random: Random, partition: number): Part {
  const records = Array.from({ length: random.integer(1, 50) }, (_, i) => ({ value: Buffer.from(`${i}`) }));
  return {
    partition,
    errorCode: random.chance(0.2) ? random.pick([1, 3, 6, 100]) : 0,
    lastStableOffset: random.integer(0, 1e9) * random.pick([1, 1e6]),
    aborted: random.chance(0.5)
      ? null
      : Array.from({ length: random.integer(0, 4) }, () => ({
          producerId: random.integer(0, 1e9),
          firstOffset: random.integer(0, 1e9) * 1e5,
        })),
    divergedAt: random.chance(0.2) ? random.integer(0, 1e9) : -1,
    records: random.chance(0.3) ? null : encodeBatch({ baseOffset: random.integer(0, 1e9), records, timestamp: 1e12 }),
  };
}

function write(topics: readonly { topicId: string; parts: readonly Part[] }[]): Writer {
  return Writer.create()
    .appendInt32(0)
    .appendInt16(0)
    .appendInt32(0)
    .appendArray([...topics], (w, { topicId, parts }) => {
      w.appendUUID(topicId).appendArray(
        [...parts],
        (p, part) => {
          p.appendInt32(part.partition)
            .appendInt16(part.errorCode)
            .appendInt64(BigInt(part.lastStableOffset) + 1n)
            .appendInt64(BigInt(part.lastStableOffset))
            .appendInt64(0n)
            .appendArray(part.aborted, (a, { producerId, firstOffset }) => {
              a.appendInt64(BigInt(producerId)).appendInt64(BigInt(firstOffset));
            })
            .appendInt32(-1);
          if (part.records === null) p.appendUnsignedVarInt(0);
          else p.appendUnsignedVarInt(part.records.length + 1).append(Buffer.from(part.records));
          if (part.divergedAt < 0) p.appendTaggedFields();
          else
            p.appendUnsignedVarInt(1)
              .appendUnsignedVarInt(0)
              .appendUnsignedVarInt(13)
              .appendInt32(5)
              .appendInt64(BigInt(part.divergedAt))
              .appendUnsignedVarInt(0);
        },
        true,
        false,
      );
    })
    .appendTaggedFields();
}

/** The same bytes in chunks of random length. */
function chunked(random: Random, bytes: Buffer): Reader {
  const writer = Writer.create();
  for (let at = 0; at < bytes.length; ) {
    const next = at + random.integer(1, 200);
    writer.append(bytes.subarray(at, next));
    at = next;
  }
  return Reader.from(writer);
}

function libraryParse(bytes: Buffer): fetchV17.FetchResponse {
  try {
    return fetchV17.parseResponse(0, 1, 17, Reader.from(bytes));
  } catch (error) {
    assert.ok(error instanceof ResponseError); // it throws for any error code, and carries the response
    return error.response;
  }
}

test("what the library reads in a Fetch response, we read in it, and what was written", () => {
  const random = new Random(5);
  for (let round = 0; round < 300; round++) {
    const topics = Array.from({ length: random.integer(0, 3) }, () => ({
      topicId: randomUUID(),
      parts: Array.from({ length: random.integer(0, 4) }, (_, partition) => randomPart(random, partition)),
    }));
    const bytes = write(topics).buffer;
    const ours = parseFetchResponse(0, 1, 17, chunked(random, bytes));
    assert.equal(ours.errorCode, 0);
    assert.deepEqual(
      ours.partitions.map(({ records, aborted, ...rest }) => ({
        ...rest,
        aborted: aborted ?? [],
        records: records instanceof Uint8Array ? Buffer.from(records) : records,
      })),
      topics.flatMap(({ topicId, parts }) =>
        parts.map(({ records, aborted, ...rest }) => ({
          topicId,
          ...rest,
          aborted: aborted ?? [],
          records: records && Buffer.from(records),
        })),
      ),
    );
    const theirs = libraryParse(bytes).responses.flatMap(({ topicId, partitions }) =>
      partitions.map((part) => ({ topicId, part })),
    );
    assert.equal(theirs.length, ours.partitions.length);
    for (const [i, { topicId, part }] of theirs.entries()) {
      const own = ours.partitions[i];
      assert.deepEqual(
        [
          topicId,
          part.partitionIndex,
          part.errorCode,
          Number(part.lastStableOffset),
          Number(part.divergingEpoch?.endOffset),
        ],
        [own.topicId, own.partition, own.errorCode, own.lastStableOffset, own.divergedAt],
      );
      assert.equal(part.abortedTransactions?.length ?? 0, own.aborted?.length ?? 0);
    }
  }
});
