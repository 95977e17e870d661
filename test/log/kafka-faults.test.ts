/** Errors of the client library in tidemark's words; when a fault is told; how long it is waited. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AuthenticationError,
  MultipleErrors,
  NetworkError,
  ProtocolError,
  ResponseError,
  UserError,
} from "@platformatic/kafka";
import { ManualClock } from "../../src/core/clock.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { keyHash } from "../../src/log/kafka/client.ts";
import { operatingError, reasonOf } from "../../src/log/kafka/faults.ts";
import { retryMs } from "../../src/log/kafka/pause.ts";
import { Trouble } from "../../src/log/kafka/trouble.ts";

test("each error has the code that says whether trying again helps", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  const network = new NetworkError("Connection to kafka:9092 failed.", { cause: refused });
  const denied = new AuthenticationError("SASL authentication failed.", {
    cause: new ProtocolError("SASL_AUTHENTICATION_FAILED"),
  });
  const cases: [unknown, string][] = [
    [network, "log-unreachable"],
    [new MultipleErrors("Cannot connect to any broker.", [network, network]), "log-unreachable"],
    [new NetworkError("Connection to kafka:9092 failed.", { cause: denied }), "log-refused"],
    [new UserError("Broker requires TLS."), "log-refused"],
    [new UserError("Unknown topic temperature."), "topic-missing"],
    [new ResponseError(0, 11, { "/": [10, null] }, null), "record-too-large"],
    [new ResponseError(0, 11, { "/": [3, null] }, null), "topic-missing"],
    [new ResponseError(0, 11, { "/": [29, null] }, null), "log-refused"],
    [new ResponseError(0, 11, { "/": [6, null] }, null), "log-unreachable"],
    [
      new MultipleErrors("Producing messages failed.", [new ResponseError(0, 11, { "/": [19, null] }, null)]),
      "log-unreachable",
    ],
    [new Error("anything"), "log-unreachable"],
    ["text", "log-unreachable"],
  ];
  for (const [error, code] of cases) {
    const own = operatingError("reach Kafka", error);
    assert.equal(own.code, code, reasonOf(error));
    assert.match(own.message, /^Cannot reach Kafka: ./);
  }
  const known = new TidemarkError("log-full", "Cannot append");
  assert.equal(operatingError("append", known), known);
});

test("reasons are said once, with the innermost cause", () => {
  const happy = new AggregateError([
    Object.assign(new Error("connect ECONNREFUSED ::1:1"), { code: "ECONNREFUSED" }),
    Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" }),
  ]);
  const network = new NetworkError("Connection to localhost:1 failed.", { cause: happy });
  assert.equal(
    reasonOf(new MultipleErrors("Cannot connect to any broker.", [network, network])),
    "Connection to localhost:1 failed (ECONNREFUSED)",
  );
});

test("a fault is told when it lasts, once, and its end when the last partition is well", () => {
  const clock = new ManualClock(0);
  const told: (string | null)[] = [];
  const trouble = new Trouble(clock, (why) => told.push(why));
  trouble.fault("a", "short");
  clock.advance(4000);
  trouble.fault("a", "short");
  trouble.good("a");
  clock.advance(4000);
  trouble.fault("a", "anew");
  assert.deepEqual(told, []);
  clock.advance(5000);
  trouble.fault("a", "lasting");
  trouble.fault("b", "another");
  clock.advance(9000);
  trouble.fault("a", "still");
  trouble.good("a");
  assert.deepEqual(told, ["lasting"]);
  trouble.good("b");
  trouble.good("b");
  assert.deepEqual(told, ["lasting", null]);
});

test("waiting between tries doubles up to a second", () => {
  assert.deepEqual([0, 1, 2, 3, 5, 6, 100].map(retryMs), [0, 50, 100, 200, 800, 1000, 1000]);
});

/** Murmur2 values from Kafka's own UtilsTest. */
test("keys hash as in Kafka's Java client", () => {
  const cases: [string, number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [key, hash] of cases) assert.equal(keyHash(Buffer.from(key)), hash & 0x7fffffff, key);
});
