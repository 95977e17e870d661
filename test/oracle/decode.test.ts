/** Payloads by the book: what is read from each, and why each other one is refused. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { decodeRecord, deviceOf, type Outcome } from "./decode.ts";
import { GARBAGE, GARBAGE_CODES } from "./garbage.ts";
import { fromWallClock, instantsOf, parseIso, wallClock } from "./local-time.ts";

const decodeAll = (text: string | null, zone = "UTC"): Outcome[] =>
  decodeRecord(text === null ? null : Buffer.from(text), zone);

/** Of a record that makes one. */
const decode = (text: string | null, zone = "UTC"): Outcome => {
  const outcomes = decodeAll(text, zone);
  assert.equal(outcomes.length, 1, text?.slice(0, 100));
  return outcomes[0];
};

const read = (text: string): Record<string, unknown> => {
  const outcome = decode(text);
  assert.ok(!("code" in outcome), `${text} was refused: ${JSON.stringify(outcome)}`);
  return { ...outcome };
};

describe("refused", () => {
  for (const code of GARBAGE_CODES) {
    test(code, () => {
      for (const text of GARBAGE[code]) assert.deepEqual(decode(text), { code }, JSON.stringify(text?.slice(0, 100)));
    });
  }

  test("there are 19 codes", () => assert.equal(GARBAGE_CODES.length, 19));
});

test("bare numbers, as JSON and as older producers print them", () => {
  const texts: [string, number][] = [
    ["42", 42],
    ["-3.5e2", -350],
    ["+7", 7],
    ["007", 7],
    ["-00.5", -0.5],
    [".5", 0.5],
    ["5.", 5],
    [" \t12\r\n", 12],
    ["1E+3", 1000],
    ["-0", 0],
    ["-0.0e5", 0],
    ["0e-999", 0],
    ["1e150", 1e150],
    ["-1e-140", -1e-140],
    ["9007199254740993", 9007199254740992],
    ["9007199254740993.0000000000000001", 9007199254740994],
    ["0.1", 0.1],
  ];
  for (const [text, value] of texts) assert.ok(Object.is(read(text).value, value), text);
});

test("numbers in quotes, when they are plain decimals", () => {
  for (const text of ['"21.5"', '{"value":"21.5"}', ' \ufeff{"value":"21.5"}\0'])
    assert.equal(read(text).value, 21.5, text);
  assert.ok(Object.is(read('{"value":"-0"}').value, 0));
  assert.equal(read('{"value":1,"sequence":"7"}').sequence, 7);
  assert.deepEqual(decode(`{"value":"0.${"0".repeat(150)}1"}`), { code: "too-small" });
  assert.deepEqual(decode(`"${"9".repeat(200)}"`), { code: "too-large" });
});

test("several readings in a record", () => {
  const values = (text: string): unknown[] =>
    decodeAll(text).map((outcome) => ("code" in outcome ? outcome.code : outcome.value));
  assert.deepEqual(values('[{"value":1},{"value":2}]'), [1, 2]);
  assert.deepEqual(values('{"value":1}{"value":2}'), [1, 2]);
  assert.deepEqual(values('{"value":1} [{"value":2}]\n{"value":3}'), [1, 2, 3]);
  assert.deepEqual(values('{"value":1}\n{"value":NaN}\n5\nx\n{"value":3}x\n'), [
    1,
    "unreadable",
    5,
    "not-a-number",
    "unreadable",
  ]);
  assert.deepEqual(values('{\n"value":1,\n"history":[\n900\n]}\n{\n"value":2}'), [1, 2]);
  assert.deepEqual(values('{"value":1}\n{"value":2,\n"history":[\n900\n]'), [1, "unreadable"]);
  assert.deepEqual(values("21\n\n22\r\n1e999\n"), [21, 22, "not-finite"]);
  assert.deepEqual(values("21\nabc\n22"), ["not-a-number"]);
  assert.deepEqual(values('[{"value":1},{"value":"x"}]'), [1, "not-a-number"]);
});

test("every field of an object", () => {
  assert.deepEqual(read('{"value":21.37,"device":"ü","boot":3,"sequence":12,"time":1600000000123.9}'), {
    value: 21.37,
    device: Buffer.from("ü").toString("latin1"),
    boot: "3",
    id: null,
    sequence: 12,
    time: 1_600_000_000_123,
  });
  const bare = { value: 1, device: null, boot: null, id: null, sequence: null, time: null };
  assert.deepEqual(
    read('{"value":1,"device":null,"boot":null,"id":null,"sequence":null,"seq":null,"time":null,"ts":null}'),
    bare,
  );
  assert.deepEqual(read(' \r\n{"value":1,"x":{"value":2,"id":"no"}}'), bare, "other fields are ignored");
  assert.deepEqual(read('{"value":2,"value":1}'), bare, "the last of two");
  assert.deepEqual(read('{"value":1e-400,"value":-0.0}').value, 0, "only the last one is judged");
  assert.deepEqual(read('{"\\u0076alue":1}'), bare);
  assert.equal(read('{"value":1,"seq":5}').sequence, 5);
  assert.equal(read('{"value":1,"seq":5,"sequence":6}').sequence, 6);
  assert.equal(read('{"value":1,"sequence":null,"seq":5}').sequence, 5);
  assert.equal(read('{"value":1,"sequence":9007199254740991}').sequence, Number.MAX_SAFE_INTEGER);
  assert.equal(read('{"value":1,"sequence":2.0}').sequence, 2);
  assert.equal(read('{"value":1,"ts":0,"time":86400000}').time, 86_400_000);
  assert.equal(read('{"value":1,"id":17}').id, read('{"value":1,"id":"17"}').id);
  assert.equal(read(`{"value":1,"device":"${"x".repeat(256)}"}`).device, "x".repeat(256));
  assert.equal(read(`{"value":1,"id":"${"x".repeat(1024)}"}`).id, "x".repeat(1024));
  assert.equal(read(`{"value":1,"note":"${"n".repeat(1_048_576 - 21)}"}`).value, 1, "1 MiB exactly");
});

test("the first fault in the order value, time, device, boot, id, sequence is the one named", () => {
  const faults = [
    ["value", '"x"', "not-a-number"],
    ["time", "1579000000", "time-looks-like-seconds"],
    ["device", "true", "device-invalid"],
    ["boot", "[]", "boot-invalid"],
    ["id", '""', "id-invalid"],
    ["sequence", "-1", "sequence-invalid"],
  ];
  for (let first = 0; first < faults.length; first++) {
    const fields = faults.slice(first).map(([name, text]) => `"${name}":${text}`);
    if (first > 0) fields.push('"value":1');
    assert.deepEqual(decode(`{${fields.reverse().join(",")}}`), { code: faults[first][2] });
  }
});

test("times as numbers and texts", () => {
  const noon = Date.UTC(2020, 0, 13, 15, 12, 0);
  const times: [string, number][] = [
    ["2020-01-13T15:12:00Z", noon],
    ["2020-01-13 15:12:00Z", noon],
    ["2020-01-13T15:12Z", noon],
    ["2020-01-13T15:12:00", noon],
    ["2020-01-13T16:12:00+01:00", noon],
    ["2020-01-13T20:42:00+0530", noon],
    ["2020-01-13T10:12:00-05", noon],
    ["2020-01-13T15:12:00.5Z", noon + 500],
    ["2020-01-13T15:12:00.123999Z", noon + 123],
    ["2020-01-13", Date.UTC(2020, 0, 13)],
    ["2020-02-29T00:00:00Z", Date.UTC(2020, 1, 29)],
    ["0001-01-01T00:00:00Z", -62_135_596_800_000],
    ["9999-12-31T23:59:59.999Z", 253_402_300_799_999],
    [String(noon), noon],
  ];
  for (const [text, time] of times) assert.equal(read(`{"value":1,"time":"${text}"}`).time, time, text);
  assert.equal(read('{"value":1,"time":-0.5}').time, -1, "floored");
  assert.deepEqual(decode('{"value":1,"time":"0001-01-01T00:00:00+01:00"}'), { code: "time-out-of-range" });
});

test("wall clocks: the earlier of two, and the gap shifted forward", () => {
  const berlin = "Europe/Berlin";
  const summer = Date.UTC(2023, 6, 1, 10);
  assert.equal(wallClock(summer, berlin), summer + 7_200_000);
  assert.equal(parseIso("2023-07-01T12:00:00", berlin), summer);
  assert.deepEqual(instantsOf(Date.UTC(2023, 9, 29, 2, 30), berlin), [
    Date.UTC(2023, 9, 29, 0, 30),
    Date.UTC(2023, 9, 29, 1, 30),
  ]);
  assert.equal(fromWallClock(Date.UTC(2023, 9, 29, 2, 30), berlin), Date.UTC(2023, 9, 29, 0, 30));
  assert.equal(fromWallClock(Date.UTC(2023, 2, 26, 2, 30), berlin), Date.UTC(2023, 2, 26, 1, 30), "shown as 03:30");
  assert.equal(wallClock(-1, "UTC"), -1);
});

test("the device is the payload's, else the key's, else nameless", () => {
  const key = (length: number): Uint8Array => Buffer.alloc(length, 0xe9);
  assert.equal(deviceOf("a", key(3)), "a");
  assert.equal(deviceOf(null, key(3)), "ééé", "its bytes, whatever they are");
  assert.equal(deviceOf(null, key(256)).length, 256);
  const long = [`${"k".repeat(63)}ü${"-".repeat(200)}1`, `${"k".repeat(63)}ü${"-".repeat(200)}2`];
  for (const text of long) {
    const digits = createHash("sha256").update(text).digest("hex").slice(0, 32);
    assert.equal(deviceOf(null, Buffer.from(text)), `${"k".repeat(63)}~sha256:${digits}`);
  }
  for (const none of [null, key(0)]) assert.equal(deviceOf(null, none), "");
});
