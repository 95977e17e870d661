/** A broker that lies: answers and record sets. */
import assert from "node:assert/strict";
import { Reader, Writer } from "@platformatic/kafka";
import { Records } from "../../../src/core/records.ts";
import { compressBatch, encodeBatch } from "../../../src/log/batch-writer.ts";
import { CODECS } from "../../../src/log/compression.ts";
import { crc32c } from "../../../src/log/crc32c.ts";
import { FETCH_APIS, parseFetchResponse } from "../../../src/log/kafka/fetch.ts";
import { endOf, FetchedBatches } from "../../../src/log/kafka/fetched.ts";
import { METADATA_APIS } from "../../../src/log/kafka/metadata.ts";
import { PRODUCE_APIS } from "../../../src/log/kafka/produce.ts";
import { isOperating, type Target } from "../target.ts";

function batch(baseOffset: number, count: number): Uint8Array {
  const records = Array.from({ length: count }, (_, i) => ({ key: Buffer.from("d"), value: Buffer.from(`${i}.5`) }));
  return encodeBatch({ baseOffset, records, timestamp: 1_700_000_000_000, appendTime: count % 2 === 0 });
}

const HEADER_BYTES = 61;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LENGTH_AT = 8;

/** Every second input has right checksums and lengths: what is behind them is reached, too. */
function mended(input: Uint8Array): Uint8Array {
  const bytes = Buffer.from(input);
  if (bytes.length < HEADER_BYTES || bytes.length % 2 === 0) return bytes;
  for (let at = 0; bytes.length - at >= HEADER_BYTES; ) {
    const claimed = bytes.readInt32BE(at + LENGTH_AT);
    const length = claimed > 48 && claimed <= bytes.length - at - 12 ? claimed : bytes.length - at - 12;
    bytes.writeInt32BE(length, at + LENGTH_AT);
    bytes.writeUInt32BE(crc32c(bytes, at + ATTRIBUTES_AT, at + 12 + length) >>> 0, at + CRC_AT);
    at += 12 + length;
  }
  return bytes;
}

const batches: Target = {
  name: "batches",
  seeds: () => [
    batch(0, 3),
    Buffer.concat([batch(0, 3), batch(3, 40)]),
    ...CODECS.map((codec) => compressBatch(batch(7, 400), codec)),
    Buffer.concat([batch(0, 3), Buffer.from([0])]),
  ],
  mayThrow: isOperating,
  run(input) {
    const records = mended(input);
    endOf(records);
    const place = {
      topic: "t",
      partition: 0,
      logEnd: 1000,
      gap: null,
      from: 0,
      aborted: null,
      onDamaged: () => {},
      isDropped: () => false,
    };
    const fetched = new FetchedBatches({ ...place, records: new Uint8Array(records) });
    const into = new Records();
    for (let before = 0; fetched.next(into); ) {
      assert.ok(into.nextOffset >= before, `offset ${into.nextOffset} after ${before}`);
      before = into.nextOffset;
      for (let i = 0; i < into.count; i++) {
        assert.ok(into.valueEnd[i] <= into.data.length && into.keyEnd[i] <= into.data.length);
      }
    }
  },
};

function fetchAnswer(version: number): Buffer {
  const isCompact = version >= 12;
  const records = Buffer.from(batch(3, 5));
  const writer = Writer.create().appendInt32(0);
  if (version >= 7) writer.appendInt16(0).appendInt32(0);
  const partition = (part: Writer): void => {
    part.appendInt32(0).appendInt16(0).appendInt64(10n).appendInt64(10n);
    if (version >= 5) part.appendInt64(0n);
    part.appendArray([1n], (one, id) => one.appendInt64(id).appendInt64(3n), isCompact, isCompact);
    if (version >= 11) part.appendInt32(-1);
    part.appendBytes(records, isCompact);
  };
  const topic = (part: Writer): void => {
    if (version >= 13) part.appendUUID("0d4f7c2a-91be-4f7c-8f00-0123456789ab");
    else part.appendString("temperature", isCompact);
    part.appendArray([0], partition, isCompact, isCompact);
  };
  writer.appendArray([0], topic, isCompact, isCompact);
  return (isCompact ? writer.appendTaggedFields() : writer).buffer;
}

function metadataAnswer(version: number): Buffer {
  const isCompact = version >= 9;
  const node = (part: Writer, id: number): void => {
    part.appendInt32(id).appendString("localhost", isCompact).appendInt32(9092).appendString(null, isCompact);
  };
  const partition = (part: Writer, index: number): void => {
    part.appendInt16(0).appendInt32(index).appendInt32(1);
    if (version >= 7) part.appendInt32(0);
    for (let lists = version >= 5 ? 3 : 2; lists > 0; lists--) {
      part.appendArray([1], (one, id) => one.appendInt32(id), isCompact, false);
    }
  };
  const topic = (part: Writer): void => {
    part.appendInt16(0).appendString("temperature", isCompact);
    if (version >= 10) part.appendUUID("0d4f7c2a-91be-4f7c-8f00-0123456789ab");
    part.appendBoolean(false).appendArray([0, 1, 2], partition, isCompact, isCompact);
    if (version >= 8) part.appendInt32(0);
  };
  const writer = Writer.create().appendInt32(0).appendArray([1, 2], node, isCompact, isCompact);
  writer.appendString("cluster", isCompact).appendInt32(1).appendArray([0], topic, isCompact, isCompact);
  return (isCompact ? writer.appendTaggedFields() : writer).buffer;
}

/** The first byte is the version: the answer of every one is read by its own parser, cut anywhere. */
function answers(versions: Iterable<number>, make: (version: number) => Buffer): Uint8Array[] {
  return [...versions].map((version) => Buffer.concat([Buffer.from([version]), make(version)]));
}

/** The library hands an error of a parser to who asked, where it becomes "log-unreachable". */
const isError = (error: unknown): boolean => error instanceof Error && !error.message.startsWith("BUG");

const fetch: Target = {
  name: "fetch",
  seeds: () => answers(FETCH_APIS.keys(), fetchAnswer),
  mayThrow: isError,
  run(input) {
    const version = 4 + ((input[0] ?? 0) % 14);
    parseFetchResponse(1, 1, version, Reader.from(Buffer.from(input.subarray(1))));
  },
};

const metadata: Target = {
  name: "metadata",
  seeds: () => answers(METADATA_APIS.keys(), metadataAnswer),
  mayThrow: isError,
  run(input) {
    const version = 4 + ((input[0] ?? 0) % 9);
    parserOf(METADATA_APIS.get(version))(1, 3, version, Reader.from(Buffer.from(input.subarray(1))));
    const older = 3 + ((input[0] ?? 0) % 7);
    parserOf(PRODUCE_APIS.get(older))(1, 0, older, Reader.from(Buffer.from(input.subarray(1))));
  },
};

type Parser = (correlationId: number, apiKey: number, version: number, reader: Reader) => unknown;

/** An API of the library keeps its parser to itself: a connection that answers at once is given it. */
function parserOf(api: unknown): Parser {
  return (_correlationId, _apiKey, _version, reader) => {
    let parsed: unknown;
    const connection = {
      send(_key: number, version: number, _create: unknown, parse: Parser): void {
        parsed = parse(1, 0, version, reader);
      },
    };
    (api as (connection: unknown, ...more: unknown[]) => void)(connection, "t", 0, () => {});
    return parsed;
  };
}

export const KAFKA_TARGETS: readonly Target[] = [batches, fetch, metadata];
