/** What page "Now" computes: order, lines of the last minute, times of the server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LiveSensor } from "../../src/core/live-event.ts";
import { listed, sortOf } from "../../src/face/now/order.ts";
import { SPARK_HEIGHT, sparkPaths } from "../../src/face/now/spark.ts";
import { ServerTime } from "../../src/face/server-time.ts";

function row(sensor: string, fields: Partial<LiveSensor> = {}): LiveSensor {
  const none = { count: 0, mean: null, min: null, max: null };
  const counts = {
    received: 0,
    duplicates: 0,
    conflicts: 0,
    quarantined: 0,
    rejected: 0,
    late: 0,
    gapRecords: 0,
    cutRecords: 0,
    released: 0,
    expired: 0,
    deleted: 0,
    quarantineDropped: 0,
    rejectionsDropped: 0,
  };
  const rest = {
    last: null,
    lastTime: null,
    ageMs: null,
    rate: 0,
    minute: none,
    spark: [],
    completeUntil: null,
    lag: 0,
    devices: 0,
  };
  return { sensor, ...none, ...counts, ...rest, stuckDevices: 0, changes: [], ...fields };
}

test("names are sorted as people count", () => {
  const rows = ["room-10", "room-2", "Room-1", "attic"].map((name) => row(name));
  assert.deepEqual(listed(rows, "", "name"), ["attic", "Room-1", "room-2", "room-10"]);
  assert.deepEqual(listed(rows, " ROOM 1", "name"), ["Room-1", "room-10"]);
  assert.deepEqual(listed(rows, "cellar", "name"), []);
});

test("figures are sorted from the largest on, those that are not there last, and names among equals", () => {
  const rows = [
    row("d"),
    row("c", { last: -5, lastTime: 1000, rate: 2, duplicates: 3 }),
    row("b", { last: 7, lastTime: 3000, rate: 2, rejected: 1 }),
    row("a"),
  ];
  assert.deepEqual(listed(rows, "", "value"), ["b", "c", "a", "d"]);
  assert.deepEqual(listed(rows, "", "age"), ["b", "c", "a", "d"]);
  assert.deepEqual(listed(rows, "", "rate"), ["b", "c", "a", "d"]);
  assert.deepEqual(listed(rows, "", "uncounted"), ["c", "b", "a", "d"]);
});

test("an address that names no sort, or none that there is, sorts by name", () => {
  assert.deepEqual([null, "rate", "toString", ""].map(sortOf), ["name", "rate", "name", "name"]);
});

test("lines have gaps where there are no values", () => {
  const bottom = (SPARK_HEIGHT - 2).toFixed(1);
  const middle = (SPARK_HEIGHT / 2).toFixed(1);
  assert.deepEqual(sparkPaths([]), { line: "", area: "", end: "" });
  assert.deepEqual(sparkPaths([null, null]), { line: "", area: "", end: "" });
  const { line, area, end } = sparkPaths([1, 2, null, 1, null]);
  assert.equal(line, `M0 ${bottom}L1 2.0M3 ${bottom}h.01`);
  assert.equal(area, `M0 40L0 ${bottom}L1 2.0V40ZM3 40L3 ${bottom}V40Z`);
  assert.equal(end, `M3 ${bottom}h.01`);
  assert.equal(sparkPaths([5, 5]).line, `M0 ${middle}L1 ${middle}`);
  assert.doesNotMatch(sparkPaths([-1e150, 1e150, 1e-140]).line, /NaN|Infinity|e/);
});

test("times are those of the server's clock and zone, also of one that no browser knows", () => {
  const noon = Date.UTC(2020, 6, 13, 12);
  for (const zone of ["Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"]) {
    const time = new ServerTime(zone, noon);
    assert.equal(time.zone.name, zone);
    assert.equal(time.clock(noon), "14:00:00");
    assert.equal(time.moment(noon - 14 * 3_600_000), "00:00:00");
    assert.equal(time.moment(noon - 14 * 3_600_000 - 1000), "2020-07-12 23:59:59");
    assert.ok(time.now() >= noon && time.now() < noon + 60_000);
  }
});
