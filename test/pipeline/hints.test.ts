/** Hints: what the senders of a sensor probably mean otherwise is told in its status, and once in the log. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NOW, withPipeline } from "./running.ts";

test("keys that are not read are in the sensor's status, and each is told once", () =>
  withPipeline({}, async (running) => {
    for (let i = 0; i < 3; i++) await running.send({ sensorId: "s-0", timestamp: NOW + i, value: i });
    const hints = [
      { key: "sensorId", count: 3, hint: "the key `sensorId` is not read; did you mean `device`?" },
      { key: "timestamp", count: 3, hint: "the key `timestamp` is not read; did you mean `time`?" },
    ];
    assert.deepEqual(running.pipeline.status("temperature").unreadKeys, hints);
    assert.deepEqual(
      running.notices,
      hints.map(({ hint }) => `"temperature": ${hint}`),
    );
    await running.reopen();
    assert.deepEqual(running.pipeline.status("temperature").unreadKeys, []);
  }));

test("an id that comes again with other values and times is told to name a device, once, also after a restart", () =>
  withPipeline({}, async (running) => {
    const named = (i: number) => ({ id: 1234, value: 20 + i, time: NOW + 1000 * i });
    const repeated = () => running.pipeline.status("temperature").repeatedIds.map(({ id, count }) => ({ id, count }));
    await running.send(...[0, 1, 2].map(named));
    assert.deepEqual([repeated(), running.notices], [[], []]);
    await running.send(named(3), named(4));
    assert.deepEqual(repeated(), [{ id: "1234", count: 4 }]);
    assert.match(running.pipeline.status("temperature").repeatedIds[0].hint, /"1234" .* send it as `device`/);
    assert.equal(running.notices.length, 1);
    assert.match(running.notices[0], /^"temperature": the id "1234" comes again/);
    await running.reopen();
    await running.send(named(5), named(6), named(7));
    assert.deepEqual(repeated(), [{ id: "1234", count: 3 }]);
  }));

test("resends and corrections of one reading are no hint, in any number", () =>
  withPipeline({}, async ({ pipeline, send, notices }) => {
    for (let i = 0; i < 10; i++) {
      await send({ id: "resent", value: 1, time: NOW }, { id: "corrected", value: i, time: NOW });
      await send({ id: "constant", value: 1, time: NOW + i });
    }
    assert.equal(pipeline.status("temperature").totals.duplicates, 27);
    assert.deepEqual([pipeline.status("temperature").repeatedIds, notices], [[], []]);
  }));

test("of many such ids ten are told, and they are found behind any number of resends", () =>
  withPipeline({}, async ({ pipeline, send, notices }) => {
    const resends = Array.from({ length: 200 }, (_, i) => ({ id: `r-${i}`, value: 1, time: NOW }));
    for (let i = 0; i < 20; i++) await send(...resends);
    for (let i = 0; i < 60; i++) {
      const named = Array.from({ length: 20 }, (_, device) => ({ id: device, value: i, time: NOW + i }));
      await send(...named);
    }
    assert.equal(pipeline.status("temperature").repeatedIds.length, 10);
    assert.equal(notices.length, 1);
  }));
