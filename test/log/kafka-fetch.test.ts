/** Our Fetch parser against the client library's own, on random responses cut into random chunks as they come from a socket. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import {
  fetchV4,
  fetchV5,
  fetchV6,
  fetchV7,
  fetchV8,
  fetchV9,
  fetchV10,
  fetchV11,
  fetchV12,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
  Reader,
  ResponseError,
  Writer,
} from "@platformatic/kafka";
import { Random } from "../../src/core/random.ts";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import {
  FETCH_APIS,
  FETCH_BYTES_MAX,
  type FetchPosition,
  fetchRequest,
  parseFetchResponse,
} from "../../src/log/kafka/fetch.ts";

interface Part {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly aborted: { producerId: number; firstOffset: number }[] | null;
  readonly divergedAt: number;
  readonly records: Uint8Array | null;
}

function randomPart(random: Random, version: number, partition: number): Part {
  const records = Array.from({ length: random.integer(1, 50) }, (_, i) => ({ value: Buffer.from(`${i}`) }));
  return {
    partition,
    errorCode: random.chance(0.2) ? random.pick([1, 3, 6, 100]) : 0,
    highWatermark: random.integer(0, 1e9) * random.pick([1, 1e6]),
    lastStableOffset: random.integer(0, 1e9) * random.pick([1, 1e6]),
    aborted: random.chance(0.5)
      ? null
      : Array.from({ length: random.integer(0, 4) }, () => ({
          producerId: random.integer(0, 1e9),
          firstOffset: random.integer(0, 1e9) * 1e5,
        })),
    divergedAt: version >= 12 && random.chance(0.2) ? random.integer(0, 1e9) : -1,
    records: random.chance(0.3) ? null : encodeBatch({ baseOffset: random.integer(0, 1e9), records, timestamp: 1e12 }),
  };
}

const LIBRARY = [
  fetchV4,
  fetchV5,
  fetchV6,
  fetchV7,
  fetchV8,
  fetchV9,
  fetchV10,
  fetchV11,
  fetchV12,
  fetchV13,
  fetchV14,
  fetchV15,
  fetchV16,
  fetchV17,
];

/** A response as the protocol lays it out (https://kafka.apache.org/protocol.html#The_Messages_Fetch). */
function write(version: number, topics: readonly { topic: string; parts: readonly Part[] }[]): Writer {
  const isCompact = version >= 12;
  const writer = Writer.create().appendInt32(0);
  if (version >= 7) writer.appendInt16(0).appendInt32(0);
  writer.appendArray(
    [...topics],
    (w, { topic, parts }) => {
      if (version >= 13) w.appendUUID(topic);
      else w.appendString(topic, isCompact);
      w.appendArray([...parts], (p, part) => writePart(version, p, part), isCompact, false);
    },
    isCompact,
    isCompact,
  );
  return isCompact ? writer.appendTaggedFields() : writer;
}

function writePart(version: number, w: Writer, part: Part): void {
  const isCompact = version >= 12;
  w.appendInt32(part.partition)
    .appendInt16(part.errorCode)
    .appendInt64(BigInt(part.highWatermark))
    .appendInt64(BigInt(part.lastStableOffset));
  if (version >= 5) w.appendInt64(0n);
  w.appendArray(
    part.aborted,
    (a, { producerId, firstOffset }) => {
      a.appendInt64(BigInt(producerId)).appendInt64(BigInt(firstOffset));
    },
    isCompact,
    isCompact,
  );
  if (version >= 11) w.appendInt32(-1);
  w.appendBytes(part.records && Buffer.from(part.records), isCompact);
  if (!isCompact) return;
  if (part.divergedAt < 0) w.appendTaggedFields();
  else
    w.appendUnsignedVarInt(1)
      .appendUnsignedVarInt(0)
      .appendUnsignedVarInt(13)
      .appendInt32(5)
      .appendInt64(BigInt(part.divergedAt))
      .appendUnsignedVarInt(0);
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

function libraryParse({ api, parseResponse }: (typeof LIBRARY)[number], bytes: Buffer): fetchV17.FetchResponse {
  try {
    return parseResponse(0, 1, api.version, Reader.from(bytes)) as fetchV17.FetchResponse;
  } catch (error) {
    assert.ok(error instanceof ResponseError); // it throws for any error code, and carries the response
    return error.response;
  }
}

for (const library of LIBRARY) {
  const { version } = library.api;
  describe(`Fetch ${version}`, () => {
    test("what the library reads in a response, we read in it, and what was written", () => {
      const random = new Random(5);
      for (let round = 0; round < 100; round++) {
        const topics = Array.from({ length: random.integer(0, 3) }, () => ({
          topic: randomUUID(),
          parts: Array.from({ length: random.integer(0, 4) }, (_, i) => randomPart(random, version, i)),
        }));
        const bytes = write(version, topics).buffer;
        const ours = parseFetchResponse(0, 1, version, chunked(random, bytes));
        assert.equal(ours.errorCode, 0);
        assert.deepEqual(
          ours.partitions.map(({ records, aborted, ...rest }) => ({
            ...rest,
            aborted: aborted ?? [],
            records: records && Buffer.from(records),
          })),
          topics.flatMap(({ topic, parts }) =>
            parts.map(({ records, aborted, ...rest }) => ({
              topic,
              ...rest,
              aborted: aborted ?? [],
              records: records && Buffer.from(records),
            })),
          ),
        );
        const theirs = libraryParse(library, bytes).responses.flatMap(({ topicId, partitions }) =>
          partitions.map((part) => ({ topicId, part })),
        );
        assert.equal(theirs.length, ours.partitions.length);
        for (const [i, { topicId, part }] of theirs.entries()) {
          const own = ours.partitions[i];
          assert.deepEqual(
            [topicId, part.partitionIndex, part.errorCode, Number(part.lastStableOffset), Number(part.highWatermark)],
            [own.topic, own.partition, own.errorCode, own.lastStableOffset, own.highWatermark],
          );
          if (version >= 12) assert.equal(Number(part.divergingEpoch?.endOffset), own.divergedAt);
          assert.equal(part.abortedTransactions?.length ?? 0, own.aborted?.length ?? 0);
        }
      }
    });

    test("our request is the library's, to the byte", () => {
      const random = new Random(6);
      for (let round = 0; round < 50; round++) {
        const positions: FetchPosition[] = Array.from({ length: random.integer(0, 3) }, (_, i) => [
          `topic-${i}`,
          randomUUID(),
        ]).flatMap(([topic, topicId]) =>
          Array.from({ length: random.integer(1, 3) }, (_, partition) => ({
            topic,
            topicId,
            partition,
            next: random.integer(0, 2 ** 53),
            epoch: random.pick([-1, 0, 7]),
          })),
        );
        const topics = [...Map.groupBy(positions, ({ topicId }) => topicId)].map(([topicId, own]) => ({
          topicId: version >= 13 ? topicId : own[0].topic,
          partitions: own.map(({ partition, next, epoch }) => ({
            partition,
            currentLeaderEpoch: -1,
            fetchOffset: BigInt(next),
            lastFetchedEpoch: epoch,
            partitionMaxBytes: FETCH_BYTES_MAX,
          })),
        }));
        const theirs = library.createRequest(500, 1, FETCH_BYTES_MAX, 1, 0, -1, topics, [], "");
        assert.deepEqual(fetchRequest(version, positions).buffer, theirs.buffer);
      }
    });

    test("an answer that is laid out in another way is refused", () => {
      const random = new Random(7);
      const bytes = write(version, [{ topic: randomUUID(), parts: [randomPart(random, version, 0)] }]).buffer;
      const longer = Buffer.concat([bytes, Buffer.alloc(3)]);
      assert.throws(() => parseFetchResponse(0, 1, version, Reader.from(longer)), /longer by 3 bytes than version/);
      for (let cut = 1; cut < bytes.length; cut += 7) {
        const shorter = bytes.subarray(0, bytes.length - cut);
        assert.throws(
          () => parseFetchResponse(0, 1, version, Reader.from(shorter)),
          /is not laid out as version|longer/,
        );
      }
    });
  });
}

test("every version that is offered is one of these", () => {
  assert.deepEqual(
    [...FETCH_APIS.keys()],
    LIBRARY.map(({ api }) => api.version),
  );
});
