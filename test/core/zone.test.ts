/** Zones against Intl asked directly (test/oracle/local-time.ts): offsets anywhere, and wall times around every kind of clock change. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { openZone } from "../../src/core/zone.ts";
import { instantsOf, wallClock } from "../oracle/local-time.ts";

const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/St_Johns", // changed at one minute past midnight until 2011
  "America/Havana", // goes back at one o'clock to midnight
  "America/Sao_Paulo", // midnight did not exist, or the day before ended twice
  "Australia/Lord_Howe", // half an hour
  "Africa/Casablanca", // four changes a year
  "Africa/Freetown", // changes four days apart
  "Antarctica/Troll", // two hours
  "Asia/Kathmandu",
  "Asia/Manila", // a day lost in 1844; local mean time with seconds before 1899
  "Pacific/Apia", // a day lost in 2011
  "+05:30",
];

const YEAR_MS = 31_556_952_000;

test("offsets are those of Intl, from the year 1 to 9999, in any order", () => {
  const random = new Random(1);
  for (const name of ZONES) {
    const zone = openZone(name);
    for (let i = 0; i < 300; i++) {
      const year = random.chance(0.8) ? random.next() * 120 - 70 : random.next() * 9990 - 1965;
      const utcMs = Math.floor(year * YEAR_MS);
      assert.equal(zone.offsetAt(utcMs), wallClock(utcMs, name) - utcMs, `${name} at ${new Date(utcMs).toISOString()}`);
    }
  }
});

test("at every change the last and the first millisecond have their own offset", () => {
  let changes = 0;
  for (const name of ZONES) {
    const zone = openZone(name);
    for (let hour = Date.UTC(1939, 0, 1); hour < Date.UTC(1940, 0, 1); hour += 3_600_000) changes += check(hour);
    for (let hour = Date.UTC(2006, 0, 1); hour < Date.UTC(2012, 0, 1); hour += 3_600_000) changes += check(hour);
    function check(hour: number): number {
      if (zone.offsetAt(hour) === zone.offsetAt(hour + 3_600_000)) return 0;
      let before = hour;
      let after = hour + 3_600_000;
      while (after - before > 1) {
        const middle = Math.floor((before + after) / 2);
        if (zone.offsetAt(middle) === zone.offsetAt(hour)) before = middle;
        else after = middle;
      }
      assert.equal(zone.offsetAt(before), wallClock(before, name) - before, `${name} before ${after}`);
      assert.equal(zone.offsetAt(after), wallClock(after, name) - after, `${name} at ${after}`);
      for (let minutes = -150; minutes <= 150; minutes += 7.5)
        checkWall(after + zone.offsetAt(before) + minutes * 60_000);
      return 1;
    }
    function checkWall(localMs: number): void {
      const instants = instantsOf(localMs, name);
      const gap = localMs - zone.offsetAt(localMs - 86_400_000);
      const where = `${name} wall ${new Date(localMs).toISOString()}`;
      assert.equal(zone.earlier(localMs), instants[0] ?? gap, where);
      assert.equal(zone.later(localMs), instants.at(-1) ?? gap, where);
    }
  }
  assert.ok(changes > 80, `${changes} changes`);
});

test("a wall time that comes twice, one that never comes, and a day that never came", () => {
  const berlin = openZone("Europe/Berlin");
  const twice = Date.UTC(2025, 9, 26, 2, 30);
  assert.equal(berlin.earlier(twice), Date.UTC(2025, 9, 26, 0, 30));
  assert.equal(berlin.later(twice), Date.UTC(2025, 9, 26, 1, 30));
  const never = Date.UTC(2025, 2, 30, 2, 30);
  assert.equal(berlin.earlier(never), Date.UTC(2025, 2, 30, 1, 30)); // 03:30
  assert.equal(berlin.later(never), Date.UTC(2025, 2, 30, 1, 30));
  const apia = openZone("Pacific/Apia");
  assert.equal(apia.earlier(Date.UTC(2011, 11, 30, 12)), Date.UTC(2011, 11, 30, 22)); // noon of the 31st
});

test("more stretches than are kept still answer right", () => {
  const zone = openZone("America/New_York");
  const summer = (year: number): number => zone.offsetAt(Date.UTC(year, 6, 1));
  for (let year = 1990; year < 2200; year++) assert.equal(summer(year), -4 * 3_600_000);
  assert.equal(summer(1990), -4 * 3_600_000);
  assert.equal(zone.offsetAt(Date.UTC(1990, 0, 1)), -5 * 3_600_000);
});

test("names are canonical; what is no zone is config-invalid", () => {
  assert.equal(openZone("europe/berlin").name, "Europe/Berlin");
  assert.equal(openZone("Etc/UTC").name, "UTC");
  assert.equal(openZone("UTC").offsetAt(0), 0);
  for (const name of ["Mars/Phobos", "", "+25:00", "Etc/Unknown"]) {
    assert.throws(() => openZone(name), {
      name: "TidemarkError",
      code: "config-invalid",
      message: /^Cannot use time zone/,
    });
  }
});

test("the machine's zone is used, and an unknown one is refused instead of going on in UTC", () => {
  const script = 'import { openZone } from "./src/core/zone.ts"; console.log(openZone(undefined).name);';
  const run = (zone: string) =>
    spawnSync(process.execPath, ["--input-type=module-typescript", "-e", script], {
      cwd: new URL("../../", import.meta.url),
      env: { ...process.env, TZ: zone },
      encoding: "utf8",
    });
  assert.equal(run("Asia/Tokyo").stdout, "Asia/Tokyo\n");
  assert.match(run("Mars/Phobos").stderr, /Cannot use the time zone of this machine/);
});
