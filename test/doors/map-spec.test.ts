/** Maps that are none: each refusal says where, what was expected and what was there. And what the syntax of paths means. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TidemarkError } from "../../src/core/errors.ts";
import { readMaps } from "../../src/doors/mapping/map-spec.ts";
import { TopicPattern } from "../../src/doors/mapping/pattern.ts";
import { Place } from "../../src/doors/mapping/place.ts";

const FINE = { name: "a", topic: "x/{device}", readings: [{ at: "t" }] };

const REFUSED: readonly (readonly [map: unknown, message: RegExp])[] = [
  [{}, /^Cannot use "map" in f\.json: expected a list of maps/],
  [[7], /^Cannot use "map\/0" in f\.json: expected a map such as .*, was 7$/],
  [[{ like: "tasmotta" }], /"map\/0\/like" .*expected one of tasmota,.*, was "tasmotta"; did you mean tasmota\?$/],
  [[{ ...FINE, tpic: "a" }], /"map\/0" .*expected the keys name, like, .*, was "tpic"; did you mean topic\?$/],
  [[{ topic: "a", readings: [{ at: "t" }] }], /"map\/0\/name" .*expected a name/],
  [[{ name: "a", topic: "a" }], /"map\/0 \(a\)\/readings" .*expected readings such as .*was nothing$/],
  [[FINE, { ...FINE }], /"map\/1\/name" .*expected names that no other map has, was "a"$/],
  [[{ ...FINE, topic: "x/{device" }], /"map\/0 \(a\)\/topic" .*expected each \{ with its \}/],
  [[{ ...FINE, topic: "x/{a}{b}" }], /expected something between two captures/],
  [[{ ...FINE, topic: "x/{a}/{a}" }], /expected each capture once/],
  [[{ ...FINE, topic: "{a...}/{b...}/#" }], /expected at most two of #/],
  [[{ ...FINE, topic: ["x", 7] }], /"map\/0 \(a\)\/topic\/1" .*expected a topic/],
  [[{ ...FINE, readings: [{ at: "a/{b...}/c" }] }], /readings\/0\/at" .*\{name\.\.\.\} at the end/],
  [[{ ...FINE, readings: [{ at: "" }] }], /readings\/0\/sensor" .*expected the sensor that it is/],
  [[{ ...FINE, readings: [{ at: "t", scale: "furlong" }] }], /scale" .*expected a unit: celsius, .*was "furlong"$/],
  [[{ ...FINE, readings: [{ at: "t", scale: { factor: 0 } }] }], /scale" .*"factor":0\.1/],
  [[{ ...FINE, readings: [{ at: "t", as: "words" }] }], /as" .*expected "number", "text", was "words"$/],
  [[{ ...FINE, time: "now" }], /time" .*expected "arrival", or a place/],
  [[{ ...FINE, time: { at: "t", as: "days" } }], /time\/as" .*expected "auto", "ms", "s", "us", "ns", "iso", "ago"/],
  [[{ ...FINE, time: { at: "t", zone: "Mars" } }], /time\/zone" .*expected a time zone/],
  [[{ ...FINE, id: "time" }], /id" .*"time" only where the payload says a time/],
  [[{ ...FINE, id: "{x}", sequence: { at: "n" } }], /id" .*either id, or sequence/],
  [[{ ...FINE, boot: { at: "n" } }], /boot" .*expected sequence with it/],
  [[{ ...FINE, repeatsWithin: "2 days" }], /repeatsWithin" .*expected a duration up to an hour/],
  [[{ ...FINE, changed: "yes" }], /changed" .*expected true or false, was "yes"$/],
  [[{ ...FINE, noValue: "-9999" }], /noValue" .*expected a number that stands for no value, .*was "-9999"$/],
  [[{ ...FINE, retained: "keep" }], /retained" .*expected "ignore", "take"/],
  [[{ ...FINE, with: ["a b"] }], /with\/0" .*expected a name that a capture may have, was "a b"$/],
  [[{ ...FINE, when: { q: { a: 1 } } }], /when\/q" .*expected a value, or a list/],
  [[{ ...FINE, format: "xml" }], /format" .*expected "auto", "senml"/],
];

describe("maps", () => {
  test("what a map may not be", () => {
    for (const [map, message] of REFUSED) {
      assert.throws(
        () => readMaps(map, "f.json"),
        (error) => error instanceof TidemarkError && error.code === "config-invalid" && message.test(error.message),
        JSON.stringify(map),
      );
    }
  });

  test("a preset is overridden field by field", () => {
    const [spec] = readMaps(
      [{ name: "mine", like: "zigbee2mqtt", topic: "z2m/{device...}", also: [{ at: "uv" }] }],
      "f",
    );
    assert.equal(spec.name, "mine");
    assert.equal(spec.topics[0].text, "z2m/{device...}");
    assert.equal(spec.readings.at(-1)?.sensor.text, "uv");
    assert.equal(spec.identity?.kind, "time");
  });
});

test("topics: what matches, and the filter that brings them", () => {
  const cases: [pattern: string, filter: string, topic: string, captures: object | null][] = [
    ["tele/{node}/SENSOR", "tele/+/SENSOR", "tele/a/SENSOR", { node: "a" }],
    ["tele/{node}/SENSOR", "tele/+/SENSOR", "tele/a/b/SENSOR", null],
    ["zigbee2mqtt/{device...}", "zigbee2mqtt/#", "zigbee2mqtt/kitchen/one", { device: "kitchen/one" }],
    ["zigbee2mqtt/{device...}", "zigbee2mqtt/#", "zigbee2mqtt", null],
    ["{a...}/state", "#", "x/y/state", { a: "x/y" }],
    ["plant-{n}/t", "+/t", "plant-7/t", { n: "7" }],
    ["plant-{n}/t", "+/t", "other-7/t", null],
    ["a/#", "a/#", "a", {}],
    ["a/#", "a/#", "a/b/c", {}],
    ["#/availability", "#", "a/b/availability", {}],
    ["#/availability", "#", "availability", {}],
    ["#/availability", "#", "a/unavailability", null],
    ["a/+/c", "a/+/c", "a/b/c", {}],
    ["a.c/$x", "a.c/$x", "abc/$x", null],
    ["a~1b/c", "a/b/c", "a/b/c", {}],
  ];
  for (const [pattern, filter, topic, captures] of cases) {
    const made = new TopicPattern(pattern);
    assert.equal(made.filter, filter, pattern);
    assert.deepEqual(made.match(topic), captures, `${pattern} ${topic}`);
  }
  assert.equal(new TopicPattern("{a...}").match("x".repeat(2000)), null, "longer than any topic that is looked into");
});

test("places: what is found, in order", () => {
  const value = JSON.parse(
    '{"a":{"b":1,"c":{"d":2}},"l":[{"x":1},{"x":2}],"t:0":{"v":5},"t:1":{"v":6},"s/l":7,"__proto__":8}',
  );
  const cases: [place: string, found: [path: string, value: unknown, captures: object][]][] = [
    ["a/b", [["a/b", 1, {}]]],
    ["a/x", []],
    ["l/1/x", [["l/1/x", 2, {}]]],
    [
      "l/{i}/x",
      [
        ["l/0/x", 1, { i: "0" }],
        ["l/1/x", 2, { i: "1" }],
      ],
    ],
    [
      "t:{n}/v",
      [
        ["t:0/v", 5, { n: "0" }],
        ["t:1/v", 6, { n: "1" }],
      ],
    ],
    [
      "a/{rest...}",
      [
        ["a/b", 1, { rest: "b" }],
        ["a/c/d", 2, { rest: "c/d" }],
      ],
    ],
    ["s~1l", [["s/l", 7, {}]]],
    ["constructor", []],
    ["__proto__", [["__proto__", 8, {}]]],
  ];
  const root = { value, path: "" };
  for (const [place, found] of cases) {
    const made = new Place(place).find(root, root, {}, 100);
    assert.deepEqual(
      made.map(({ path, value, captures }) => [path, value, captures]),
      found,
      place,
    );
  }
  const held = new Place("t:{n}/v").find(root, root, { n: "1" }, 100);
  assert.deepEqual(
    held.map(({ value }) => value),
    [6],
    "a capture that holds a text is that text",
  );
});

test("deep and wide payloads are walked to their bound", () => {
  const deep = JSON.parse('{"a":'.repeat(5000) + "1" + "}".repeat(5000));
  const root = { value: deep, path: "" };
  assert.equal(new Place("{all...}").find(root, root, {}, 10)[0].value, 1);
  const wide = { value: Array.from({ length: 1000 }, (_, i) => i), path: "" };
  assert.equal(new Place("{i}").find(wide, wide, {}, 10).length, 10);
});
