/** Request bounds → windows of whole seconds, and the texts that say why not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TIME_EXPECTED } from "../../src/core/asked-time.ts";
import { parseBounds, resolveWindow, type WindowFault } from "../../src/core/time-window.ts";
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
  return asked({ from, to }, history, zone);
}

function asked(
  bounds: Parameters<typeof parseBounds>[0],
  history: { firstMs: number | null; lastMs: number | null } = HISTORY,
  zone = utc,
): string {
  const parsed = parseBounds(bounds, zone, NOW);
  const texts = (fault: WindowFault) => fault.errors.map(({ text }) => text).join("\n");
  if ("errors" in parsed) return texts(parsed);
  const resolved = resolveWindow(parsed, history, NOW);
  if ("errors" in resolved) return texts(resolved);
  const text = (second: number): string => new Date(second * 1000).toISOString().slice(0, 19);
  assert.ok(resolved.start <= resolved.end);
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
  assert.equal(
    window("2020-01-14", "2020-01-13"),
    "from after to: from is 2020-01-14 00:00:00 and to is [2020-01-13 00:00:00, 2020-01-14 00:00:00) in UTC, expected from <= to",
  );
  assert.equal(
    window("2020-01-13 17:00", "2020-01-13 15", HISTORY, openZone("Europe/Berlin")),
    "from after to: from is 2020-01-13 17:00:00 and to is [2020-01-13 15:00:00, 2020-01-13 16:00:00) in Europe/Berlin, expected from <= to",
  );
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
  const expected = `expected ${TIME_EXPECTED}`;
  assert.equal(window("someday", undefined), `Unreadable time "someday" in from: ${expected}`);
  assert.equal(window(undefined, null), `Unreadable time null in to: ${expected}`);
  assert.equal(
    window({ a: 1 }, true),
    `Unreadable time {"a":1} in from: ${expected}\nUnreadable time true in to: ${expected}`,
  );
  assert.equal(
    window(undefined, "2020-02-30"),
    `Unreadable time "2020-02-30" in to: there is no such day; ${expected}`,
  );
  assert.match(window(1578928320, undefined), /^Unreadable time 1578928320 in from: ten digits look like seconds/);
  assert.match(window("x".repeat(500), undefined), /^Unreadable time "x{63}… in from/);
  assert.match(window("0000-01-01", undefined), /the year must be 0001 to 9999/);
});

test("toExclusive does not belong to the window, so that windows add up", () => {
  const hour = (n: number) => `2020-01-13 ${String(n).padStart(2, "0")}:00:00`;
  assert.equal(asked({ from: hour(15), toExclusive: hour(16) }), "2020-01-13T15:00:00 2020-01-13T16:00:00 3600");
  assert.equal(
    asked({ from: "2020-01-13", toExclusive: "2020-01-14" }),
    "2020-01-13T00:00:00 2020-01-14T00:00:00 86400",
  );
  assert.equal(asked({ from: hour(15), toExclusive: hour(15) }), "2020-01-13T15:00:00 2020-01-13T15:00:00 0");
  assert.equal(asked({ from: 1578928320999, toExclusive: 1578928321001 }), "2020-01-13T15:12:00 2020-01-13T15:12:01 1");
  assert.equal(
    asked({ toExclusive: "2020-01-13" }),
    `2020-01-01T06:00:00 2020-01-13T00:00:00 ${12 * 86400 - 6 * 3600}`,
  );
  assert.equal(
    asked({ from: hour(16), toExclusive: hour(15) }),
    "from after toExclusive: from is 2020-01-13 16:00:00 and toExclusive is 2020-01-13 15:00:00 in UTC, expected from <= toExclusive",
  );
  assert.equal(
    asked({ to: hour(15), toExclusive: hour(15) }),
    "Cannot use to and toExclusive together: expected one of them",
  );
  assert.match(asked({ toExclusive: "x" }), /^Unreadable time "x" in toExclusive: /);
  // Hours of the night in which two hours come twice.
  const troll = openZone("Antarctica/Troll");
  const sums = Array.from({ length: 24 }, (_, n) => {
    const end = n === 23 ? "2020-10-26 00:00" : `2020-10-25 ${n + 1}:00`.replace(/ (\d):/, " 0$1:");
    return Number(
      asked({ from: `2020-10-25 ${n}:00`.replace(/ (\d):/, " 0$1:"), toExclusive: end }, HISTORY, troll).split(" ")[2],
    );
  });
  assert.equal(
    sums.reduce((a, b) => a + b),
    26 * 3600,
  );
});

test("bounds in a gap of the clock meet at the change: an empty window, never a reversed one", () => {
  const berlin = openZone("Europe/Berlin");
  const gap = ["2020-03-29 02:00:00", "2020-03-29 02:30", "2020-03-29 02:59:59", "2020-03-29T02"];
  for (const from of gap) {
    for (const to of gap) {
      assert.equal(window(from, to, HISTORY, berlin), "2020-03-29T01:00:00 2020-03-29T01:00:00 0", `${from} to ${to}`);
    }
  }
  assert.equal(
    window("2020-03-29 02:30", "2020-03-29 03:10", HISTORY, berlin),
    "2020-03-29T01:00:00 2020-03-29T01:11:00 660",
  );
  assert.equal(
    window("2020-03-29 01:59", "2020-03-29 02:30", HISTORY, berlin),
    "2020-03-29T00:59:00 2020-03-29T01:00:00 60",
  );
  assert.match(window("2020-03-29 02:30", "2020-03-29 01:30", HISTORY, berlin), /^from after to/);
  // A bound finer than a second is shown as the second it is widened to: an empty interval would contradict the sentence.
  const fine = window("2020-01-13 15:12:09", Date.UTC(2020, 0, 13, 15, 12, 1), HISTORY);
  assert.match(String(fine), /to is \[2020-01-13 15:12:01, 2020-01-13 15:12:02\)/);
  const apia = openZone("Pacific/Apia");
  assert.equal(window("2011-12-30", "2011-12-30", HISTORY, apia), "2011-12-30T10:00:00 2011-12-30T10:00:00 0");
  assert.equal(window("2011-12-29", "2011-12-31", HISTORY, apia), "2011-12-29T10:00:00 2011-12-31T10:00:00 172800");
});

test("a from in the near future is an empty window, one far off a mistake", () => {
  for (const ahead of [1000, 60_000, 86_400_000]) {
    assert.match(window(NOW + ahead, undefined), / 0$/);
  }
  assert.equal(window("now+1h", undefined), "2020-01-20T13:00:00 2020-01-20T13:00:00 0");
  assert.equal(
    window("2020-02-20", undefined),
    "from after now: from is 2020-02-20 00:00:00 and now is 2020-01-20 12:00:00 in UTC, expected from <= now, or a to",
  );
  assert.match(window(NOW + 60_000, NOW + 120_000), / 61$/);
});

test("relative bounds", () => {
  assert.equal(window("now-1h", "now"), "2020-01-20T11:00:00 2020-01-20T12:00:01 3601");
  assert.equal(window("yesterday", "yesterday"), "2020-01-19T00:00:00 2020-01-20T00:00:00 86400");
  assert.equal(window("now/d", "now/d"), "2020-01-20T00:00:00 2020-01-21T00:00:00 86400");
  assert.equal(asked({ from: "-24h", toExclusive: "now" }), "2020-01-19T12:00:00 2020-01-20T12:00:00 86400");
});
