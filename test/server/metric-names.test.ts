/** Names of metrics and keys that are none, and what `rate` means while a sensor runs. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { nearestMetric } from "../../src/metrics/nearest-metric.ts";
import { METRICS } from "../../src/metrics/registry.ts";
import { type Fixture, openFixture } from "./fixture.ts";

const START = Date.UTC(2020, 0, 13, 14, 12);

async function open(): Promise<Fixture> {
  const fixture = await openFixture();
  after(() => fixture.app.close());
  return fixture;
}

test("a metric's name that is nearly one, or another program's, gets its hint behind the contract's sentence; others do not", async () => {
  const { app } = await open();
  const hints: Readonly<Record<string, string | null>> = {
    ...{ avg: "average", AVG: "average", std: "stddev", P95: "p95", Mean: "mean", StdDev: "stddev" },
    ...{ populationvariance: "populationVariance", stddev_pop: "populationStddev", cout: "count", medain: "median" },
    ...{
      "95th": "p95",
      q95: "p95",
      percentile_99: "p99",
      "p99.9%": "p99.9",
      q1: "p25",
      maximum: "max",
      latest: "last",
    },
    ...{
      wrongMetric: null,
      toString: null,
      nope: null,
      p101: null,
      "": null,
      x: null,
      [`avg${"x".repeat(60_000)}`]: null,
    },
  };
  for (const [name, hint] of Object.entries(hints)) {
    const response = await app.inject({ method: "POST", url: "/compute/metrics", payload: { temperature: [name] } });
    const sentence = `Unexpected metric ${name} to compute for the sensor temperature`;
    assert.equal(response.statusCode, 400);
    assert.deepEqual(response.json().errors, [hint === null ? sentence : `${sentence}; did you mean ${hint}?`]);
  }
  const series = await app.inject({ url: "/series?sensor=temperature&metrics=avg" });
  assert.equal(series.statusCode, 400);
  assert.match(series.json().detail, /metric "avg": .*did you mean average\?$/);
});

test("each metric is nearest to itself in any case of its letters", () => {
  for (const { name } of METRICS) {
    for (const written of [name, name.toLowerCase(), name.toUpperCase()]) assert.equal(nearestMetric(written), name);
  }
});

test("rate counts the seconds that have passed: with the running one, not those to come", async () => {
  const { app, clock, engine } = await open();
  for (let i = 0; i < 30; i++) engine.add("temperature", [START + i * 1000 + 250, 1]);
  clock.set(START + 29_500);
  const rate = async (from: number, toExclusive: number): Promise<number> => {
    const payload = { temperature: ["rate"], from, toExclusive };
    const response = await app.inject({ method: "POST", url: "/compute/metrics", payload });
    return response.json().result.temperature.rate;
  };
  assert.equal(await rate(START, START + 60_000), 1);
  assert.equal(await rate(START - 30_000, START + 86_400_000), 0.5);
  assert.equal(await rate(START, START + 10_000), 1);
  clock.set(START + 44_000); // the second 44 has begun
  assert.equal(await rate(START, START + 60_000), 30 / 45);
  clock.set(START + 90_000);
  assert.equal(await rate(START, START + 60_000), 0.5);
  // A device's clock is ahead: up to its reading.
  clock.set(START + 19_000);
  assert.equal(await rate(START, START + 60_000), 1);
  // A window that has not begun.
  assert.equal(await rate(START + 3_600_000, START + 7_200_000), 0);
});

test("so does rate of the buckets of a series", async () => {
  const { app, clock, engine } = await open();
  for (let i = 0; i < 90; i++) engine.add("temperature", [START + i * 1000, 1]);
  clock.set(START + 89_900);
  const to = START + 240_000;
  const url = `/series?sensor=temperature&metrics=rate&every=1m&from=${START}&toExclusive=${to}`;
  const response = await app.inject({ url });
  assert.deepEqual(response.json().series.temperature.rate, [1, 1, 0, 0]);
});

test("a bound or sensor in other capitals is an unexpected key, and a hint follows", async () => {
  const { app } = await open();
  const hint = (name: string) => `Keys are read as they are written; did you mean ${name}?`;
  const wrong = { From: "2020", TOEXCLUSIVE: "2021", Humidity: ["count"], Other: 1 };
  const payload = { temperature: ["count"], ...wrong, to: "2020-01-13 15:12:59" };
  const response = await app.inject({ method: "POST", url: "/compute/metrics", payload });
  assert.equal(response.statusCode, 200);
  assert.deepEqual(response.json().errors, [
    ...["Unexpected key From in the request body", hint("from")],
    ...["Unexpected key TOEXCLUSIVE in the request body", hint("toExclusive")],
    ...["Unexpected key Humidity in the request body", hint("humidity")],
    "Unexpected key Other in the request body",
  ]);
});
