/** Keys → which rows are seen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Browsing } from "../../src/ui/browsing.ts";
import { keysOf } from "../../src/ui/keys.ts";
import { parseLiveEvent } from "../../src/ui/live-event.ts";

const MOMENTS = { count: 0, mean: null, min: null, max: null };
const ROWS = ["plant-10", "attic", "plant-9", "cellar"].map((sensor, i) => ({
  sensor,
  ...MOMENTS,
  count: i,
  last: i % 2 === 0 ? null : i,
  ageMs: i === 1 ? null : i * 1000,
  rate: 1,
  minute: MOMENTS,
  spark: [],
  late: 0,
  duplicates: 0,
  quarantined: 0,
  rejected: i === 2 ? 1 : 0,
  gapRecords: 0,
  cutRecords: 0,
  lag: 0,
  stuckDevices: 0,
}));

/** What is seen after these bytes. */
function seen(browsing: Browsing, bytes: string): string[] {
  for (const key of keysOf(bytes)) assert.equal(browsing.press(key), false, bytes);
  return browsing.chosen(ROWS).map(({ sensor }) => sensor);
}

test("the rows are those of a live event", () => {
  const event = parseLiveEvent("snapshot", JSON.stringify({ trouble: null, sensorsTotal: 4, sensors: ROWS }));
  assert.deepEqual(event?.rows, ROWS);
});

test("s goes through the columns, r turns the order round, S goes back", () => {
  const browsing = new Browsing();
  const added = ["plant-10", "attic", "plant-9", "cellar"];
  assert.deepEqual(seen(browsing, ""), added);
  assert.equal(browsing.status, "");
  assert.deepEqual(seen(browsing, "s"), ["attic", "cellar", "plant-9", "plant-10"]);
  assert.deepEqual(seen(browsing, "s"), ["cellar", "plant-9", "attic", "plant-10"]);
  assert.equal(browsing.status, "by count");
  assert.deepEqual(seen(browsing, "r"), ["plant-10", "attic", "plant-9", "cellar"]);
  assert.equal(browsing.status, "by count, reversed");
  assert.deepEqual(seen(browsing, "rSSS"), ["plant-9", "attic", "cellar", "plant-10"]);
  assert.equal(browsing.status, "by held back");
});

test("/ filters while it is typed, by a part of the name or a pattern; Esc forgets it", () => {
  const browsing = new Browsing();
  assert.deepEqual(seen(browsing, "/PLq"), []);
  assert.equal(browsing.status, "/PLq▏");
  assert.deepEqual(seen(browsing, "\x7f"), ["plant-10", "plant-9"]);
  assert.deepEqual(seen(browsing, "\r"), ["plant-10", "plant-9"]);
  assert.equal(browsing.status, "/PL");
  assert.deepEqual(seen(browsing, "/\x7f\x7f*-?\r"), ["plant-9"]);
  assert.deepEqual(seen(browsing, "/(\r"), []);
  assert.deepEqual(
    seen(browsing, "\x1b"),
    ROWS.map(({ sensor }) => sensor),
  );
  assert.deepEqual(
    seen(browsing, "/x\x1b"),
    ROWS.map(({ sensor }) => sensor),
  );
});

test("rows and pages up and down, never past the ends", () => {
  const browsing = new Browsing();
  const first = (bytes: string) => {
    seen(browsing, bytes);
    return browsing.first(100, 10);
  };
  assert.deepEqual(
    [
      "",
      "j",
      "\x1b[B",
      " ",
      "\x1b[6~",
      "k",
      "\x1b[5~b",
      "\x1b[A",
      "G",
      "j",
      "\x1b[H",
      "\x1bOF",
      "\x1b[1~",
      "\x1b[5~",
    ].map(first),
    [0, 1, 2, 12, 22, 21, 1, 0, 90, 90, 0, 90, 0, 0],
  );
  seen(browsing, "G");
  assert.equal(browsing.first(100, 10), 90);
  assert.equal(browsing.first(5, 10), 0);
});

test("? shows the keys until the next one; q and Ctrl-C end, but a typed q does not", () => {
  const browsing = new Browsing();
  seen(browsing, "?");
  assert.equal(browsing.isHelp, true);
  seen(browsing, "q");
  assert.equal(browsing.isHelp, false);
  for (const end of ["q", "Q", "\x03", "\x04"]) assert.ok(keysOf(end).some((key) => browsing.press(key)));
  seen(browsing, "/q");
  assert.ok(keysOf("\x03").some((key) => browsing.press(key)));
});
