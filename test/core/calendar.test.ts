/** Buckets of calendars, against what Intl says of each edge. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { edgesOf, parseStep, type Step, stepFor, stepText } from "../../src/core/calendar.ts";
import { Random } from "../../src/core/random.ts";
import { Zone } from "../../src/core/zone.ts";

const DAY = 86_400;
const at = (text: string): number => Date.parse(text) / 1000;

const step = (text: string): Step => {
  const parsed = parseStep(text);
  assert.ok(parsed !== null, text);
  assert.equal(stepText(parsed), text);
  return parsed;
};

/** Wall time of an edge, as Intl has it. */
function wall(second: number, zone: Zone): { date: string; time: string; weekday: string } {
  const parts = new Intl.DateTimeFormat("en-CA", {
    ...{ timeZone: zone.name, year: "numeric", month: "2-digit", day: "2-digit", weekday: "short" },
    ...{ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  }).formatToParts(second * 1000);
  const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? "";
  return {
    date: `${of("year")}-${of("month")}-${of("day")}`,
    time: `${of("hour")}:${of("minute")}:${of("second")}`,
    weekday: of("weekday"),
  };
}

const ZONES = ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe"];

test("days, weeks, months and years begin at local midnight, whatever clocks do", () => {
  for (const name of ZONES) {
    const zone = new Zone(name);
    const window = { start: at("2011-11-20T07:11:13Z"), end: at("2013-03-05T01:00:00Z") };
    const whole = { "1d": "", "2d": "", "1w": "", "1mo": "-01", "3mo": "-01", "1y": "-01-01" };
    for (const [text, ending] of Object.entries(whole)) {
      const edges = edgesOf(window, step(text), zone, 1000) ?? [];
      assert.deepEqual([edges[0], edges.at(-1)], [window.start, window.end]);
      for (const [i, edge] of edges.entries()) if (i > 0) assert.ok(edge > edges[i - 1], `${name} ${text}`);
      for (const edge of edges.slice(1, -1)) {
        const { date, time, weekday } = wall(edge, zone);
        // Where midnight is left out the day begins with the change.
        assert.ok(
          time === "00:00:00" || (name === "America/Sao_Paulo" && time === "01:00:00"),
          `${name} ${text} ${date} ${time}`,
        );
        assert.ok(date.endsWith(ending), `${name} ${text} ${date}`);
        if (text === "1w") assert.equal(weekday, "Mon");
      }
    }
    const days = edgesOf(window, step("1d"), zone, 1000) ?? [];
    const dates = new Set(days.slice(1, -1).map((edge) => wall(edge, zone).date));
    assert.equal(dates.size, days.length - 2, "each date once");
    assert.equal(dates.has("2011-12-30"), name !== "Pacific/Apia", "the day that Samoa left out");
  }
});

test("a day has 23 or 25 hours where clocks change; longer steps follow the wall clock", () => {
  const berlin = new Zone("Europe/Berlin");
  const spring = { start: at("2024-03-30T23:00:00Z"), end: at("2024-03-31T22:00:00Z") };
  const autumn = { start: at("2024-10-26T22:00:00Z"), end: at("2024-10-27T23:00:00Z") };
  assert.equal(edgesOf(spring, step("1h"), berlin, 100)?.length, 24);
  assert.equal(edgesOf(autumn, step("1h"), berlin, 100)?.length, 26);
  for (const window of [spring, autumn]) {
    const times = (edgesOf(window, step("6h"), berlin, 100) ?? []).map((edge) => wall(edge, berlin).time);
    assert.deepEqual(times, ["00:00:00", "06:00:00", "12:00:00", "18:00:00", "00:00:00"]);
  }
  const howe = new Zone("Australia/Lord_Howe");
  const halfHour = { start: at("2024-10-05T13:30:00Z"), end: at("2024-10-06T13:00:00Z") };
  const widths = (edgesOf(halfHour, step("1h"), howe, 100) ?? []).map((edge, i, all) => edge - (all[i - 1] ?? edge));
  assert.equal(
    widths.slice(1, -1).every((width) => width === 3600),
    true,
  );
  assert.equal(widths.at(-1), 1800);
});

test("edges begin and end with the window, and are the same whatever window asks", () => {
  const random = new Random(3);
  for (let i = 0; i < 400; i++) {
    const zone = new Zone(random.pick(ZONES));
    const text = random.pick(["10s", "7s", "15m", "45m", "1h", "3h", "12h", "24h", "1d", "3d", "2w", "1mo", "1y"]);
    const start = at("2009-01-01T00:00:00Z") + random.integer(0, 2000 * DAY);
    const width = random.integer(1, text.endsWith("s") ? 3 * 3600 : text.endsWith("m") ? 3 * DAY : 400 * DAY);
    const window = { start, end: start + width };
    const edges = edgesOf(window, step(text), zone, 100_000) ?? [];
    const cut = { start: start + random.integer(0, width - 1), end: start + width };
    const inside = edges.filter((edge) => edge > cut.start);
    assert.deepEqual((edgesOf(cut, step(text), zone, 100_000) ?? []).slice(1), inside, `${zone.name} ${text} ${start}`);
  }
});

test("the server chooses the finest step that fits", () => {
  const utc = new Zone("UTC");
  for (const [seconds, points, wanted] of [
    [60, 500, "1s"],
    [3600, 500, "10s"],
    [DAY, 500, "5m"],
    [DAY, 24, "1h"],
    [3652 * DAY, 500, "1w"],
    [3652 * DAY, 600, "1w"],
    [3652 * DAY, 1, "50y"],
  ] as const) {
    const window = { start: at("2015-01-01T00:00:00Z"), end: at("2015-01-01T00:00:00Z") + seconds };
    const found = stepFor(window, points, utc);
    assert.ok((edgesOf(window, found, utc, points) ?? []).length > 1, `${seconds} s in ${points}`);
    if (seconds < 3000 * DAY) assert.equal(stepText(found), wanted);
  }
});

test("a step is a whole number and a unit", () => {
  for (const text of ["", "0s", "-1s", "1.5h", "h", "1 fortnight", "1M", "101y", "99999999999s", "1e3s"]) {
    assert.equal(parseStep(text), null, text);
  }
  assert.deepEqual(parseStep(" 15 m "), { count: 15, unit: "m" });
});
