/** `POST /readings/{sensor}`: which bytes of a body become which records, and what is answered when. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { FastifyInstance } from "fastify";
import { ERRORS, type ErrorCode, TidemarkError } from "../../src/core/errors.ts";
import { RECORD_BYTES_MAX } from "../../src/core/limits.ts";
import { recordsOfBody } from "../../src/doors/body.ts";
import { READINGS_BODY_BYTES_MAX, READINGS_PER_BODY_MAX } from "../../src/server/limits.ts";
import { type MemoryLog, openFixture } from "./fixture.ts";

let app: FastifyInstance;
let log: MemoryLog;
let bugs: unknown[];

before(async () => {
  ({ app, log, bugs } = await openFixture());
});

after(() => app?.close()); // none when no test of the file was asked for

function post(payload: string | Buffer, headers: Record<string, string> = {}, sensor = "temperature") {
  return app.inject({ method: "POST", url: `/readings/${sensor}`, payload, headers });
}

function records(body: string | Buffer): string[] {
  return recordsOfBody("t", Buffer.from(body), undefined, 100).map(({ value }) =>
    Buffer.from(value).toString("latin1"),
  );
}

test("bodies and the records they are", () => {
  const pretty = JSON.stringify({ device: "kitchen", value: 21.5, more: [1, { a: "\n" }] }, null, 2);
  const cases: [string, string[]][] = [
    ["42", ["42"]],
    ["42\n", ["42"]],
    [" \r\n\t 42 \r\n", ["42"]],
    ["42\n43\r\n\r\n \n44", ["42", "43", "44"]],
    ['{"value":1}\n{"value":2}\n', ['{"value":1}', '{"value":2}']],
    ['{"value":1}\n7\nnonsense {\n', ['{"value":1}', "7", "nonsense {"]],
    [pretty, [pretty]],
    [`\n${pretty}\r\n`, [pretty]],
    [pretty.replaceAll("\n", "\r\n"), [pretty.replaceAll("\n", "\r\n")]],
    ["[1,\n2]", ["[1,\n2]"]],
    ["[1]\n[2]", ["[1]", "[2]"]],
    ['"a"\n"b"', ['"a"', '"b"']],
    ["not json\nat all", ["not json", "at all"]],
    ['{"value":1,\n"value":2,}', ['{"value":1,\n"value":2,}']],
    ['{"value":1}\n{\n"value":2,\n"more":[\n900\n]}\n7', ['{"value":1}', '{\n"value":2,\n"more":[\n900\n]}', "7"]],
    [`${pretty}\n\n${pretty}`, [pretty, pretty]],
    ['{"value":1\n{"value":2}', ['{"value":1\n{"value":2}']],
    [
      '1\n{"value":1\n900\n\n901\n{"value":2}\n902\n[3]\n',
      ["1", '{"value":1\n900\n\n901', '{"value":2}', "902", "[3]"],
    ],
    ['{"text":"[","value":1}\n7', ['{"text":"[","value":1}', "7"]],
    ["\ufeff7\0\n\0", ["7"]],
    ["4\r2", ["4\r2"]],
  ];
  for (const [body, expected] of cases) assert.deepEqual(records(body), expected, JSON.stringify(body));
  const bytes = Buffer.from([0xff, 0x0a, 0xfe, 0x00, 0x0a]);
  assert.deepEqual(records(bytes), ["\xff", "\xfe"]);
});

test("limits name the line", () => {
  const long = "1".repeat(RECORD_BYTES_MAX);
  assert.equal(records(`1\n${long}\n`).length, 2);
  assert.throws(() => records(`\n\n1\n\n${long}1\n`), {
    code: "record-too-large",
    message: 'Cannot append to "t": payload must be <= 1048576 bytes, was 1048577 in line 5',
  });
  assert.equal(records("1\n".repeat(100)).length, 100);
  assert.throws(() => records("1\n".repeat(101)), { code: "request-too-large" });
  for (const empty of ["", " ", "\n\r\n\t", "\0", "\ufeff\n"])
    assert.throws(() => records(empty), { code: "request-invalid" });
});

test("a request is one append, answered once it is durable", async () => {
  let durable = (): void => {};
  log.hold = new Promise((resolve) => {
    durable = resolve;
  });
  let answered = false;
  const before = log.appends.length;
  const response = post("1\n2\n3").then((each) => {
    answered = true;
    return each;
  });
  await app.inject("/livez"); // goes all the way through the server meanwhile
  assert.equal(answered, false);
  durable();
  const { statusCode, body, headers } = await response;
  assert.equal(statusCode, 200);
  assert.equal(body, '{"appended":3}');
  assert.match(String(headers["content-type"]), /^application\/json/);
  assert.equal(log.appends.length, before + 1);
  assert.equal(log.appends.at(-1)?.topic, "temperature");
  assert.deepEqual(log.last(), ["1", "2", "3"]);
  log.hold = Promise.resolve();
});

test("any bytes under any Content-Type; nothing is judged here", async () => {
  for (const type of ["application/json", "application/x-www-form-urlencoded", "application/cbor", "!"]) {
    assert.equal((await post('{"value": nonsense', { "content-type": type })).statusCode, 200);
    assert.deepEqual(log.last(), ['{"value": nonsense']);
  }
});

test("a form is no reading, whatever its fields hold; what curl sends as it is is no form", async () => {
  const before = log.appends.length;
  const parts = '--x\r\nContent-Disposition: form-data; name="value"\r\n\r\n21\r\n--x--\r\n';
  const form = "application/x-www-form-urlencoded";
  for (const [type, body] of [
    ["multipart/form-data; boundary=x", parts],
    ["text/plain", parts],
    ["application/json", parts.replaceAll("\r\n", "\n")],
    ["Multipart/Mixed", parts],
    [form, "value=21.5"],
    [`${form}; charset=utf-8`, "a=1&value=2"],
    [form, "=3"],
  ]) {
    const response = await post(body, { "content-type": type });
    assert.equal(response.statusCode, 415, `${type} ${body}`);
    assert.match(response.json().detail, /expected JSON, NDJSON or a bare number, was a form \(/);
  }
  assert.equal(log.appends.length, before);
  for (const body of ["21.5", '{"device":"a=b","value":1}', '[{"device":"a=b","value":1}]', '"a=b"', " 7 "]) {
    assert.equal((await post(body, { "content-type": form })).statusCode, 200, body);
  }
});

test("what will be rejected is told to the sender, and a body of nothing else is not appended", async (context) => {
  const isReading = (value: Uint8Array): boolean => /^[0-9]+$/.test(Buffer.from(value).toString("latin1"));
  const { app: seeing, log: kept } = await openFixture({
    lookInto: (records, faultsMax) => {
      const faults = records.flatMap(({ value }, record) =>
        isReading(value) ? [] : [{ record, at: 0, code: "not-a-number", reason: "the value is not a number" }],
      );
      const [readings, rejected] = [records.length - faults.length, faults.length];
      return { readings, rejected, faults: faults.slice(0, faultsMax) };
    },
  });
  context.after(() => seeing.close());
  const send = async (payload: string) => {
    const response = await seeing.inject({ method: "POST", url: "/readings/temperature", payload });
    return [response.statusCode, response.json()];
  };
  assert.deepEqual(await send("1\n2"), [200, { appended: 2 }]);
  const problem = (line: number) => ({ line, code: "not-a-number", reason: "the value is not a number" });
  assert.deepEqual(await send("\n\nx\n1\r\n\n y\n"), [
    200,
    { appended: 1, rejected: 2, problems: [problem(3), problem(6)] },
  ]);
  assert.deepEqual(kept.last(), ["x", "1", "y"]); // what is rejected is kept with its bytes
  const many = await send(`1\n${"x\n".repeat(30)}`);
  assert.deepEqual(many, [
    200,
    { appended: 1, rejected: 30, problems: Array.from({ length: 10 }, (_, i) => problem(i + 2)) },
  ]);
  const appends = kept.appends.length;
  const [status, { code, detail }] = await send("\n\n x\ny");
  assert.deepEqual([status, code], [400, "request-invalid"]);
  const text =
    'Cannot append to "temperature": expected a reading, line 3 is none (not-a-number): the value is not a number';
  assert.equal(detail, text);
  assert.equal(kept.appends.length, appends);
});

test("Tidemark-Device is the key of the records", async () => {
  await post("1\n2", { "tidemark-device": Buffer.from("küche").toString("latin1") });
  const keys = log.appends.at(-1)?.records.map(({ key }) => Buffer.from(key ?? []).toString("utf8"));
  assert.deepEqual(keys, ["küche", "küche"]);
  await post("1");
  assert.equal(log.appends.at(-1)?.records[0].key, undefined);
  for (const name of ["", "x".repeat(257)])
    assert.equal((await post("1", { "tidemark-device": name })).statusCode, 400);
});

test("what cannot be appended is a problem that says why", async () => {
  const unsized = await post("");
  assert.equal(unsized.statusCode, 411);
  assert.equal(unsized.json().detail, "Cannot read the request body: expected a Content-Length, there was none");
  const empty = await post("", { "content-length": "0" });
  assert.equal(empty.statusCode, 400);
  assert.equal(empty.json().detail, 'Cannot append to "temperature": expected a reading, was an empty body');

  const unknown = await post("1", {}, "temprature");
  assert.equal(unknown.statusCode, 404);
  assert.match(String(unknown.headers["content-type"]), /^application\/problem\+json/);
  const { type, code, detail, status, retryable } = unknown.json();
  assert.deepEqual([type, code, status, retryable], ["/docs/ERRORS.md#not-found", "not-found", 404, false]);
  assert.equal(detail, 'Cannot append to "temprature": expected one of temperature, humidity, pressure');

  const large = await post(Buffer.alloc(READINGS_BODY_BYTES_MAX + 1, "1\n"));
  assert.equal(large.statusCode, 413);
  assert.equal(large.json().code, "request-too-large");
  const many = await post("1\n".repeat(READINGS_PER_BODY_MAX + 1));
  assert.equal(many.statusCode, 413);
});

test("the log's errors keep their status, and Retry-After where a retry helps", async () => {
  const codes: ErrorCode[] = [
    "log-full",
    "log-unreachable",
    "disk-full",
    "log-closed",
    "log-sync-failed",
    "record-too-large",
  ];
  for (const code of codes) {
    log.failure = new TidemarkError(code, `Cannot append to "temperature": ${code}`);
    const response = await post("1");
    assert.equal(response.statusCode, ERRORS[code].status, code);
    assert.equal(response.json().code, code);
    assert.equal(response.headers["retry-after"], ERRORS[code].retryable ? "1" : undefined, code);
  }
  assert.deepEqual(bugs, []);
  log.failure = new TypeError("undefined is not a function");
  const response = await post("1");
  assert.equal(response.statusCode, 500);
  assert.doesNotMatch(response.body, /undefined/);
  assert.deepEqual(bugs, [log.failure]);
  log.failure = null;
});
