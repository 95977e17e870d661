/** Server-sent events: the same events however the text is cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventParser, type SentEvent } from "../../src/client/event-parser.ts";
import { Random } from "../../src/core/random.ts";
import { parseLiveEvent } from "../../src/ui/live-event.ts";

const STREAM = [
  "retry: 2000\n\n",
  ": a comment\n\n",
  'event: snapshot\ndata: {"a":1}\n\n',
  "data: one\ndata:two\ndata\n\n",
  "event: nothing\n\n",
  "event: update\r\nid: 7\r\ndata: ü€😀\r\n\r\n",
  "data: cr\r\r",
  "unknown: x\ndata: : colons\n\n",
  "data: not ended\n",
].join("");

const EVENTS: readonly SentEvent[] = [
  { name: "snapshot", data: '{"a":1}', id: "" },
  { name: "message", data: "one\ntwo\n", id: "" },
  { name: "update", data: "ü€😀", id: "7" },
  { name: "message", data: "cr", id: "7" },
  { name: "message", data: ": colons", id: "7" },
];

test("events of a stream cut anywhere", () => {
  const random = new Random(11);
  assert.deepEqual(new EventParser().push(STREAM), EVENTS);
  for (let i = 0; i < 500; i++) {
    const parser = new EventParser();
    const events: SentEvent[] = [];
    for (let at = 0; at < STREAM.length; ) {
      const end = at + random.integer(1, 12);
      events.push(...parser.push(STREAM.slice(at, end)));
      at = end;
    }
    assert.deepEqual(events, EVENTS, `round ${i}`);
  }
});

test("an event without an end is not collected for ever", () => {
  const parser = new EventParser();
  const part = `data: ${"x".repeat(1_000_000)}\n`;
  assert.throws(() => {
    for (let i = 0; i < 20; i++) parser.push(part);
  }, /an event must be <= 16777216 characters/);
});

test("live events: the fields of the format, and a refusal of anything else", () => {
  const sensor = {
    sensor: "a",
    count: 1,
    mean: 2,
    min: 2,
    max: 2,
    last: 2,
    ageMs: 5,
    rate: 0.1,
    minute: { count: 0, mean: null, min: null, max: null },
    spark: [null, 1],
    late: 0,
    duplicates: 0,
    quarantined: 0,
    rejected: 0,
    gapRecords: 0,
    cutRecords: 0,
    lag: 0,
    stuckDevices: 0,
    later: "fields are passed over",
  };
  const event = { time: 1, trouble: null, sensorsTotal: 1, sensors: [sensor] };
  const parsed = parseLiveEvent("update", JSON.stringify(event));
  const { later: _, ...row } = sensor;
  assert.deepEqual(parsed, { snapshot: false, trouble: null, sensorsTotal: 1, rows: [row] });
  assert.equal(parseLiveEvent("other", "?"), null);
  for (const broken of [
    { ...event, sensors: {} },
    { ...event, sensorsTotal: "1" },
    { ...event, sensors: [{ ...sensor, sensor: 1 }] },
    { ...event, sensors: [{ ...sensor, count: null }] },
    { ...event, sensors: [{ ...sensor, minute: null }] },
    { ...event, sensors: [{ ...sensor, last: "2" }] },
    null,
  ]) {
    assert.throws(() => parseLiveEvent("snapshot", JSON.stringify(broken)));
  }
});
