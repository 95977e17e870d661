/** Times in requests and payloads: what every accepted text denotes, and what refused ones are told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTime } from "../../src/core/asked-time.ts";
import { Random } from "../../src/core/random.ts";
import { formatMs, formatSecond, isDigits, TIME_READ, TimeReader } from "../../src/core/time.ts";
import { openZone } from "../../src/core/zone.ts";
import { parseIso } from "../oracle/local-time.ts";

const utc = openZone("UTC");
const berlin = openZone("Europe/Berlin");
const HOUR = 3_600_000;
/** A Wednesday. */
const NOW = Date.UTC(2020, 0, 15, 10, 20, 30, 456);

/** [start, end) as ISO texts, or the fault. */
function shown(input: string | number, zone = utc): string {
  const parsed = parseTime(input, zone, NOW);
  if ("fault" in parsed) return parsed.fault;
  return `${new Date(parsed.startMs).toISOString()} ${parsed.endMs - parsed.startMs}`;
}

test("a text denotes the interval of its precision", () => {
  assert.equal(shown("2020-01-13"), "2020-01-13T00:00:00.000Z 86400000");
  assert.equal(shown("2020"), `2020-01-01T00:00:00.000Z ${366 * 24 * HOUR}`);
  assert.equal(shown("2020-01"), `2020-01-01T00:00:00.000Z ${31 * 24 * HOUR}`);
  assert.equal(shown("2020-01-13T15"), `2020-01-13T15:00:00.000Z ${HOUR}`);
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
  // 02:30 never comes: a bound is the instant of the change, and nothing is in it.
  for (const text of ["2025-03-30 02:30", "2025-03-30 02:00:00", "2025-03-30 02:59:59.999", "2025-03-30T02"]) {
    assert.equal(shown(text, berlin), "2025-03-30T01:00:00.000Z 0", text);
  }
  assert.equal(shown("2011-12-30", openZone("Pacific/Apia")), "2011-12-30T10:00:00.000Z 0");
  // Midnight comes twice, both on Sunday: Saturday ends at the first.
  const havana = openZone("America/Havana");
  assert.equal(shown("2024-11-02", havana), `2024-11-02T04:00:00.000Z ${24 * HOUR}`);
  assert.equal(shown("2024-11-03", havana), `2024-11-03T04:00:00.000Z ${25 * HOUR}`);
  // At one past midnight back to 23:01: Saturday ends where Sunday starts, though its last 59 minutes come again.
  const stJohns = openZone("America/St_Johns");
  assert.equal(shown("2006-10-28", stJohns), `2006-10-28T02:30:00.000Z ${24 * HOUR}`);
  assert.equal(shown("2006-10-29 00:00", stJohns), `2006-10-29T02:30:00.000Z ${HOUR + 60_000}`);
  // No midnight: the day begins at one.
  assert.equal(shown("2018-11-04", openZone("America/Sao_Paulo")), `2018-11-04T03:00:00.000Z ${23 * HOUR}`);
});

test("weeks, ordinal days, the basic form, an hour 24, a leap second, UTC, a blank before the offset, lower case, a zone in brackets", () => {
  const texts: Record<string, string> = {
    "2020-W03": `2020-01-13T00:00:00.000Z ${7 * 24 * HOUR}`,
    "2020-W03-1": `2020-01-13T00:00:00.000Z ${24 * HOUR}`,
    "2020-W53-7": `2021-01-03T00:00:00.000Z ${24 * HOUR}`,
    "2020W031": `2020-01-13T00:00:00.000Z ${24 * HOUR}`,
    "2021-W01": `2021-01-04T00:00:00.000Z ${7 * 24 * HOUR}`,
    "2020-013": `2020-01-13T00:00:00.000Z ${24 * HOUR}`,
    "2020-366": `2020-12-31T00:00:00.000Z ${24 * HOUR}`,
    "20200113": `2020-01-13T00:00:00.000Z ${24 * HOUR}`,
    "20200113T151200Z": "2020-01-13T15:12:00.000Z 1000",
    "20200113T1512+0100": "2020-01-13T14:12:00.000Z 60000",
    "2020-W03-1T15:12:00.5": "2020-01-13T15:12:00.500Z 100",
    "2020-01-13 24:00": "2020-01-14T00:00:00.000Z 60000",
    "2020-12-31T24:00:00Z": "2021-01-01T00:00:00.000Z 1000",
    "20200113T24": `2020-01-14T00:00:00.000Z ${HOUR}`,
    "2016-12-31T23:59:60Z": "2017-01-01T00:00:00.000Z 1000",
    "20161231T235960,25Z": "2017-01-01T00:00:00.250Z 10",
    "2020-01-13t15:12:00z": "2020-01-13T15:12:00.000Z 1000",
    "2020-01-13 15:12:00 UTC": "2020-01-13T15:12:00.000Z 1000",
    "2020-01-13 15:12:00UTC": "2020-01-13T15:12:00.000Z 1000",
    "2020-01-13 15:12:00 +0100": "2020-01-13T14:12:00.000Z 1000",
    "2020-01-13 15:12 Z": "2020-01-13T15:12:00.000Z 60000",
    "2020-07-13T15:12:00[Europe/Berlin]": "2020-07-13T13:12:00.000Z 1000",
    "2020-07-13T15:12:00+02:00[Europe/Berlin]": "2020-07-13T13:12:00.000Z 1000",
    "2020-07-13T13:12:00Z[Europe/Berlin]": "2020-07-13T13:12:00.000Z 1000",
    "2020-07-13[Europe/Berlin]": `2020-07-12T22:00:00.000Z ${24 * HOUR}`,
    "1578928320s": "2020-01-13T15:12:00.000Z 1000",
    "1578928320.25s": "2020-01-13T15:12:00.250Z 10",
    "1578928320000ms": "2020-01-13T15:12:00.000Z 1",
    "0s": "1970-01-01T00:00:00.000Z 1000",
  };
  for (const [text, wanted] of Object.entries(texts)) assert.equal(shown(text), wanted, text);
  assert.equal(shown("2020-07-13 15:12", berlin), "2020-07-13T13:12:00.000Z 60000", "a zone in brackets does not stay");
  for (const number of [1578928320.5, 1578928320.499999, 1578928320.123]) {
    assert.equal(shown(number), `${new Date(Math.floor(number * 1000)).toISOString()} 1`);
  }
});

test("relative to now: what passes, the calendar, and rounding", () => {
  const texts: Record<string, string> = {
    now: "2020-01-15T10:20:30.456Z 1",
    "now-1h": "2020-01-15T09:20:30.456Z 1",
    "-24h": "2020-01-14T10:20:30.456Z 1",
    "+90s": "2020-01-15T10:22:00.456Z 1",
    "now-1d-30m": "2020-01-14T09:50:30.456Z 1",
    today: `2020-01-15T00:00:00.000Z ${24 * HOUR}`,
    "now/d": `2020-01-15T00:00:00.000Z ${24 * HOUR}`,
    yesterday: `2020-01-14T00:00:00.000Z ${24 * HOUR}`,
    "yesterday-1w": `2020-01-07T00:00:00.000Z ${24 * HOUR}`,
    "now/h": `2020-01-15T10:00:00.000Z ${HOUR}`,
    "now-1m/m": "2020-01-15T10:19:00.000Z 60000",
    "now/w": `2020-01-13T00:00:00.000Z ${7 * 24 * HOUR}`,
    "now-1M/M": `2019-12-01T00:00:00.000Z ${31 * 24 * HOUR}`,
    "now/y": `2020-01-01T00:00:00.000Z ${366 * 24 * HOUR}`,
    "now/d+8h": `2020-01-15T08:00:00.000Z ${24 * HOUR}`,
    "now-2y": "2018-01-15T10:20:30.456Z 1",
  };
  for (const [text, wanted] of Object.entries(texts)) assert.equal(shown(text), wanted, text);
  assert.equal(shown("today", openZone("Pacific/Auckland")), `2020-01-14T11:00:00.000Z ${24 * HOUR}`);
  const at = (text: string, now: number, zone = berlin) => {
    const parsed = parseTime(text, zone, now);
    return "fault" in parsed ? parsed.reason : new Date(parsed.startMs).toISOString();
  };
  const sunday = Date.UTC(2025, 2, 30, 10); // noon of the day that has 23 hours
  assert.equal(at("now-1d", sunday), "2025-03-29T11:00:00.000Z", "noon, too");
  assert.equal(at("now-24h", sunday), "2025-03-29T10:00:00.000Z");
  assert.equal(at("now-1M", Date.UTC(2025, 2, 31, 10)), "2025-02-28T11:00:00.000Z", "the last of February");
  assert.equal(at("now-1y", Date.UTC(2024, 1, 29, 10), utc), "2023-02-28T10:00:00.000Z");
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
    "2025-01-01 24:01": /hour must be 00 to 23/,
    "2025-01-01 25": /hour must be 00 to 23/,
    "2025-W53": /no such week/,
    "2025-366": /no such day/,
    "20250229": /no such day/,
    "2025-01-01 12:00[Mars/Phobos]": /zone in brackets must be/,
    "2025-01-01 12:00+02:00[Europe/Berlin]": /offset is not that of the zone/,
    "now-1x": /units are/,
    "now 1h": /a \+ in an address is written %2B/,
    "now-1d/d 8h": /a \+ in an address is written %2B/,
    "2025-01-01T12:00:00 01:00": /a \+ in an address is written %2B/,
    "now/q": /units are/,
    "now-9999999y": /out of reach/,
    "2025-01-01 12:60": /minute must be 00 to 59/,
    "2016-12-31 23:59:61": /second must be 00 to 59/,
    "2025-01-01 12:00+24:00": /offset must be/,
    "2025-01-01 12:00+2": /offset must be/,
    "2025-01-01 12:00+02:0": /offset must be/,
  };
  for (const [text, reason] of Object.entries(reasons)) {
    const parsed = parseTime(text, utc, NOW);
    assert.ok("fault" in parsed && parsed.fault === "unreadable", text);
    assert.match(parsed.reason, reason, text);
  }
});

test("what is no time is unreadable; seconds and far-off years are named", () => {
  const texts = [
    "",
    "tomorrow",
    "now - 1h",
    "now1h",
    "1h",
    "/d",
    "202501",
    "2025001",
    "2025-1-1",
    "2025/01/01",
    "2025-01-01T",
    "2025-01-01 1",
    "2025-01 12:00",
    "2025-W03 12:00",
  ];
  texts.push(
    "2025-01-01 12:00:00.",
    "2025-01-01 12:00 ",
    " 2025-01-01",
    "2025-01-01Z",
    "2025-01-01 12:00  Z",
    "2025-01-01 12:00 GMT",
    "2025-01-01 12:00[UTC",
    "[UTC]",
    "2025-01-01 12:00[UTC][UTC]",
    "+12025-01-01",
    "-001-01-01",
  );
  texts.push(
    "2025-01-01 1２:00",
    "-1578928320000",
    "12345678901234567",
    "1e12",
    "x".repeat(1000),
    `2025-01-01 12:00:00.${"1".repeat(60)}`,
  );
  for (const text of texts) assert.equal(shown(text), "unreadable", text);
  assert.equal(shown("1578928320"), "looks-like-seconds");
  for (const number of [1e9, 9_999_999_999, -1578928320, -1578928320.5])
    assert.equal(shown(number), "looks-like-seconds");
  for (const text of ["1578928320.5", "1578928320.000"]) assert.equal(shown(text), "looks-like-seconds");
  for (const number of [1900, 2020, 2199, 190001, 202012, 219912, 19000101, 20200113, 21991231])
    assert.equal(shown(number), "looks-like-date", String(number));
  for (const number of [
    0, 1, -2020, -20200113, 1899, 2200, 2020.5, 202000, 202013, 20200013, 20200132, 22000101, 1020200113,
  ])
    assert.equal(
      shown(number),
      number === 1020200113 ? "looks-like-seconds" : `${new Date(Math.floor(number)).toISOString()} 1`,
    );
  assert.match(shown("2020"), /^2020-01-01/);
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
  const pad = (number: number, digits = 2): string => String(number).padStart(digits, "0");
  const year = () => pad(random.pick([1, 1899, 1970, 2000, 2011, 2020, 2024, 2025, 9999]), 4);
  const dates = [
    () => `${year()}-${pad(random.integer(1, 13))}-${pad(random.integer(1, 31))}`,
    () => `${year()}${pad(random.integer(1, 13))}${pad(random.integer(1, 31))}`,
    () => `${year()}-${pad(random.integer(0, 370), 3)}`,
    () => `${year()}-W${pad(random.integer(0, 54))}-${random.integer(0, 8)}`,
    () => `${year()}W${pad(random.integer(1, 53))}${random.pick(["", "3"])}`,
    () => `${year()}-${pad(random.integer(0, 13))}`,
  ];
  const seconds = ["", ":00", ":59", ":60", ":61", ":7", ":07.1", ":07,1234", ":07.", "00", "60.5"];
  const offsets = [
    "",
    "",
    "Z",
    "z",
    "+02:00",
    "-0330",
    "+14",
    "+1",
    "+24:00",
    " Z",
    "+02:60",
    " UTC",
    " +01:00",
    "[Europe/Berlin]",
  ];
  offsets.push("+01:00[Europe/Berlin]", "Z[Asia/Tokyo]", "[Mars/Phobos]", "UTC");
  const digits = () => String(random.integer(0, 10 ** random.integer(1, 13)));
  const epochs = [() => `${digits()}s`, () => `${digits()}.${random.integer(0, 99_999)}s`, () => `${digits()}ms`];
  let readable = 0;
  for (let i = 0; i < 6000; i++) {
    const zone = random.pick(zones);
    const date = random.chance(0.5) ? dates[0]() : random.pick(dates)();
    const colon = random.chance(0.8) ? ":" : "";
    const minute = random.chance(0.9) ? `${colon}${pad(random.integer(0, 60))}${random.pick(seconds)}` : "";
    const clock = `${random.pick(["T", " ", "t"])}${pad(random.integer(0, 24))}${minute}${random.pick(offsets)}`;
    const text = random.chance(0.1) ? random.pick(epochs)() : random.chance(0.2) ? date : date + clock;
    if (isDigits(text)) continue; // a number in a payload
    const bytes = Buffer.from(text);
    const reader = new TimeReader(zone);
    const read = reader.read(bytes, 0, bytes.length) === TIME_READ;
    const expected = parseIso(text, zone.name);
    const inRange = expected !== null && expected >= -62_135_596_800_000 && expected <= 253_402_300_799_999;
    assert.equal(read ? reader.startMs : null, inRange ? expected : null, `${text} in ${zone.name}`);
    if (inRange) readable++;
  }
  assert.ok(readable > 1500, String(readable));
});

test("formats", () => {
  assert.equal(formatSecond(1578928320), "2020-01-13T15:12:00Z");
  assert.equal(formatMs(1578928320123), "2020-01-13T15:12:00.123Z");
  assert.equal(formatSecond(-62135596800), "0001-01-01T00:00:00Z");
  assert.deepEqual(["0", "12", "", "1x", "-1", "١"].map(isDigits), [true, true, false, false, false, false]);
});
