/** The decoder by example: each rule of docs/formats/payload.md, long batches, and what must not happen on the side. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { test } from "node:test";
import { Names } from "../../src/core/names.ts";
import { IDENTITY_EXPLICIT, IDENTITY_OFFSET, IDENTITY_SEQUENCE, NO_BOOT, Readings } from "../../src/core/readings.ts";
import { ABSENT, Records } from "../../src/core/records.ts";
import { rejectionAt } from "../../src/core/rejections.ts";
import { openZone } from "../../src/core/zone.ts";
import { createDecoder } from "../../src/formats/decode.ts";
import { type DecodeContext, OWN_SERIES_ONLY } from "../../src/formats/format.ts";

const STAMP = 1_700_000_000_000;

function contextOf(): DecodeContext {
  return {
    series: 3,
    seriesOf: OWN_SERIES_ONLY,
    devices: new Names(),
    boots: new Names(),
    zone: openZone("Europe/Berlin"),
  };
}

function recordsOf(values: readonly (string | Buffer | null)[], key: string | null = null): Records {
  const records = new Records(values.length);
  const parts: Buffer[] = key === null ? [] : [Buffer.from(key)];
  let at = parts[0]?.length ?? 0;
  values.forEach((value, i) => {
    records.keyStart[i] = key === null ? ABSENT : 0;
    records.keyEnd[i] = key === null ? ABSENT : Buffer.byteLength(key);
    records.timestamp[i] = STAMP + i;
    records.valueStart[i] = value === null ? ABSENT : at;
    if (value === null) return;
    parts.push(Buffer.from(value));
    at += Buffer.byteLength(value);
    records.valueEnd[i] = at;
  });
  records.count = values.length;
  records.data = Buffer.concat(parts);
  return records;
}

/** One value's code, or what it says. */
function decoded(value: string | Buffer | null, key: string | null = null): unknown {
  const context = contextOf();
  const readings = new Readings(0);
  createDecoder(context).decode(recordsOf([value], key), readings);
  if (readings.rejection[0] !== 0) {
    assert.deepEqual([context.devices.size, context.boots.size], [0, 0], "a refused record leaves no name behind");
    return rejectionAt(readings.rejection[0]).code;
  }
  return {
    value: readings.value[0],
    ...(readings.ownTime[0] === 1 ? { time: new Date(readings.time[0]).toISOString() } : {}),
    ...(context.devices.text(readings.device[0]) === "" ? {} : { device: context.devices.text(readings.device[0]) }),
    ...(readings.boot[0] === NO_BOOT ? {} : { boot: context.boots.text(readings.boot[0]) }),
    ...(readings.identity[0] === IDENTITY_SEQUENCE ? { sequence: readings.sequence[0] } : {}),
    ...(readings.identity[0] === IDENTITY_EXPLICIT ? { id: readings.idText[0] } : {}),
  };
}

test("bare numbers", () => {
  const numbers: Record<string, number> = {
    "42": 42,
    "-3.5e2": -350,
    "+5": 5,
    "007": 7,
    ".5": 0.5,
    "5.": 5,
    "-0": 0,
    " 1\n": 1,
    "\v\f2\r": 2,
  };
  for (const [text, value] of Object.entries(numbers)) assert.deepEqual(decoded(text), { value }, text);
  assert.deepEqual(decoded("0.1"), { value: 0.1 });
  assert.deepEqual(decoded("12345678901234567890.123"), { value: Number("12345678901234567890.123") });
  for (const text of [
    "0x10",
    "1_000",
    "abc",
    "true",
    "null",
    "[1]",
    '"x"',
    "21\nabc\n22",
    '"4',
    "1,5",
    "5 5",
    "-",
    ".",
    "+-1",
    "-inf",
  ]) {
    assert.equal(decoded(text), "not-a-number", text);
  }
  for (const text of ["NaN", "nan", "Infinity", "-Infinity", "inf", "1e999", "-1e999"])
    assert.equal(decoded(text), "not-finite", text);
  assert.deepEqual(decoded('"42"'), { value: 42 });
  assert.deepEqual(decoded('"-4.20"'), { value: -4.2 });
  for (const text of ['"+42"', '"1e5"', '".5"', '"5."', '"007"']) assert.equal(decoded(text), "numeric-string", text);
  assert.equal(decoded('" 42"'), "not-a-number");
  assert.equal(decoded("1.1e150"), "too-large");
  assert.equal(decoded("-9e-141"), "too-small");
  assert.equal(decoded("1e-400"), "too-small");
  assert.deepEqual(decoded("0e-400"), { value: 0 });
  for (const nothing of [null, "", " \n\t\v\f", "\0", "\ufeff\n", "[]"]) assert.equal(decoded(nothing), "empty");
});

test("a JSON object: fields, aliases, nulls, duplicates", () => {
  assert.deepEqual(decoded('{"device":"a","boot":"b","sequence":5,"value":2.5,"time":1763934000000}'), {
    value: 2.5,
    time: "2025-11-23T21:40:00.000Z",
    device: "a",
    boot: "b",
    sequence: 5,
  });
  assert.deepEqual(decoded('{"seq":1,"sequence":2,"ts":1,"time":1763934000000,"value":1}'), {
    value: 1,
    time: "2025-11-23T21:40:00.000Z",
    sequence: 2,
  });
  assert.deepEqual(
    decoded('{"sequence":null,"seq":1,"time":null,"ts":0,"value":1,"id":null,"device":null,"boot":null}', "key"),
    {
      value: 1,
      time: "1970-01-01T00:00:00.000Z",
      device: "key",
      sequence: 1,
    },
  );
  assert.deepEqual(decoded('{"value":"x","value":7,"id":12,"seq":3}'), { value: 7, id: "12" });
  assert.deepEqual(decoded('{"value":7,"device":7.0,"boot":""}'), { value: 7, device: "7", boot: "" });
  assert.deepEqual(decoded('{"value":-0,"seq":-0}'), { value: 0, sequence: 0 });
  assert.deepEqual(decoded('{"value":1,"ts":"2020-01-13 15:12:00"}'), { value: 1, time: "2020-01-13T14:12:00.000Z" });
  assert.deepEqual(decoded('{"value":1,"ts":"1763934000000"}'), { value: 1, time: "2025-11-23T21:40:00.000Z" });
  assert.deepEqual(decoded(' {"v\\u0061lue":1,"device":"\\u0061"} '), { value: 1, device: "a" });
  assert.deepEqual(decoded('{"value":"21.5","sequence":"7"}'), { value: 21.5, sequence: 7 });
});

test("a JSON object: refusals, the first fault of several", () => {
  const codes: Record<string, string> = {
    "{}": "value-missing",
    '{"value":null}': "value-missing",
    '{"value":"4.2e1"}': "numeric-string",
    '{"value":"NaN"}': "not-a-number",
    '{"value":" 42"}': "not-a-number",
    '{"value":true}': "not-a-number",
    '{"value":{"value":1}}': "not-a-number",
    '{"value":1e-400}': "too-small",
    '{"value":1': "unreadable",
    '{"value":01}': "unreadable",
    '{"value":NaN}': "unreadable",
    "{'value':1}": "unreadable",
    '{"value":1,}': "unreadable",
    "[1": "unreadable",
    '[{"value":1},]': "unreadable",
    '{"value":1}x': "unreadable",
    '{\n"value":21.5,\n"history":[\n900\n]': "unreadable",
    '{\n"value":NaN,\n"history":[\n900\n]\n}': "unreadable",
    '{"value":1,"time":1763934000}': "time-looks-like-seconds",
    '{"value":1,"time":"1763934000"}': "time-looks-like-seconds",
    '{"value":1,"time":"1578928320.5"}': "time-looks-like-seconds",
    '{"value":1,"time":"1578928320000.5"}': "time-unreadable",
    '{"value":1,"time":1578928320000000}': "time-looks-like-microseconds",
    '{"value":1,"time":"1578928320000000"}': "time-looks-like-microseconds",
    '{"value":1,"ts":1578928320000000000}': "time-looks-like-nanoseconds",
    '{"value":1,"time":"20200113151200"}': "time-looks-like-date",
    '{"value":1,"time":202001131512}': "time-looks-like-date",
    '{"value":1,"time":1e999}': "time-out-of-range",
    '{"value":1,"time":"0000-01-01"}': "time-out-of-range",
    '{"value":1,"time":"yesterday"}': "time-unreadable",
    '{"value":1,"time":[]}': "time-unreadable",
    '{"value":1,"device":true}': "device-invalid",
    '{"value":1,"boot":[]}': "boot-invalid",
    '{"value":1,"id":""}': "id-invalid",
    '{"value":1,"seq":"5.0"}': "sequence-invalid",
    '{"value":1,"seq":"05"}': "sequence-invalid",
    '{"value":1,"seq":"9007199254740993"}': "sequence-invalid",
    '{"value":1,"seq":9007199254740992}': "sequence-invalid",
    '{"value":1,"seq":1.5}': "sequence-invalid",
    '{"value":1,"seq":-1,"id":"","boot":[],"device":[],"time":"x"}': "time-unreadable",
    '{"value":1,"seq":-1,"id":"","boot":[],"device":[]}': "device-invalid",
    '{"value":1,"seq":-1,"id":"","boot":[]}': "boot-invalid",
    '{"value":1,"seq":-1,"id":""}': "id-invalid",
    '{"value":"x","seq":-1}': "not-a-number",
  };
  for (const [text, code] of Object.entries(codes)) assert.equal(decoded(text), code, text);
  assert.equal(decoded(`{"value":1,"device":"${"x".repeat(257)}"}`), "device-invalid");
  assert.equal(decoded(`{"value":1,"device":"${"é".repeat(129)}"}`), "device-invalid");
  assert.equal(decoded(`{"value":1,"id":"${"x".repeat(1025)}"}`), "id-invalid");
});

/** The values and codes that a record makes. */
function decodedAll(value: string): unknown[] {
  const readings = new Readings(0);
  const records = recordsOf([value]);
  createDecoder(contextOf()).decode(records, readings);
  return Array.from({ length: readings.count }, (_, row) =>
    readings.rejection[row] === 0 ? readings.value[row] : rejectionAt(readings.rejection[row]).code,
  );
}

test("several readings in one record", () => {
  const pretty = (n: number): string => JSON.stringify({ value: 20 + n, raw: [n * 100, n * 100 + 1] }, null, 2);
  assert.deepEqual(decodedAll('[{"value":1},{"value":2}]'), [1, 2]);
  assert.deepEqual(decodedAll('[\n{"value":1} ,\t{"value":"x"}\n]'), [1, "not-a-number"]);
  assert.deepEqual(decodedAll('{"value":1}{"value":2} {"value":NaN}'), [1, 2, "unreadable"]);
  assert.deepEqual(decodedAll('{"value":1}\r\n\n{"value":NaN}\n{"value":3}\n'), [1, "unreadable", 3]);
  assert.deepEqual(decodedAll(`${pretty(1)}\n${pretty(2)}`), [21, 22]);
  assert.deepEqual(decodedAll('[{"value":1}]\n{"value":2,\n"x":[\n900\n]}'), [1, 2]);
  assert.deepEqual(decodedAll('{"value":1}\n7\nabc'), [1, 7, "not-a-number"]);
  assert.deepEqual(decodedAll("21\n\n22\r\n1e999"), [21, 22, "not-finite"]);
  assert.deepEqual(decodedAll("21\nabc\n22"), ["not-a-number"]);
  assert.deepEqual(decodedAll("--x\r\nContent-Disposition: form-data\r\n\r\n42\r\n--x--"), ["not-a-number"]);
  assert.deepEqual(decodedAll('[{"value":1},[{"value":2}]]'), ["not-a-number"]);
  assert.deepEqual(decodedAll("[1700000000000,21.5]"), ["not-a-number"]);
});

test("what stands around a reading is taken off: a byte order mark, NUL bytes, white space", () => {
  for (const [before, after] of [
    ["\ufeff", ""],
    ["", "\0"],
    ["\ufeff\r\n", "\0\0\n"],
    ["\v", "\f\0 "],
  ]) {
    for (const text of ["21.5", '"21.5"', '{"value":21.5}', '[{"value":21.5}]']) {
      assert.deepEqual(decodedAll(before + text + after), [21.5], JSON.stringify(before + text + after));
    }
    assert.deepEqual(decodedAll(`${before}{"value":1}${after}\n${before}{"value":2}${after}`), [1, 2]);
    assert.deepEqual(decodedAll(`${before}1${after}\n${before}2${after}`), [1, 2]);
  }
  assert.equal(decoded("4\u00002"), "not-a-number");
});

test("a key that is longer than a name is the device by how it begins and its hash", () => {
  const keys = [`${"k".repeat(63)}ü${"-".repeat(200)}1`, `${"k".repeat(63)}ü${"-".repeat(200)}2`];
  const names = keys.map((key) => {
    const context = contextOf();
    const readings = new Readings(0);
    createDecoder(context).decode(recordsOf(["1", '{"value":2}', '[{"value":3},{"value":4}]'], key), readings);
    const slots = new Set(readings.device.subarray(0, readings.count));
    assert.deepEqual([readings.count, slots.size, context.devices.size], [4, 1, 1]);
    return context.devices.text(readings.device[0]);
  });
  for (const [i, key] of keys.entries()) {
    assert.equal(names[i], `${"k".repeat(63)}~sha256:${hash("sha256", key).slice(0, 32)}`);
  }
  assert.notEqual(names[0], names[1]);
  assert.deepEqual(decoded("1", "k".repeat(256)), { value: 1, device: "k".repeat(256) });
});

test("malformed UTF-8 is U+FFFD in names, and its own bytes in a key", () => {
  const bad = Buffer.from([0x22, 0x61, 0xff, 0x62, 0x22]);
  assert.deepEqual(decoded(Buffer.concat([Buffer.from('{"value":1,"device":'), bad, Buffer.from("}")])), {
    value: 1,
    device: "a\ufffdb",
  });
  const context = contextOf();
  const records = recordsOf(["1"]);
  records.data = Buffer.from([0x31, 0xff]);
  records.keyStart[0] = 1;
  records.keyEnd[0] = 2;
  const readings = new Readings();
  createDecoder(context).decode(records, readings);
  assert.deepEqual([...context.devices.bytes(readings.device[0])], [0xff]);
});

test("sizes: a value of 1 MiB is read, one byte more is not looked at; hostile nesting is no danger", () => {
  const filler = (size: number): string => `{"value":1,"x":"${"y".repeat(size - 18)}"}`;
  assert.deepEqual(decoded(filler(1_048_576)), { value: 1 });
  assert.equal(decoded(filler(1_048_577)), "record-too-large");
  assert.equal(decoded(" ".repeat(1_048_577)), "record-too-large");
  assert.deepEqual(decoded(`{"value":0,"x":${"[".repeat(500_000)}${"]".repeat(500_000)}}`), { value: 0 });
  assert.equal(decoded(`{"value":1,"x":${"[".repeat(1_000_000)}`), "unreadable");
  assert.equal(decoded("9".repeat(1_000_000)), "not-finite");
  assert.deepEqual(decoded(`0.${"0".repeat(1_000_000)}`), { value: 0 });
});

test("batches longer than one call of any loop, of every format in turn, one after the other in the same columns", () => {
  const context = contextOf();
  const decoder = createDecoder(context);
  const readings = new Readings(1);
  const shapes: ((i: number) => string)[] = [
    (i) => String(i % 101),
    (i) => (i / 8).toFixed(3),
    (i) => (i % 700 === 699 ? "1e2" : String(i)),
    (i) => `{"device":"d-${i % 7}","seq":${i},"value":${i / 4},"ts":${STAMP + i}}`,
    (i) => (i % 2 === 0 ? `{"value":${i},"seq":${i}}` : `{"seq": ${i}, "value": ${i}}`),
    (i) => (i % 3 === 0 ? String(i) : `{"id":"id-${i}","value":${i}}`),
    (i) => (i % 1000 === 0 ? "x" : String(i)),
  ];
  for (const shape of [...shapes, ...shapes]) {
    const values = Array.from({ length: 3000 }, (_, i) => shape(i));
    const records = recordsOf(values, "k");
    decoder.decode(records, readings);
    assert.equal(readings.count, 3000);
    values.forEach((text, i) => {
      if (text === "x") {
        assert.equal(rejectionAt(readings.rejection[i]).code, "not-a-number");
        return;
      }
      const parsed = JSON.parse(text);
      const isObject = typeof parsed === "object";
      assert.equal(readings.rejection[i], 0, text);
      assert.equal(readings.value[i], isObject ? parsed.value : parsed);
      assert.equal(readings.time[i], (isObject && parsed.ts) || STAMP + i);
      assert.equal(readings.ownTime[i], isObject && parsed.ts ? 1 : 0);
      assert.equal(context.devices.text(readings.device[i]), (isObject && parsed.device) || "k");
      assert.equal(readings.boot[i], NO_BOOT);
      const identity =
        isObject && parsed.id ? IDENTITY_EXPLICIT : isObject && "seq" in parsed ? IDENTITY_SEQUENCE : IDENTITY_OFFSET;
      assert.equal(readings.identity[i], identity);
      assert.equal(readings.sequence[i], identity === IDENTITY_SEQUENCE ? parsed.seq : 0);
      if (identity === IDENTITY_EXPLICIT) assert.equal(readings.idText[i], parsed.id);
    });
  }
});

test("where generating code is forbidden, the scanner does it all", () => {
  const script = `
    import { readFileSync } from "node:fs";
    import { Names } from "./src/core/names.ts";
    import { Readings } from "./src/core/readings.ts";
    import { Records } from "./src/core/records.ts";
    import { openZone } from "./src/core/zone.ts";
    import { createDecoder } from "./src/formats/decode.ts";
    const text = '{"seq":5,"value":2.5}';
    const records = new Records(1000);
    records.count = 1000;
    records.data = Buffer.from(text + " ".repeat(500));
    records.valueEnd.fill(text.length);
    records.keyStart.fill(-1);
    const readings = new Readings();
    createDecoder({ series: 0, seriesOf: () => -1, devices: new Names(), boots: new Names(), zone: openZone("UTC") }).decode(records, readings);
    console.log(readings.value.every((value, i) => i >= 1000 || value === 2.5), readings.sequence[999]);`;
  for (const flags of [[], ["--disallow-code-generation-from-strings"]]) {
    const run = spawnSync(process.execPath, [...flags, "--input-type=module-typescript", "-e", script], {
      cwd: new URL("../../", import.meta.url),
      encoding: "utf8",
    });
    assert.equal(run.stdout, "true 5\n", run.stderr);
  }
});

test("a topic that has learned its shape still refuses what is not JSON", () => {
  const context = contextOf();
  const decoder = createDecoder(context);
  const readings = new Readings(1);
  const good = (i: number): string => `{"ts":${STAMP + i},"value":${i}.5,"n":-1,"seq":${i},"device":"a","x":"y"}`;
  const wrong = [
    good(1).replace("1700000000001", "0700000000001"),
    good(1).replace("1.5", "01.5"),
    good(1).replace("1.5", "1."),
    good(1).replace("1.5", ".5"),
    good(1).replace("1.5", "-"),
    good(1).replace('"n":-1', '"n":-01'),
    good(1).replace('"n":-1', '"n":-'),
    good(1).replace('"seq":1', '"seq":01'),
    good(1).replace('"seq":1', '"seq":'),
    good(1).replace('"a"', '"a\t"'),
    good(1).replace('"y"', '"\\y"'),
    good(1).replace('"y"', '"y'),
    `${good(1)}}`,
    good(1).slice(0, -1),
    `{"value":1,"x":${"[".repeat(64)}{"a":1]${"]".repeat(64)}}`,
  ];
  const values = Array.from({ length: 900 }, (_, i) =>
    i % 10 === 9 ? wrong[Math.floor(i / 10) % wrong.length] : good(i),
  );
  decoder.decode(recordsOf([...values, " ".repeat(2000)]), readings);
  values.forEach((text, i) => {
    const code = readings.rejection[i] === 0 ? "" : rejectionAt(readings.rejection[i]).code;
    assert.equal(code, i % 10 === 9 ? "unreadable" : "", text);
  });
});
