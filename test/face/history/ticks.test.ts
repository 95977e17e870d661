/** The time axis in the server's zone: ticks stand at moments that the wall clock has names for, whatever the clocks do. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Zone } from "../../../src/core/zone.ts";
import { fieldText, spanText, ticksOf } from "../../../src/face/history/ticks.ts";

const berlin = new Zone("Europe/Berlin");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Ticks of a span that begins at a moment; a line break is " / ". */
function shown(from: string, lengthMs: number, count: number, zone = berlin): string[] {
  const start = Date.parse(from);
  return ticksOf({ start, end: start + lengthMs }, count, zone).labels.map((label) => label.replace("\n", " / "));
}

describe("ticks of a time axis", () => {
  test("say the date where it changes", () => {
    assert.deepEqual(shown("2020-01-13T22:30:00Z", 2 * HOUR, 5), [
      "23:30 / 13 Jan 2020",
      "00:00 / 14 Jan 2020",
      "00:30",
      "01:00",
      "01:30",
    ]);
    assert.deepEqual(shown("2020-01-13T15:12:01Z", 10_000, 4), ["16:12:05 / 13 Jan 2020", "16:12:10"]);
  });

  test("are of every unit from seconds to decades", () => {
    const start = "2010-01-13T15:12:00Z";
    assert.deepEqual(shown(start, 4 * DAY, 5), ["Thu 14 / Jan 2010", "Fri 15", "Sat 16", "Sun 17"]);
    assert.deepEqual(shown(start, 28 * DAY, 5), ["18 Jan / 2010", "25 Jan", "1 Feb", "8 Feb"]);
    assert.deepEqual(shown(start, 365 * DAY, 5), ["Apr / 2010", "Jul", "Oct", "Jan / 2011"]);
    assert.deepEqual(shown(start, 3653 * DAY, 6), ["2012", "2014", "2016", "2018", "2020"]);
  });

  test("an hour that comes twice is there twice, and says the offset", () => {
    assert.deepEqual(shown("2020-10-24T23:00:00Z", 4 * HOUR, 6), [
      "01:00 / 25 Oct 2020",
      "02:00",
      "02:00 / +01:00",
      "03:00",
      "04:00",
    ]);
  });

  test("days begin at local midnight on both sides of a clock change", () => {
    const { at } = ticksOf(
      { start: Date.parse("2020-03-27T12:00:00Z"), end: Date.parse("2020-03-31T12:00:00Z") },
      5,
      berlin,
    );
    assert.deepEqual(
      at.map((ms) => new Date(ms).toISOString().slice(8, 16)),
      ["27T23:00", "28T23:00", "29T22:00", "30T22:00"].map((text) => text),
    );
  });

  test("a tick on either end of the span is shown, and there are never more than asked for", () => {
    assert.deepEqual(shown("2020-01-13T15:00:00Z", HOUR, 5), [
      "16:00 / 13 Jan 2020",
      "16:15",
      "16:30",
      "16:45",
      "17:00",
    ]);
    for (let length = 10_000, start = Date.UTC(2001, 1, 3); length < 4e11; length *= 1.7) {
      for (const count of [2, 4, 9]) {
        const { at, labels } = ticksOf({ start, end: start + length }, count, berlin);
        assert.ok(at.length <= count + 1 && at.length === labels.length, `${length} ms: ${at.length} of ${count}`);
        assert.ok(at.every((ms) => ms >= start && ms <= start + length));
      }
    }
  });

  test("a zone that a POSIX text describes has them, too", () => {
    const zone = new Zone("CET-1CEST,M3.5.0,M10.5.0/3");
    assert.deepEqual(shown("2020-07-13T22:00:00Z", 2 * HOUR, 3, zone), ["00:00 / 14 Jul 2020", "01:00", "02:00"]);
  });
});

describe("exact times", () => {
  const span = (from: string, to: string) => spanText({ start: Date.parse(from), end: Date.parse(to) }, berlin);

  test("of a bucket name the zone's offset, and both where it changes", () => {
    assert.equal(span("2020-01-13T14:12:00Z", "2020-01-13T14:14:00Z"), "Mon 2020-01-13 15:12:00 – 15:14:00 +01:00");
    assert.equal(
      span("2020-03-28T23:00:00Z", "2020-03-29T22:00:00Z"),
      "Sun 2020-03-29 00:00:00 +01:00 – Mon 2020-03-30 00:00:00 +02:00",
    );
  });

  test("in a field have an offset where the wall clock shows them twice", () => {
    const field = (text: string) => fieldText(Date.parse(text), berlin);
    assert.equal(field("2020-01-13T14:12:00Z"), "2020-01-13 15:12:00");
    assert.equal(field("2020-10-25T00:30:00Z"), "2020-10-25 02:30:00+02:00");
    assert.equal(field("2020-10-25T01:30:00Z"), "2020-10-25 02:30:00+01:00");
  });
});
