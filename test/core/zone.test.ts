/** Zones against Intl asked directly (test/oracle/local-time.ts): offsets anywhere, and wall times around every kind of clock change. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { parseTime } from "../../src/core/asked-time.ts";
import { Random } from "../../src/core/random.ts";
import { findZone, machineZone, openZone, type Zone } from "../../src/core/zone.ts";
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
        checkWall(after + zone.offsetAt(before) + minutes * 60_000, after);
      return 1;
    }
    function checkWall(localMs: number, change: number): void {
      const instants = instantsOf(localMs, name);
      const gap = localMs - zone.offsetAt(localMs - 86_400_000);
      const where = `${name} wall ${new Date(localMs).toISOString()}`;
      assert.equal(zone.earlier(localMs), instants[0] ?? gap, where);
      assert.equal(zone.start(localMs), instants[0] ?? change, where);
      const last = instantsOf(localMs - 1, name).at(-1);
      assert.equal(zone.end(localMs), last === undefined ? change : last + 1, where);
    }
  }
  assert.ok(changes > 80, `${changes} changes`);
});

test("a wall time that comes twice, one that never comes, and a day that never came", () => {
  const berlin = openZone("Europe/Berlin");
  const twice = Date.UTC(2025, 9, 26, 2, 30);
  assert.equal(berlin.earlier(twice), Date.UTC(2025, 9, 26, 0, 30));
  assert.equal(berlin.start(twice), Date.UTC(2025, 9, 26, 0, 30));
  assert.equal(berlin.end(twice), Date.UTC(2025, 9, 26, 1, 30));
  const never = Date.UTC(2025, 2, 30, 2, 30);
  assert.equal(berlin.earlier(never), Date.UTC(2025, 2, 30, 1, 30)); // 03:30
  for (const minutes of [0, 1, 30, 59, 60]) {
    const local = Date.UTC(2025, 2, 30, 2, minutes);
    assert.deepEqual([berlin.start(local), berlin.end(local)], [Date.UTC(2025, 2, 30, 1), Date.UTC(2025, 2, 30, 1)]);
  }
  const apia = openZone("Pacific/Apia");
  assert.equal(apia.earlier(Date.UTC(2011, 11, 30, 12)), Date.UTC(2011, 11, 30, 22)); // noon of the 31st
  for (const hour of [0, 12, 24]) {
    const local = Date.UTC(2011, 11, 30, hour);
    assert.deepEqual([apia.start(local), apia.end(local)], [Date.UTC(2011, 11, 30, 10), Date.UTC(2011, 11, 30, 10)]);
  }
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
  const script = 'import { machineZone } from "./src/core/zone.ts"; console.log(machineZone(process.env["TZ"]));';
  const run = (zone: string) =>
    spawnSync(process.execPath, ["--input-type=module-typescript", "-e", script], {
      cwd: new URL("../../", import.meta.url),
      env: { ...process.env, TZ: zone },
      encoding: "utf8",
    });
  assert.equal(run("Asia/Tokyo").stdout, "Asia/Tokyo\n");
  assert.match(run("Mars/Phobos").stderr, /Cannot use the time zone of this machine/);
});

test("TZ as POSIX has it is understood, or refused: never read as UTC or with its sign turned", () => {
  const named: Record<string, string> = {
    "Asia/Tokyo": "Asia/Tokyo",
    ":Europe/Berlin": "Europe/Berlin",
    "/usr/share/zoneinfo/Europe/Berlin": "Europe/Berlin",
    "posix/Europe/Berlin": "Europe/Berlin",
    "JST-9": "+09:00",
    "GMT-2": "+02:00",
    "GMT+5": "-05:00",
    "<+0330>-3:30": "+03:30",
    "<-03>3": "-03:00",
    UTC0: "UTC",
    "Etc/GMT-2": "Etc/GMT-2",
    "CET-1CEST,M3.5.0,M10.5.0/3": "CET-1CEST,M3.5.0,M10.5.0/3",
  };
  for (const [variable, name] of Object.entries(named)) {
    assert.equal(machineZone(variable), name);
    assert.equal(openZone(name).name, name);
  }
  for (const variable of [
    "",
    "CET-1CEST",
    "Mars/Phobos",
    "GMT-25",
    "JST-9:00:30",
    "CET-1CEST,M13.5.0,M10.5.0",
    "EST5EDT4,J0,J1",
  ]) {
    assert.throws(() => machineZone(variable), {
      code: "config-invalid",
      message: /expected an IANA name.*--timezone$/,
    });
  }
  // Elsewhere the sign of "GMT-2" could be meant either way.
  assert.throws(() => openZone("GMT-2"), { code: "config-invalid" });
});

test("POSIX rules change when the zones change that they describe", () => {
  const rules: Record<string, string> = {
    "CET-1CEST,M3.5.0,M10.5.0/3": "Europe/Berlin",
    "EST5EDT,M3.2.0,M11.1.0": "America/New_York",
    "NZST-12NZDT,M9.5.0,M4.1.0/3": "Pacific/Auckland",
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0": "Australia/Lord_Howe",
    "<-02>2<-01>,M3.5.0/-1,M10.5.0/0": "America/Nuuk",
    "IST-2IDT,M3.4.4/26,M10.5.0": "Asia/Jerusalem",
  };
  for (const [rule, name] of Object.entries(rules)) {
    const [ours, theirs] = [openZone(rule), openZone(name)];
    for (let hour = Date.UTC(2024, 0, 1); hour < Date.UTC(2027, 0, 1); hour += 3_600_000) {
      assert.equal(ours.offsetAt(hour), theirs.offsetAt(hour), `${rule} at ${new Date(hour).toISOString()}`);
    }
  }
  const julian = openZone("AAA0BBB,J60/0,300/0"); // the 1st of March of any year, to the 301st day of the year
  assert.equal(julian.offsetAt(Date.UTC(2024, 2, 1)), 3_600_000);
  assert.equal(julian.offsetAt(Date.UTC(2024, 1, 29, 23, 59)), 0);
  assert.equal(julian.offsetAt(Date.UTC(2025, 2, 1)), 3_600_000);
  assert.equal(julian.offsetAt(Date.UTC(2025, 0, 301) - 3_600_000), 0);
});

test("zones by name, as many as are asked for", () => {
  assert.equal(findZone("europe/berlin")?.name, "Europe/Berlin");
  assert.equal(findZone("Mars/Phobos"), null);
  const offsets = Array.from(
    { length: 200 },
    (_, i) => `+${String(Math.floor(i / 60)).padStart(2, "0")}:${String(i % 60).padStart(2, "0")}`,
  );
  for (const name of [...offsets, ...offsets])
    assert.equal(findZone(name)?.offsetAt(0), offsets.indexOf(name) * 60_000);
});

/** The instants at which a zone's offset changes from 1970 to 2037. */
function changesOf(zone: Zone): number[] {
  const changes: number[] = [];
  const DAY = 86_400_000;
  for (let at = Date.UTC(1970, 0, 1); at < Date.UTC(2038, 0, 1); at += DAY) {
    if (zone.offsetAt(at) === zone.offsetAt(at + DAY)) continue;
    let [low, high] = [at, at + DAY];
    while (high - low > 1000) {
      const middle = Math.floor((low + high) / 2000) * 1000;
      if (zone.offsetAt(middle) === zone.offsetAt(at)) low = middle;
      else high = middle;
    }
    changes.push(high);
  }
  return changes;
}

test("hours and days add up to the whole, at each change since 1970 of every third zone and of the odd ones", () => {
  const HOUR = 3_600_000;
  const text = (localMs: number, length: number) => new Date(localMs).toISOString().slice(0, length);
  let changes = 0;
  const third = Intl.supportedValuesOf("timeZone").filter((_, i) => i % 3 === 0);
  for (const name of new Set([...ZONES, ...third])) {
    const zone = openZone(name);
    for (const change of changesOf(zone)) {
      changes++;
      const day = Math.floor((change + zone.offsetAt(change)) / 86_400_000) * 86_400_000 - 86_400_000;
      for (const [step, length, count] of [
        [HOUR, 13, 96],
        [24 * HOUR, 10, 4],
      ] as const) {
        let endMs = Number.NaN;
        for (let i = 0; i < count; i++) {
          const written = text(day + i * step, length);
          const unit = parseTime(written, zone, 0);
          const where = `${name} ${written}`;
          if ("fault" in unit) assert.fail(where);
          if (i > 0) assert.equal(unit.startMs, endMs, where);
          assert.ok(unit.endMs >= unit.startMs, where);
          if (Math.abs(unit.startMs - change) <= 2 * HOUR) {
            assert.equal(unit.startMs, instantsOf(day + i * step, name)[0] ?? change, where);
          }
          endMs = unit.endMs;
        }
      }
    }
  }
  assert.ok(changes > 5000, `${changes} changes`);
});
