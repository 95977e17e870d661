/** Times in requests and payloads: what every accepted text denotes, and what refused ones are told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { formatMs, formatSecond, isDigits, parseTime } from "../../src/core/time.ts";
import { openZone } from "../../src/core/zone.ts";
import { isoTime } from "../formats/reference.ts";

const utc = openZone("UTC");
const berlin = openZone("Europe/Berlin");
const HOUR = 3_600_000;

/** [start, end) as ISO texts, or the fault. */
function shown(input: string | number, zone = utc): string {
  const parsed = parseTime(input, zone);
  if ("fault" in parsed) return parsed.fault;
  return `${new Date(parsed.startMs).toISOString()} ${parsed.endMs - parsed.startMs}`;
}

test("a text denotes the interval of its precision", () => {
  assert.equal(shown("2020-01-13"), "2020-01-13T00:00:00.000Z 86400000");
  assert.equal(shown("2020-01-13 15:12"), "2020-01-13T15:12:00.000Z 60000");
  assert.equal(shown("2020-01-13T15:12"), "2020-01-13T15:12:00.000Z 60000");
  assert.equal(shown("2020-01-13 15:12:07"), "2020-01-13T15:12:07.000Z 1000");
  assert.equal(shown("2020-01-13 15:12:07.5"), "2020-01-13T15:12:07.500Z 100");
  assert.equal(shown("2020-01-13 15:12:07.123"), "2020-01-13T15:12:07.123Z 1");
  assert.equal(shown("2020-01-13 15:12:07,123"), "2020-01-13T15:12:07.123Z 1");
  assert.equal(shown("2020-01-13 15:12:07.123999999Z"), "2020-01-13T15:12:07.123Z 1");
  assert.equal(shown(1578928320000), "2020-01-13T15:12:00.000Z 1");
  assert.equal(shown("1578928320000"), "2020-01-13T15:12:00.000Z 1");
  assert.equal(shown(1578928320000.9), "2020-01-13T15:12:00.000Z 1");
  assert.equal(shown(-0), "1970-01-01T00:00:00.000Z 1");
});

test("a written offset is obeyed, whatever the zone", () => {
  for (const zone of [utc, berlin]) {
    for (const offset of ["Z", "z", "+00:00", "-00:00", "+0000", "+00"]) {
      assert.equal(shown(`2020-01-13T15:12:07${offset}`, zone), "2020-01-13T15:12:07.000Z 1000");
    }
    for (const offset of ["+02:00", "+0200", "+02"]) {
      assert.equal(shown(`2020-01-13 15:12${offset}`, zone), "2020-01-13T13:12:00.000Z 60000");
    }
    assert.equal(shown("2020-01-13T15:12-03:30", zone), "2020-01-13T18:42:00.000Z 60000");
  }
});

test("local days are 23 to 25 hours, and a time at a clock change spans both readings", () => {
  assert.equal(shown("2025-01-13", berlin), `2025-01-12T23:00:00.000Z ${24 * HOUR}`);
  assert.equal(shown("2025-03-30", berlin), `2025-03-29T23:00:00.000Z ${23 * HOUR}`);
  assert.equal(shown("2025-10-26", berlin), `2025-10-25T22:00:00.000Z ${25 * HOUR}`);
  // 02:30 comes twice: from the first to the end of the second.
  assert.equal(shown("2025-10-26 02:30", berlin), `2025-10-26T00:30:00.000Z ${HOUR + 60_000}`);
  // 02:30 never comes: shifted forward to 03:30.
  assert.equal(shown("2025-03-30 02:30", berlin), "2025-03-30T01:30:00.000Z 60000");
  // Midnight comes twice, both on Sunday: Saturday ends at the first.
  const havana = openZone("America/Havana");
  assert.equal(shown("2024-11-02", havana), `2024-11-02T04:00:00.000Z ${24 * HOUR}`);
  assert.equal(shown("2024-11-03", havana), `2024-11-03T04:00:00.000Z ${25 * HOUR}`);
  // At one past midnight back to 23:01: the end of Saturday comes again after Sunday's first minute.
  const stJohns = openZone("America/St_Johns");
  assert.equal(shown("2006-10-28", stJohns), `2006-10-28T02:30:00.000Z ${25 * HOUR}`);
  assert.equal(shown("2006-10-29 00:00", stJohns), `2006-10-29T02:30:00.000Z ${HOUR + 60_000}`);
  // No midnight: the day begins at one.
  assert.equal(shown("2018-11-04", openZone("America/Sao_Paulo")), `2018-11-04T03:00:00.000Z ${23 * HOUR}`);
});

test("dates are checked: months, days, leap years, hours, leap seconds", () => {
  for (const text of ["2024-02-29", "2000-02-29", "2025-04-30", "0001-01-01", "9999-12-31"]) {
    assert.match(shown(text), /Z 86400000$/, text);
  }
  const reasons: Record<string, RegExp> = {
    "2025-02-29": /no such day/,
    "1900-02-29": /no such day/,
    "2025-04-31": /no such day/,
    "2025-01-00": /no such day/,
    "2025-13-01": /month must be 01 to 12/,
    "2025-00-01": /month must be 01 to 12/,
    "2025-01-01 24:00": /hour must be 00 to 23/,
    "2025-01-01 12:60": /minute must be 00 to 59/,
    "2016-12-31 23:59:60Z": /leap second/,
    "2016-12-31 23:59:61": /second must be 00 to 59/,
    "2025-01-01 12:00+24:00": /offset must be/,
    "2025-01-01 12:00+2": /offset must be/,
    "2025-01-01 12:00+02:0": /offset must be/,
  };
  for (const [text, reason] of Object.entries(reasons)) {
    const parsed = parseTime(text, utc);
    assert.ok("fault" in parsed && parsed.fault === "unreadable", text);
    assert.match(parsed.reason, reason, text);
  }
});

test("what is no time is unreadable; seconds and far-off years are named", () => {
  const texts = [
    "",
    "yesterday",
    "2025",
    "2025-01",
    "20250101",
    "2025-1-1",
    "2025/01/01",
    "2025-01-01T",
    "2025-01-01 12",
  ];
  texts.push(
    "2025-01-01 12:00:00.",
    "2025-01-01 12:00 ",
    " 2025-01-01",
    "2025-01-01Z",
    "2025-01-01 12:00 Z",
    "+12025-01-01",
    "-001-01-01",
  );
  texts.push(
    "2025-01-01 1２:00",
    "2025-01-01t12:00",
    "-1578928320000",
    "12345678901234567",
    "1e12",
    "x".repeat(1000),
    `2025-01-01 12:00:00.${"1".repeat(60)}`,
  );
  for (const text of texts) assert.equal(shown(text), "unreadable", text);
  assert.equal(shown("1578928320"), "looks-like-seconds");
  for (const number of [1e9, 9_999_999_999, -1578928320, 1578928320.5])
    assert.equal(shown(number), "looks-like-seconds");
  for (const text of ["1578928320.5", "1578928320.000"]) assert.equal(shown(text), "looks-like-seconds");
  for (const number of [999_999_999, 1e10, -1e10]) assert.match(shown(number), / 1$/);
  for (const input of ["1578928320000000", 1578928320000000, 8.7e15, "9999999999999998", "1578928320000000.25"])
    assert.equal(shown(input), "looks-like-microseconds", String(input));
  for (const input of ["1578928320000000000", 1578928320000000000])
    assert.equal(shown(input), "looks-like-nanoseconds");
  const dates = ["202001131512", "20200113151200", "20200113151200123", 202001131512, 20200113151200, "219912312359"];
  for (const input of dates) assert.equal(shown(input), "looks-like-date", String(input));
  // Digits that spell no date of 1900 to 2199.
  for (const number of [202013131512, 202001321512, 202001132412, 202001131560, 220001010000, 946684800000])
    assert.match(shown(number), / 1$/, String(number));
  assert.equal(shown(Number.NaN), "unreadable");
  for (const input of [253_402_300_800_000, -62_135_596_800_001, 8.7e16, Number.POSITIVE_INFINITY]) {
    assert.equal(shown(input), "out-of-range", String(input));
  }
  for (const text of ["0000-12-31", "0001-01-01T00:00+01:00", "9999-12-31T23:59-00:01"])
    assert.equal(shown(text), "out-of-range");
});

test("every text means what the reference says, in any zone", () => {
  const random = new Random(3);
  const zones = [utc, berlin, openZone("Australia/Lord_Howe"), openZone("America/St_Johns")];
  const seconds = ["", ":00", ":59", ":60", ":7", ":07.1", ":07,1234", ":07."];
  const offsets = ["", "", "Z", "z", "+02:00", "-0330", "+14", "+1", "+24:00", " Z", "+02:60"];
  let readable = 0;
  for (let i = 0; i < 3000; i++) {
    const zone = random.pick(zones);
    const pad = (number: number, digits = 2): string => String(number).padStart(digits, "0");
    const date = `${pad(random.pick([1, 1899, 1970, 2000, 2011, 2024, 2025, 9999]), 4)}-${pad(random.integer(1, 13))}-${pad(random.integer(1, 31))}`;
    const clock = random.chance(0.2)
      ? ""
      : `${random.pick(["T", " "])}${pad(random.integer(0, 24))}:${pad(random.integer(0, 60))}${random.pick(seconds)}${random.pick(offsets)}`;
    const text = date + clock;
    const parsed = parseTime(text, zone);
    const expected = isoTime(text, zone.name);
    const inRange = expected !== null && expected >= -62_135_596_800_000 && expected <= 253_402_300_799_999;
    assert.equal("fault" in parsed ? null : parsed.startMs, inRange ? expected : null, `${text} in ${zone.name}`);
    if (inRange) readable++;
  }
  assert.ok(readable > 500, String(readable));
});

test("formats", () => {
  assert.equal(formatSecond(1578928320), "2020-01-13T15:12:00Z");
  assert.equal(formatMs(1578928320123), "2020-01-13T15:12:00.123Z");
  assert.equal(formatSecond(-62135596800), "0001-01-01T00:00:00Z");
  assert.deepEqual(["0", "12", "", "1x", "-1", "١"].map(isDigits), [true, true, false, false, false, false]);
});
