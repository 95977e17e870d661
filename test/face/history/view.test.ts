/** The state of the page and its address are the same thing; zooming and panning stay where readings can be. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { shortNumbers } from "../../../src/face/history/short.ts";
import { panned, pinched, SPAN_MS_MIN, type Span, wholeSeconds, zoomed } from "../../../src/face/history/span.ts";
import { FIRST_RANGE, moves, type Range, readView, type View, writeView } from "../../../src/face/history/view.ts";

const NOW = Date.UTC(2020, 0, 13, 12);
const YEAR = 365.25 * 86_400_000;

function addressOf(view: View): URLSearchParams {
  const written = new URLSearchParams();
  for (const [name, value] of Object.entries(writeView(view))) {
    for (const one of value === null ? [] : [value].flat()) written.append(name, one);
  }
  return written;
}

describe("the address of a view", () => {
  for (const address of [
    "",
    "sensor=temperature&sensor=hall.humidity",
    "sensor=a&from=today",
    "sensor=a&from=-24h&percentiles=p50,p99.9&y=zero&shift=1d",
    "sensor=a&from=",
    "from=2020-01-13T15:12:00Z&toExclusive=2020-01-13T15:13:00Z&home=-24h..",
    "from=2020-01&to=2020-02&home=yesterday..yesterday&y=-10..40,950..1050.5",
    "from=0&toExclusive=10&home=0..<100",
    "selection=2020-01-13T15:12:00Z..2020-01-13T15:13:00Z&asked=count,p99",
    "sensor=k%C3%BCche",
  ]) {
    test(`is read and written alike: ${address}`, () => {
      assert.equal(
        decodeURIComponent(addressOf(readView(new URLSearchParams(address))).toString()),
        decodeURIComponent(address),
      );
    });
  }

  test("what cannot be meant is as on a first visit", () => {
    const view = readView(
      new URLSearchParams("y=40..10&selection=x..y&sensor=a,b,c,d,e,f,g,h,i&percentiles=p1,p2,p3,p4,p5"),
    );
    assert.deepEqual([view.y.mode, view.selection, view.range], ["auto", null, FIRST_RANGE]);
    assert.deepEqual([view.sensors.length, view.percentiles.length], [8, 4]);
  });

  test("a range moves where it has no end, or counts from now", () => {
    const range = (from: string, to = "", toExclusive = ""): Range => ({ from, to, toExclusive });
    for (const moving of [
      range(""),
      range("-1h"),
      range("2020"),
      range("now-1w/w", "now-1w/w"),
      range("2020", "", "now"),
    ]) {
      assert.equal(moves(moving), true, JSON.stringify(moving));
    }
    for (const still of [range("2020", "2021"), range("2020-01-13T15:12:00Z", "", "2020-01-13T15:13:00Z")]) {
      assert.equal(moves(still), false, JSON.stringify(still));
    }
  });
});

describe("zooming and panning", () => {
  const tenYears: Span = { start: NOW - 10 * YEAR, end: NOW };
  const length = ({ start, end }: Span) => end - start;

  test("from ten years to ten seconds and back, in small steps, about the moment under the pointer", () => {
    const at = NOW - 3 * YEAR + 0.25;
    let span = tenYears;
    let steps = 0;
    for (; length(span) > SPAN_MS_MIN; steps++) {
      const share = (at - span.start) / length(span);
      span = zoomed(span, 0.9, at, NOW);
      assert.ok(Math.abs((at - span.start) / length(span) - share) < 1e-3);
    }
    const whole = wholeSeconds(span);
    assert.ok(length(whole) <= SPAN_MS_MIN + 1000 && whole.start <= at && at < whole.end);
    for (; steps > 0; steps--) span = zoomed(span, 1 / 0.9, at, NOW);
    assert.ok(length(span) >= length(tenYears) - 1);
  });

  test("go no further than a day without readings can be: half of the span beyond now, and 1970", () => {
    assert.deepEqual(panned(tenYears, 5, NOW), { start: NOW - 5 * YEAR, end: NOW + 5 * YEAR });
    assert.equal(panned(tenYears, -9, NOW).start, 0);
    assert.equal(length(zoomed(tenYears, 1e9, NOW, NOW)), 100 * 365.2425 * 86_400_000);
  });

  test("two fingers hold the moments that they were put on", () => {
    const span = pinched([NOW - 300_000, NOW - 100_000], [0.25, 0.75], NOW);
    assert.deepEqual(span, { start: NOW - 400_000, end: NOW });
  });

  test("a span of whole seconds holds the one it is made of", () => {
    assert.deepEqual(wholeSeconds({ start: 1500, end: 12_100 }), { start: 1000, end: 13_000 });
    assert.deepEqual(wholeSeconds({ start: 1500, end: 1600 }), { start: 1000, end: 2000 });
  });
});

test("ticks of a y axis have as many digits as they need", () => {
  assert.deepEqual(shortNumbers([0, 2.5, 5], 2.5), ["0", "2.5", "5.0"]);
  assert.deepEqual(shortNumbers([1013.25, 1013.26], 0.01), ["1013.25", "1013.26"]);
  assert.deepEqual(shortNumbers([-20_000, 0, 20_000], 20_000), ["-20000", "0", "20000"]);
  assert.deepEqual(shortNumbers([0, 50_000, 100_000], 50_000), ["0", "50k", "100k"]);
  assert.deepEqual(shortNumbers([1_013_000, 1_013_500], 500), ["1.0130M", "1.0135M"]);
  assert.deepEqual(shortNumbers([0, 2e-7, 4e-7], 2e-7), ["0", "2e-7", "4e-7"]);
  assert.deepEqual(shortNumbers([2e20, 2.5e20], 5e19), ["2e20", "2.5e20"]);
});
