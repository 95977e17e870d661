/** Every way through src/formats says the same as the reference, about hundreds of thousands of payloads, whatever they were learned from. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Names } from "../../src/core/names.ts";
import { IDENTITY_EXPLICIT, IDENTITY_OFFSET, IDENTITY_SEQUENCE, NO_BOOT, Readings } from "../../src/core/readings.ts";
import { ABSENT, Records } from "../../src/core/records.ts";
import { rejectionAt } from "../../src/core/rejections.ts";
import { TimeReader } from "../../src/core/time.ts";
import { openZone } from "../../src/core/zone.ts";
import { createDecoder } from "../../src/formats/decode.ts";
import { Batch, type DecodeContext, OWN_SERIES_ONLY } from "../../src/formats/format.ts";
import { Shape } from "../../src/formats/json/fields.ts";
import { learn } from "../../src/formats/json/learned.ts";
import { JsonParser } from "../../src/formats/json/parse.ts";
import { JsonRow } from "../../src/formats/json/row.ts";
import { JsonScanner } from "../../src/formats/json/scanner.ts";
import { Payloads } from "./payloads.ts";
import { reference } from "./reference.ts";

const ZONE = "Europe/Berlin";

interface Input {
  readonly value: Buffer | null;
  readonly key: Buffer | null;
  readonly timestamp: number;
}

function contextOf(): DecodeContext {
  return { series: 7, seriesOf: OWN_SERIES_ONLY, devices: new Names(), boots: new Names(), zone: openZone(ZONE) };
}

/** Records as a log lays them out: keys and values between other bytes, at any position of a larger buffer. */
function layOut(inputs: readonly Input[], payloads: Payloads): Records {
  const records = new Records(inputs.length);
  const parts: Buffer[] = [];
  let at = 0;
  const put = (bytes: Buffer | null): number => {
    if (bytes === null) return ABSENT;
    const filler = Buffer.from(payloads.random.pick(["", "\0", '"9', "5", "}", '"', " "]));
    parts.push(filler, bytes);
    at += filler.length + bytes.length;
    return at - bytes.length;
  };
  inputs.forEach(({ key, value, timestamp }, i) => {
    records.keyStart[i] = put(key);
    records.keyEnd[i] = records.keyStart[i] + (key?.length ?? 0);
    records.valueStart[i] = put(value);
    records.valueEnd[i] = records.valueStart[i] + (value?.length ?? 0);
    records.timestamp[i] = timestamp;
  });
  records.count = inputs.length;
  const whole = Buffer.concat(parts);
  records.data = payloads.random.chance(0.5) ? whole : new Uint8Array(whole);
  return records;
}

/** A row as text, the same for the same meaning. */
function rowText(readings: Readings, row: number, context: DecodeContext): string {
  if (readings.rejection[row] !== 0) return rejectionAt(readings.rejection[row]).code;
  const latin1 = (names: Names, slot: number): string => {
    assert.equal(names.namespace(slot), context.series);
    return Buffer.from(names.bytes(slot)).toString("latin1");
  };
  assert.ok(
    !Object.is(readings.value[row], -0) && !Object.is(readings.time[row], -0) && !Object.is(readings.sequence[row], -0),
  );
  return JSON.stringify([
    readings.value[row],
    readings.time[row],
    readings.ownTime[row],
    latin1(context.devices, readings.device[row]),
    readings.boot[row] === NO_BOOT ? null : latin1(context.boots, readings.boot[row]),
    readings.identity[row],
    readings.sequence[row],
    readings.identity[row] === IDENTITY_EXPLICIT ? readings.idText[row] : null,
  ]);
}

/** The rows that a record makes. */
function expectedTexts({ value, key, timestamp }: Input): string[] {
  return reference(value, timestamp, ZONE).map((decoded) => {
    if (typeof decoded === "string") return decoded;
    return JSON.stringify([
      decoded.value,
      decoded.time,
      decoded.ownTime ? 1 : 0,
      decoded.device ?? keyName(key),
      decoded.boot,
      decoded.id !== null ? IDENTITY_EXPLICIT : decoded.sequence !== null ? IDENTITY_SEQUENCE : IDENTITY_OFFSET,
      decoded.id === null ? (decoded.sequence ?? 0) : 0,
      decoded.id,
    ]);
  });
}

/** What a record of one object means. */
function expectedText(input: Input): string {
  const texts = expectedTexts(input);
  assert.equal(texts.length, 1);
  return texts[0];
}

function keyName(key: Buffer | null): string {
  if (key === null || key.length <= 256) return key?.toString("latin1") ?? "";
  return `${key.toString("latin1", 0, 64)}~sha256:${createHash("sha256").update(key).digest("hex").slice(0, 32)}`;
}

/** The rows of each record, in their order. */
function rowsByRecord({ count, origins }: Readings, records: number): number[][] {
  const rows = Array.from({ length: records }, (_, i) => [i]);
  for (let row = records; row < count; row++) rows[origins?.record[row] ?? -1].push(row);
  return rows;
}

function inputsOf(payloads: Payloads, count: number, oddity: number): Input[] {
  const { random } = payloads;
  const producers = Array.from({ length: random.integer(1, 3) }, () => payloads.producer());
  const bareShare = random.pick([0, 0, 0.05, 0.5, 1]);
  const severalShare = random.pick([0, 0, 0.05, 0.5]);
  return Array.from({ length: count }, () => {
    const producer = random.pick(producers);
    let text = random.chance(bareShare) ? payloads.bare() : payloads.object(producer, oddity);
    if (random.chance(severalShare)) text = payloads.several(producer, oddity);
    if (random.chance(oddity / 4)) text = payloads.wrapped(text);
    const bytes = Buffer.from(text, "utf8");
    return {
      value: random.chance(0.005) ? null : random.chance(oddity / 2) ? payloads.mutated(bytes) : bytes,
      key: random.chance(0.5) ? null : Buffer.from(random.pick(["k-1", "", "Küche", "k".repeat(257), "k".repeat(256)])),
      timestamp: random.chance(0.01)
        ? random.pick([-1, -62135596800001, 253402300800000, 0])
        : 1_700_000_000_000 + random.integer(0, 1e9),
    };
  });
}

test("the decoder agrees with the reference, over topics that it learns and unlearns", () => {
  const payloads = new Payloads(20_250_101);
  let accepted = 0;
  let many = 0;
  const codes = new Set<string>();
  for (let topic = 0; topic < 110; topic++) {
    const context = contextOf();
    const decoder = createDecoder(context);
    const readings = new Readings(1);
    for (let batch = 0; batch < 6; batch++) {
      const inputs = inputsOf(payloads, payloads.random.integer(1, 250), payloads.random.pick([0, 0.02, 0.1, 0.5]));
      const records = layOut(inputs, payloads);
      decoder.decode(records, readings);
      const rows = rowsByRecord(readings, inputs.length);
      for (const [record, input] of inputs.entries()) {
        const actual = rows[record].map((row) => rowText(readings, row, context));
        const shown = JSON.stringify(input.value?.toString("latin1"));
        assert.deepEqual(actual, expectedTexts(input), `topic ${topic}, batch ${batch}, record ${record}: ${shown}`);
        for (const text of actual) {
          if (text.startsWith("[")) accepted++;
          else codes.add(text);
        }
        if (actual.length === 1) continue;
        many++;
        // The bytes of each row by themselves are that reading, or not readings only either: a refused one that is released stays refused.
        for (const [index, row] of rows[record].entries()) {
          const value = Buffer.from(records.data.subarray(readings.origins?.start[row], readings.origins?.end[row]));
          const alone = expectedTexts({ ...input, value });
          if (actual[index].startsWith("[")) assert.deepEqual(alone, [actual[index]], `row ${index} of ${shown}`);
          else
            assert.ok(
              alone.some((text) => !text.startsWith("[")),
              `row ${index} of ${shown}`,
            );
        }
      }
    }
  }
  assert.ok(many > 1000, `only ${many} records of several`);
  assert.ok(accepted > 35_000, `only ${accepted} accepted`);
  for (const code of "empty not-a-number numeric-string not-finite too-large too-small unreadable value-missing".split(
    " ",
  )) {
    assert.ok(codes.has(code), `${code} never occurred`);
  }
  for (const code of ["time-unreadable", "time-looks-like-seconds", "time-out-of-range"])
    assert.ok(codes.has(code), code);
  for (const code of ["sequence-invalid", "device-invalid", "boot-invalid", "id-invalid"])
    assert.ok(codes.has(code), code);
});

test("scanner and JSON.parse agree with the reference on their own, and the scanner takes what is usual", () => {
  const payloads = new Payloads(7);
  let scanned = 0;
  let usual = 0;
  for (let round = 0; round < 150; round++) {
    const context = contextOf();
    const oddity = payloads.random.pick([0, 0.05, 0.3, 1]);
    // Of one object, or of none that can be read.
    const inputs = inputsOf(payloads, 200, oddity).filter(
      (input) =>
        /^[ \t\r\n]*\{[^\0\v\f]*$/.test(input.value?.toString("latin1") ?? "") &&
        input.timestamp > 1e12 &&
        input.timestamp < 2e12 &&
        expectedTexts(input).length === 1 &&
        expectedTexts({ ...input, value: Buffer.concat([input.value ?? Buffer.alloc(0), Buffer.from("{}")]) })
          .length === 2,
    );
    const records = layOut(inputs, payloads);
    const batch = new Batch(context, new Records(0), new Readings(0));
    const row = new JsonRow(batch.view);
    const scanner = new JsonScanner(batch, row);
    const parser = new JsonParser(batch, row);
    const readings = new Readings(1);
    const expected = inputs.map(expectedText);
    batch.begin(records, readings);
    const texts = inputs.map((input) => JSON.stringify(input.value?.toString("latin1")));
    inputs.forEach((_, i) => {
      if (oddity === 0) usual++;
      if (!scanner.scan(records.valueStart[i], records.valueEnd[i], null)) return;
      if (oddity === 0) scanned++;
      row.write(batch, i);
      assert.equal(rowText(readings, i, context), expected[i], `scanner: ${texts[i]}`);
    });
    batch.begin(records, readings);
    inputs.forEach((_, i) => {
      if (!parser.decode(i, records.valueStart[i], records.valueEnd[i])) batch.reject(i, "unreadable");
      assert.equal(rowText(readings, i, context), expected[i], `JSON.parse: ${texts[i]}`);
    });
  }
  assert.ok(scanned > usual * 0.8, `${scanned} of ${usual} usual objects scanned`);
});

test("a learned shape takes only what the reference takes too, and its own producer's objects", () => {
  const payloads = new Payloads(99);
  let learnedShapes = 0;
  let taken = 0;
  let usual = 0;
  for (let round = 0; round < 300; round++) {
    const context = contextOf();
    const producer = payloads.producer();
    const oddity = payloads.random.pick([0, 0.1, 0.4]);
    const inputs = Array.from({ length: 120 }, (_, i): Input => {
      const bytes = Buffer.from(payloads.object(producer, i === 0 ? 0 : oddity));
      const value = i > 0 && payloads.random.chance(oddity) ? payloads.mutated(bytes) : bytes;
      return { value, key: Buffer.from("key"), timestamp: payloads.random.chance(0.02) ? -1e15 : 1_700_000_000_000 };
    });
    const records = layOut([...inputs, { value: Buffer.alloc(4000), key: null, timestamp: 0 }], payloads);
    const batch = new Batch(context, new Records(0), new Readings(0));
    const scanner = new JsonScanner(batch, new JsonRow(batch.view));
    const readings = new Readings(1);
    batch.begin(records, readings);
    const shape = new Shape();
    if (!scanner.scan(records.valueStart[0], records.valueEnd[0], shape)) continue;
    const run = learn(batch.bytes, shape, records.valueStart[0], records.valueEnd[0]);
    if (run === null) continue;
    learnedShapes++;
    const times = new TimeReader(context.zone);
    for (let i = 0; i < inputs.length; ) {
      const next = run(batch, times, i);
      const progressed = next > i;
      if (oddity === 0) usual += Math.max(1, next - i);
      if (oddity === 0) taken += next - i;
      for (; i < next; i++) {
        const text = `learned from ${inputs[0].value}: ${JSON.stringify(inputs[i].value?.toString("latin1"))}`;
        assert.equal(rowText(readings, i, context), expectedText(inputs[i]), text);
      }
      if (!progressed) i++;
    }
  }
  assert.ok(learnedShapes > 110, `${learnedShapes} shapes learned`);
  assert.ok(taken > usual * 0.2, `${taken} of ${usual} taken`);
});
