/** `asOf` over HTTP: a server over a real history answers as it did, names the revision, and its receipt says what changed since. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { NOW, type Running, reading, withPipeline } from "../pipeline/running.ts";
import { openFixture } from "./fixture.ts";

const BODY = { temperature: ["count", "mean", "p50", "rate", "last"], from: "2026-05-01", to: "2026-05-01" };

/** A server over the pipeline, with the same clock. */
async function served(running: Running, context: TestContext) {
  const { server, app } = await openFixture({ engine: running.pipeline, clock: running.clock });
  context.after(() => server.close());
  const ask = async (query: string, payload: object = BODY) => {
    const { statusCode, headers, body } = await app.inject({
      method: "POST",
      url: `/compute/metrics${query}`,
      payload,
    });
    return { status: statusCode, moment: headers["tidemark-as-of"], text: body, json: JSON.parse(body) };
  };
  return { ask, app };
}

test("an answer is found again by its moment, and the receipt says what has changed", (context) =>
  withPipeline({}, async (running) => {
    const { ask, app } = await served(running, context);
    const { clock, pipeline } = running;
    const nothing = await ask("?asOf=now");
    assert.deepEqual([nothing.status, nothing.json.errors.length], [410, 1]);
    assert.match(nothing.json.errors[0], /no revision is kept yet/);
    await running.send(reading("d", 1, NOW - 7000, 1), reading("d", 2, NOW, 4));
    await pipeline.releaseQuarantine([]);
    clock.advance(5000);
    const told = await ask("?asOf=now");
    assert.equal(told.status, 200);
    assert.equal((await ask("")).text, told.text, "nothing came since the commit");
    clock.advance(3_600_000);
    await running.send(
      reading("e", 1, NOW - 300_000, 7),
      reading("e", 2, NOW - 299_000, 9),
      reading("d", 3, clock.now()),
    );
    await pipeline.releaseQuarantine([]);
    assert.notEqual((await ask("")).text, told.text);
    const again = await ask(`?asOf=${told.moment}&receipt=true`);
    assert.deepEqual(again.json.result, told.json.result);
    assert.equal(again.moment, told.moment);
    assert.deepEqual(again.json.receipt.asOf, { moment: told.moment, revision: "2026-05-01T12:00:00.001Z" });
    assert.deepEqual(again.json.receipt.sensors.temperature.counted, 2);
    assert.deepEqual(again.json.receipt.sensors.temperature.changedSince, {
      by: [
        {
          cause: "reading",
          readings: 1,
          seconds: 1,
          from: "2026-05-01T13:00:05Z",
          toExclusive: "2026-05-01T13:00:06Z",
        },
        { cause: "late", readings: 2, seconds: 2, from: "2026-05-01T11:55:00Z", toExclusive: "2026-05-01T11:55:02Z" },
      ],
      ranges: [
        { from: "2026-05-01T11:55:00Z", toExclusive: "2026-05-01T11:55:02Z" },
        { from: "2026-05-01T13:00:05Z", toExclusive: "2026-05-01T13:00:06Z" },
      ],
    });
    // As it would have been asked then: now is that moment, and the window ends with it.
    const open = { temperature: ["count", "rate"], from: "now-10s" };
    clock.set(NOW + 5000);
    const then = await ask("", open);
    clock.set(NOW + 7_200_000);
    assert.deepEqual((await ask(`?asOf=${NOW + 5000}`, open)).json, {
      ...then.json,
      result: { temperature: { count: 1, rate: 1 / 11 } },
    });
    const series = `/series?sensor=temperature&metrics=count&from=2026-05-01T11:00Z&to=2026-05-01T13:59Z&every=1h`;
    const [past, today] = await Promise.all([`&asOf=${told.moment}`, ""].map((more) => app.inject(series + more)));
    assert.deepEqual(past.json().series, { temperature: { count: [1, 1, 0] } });
    assert.deepEqual(today.json().series, { temperature: { count: [3, 1, 1] } });
    assert.deepEqual([past.headers["tidemark-as-of"], today.headers["tidemark-as-of"]], [told.moment, undefined]);
  }));

test("a moment before the first revision, and what is no time, say what was expected", (context) =>
  withPipeline({}, async (running) => {
    const { ask, app } = await served(running, context);
    await running.send(reading("d", 1, NOW, 1));
    await running.pipeline.releaseQuarantine([]);
    const early = await ask("?asOf=2020-01-01");
    assert.equal(early.status, 410);
    assert.match(
      early.json.errors[0],
      /as of 2020-01-01T22:59:59\.999Z: expected a moment from 2026-05-01T12:00:00\.000Z on$/,
    );
    const series = await app.inject("/series?sensor=temperature&asOf=2020-01-01");
    assert.deepEqual([series.statusCode, series.json().code], [410, "revision-gone"]);
    const wrong = await ask("?asOf=soon");
    assert.equal(wrong.status, 400);
    assert.match(wrong.json.errors[0], /^Unreadable time "soon" in asOf: .*expected "YYYY-MM-DD"/);
    assert.equal((await app.inject("/series?sensor=temperature&asOf=soon")).statusCode, 400);
    const later = await ask("?asOf=2030-01-01");
    assert.equal(later.status, 200, "a moment to come is now");
    const metrics = (await app.inject("/metrics")).body;
    assert.match(metrics, /^tidemark_revisions_since_seconds 1777636800/m);
    assert.match(metrics, /^tidemark_revision_bytes [1-9]/m);
  }));
