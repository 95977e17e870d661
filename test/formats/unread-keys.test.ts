/** Keys that look like a field and are none are named and counted, on each way through the JSON format. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Names } from "../../src/core/names.ts";
import { Readings } from "../../src/core/readings.ts";
import { Records } from "../../src/core/records.ts";
import { openZone } from "../../src/core/zone.ts";
import { createDecoder } from "../../src/formats/decode.ts";
import { OWN_SERIES_ONLY } from "../../src/formats/format.ts";
import { UnreadKeys } from "../../src/formats/unread-keys.ts";

const STAMP = 1_700_000_000_000;

/** Decodes payloads in batches of ten. */
function decode(unreadKeys: UnreadKeys, payloads: readonly string[]): void {
  const names = { devices: new Names(), boots: new Names() };
  const decoder = createDecoder({ series: 3, seriesOf: OWN_SERIES_ONLY, ...names, zone: openZone("UTC"), unreadKeys });
  for (let i = 0; i < payloads.length; i += 10) {
    const records = new Records(10);
    records.keyStart.fill(-1);
    records.timestamp.fill(STAMP);
    records.count = Math.min(10, payloads.length - i);
    let at = 0;
    for (let j = 0; j < records.count; j++) {
      records.valueStart[j] = at;
      at += Buffer.byteLength(payloads[i + j]);
      records.valueEnd[j] = at;
    }
    // A learned shape reads words past a record's end.
    records.data = Buffer.from(payloads.slice(i, i + 10).join("") + " ".repeat(2000));
    decoder.decode(records, new Readings(16));
  }
}

/** What is counted of keys that are not read, of the payloads and the keys in the order in which they were told. */
function unreadOf(payloads: readonly string[]): { counts: Record<string, number>; told: readonly string[] } {
  const told: string[] = [];
  const unreadKeys = new UnreadKeys(({ key }) => told.push(key));
  decode(unreadKeys, payloads);
  const counts = Object.fromEntries(unreadKeys.list().map(({ key, count }) => [key, count]));
  return { counts, told };
}

test("a key that looks like a field and is none is named, with the one that was meant", () => {
  const meant = {
    time: [
      "timestamp",
      "Time",
      "TS",
      "datetime",
      "date_time",
      "date",
      "created_at",
      "createdAt",
      "time-ms",
      "last_seen",
    ],
    device: ["Device", "deviceId", "sensorId", "sensor_id", "device-id", "devEUI", "nodeId", "MAC"],
    sequence: ["Seq", "SEQUENCE", "sequenceNumber", "f_cnt"],
    boot: ["Boot", "bootId"],
    id: ["ID", "_id", "messageId"],
  };
  for (const [field, keys] of Object.entries(meant)) {
    for (const key of keys) {
      const unreadKeys = new UnreadKeys(() => {});
      const payloads = [
        `{"value":1,"${key}":2}`,
        `{"value":1,"\\u${key.charCodeAt(0).toString(16).padStart(4, "0")}${key.slice(1)}":2}`,
      ];
      decode(unreadKeys, payloads);
      const hint = `the key \`${key}\` is not read; did you mean \`${field}\`?`;
      assert.deepEqual(unreadKeys.list(), [{ key, count: 2, hint }]);
    }
  }
  const refused = unreadOf([
    '{"Value":1}',
    '{"value":1,"x":{"timestamp":1}}',
    '{"value":1,"timestampé":1,"unit":"C","t":3}',
  ]);
  assert.deepEqual(refused.counts, { Value: 1 });
});

test("keys that are not read are counted, each object once, and not where their field is there", () => {
  // Of scanned ones the first 64 and then one in 256 are looked at closely.
  const some = 64 + Math.floor(4999 / 256);
  const paths: Record<string, [count: number, payload: (i: number) => string]> = {
    learned: [5000, (i) => `{"sensorId":"s-${i}","timestamp":${STAMP + i},"value":${i}}`],
    scanned: [some, (i) => `{"sensorId":"s","k${i}":1,"timestamp":${STAMP + i},"value":${i}}`],
    parsed: [5000, (i) => `{"sensorId":"s","timestamp":${STAMP + i},"value":"${i}","\\u0078":1}`],
    refused: [5000, (i) => `{"sensorId":"s","timestamp":${STAMP + i},"Value":${i}}`],
    "in a list": [some, (i) => `[{"sensorId":"s","timestamp":${STAMP + i},"value":${i}}]`],
  };
  for (const [path, [count, payload]] of Object.entries(paths)) {
    const { counts, told } = unreadOf(Array.from({ length: 5000 }, (_, i) => payload(i)));
    const value = path === "refused" ? { Value: count } : {};
    assert.deepEqual(counts, { sensorId: count, timestamp: count, ...value }, path);
    assert.deepEqual(told, Object.keys(counts), path);
  }
  const mixed = unreadOf(
    Array.from({ length: 5000 }, (_, i) =>
      i % 2 === 0 ? `{"timestamp":${i},"Timestamp":1,"value":1}` : `{"timestamp":${i},"time":${STAMP},"value":1}`,
    ),
  );
  assert.deepEqual([Object.keys(mixed.counts), mixed.told.length], [["Timestamp"], 1]);
  assert.ok(mixed.counts["Timestamp"] > 2300 && mixed.counts["Timestamp"] <= 2500, `${mixed.counts["Timestamp"]}`);
  const both = unreadOf(['{"timestamp":1,"ts":1,"value":1}', '{"timestamp":1,"ts":1,"value":1,"\\u0078":1}']);
  assert.deepEqual(both.counts, {});
});
