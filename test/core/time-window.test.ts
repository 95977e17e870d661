/** Request bounds → windows of whole seconds, and the texts that say why not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseBounds, resolveWindow } from "../../src/core/time-window.ts";
import { openZone } from "../../src/core/zone.ts";

const utc = openZone("UTC");
const NOW = Date.UTC(2020, 0, 20, 12, 0, 0, 500);
const HISTORY = { firstMs: Date.UTC(2020, 0, 1, 6, 0, 0, 999), lastMs: Date.UTC(2020, 0, 19) };
const EMPTY = { firstMs: null, lastMs: null };

function window(
  from: unknown,
  to: unknown,
  history: { firstMs: number | null; lastMs: number | null } = HISTORY,
  zone = utc,
): string {
  const bounds = parseBounds(from, to, zone);
  if ("errors" in bounds) return bounds.errors.join("\n");
  const resolved = resolveWindow(bounds, history, NOW);
  if ("errors" in resolved) return resolved.errors.join("\n");
  const text = (second: number): string => new Date(second * 1000).toISOString().slice(0, 19);
  assert.ok(resolved.start < resolved.end);
  return `${text(resolved.start)} ${text(resolved.end)} ${resolved.end - resolved.start}`;
}

test("both bounds belong to the window, at the precision they are written in", () => {
  assert.equal(window("2020-01-13 15:12:00", "2020-01-13 15:13:00"), "2020-01-13T15:12:00 2020-01-13T15:13:01 61");
  assert.equal(window("2020-01-13 15:12", "2020-01-13 15:13"), "2020-01-13T15:12:00 2020-01-13T15:14:00 120");
  assert.equal(window("2020-01-13", "2020-01-13"), "2020-01-13T00:00:00 2020-01-14T00:00:00 86400");
  assert.equal(window("2020-01-13 15:12:00", "2020-01-13 15:12:00"), "2020-01-13T15:12:00 2020-01-13T15:12:01 1");
});

test("finer than a second is widened to the second that holds it", () => {
  assert.equal(
    window("2020-01-13 15:12:00.900", "2020-01-13 15:12:01.001"),
    "2020-01-13T15:12:00 2020-01-13T15:12:02 2",
  );
  assert.equal(window(1578928320999, 1578928320000), "2020-01-13T15:12:00 2020-01-13T15:12:01 1");
  assert.equal(window(-1, -1), "1969-12-31T23:59:59 1970-01-01T00:00:00 1");
});

test("a bound inside the unit of the other is no contradiction; one behind it is", () => {
  assert.equal(window("2020-01-13 15:12:30", "2020-01-13 15:12"), "2020-01-13T15:12:30 2020-01-13T15:13:00 30");
  assert.match(
    window("2020-01-14", "2020-01-13"),
    /^from after to: the window \[2020-01-14T00:00:00Z, 2020-01-14T00:00:00Z\) is empty, expected from <= to$/,
  );
  assert.match(window("2020-01-21", undefined), /^from after to/); // after now
});

test("where the clock goes back, from is the earlier and to the later", () => {
  const berlin = openZone("Europe/Berlin");
  assert.equal(
    window("2019-10-27 02:30:00", "2019-10-27 02:30:00", HISTORY, berlin),
    "2019-10-27T00:30:00 2019-10-27T01:30:01 3601",
  );
});

test("without from: the first reading; without to: now, or the newest reading if later", () => {
  assert.equal(window(undefined, "2020-01-13"), `2020-01-01T06:00:00 2020-01-14T00:00:00 ${13 * 86400 - 6 * 3600}`);
  assert.match(window("2020-01-20", undefined), /^2020-01-20T00:00:00 2020-01-20T12:00:01 /);
  const ahead = { firstMs: NOW, lastMs: NOW + 60_000 };
  assert.equal(window(undefined, undefined, ahead), "2020-01-20T12:00:00 2020-01-20T12:01:01 61");
});

test("without from and without a reading in reach, the window is what to says", () => {
  assert.equal(window(undefined, "2020-01-13", EMPTY), "2020-01-13T00:00:00 2020-01-14T00:00:00 86400");
  assert.equal(window(undefined, undefined, EMPTY), "2020-01-20T12:00:00 2020-01-20T12:00:01 1");
  assert.equal(window(undefined, "2019-12-01 10:00", HISTORY), "2019-12-01T10:00:00 2019-12-01T10:01:00 60");
});

test("faults say what was wrong and what was expected, for each bound", () => {
  const expected = 'expected "YYYY-MM-DD", "YYYY-MM-DD HH:MM[:SS]", ISO 8601 or epoch milliseconds';
  assert.equal(window("yesterday", undefined), `Unreadable time "yesterday" in from: ${expected}`);
  assert.equal(window(undefined, null), `Unreadable time null in to: ${expected}`);
  assert.equal(
    window({ a: 1 }, true),
    `Unreadable time {"a":1} in from: ${expected}\nUnreadable time true in to: ${expected}`,
  );
  assert.equal(
    window(undefined, "2020-02-30"),
    `Unreadable time "2020-02-30" in to: the month has no such day; ${expected}`,
  );
  assert.match(window(1578928320, undefined), /^Unreadable time 1578928320 in from: ten digits look like seconds/);
  assert.match(window("x".repeat(500), undefined), /^Unreadable time "x{63}… in from/);
  assert.match(window("0000-01-01", undefined), /the year must be 0001 to 9999/);
});
