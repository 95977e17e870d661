/** Texts → readings with an identity: what is there stays as it is, what lacks is added, numbers keep their digits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { leavesOpen, ReadingMaker } from "../../src/commands/reading-maker.ts";
import { ManualClock } from "../../src/core/clock.ts";

function made(...texts: readonly string[]): string[] {
  const maker = new ReadingMaker({ device: "d", boot: "b", timeMs: null, clock: new ManualClock(1_600_000_000_000) });
  return texts.map((text) => Buffer.from(maker.make(text)).toString());
}

test("numbers are counted through, with device, boot and time, digit by digit", () => {
  assert.deepEqual(made("21.50", "-3e2", "+.5", "007"), [
    '{"device":"d","boot":"b","sequence":0,"time":1600000000000,"value":21.50}',
    '{"device":"d","boot":"b","sequence":1,"time":1600000000000,"value":-3e2}',
    '{"device":"d","boot":"b","sequence":2,"time":1600000000000,"value":0.5}',
    '{"device":"d","boot":"b","sequence":3,"time":1600000000000,"value":7}',
  ]);
});

test("objects get what they lack; one with an identity gets no time, which would be part of it", () => {
  assert.deepEqual(
    made(
      '{"value":1.10}',
      '{ "value":1,"time":5,"device":"x"}',
      '{"value":1,"seq":4}',
      '{"value":1,"id":"i","device":"x"}',
    ),
    [
      '{"device":"d","boot":"b","sequence":0,"time":1600000000000,"value":1.10}',
      '{"boot":"b","sequence":1, "value":1,"time":5,"device":"x"}',
      '{"device":"d","value":1,"seq":4}',
      '{"value":1,"id":"i","device":"x"}',
    ],
  );
});

test("the readings of a list are whole one by one", () => {
  assert.deepEqual(made('[{"value":1},{"value":2,"id":7}]'), [
    '[{"device":"d","boot":"b","sequence":0,"time":1600000000000,"value":1},{"device":"d","value":2,"id":7}]',
  ]);
});

test("what is no reading goes as it is", () => {
  const texts = ["abc", "NaN", "1,5", '{"value":', "{}{}", "[1,", '"21.5"'];
  assert.deepEqual(made(...texts), texts);
});

test("a bracket that a line does not close is seen, also behind texts with brackets in them", () => {
  for (const text of ['{"value":1', "[", '{"a":"}', '{"a":"\\"}"']) assert.equal(leavesOpen(text), true, text);
  for (const text of ["1", "a{", '{"a":"{"}', '{"a":"\\"{"}', "[{}]", "{}{}", "}"])
    assert.equal(leavesOpen(text), false, text);
});
