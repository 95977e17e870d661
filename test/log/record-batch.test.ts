/** RecordBatch v2: against a plain encoder with BigInt, against the Kafka client's own codec, and against damage. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crc32 } from "node:zlib";
import { createRecordsBatch, Reader, readRecordsBatch } from "@platformatic/kafka";
import { TidemarkError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import { Records } from "../../src/core/records.ts";
import { compressBatch, encodeBatch } from "../../src/log/batch-writer.ts";
import { CODECS, DECOMPRESSED_BYTES_MAX } from "../../src/log/compression.ts";
import { crc32c } from "../../src/log/crc32c.ts";
import { endOf } from "../../src/log/kafka/fetched.ts";
import {
  BatchHeader,
  BatchRest,
  CONTROL_ABORT,
  CONTROL_COMMIT,
  continueBatch,
  controlType,
  decodeBatch,
  readBatchHeader,
  resumeBehind,
  startBatch,
} from "../../src/log/record-batch.ts";
import { seen } from "../suites/log-suite.ts";
import { expected, foreignBatch, foreignCodecs, randomBatch, randomBytes, xerial } from "./foreign-batch.ts";

/** CRC-32C a bit at a time. */
function slowCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function corrupt(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof TidemarkError && error.code === "log-corrupt" && pattern.test(error.message);
}

describe("RecordBatch v2", () => {
  test("any batch of a foreign producer, in every codec, from any offset, amid other bytes", () => {
    const random = new Random(1);
    const into = new Records(1);
    const rows = { decoded: 0, left: 0 };
    for (let round = 0; round < 400; round++) {
      const batch = randomBatch(random);
      const bytes = foreignBatch(batch);
      const before = randomBytes(random, random.integer(0, 9));
      const all = Buffer.concat([before, bytes, randomBytes(random, random.integer(0, 70))]);
      const from = Number(batch.baseOffset) + random.pick([-5, 0, 0, 0, 1, 17, 100, 3_000_000]);
      assert.equal(decodeBatch(all, before.length, all.length, from, into), before.length + bytes.length);
      assert.deepEqual(seen(into), expected(batch, from));
      const next = Number(batch.baseOffset) + (batch.lastOffsetDelta ?? 0) + 1;
      assert.equal(into.nextOffset, Math.max(next, from));
      rows.decoded += into.count;
      rows.left += batch.records.length - into.count;
      const header = new BatchHeader();
      assert.ok(readBatchHeader(all, before.length, all.length, header));
      assert.equal(header.isTransactional, (batch.attributes & 16) !== 0);
      assert.equal(header.isControl, false);
      assert.equal(header.producerId, Number(batch.producerId));
      assert.equal(header.nextOffset, next);
    }
    assert.ok(rows.decoded > 5000 && rows.left > 500, JSON.stringify(rows));
  });

  test("batches of the Kafka client in every codec", () => {
    const into = new Records();
    for (const compression of CODECS) {
      const messages = Array.from({ length: 300 }, (_, i) => ({
        topic: "temperature",
        key: Buffer.from(`device-${i % 3}`),
        value: Buffer.from(`${(i * 37) % 101}`),
        timestamp: 1_750_000_000_000n + BigInt(i * 1000),
        headers: new Map([[Buffer.from("h"), Buffer.from(`${i}`)]]),
      }));
      const bytes = Buffer.from(createRecordsBatch(messages, { compression }).buffer);
      assert.equal(decodeBatch(bytes, 0, bytes.length, 0, into), bytes.length);
      assert.deepEqual(
        seen(into),
        messages.map(({ key, value, timestamp }, offset) => {
          return { offset, key: `${key}`, value: `${value}`, time: Number(timestamp), appendTime: false };
        }),
      );
    }
  });

  test("the Kafka client reads what is encoded here, in every codec", () => {
    for (const codec of CODECS) {
      const records = Array.from({ length: 300 }, (_, i) => {
        const value = Buffer.from(`${(i * 37) % 101}`);
        return i % 3 === 0 ? { value } : { value, key: Buffer.from(`device-${i % 3}`) };
      });
      const timestamp = records.map((_, i) => 1_750_000_000_000 + ((i * 7919) % 5000) - 2500);
      const bytes = encodeBatch({ baseOffset: 2 ** 40, records, timestamp, codec });
      const batch = readRecordsBatch(Reader.from(Buffer.from(bytes)));
      assert.equal(batch.firstOffset, 2n ** 40n);
      assert.equal(batch.attributes, CODECS.indexOf(codec));
      assert.equal(batch.crc, slowCrc(bytes.subarray(21)));
      assert.equal(batch.maxTimestamp, BigInt(Math.max(...timestamp)));
      assert.deepEqual(
        batch.records.map((row) => [row.offsetDelta, row.key, row.value, batch.firstTimestamp + row.timestampDelta]),
        records.map((row, i) => [i, row.key ?? null, row.value, BigInt(timestamp[i])]),
      );
    }
  });

  test("what does not get smaller is not compressed", () => {
    const batch = encodeBatch({ baseOffset: 0, records: [{ value: Buffer.from("1") }], timestamp: 1 });
    assert.equal(compressBatch(batch, "zstd"), batch);
  });

  test("every cut is an incomplete batch", () => {
    const batch = foreignBatch({ ...randomBatch(new Random(5)), attributes: 0, body: (bytes) => bytes });
    const into = new Records();
    for (let end = 0; end < batch.length; end += end < 80 ? 1 : 37) {
      assert.equal(decodeBatch(batch, 0, end, 0, into), -1);
      assert.deepEqual(endOf(batch.subarray(0, end)), { next: -1, epoch: -1, damaged: false });
    }
  });

  test("the header walk gives the offset after all complete batches", () => {
    const random = new Random(9);
    let all = Buffer.alloc(0);
    for (let base = 0, i = 0; i < 5; i++) {
      const batch = { ...randomBatch(random), baseOffset: BigInt(base) };
      const start = all.length;
      all = Buffer.concat([all, foreignBatch(batch)]);
      assert.equal(endOf(all.subarray(0, all.length - 1)).next, base === 0 ? -1 : base);
      base += (batch.lastOffsetDelta ?? 0) + 1;
      assert.equal(endOf(all).next, base);
      assert.equal(endOf(all.subarray(start)).next, base);
      assert.equal(endOf(Buffer.concat([all, Buffer.alloc(100)])).next, base);
    }
  });

  test("a batch that compaction emptied moves the offset", () => {
    const into = new Records();
    const times = { baseTimestamp: -1n, maxTimestamp: -1n, attributes: 0 };
    const bytes = foreignBatch({ baseOffset: 10n, records: [], lastOffsetDelta: 4, ...times });
    assert.equal(decodeBatch(bytes, 0, bytes.length, 0, into), bytes.length);
    assert.equal(into.count, 0);
    assert.equal(into.nextOffset, 15);
  });

  test("control batches hold no readings, and say what became of the transaction", () => {
    for (const [type, wanted] of [
      [0, CONTROL_ABORT],
      [1, CONTROL_COMMIT],
    ]) {
      const marker = { offsetDelta: 0, timestampDelta: 0n, value: Buffer.alloc(6), headers: [] };
      const times = { baseTimestamp: 1n, maxTimestamp: 1n };
      const key = Buffer.from([0, 0, 0, type]);
      const own = { baseOffset: 7n, attributes: 0x30, producerId: 4711n, records: [{ ...marker, key }] };
      const bytes = foreignBatch({ ...own, ...times });
      const into = new Records();
      assert.equal(decodeBatch(bytes, 0, bytes.length, 0, into), bytes.length);
      assert.equal(into.count, 0);
      assert.equal(into.nextOffset, 8);
      const header = new BatchHeader();
      assert.ok(readBatchHeader(bytes, 0, bytes.length, header));
      assert.ok(header.isControl && header.isTransactional);
      assert.equal(header.producerId, 4711);
      assert.equal(controlType(bytes, header), wanted);
    }
  });

  test("a flipped bit is damage, named with the base offset, or lies where no checksum looks", () => {
    const random = new Random(3);
    const into = new Records();
    const batch = foreignBatch({ ...randomBatch(random), baseOffset: 4711n, attributes: 0, body: (bytes) => bytes });
    for (let round = 0; round < 2000; round++) {
      const flipped = Buffer.from(batch);
      const at = random.chance(0.5) ? random.integer(0, 60) : random.integer(0, batch.length - 1);
      flipped[at] ^= 1 << random.integer(0, 7);
      if (at >= 17)
        assert.throws(() => decodeBatch(flipped, 0, flipped.length, 0, into), corrupt(/offset 4711 is damaged/));
      else decodeOrDamage(flipped, into);
    }
  });

  test("malformed records under a right checksum never read out of bounds", () => {
    const random = new Random(4);
    const into = new Records();
    const outcomes = { decoded: 0, damaged: 0 };
    for (let round = 0; round < 6000; round++) {
      const codec = random.chance(0.8) ? foreignCodecs[0] : random.pick(foreignCodecs);
      const body = (bytes: Buffer) => {
        const packed = Buffer.from(codec.body(bytes));
        for (let i = random.integer(1, 3); i > 0; i--) {
          packed[random.integer(0, packed.length - 1)] = random.pick([
            0,
            1,
            2,
            127,
            128,
            254,
            255,
            random.integer(0, 255),
          ]);
        }
        return random.chance(0.1) ? packed.subarray(0, random.integer(0, packed.length)) : packed;
      };
      const { records } = randomBatch(random, random.integer(1, 5));
      const own = { baseOffset: 4711n, baseTimestamp: 0n, maxTimestamp: 0n, attributes: codec.attributes };
      const bytes = foreignBatch({
        ...own,
        records,
        body,
        count: records.length + random.pick([0, 0, 0, -1, 1, 2 ** 30]),
      });
      outcomes[decodeOrDamage(bytes, into) ? "decoded" : "damaged"]++;
    }
    assert.ok(outcomes.decoded > 500 && outcomes.damaged > 500, JSON.stringify(outcomes));
    // The codecs still work after what they refused.
    for (const codec of foreignCodecs) {
      const batch = { ...randomBatch(random), attributes: codec.attributes, body: codec.body };
      const bytes = foreignBatch(batch);
      assert.equal(decodeBatch(bytes, 0, bytes.length, 0, into), bytes.length);
      assert.deepEqual(seen(into), expected(batch, 0));
    }
  });

  test("random bytes under a right header and checksum", () => {
    const random = new Random(8);
    const into = new Records();
    for (let round = 0; round < 3000; round++) {
      const body = () => randomBytes(random, random.integer(0, 120));
      const own = { baseOffset: 4711n, baseTimestamp: 0n, maxTimestamp: 0n, attributes: random.integer(0, 7) };
      decodeOrDamage(
        foreignBatch({ ...own, records: [], body, count: random.integer(0, 9), lastOffsetDelta: 20 }),
        into,
      );
    }
  });

  test("a batch that claims to decompress to more than the bound is refused", () => {
    const into = new Records();
    const huge = Buffer.alloc(DECOMPRESSED_BYTES_MAX + 1);
    for (const { attributes, body } of foreignCodecs.filter((codec) => codec.attributes > 0 && codec.body !== xerial)) {
      const own = { baseOffset: 4711n, baseTimestamp: 0n, maxTimestamp: 0n, attributes, records: [] };
      const bytes = foreignBatch({ ...own, body: () => body(huge), count: 1 });
      assert.throws(
        () => decodeBatch(bytes, 0, bytes.length, 0, into),
        corrupt(/ is too large: its records must decompress to <= 67108864 bytes, were /),
      );
    }
  });

  test("an unknown codec or version is named", () => {
    const into = new Records();
    const own = { baseOffset: 4711n, baseTimestamp: 0n, maxTimestamp: 0n, records: [] };
    const unknown = foreignBatch({ ...own, attributes: 5, body: () => Buffer.alloc(9), count: 1 });
    assert.throws(() => decodeBatch(unknown, 0, unknown.length, 0, into), corrupt(/codec must be 0 to 4, was 5/));
    const older = foreignBatch({ ...own, attributes: 0 });
    older[16] = 1;
    assert.throws(
      () => decodeBatch(older, 0, older.length, 0, into, "t"),
      corrupt(/Cannot decode t: .*magic must be 2, was 1/),
    );
  });
});

test("in pieces a batch gives the same rows, whatever its codec and the size of the pieces", () => {
  const random = new Random(21);
  for (let round = 0; round < 200; round++) {
    const batch = randomBatch(random);
    const { attributes, body } = random.pick(foreignCodecs);
    const bytes = foreignBatch({ ...batch, attributes, body });
    const header = new BatchHeader();
    assert.ok(readBatchHeader(bytes, 0, bytes.length, header));
    const from = header.baseOffset + random.integer(0, 3);
    const whole = new Records();
    decodeBatch(bytes, 0, bytes.length, from, whole);
    const rest = new BatchRest();
    startBatch(bytes, header, rest);
    const rows = [];
    const piece = new Records(1);
    do {
      continueBatch(header, rest, from, piece, "the log", random.integer(1, 5), random.integer(1, 100));
      rows.push(...seen(piece));
    } while (rest.left > 0);
    assert.deepEqual(rows, seen(whole));
    assert.equal(piece.nextOffset, whole.nextOffset);
  }
});

test("a piece has a bounded number of records, and of bytes where they are large", () => {
  for (const [count, size, most] of [
    [10_000, 4, 4096],
    [10_000, 300, 200],
    [200, 8000, 5],
    [3, 900_000, 1],
  ]) {
    const records = Array.from({ length: count }, () => ({ value: Buffer.alloc(size, "1") }));
    const bytes = encodeBatch({ baseOffset: 0, records, timestamp: 0 });
    const header = new BatchHeader();
    assert.ok(readBatchHeader(bytes, 0, bytes.length, header));
    const rest = new BatchRest();
    startBatch(bytes, header, rest);
    const piece = new Records(1);
    let rows = 0;
    do {
      continueBatch(header, rest, 0, piece);
      assert.ok(piece.count >= 1 && piece.count <= most, `${piece.count} records of ${size} bytes`);
      rows += piece.count;
      assert.equal(piece.nextOffset, rows);
    } while (rest.left > 0);
    assert.equal(rows, count);
  }
});

describe("messages of before Kafka 0.11", () => {
  /** Message formats 0 and 1 (https://kafka.apache.org/documentation/#messageset): offset, size, crc, magic, attributes, timestamp (1), key, value. */
  function oldMessage(magic: 0 | 1, offset: number, value: string): Buffer {
    const body = Buffer.alloc(2 + (magic === 1 ? 8 : 0) + 8 + value.length);
    body[0] = magic;
    const at = body.length - value.length - 8;
    body.writeInt32BE(-1, at);
    body.writeInt32BE(value.length, at + 4);
    body.write(value, at + 8);
    const head = Buffer.alloc(16);
    head.writeBigInt64BE(BigInt(offset), 0);
    head.writeInt32BE(body.length + 4, 8);
    head.writeUInt32BE(crc32(body), 12);
    return Buffer.concat([head, body]);
  }

  for (const magic of [0, 1] as const) {
    test(`format ${magic} is named, with its offset, and so is where to go on`, () => {
      for (const bytes of [oldMessage(magic, 7, "1"), Buffer.concat([oldMessage(magic, 7, "1"), Buffer.alloc(100)])]) {
        assert.throws(
          () => decodeBatch(bytes, 0, bytes.length, 0, new Records(), "t"),
          (error) =>
            error instanceof TidemarkError &&
            error.code === "log-too-old" &&
            error.message ===
              `Cannot decode t: the message at offset 7 was written before Kafka 0.11 (message format ${magic}), which is not read`,
        );
      }
      assert.equal(resumeBehind(oldMessage(magic, 7, "1"), 0, 7, 10), 8);
    });

    test(`format ${magic} whose checksum is wrong is damage`, () => {
      const bytes = oldMessage(magic, 7, "1");
      bytes[bytes.length - 1] ^= 1;
      assert.throws(() => decodeBatch(bytes, 0, bytes.length, 0, new Records()), corrupt(/magic must be 2, was/));
    });
  }
});

test("where to go on behind a damaged batch: behind it, or unknown where its header cannot be believed", () => {
  const records = Array.from({ length: 5 }, (_, i) => ({ value: Buffer.from(String(i)) }));
  const bytes = encodeBatch({ baseOffset: 10, records, timestamp: 0 });
  assert.equal(resumeBehind(bytes, 0, 12, 20), 15);
  assert.equal(resumeBehind(bytes, 0, 15, 20), null);
  assert.equal(resumeBehind(bytes, 0, 12, 14), null);
  assert.equal(resumeBehind(bytes.subarray(0, 30), 0, 12, 20), null);
});

/** Decodes; what comes out must lie within the bytes. @returns false when the batch was refused as damaged or is incomplete */
function decodeOrDamage(bytes: Buffer, into: Records): boolean {
  try {
    const end = decodeBatch(bytes, 0, bytes.length, 0, into);
    if (end === -1) return false;
    assert.equal(end, bytes.length);
  } catch (error) {
    assert.ok(error instanceof TidemarkError && error.code === "log-corrupt", String(error));
    assert.match(error.message, /the batch at offset -?\d+ is damaged/);
    return false;
  }
  for (let i = 0; i < into.count; i++) {
    if (i > 0) assert.ok(into.offset[i] > into.offset[i - 1]);
    assert.ok(into.offset[i] < into.nextOffset);
    for (const [start, end] of [
      [into.keyStart[i], into.keyEnd[i]],
      [into.valueStart[i], into.valueEnd[i]],
    ]) {
      assert.ok(
        (start === -1 && end === -1) || (start >= 0 && start <= end && end <= into.data.length),
        `${start} ${end}`,
      );
    }
  }
  return true;
}

describe("CRC-32C", () => {
  test("the check value of the polynomial, and every length against a bit at a time", () => {
    const random = new Random(2);
    assert.equal(crc32c(Buffer.from("123456789"), 0, 9), 0xe3069283);
    const bytes = randomBytes(random, 700);
    for (let length = 0; length < 690; length++) {
      const start = random.integer(0, 9);
      assert.equal(crc32c(bytes, start, start + length), slowCrc(bytes.subarray(start, start + length)));
    }
  });
});
