/** Percentiles over HTTP: exact ones, estimates, and what the receipt says of both. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openFixture } from "./fixture.ts";

type Interval = readonly [low: number, high: number];

interface Answer {
  readonly result: { readonly pressure: Readonly<Record<string, number>> };
  readonly receipt: {
    readonly sensors: {
      readonly pressure: {
        readonly quantiles: {
          readonly method: string;
          readonly keptBits: number;
          readonly intervals: Readonly<Record<string, Interval>>;
        };
      };
    };
  };
}

test("percentiles are the exact ones rounded once; of very many values the receipt says between which they lie", async () => {
  const { app, engine } = await openFixture();
  after(() => app.close());
  const ask = async (body: object): Promise<Answer> =>
    (await app.inject({ method: "POST", url: "/compute/metrics?receipt=true", payload: body })).json();
  const at = Date.UTC(2020, 0, 13, 14, 12);
  for (let i = 0; i <= 100; i++) engine.add("pressure", [at + i, i]);
  // 3,000 steps across zero, then 3,000 close together.
  const many = Array.from({ length: 6000 }, (_, i) => (i < 3000 ? (i - 1500) / 1000 : 1013 + (i - 3000) / 1e5));
  for (const [i, value] of many.entries()) engine.add("pressure", [at + 60_000 + (i % 1000), value]);
  const window = (ms: number): object => ({ from: ms, to: ms });
  const exact = await ask({ pressure: ["p29", "p56", "median"], ...window(at) });
  assert.deepEqual(exact.result.pressure, { p29: 29, p56: 56, median: 50 });
  assert.deepEqual(exact.receipt.sensors.pressure.quantiles, {
    method: "exact",
    keptBits: 64,
    intervals: { p29: [29, 29], p56: [56, 56], median: [50, 50] },
  });

  const asked = { pressure: ["min", "p25", "p75", "p100", "max"], ...window(at + 60_000) };
  const { result, receipt } = await ask(asked);
  const { method, keptBits, intervals } = receipt.sensors.pressure.quantiles;
  assert.equal(method, "sketch");
  assert.ok(keptBits > 12 && keptBits < 64);
  assert.deepEqual(Object.keys(intervals), ["p25", "p75", "p100"]);
  for (const [name, wanted] of [
    ["p25", -0.00025],
    ["p75", 1013.0149925],
    ["p100", 1013.02999],
  ] as const) {
    const [low, high] = intervals[name];
    assert.ok(low <= wanted && wanted <= high, `${name}: ${wanted} in ${low} … ${high}`);
    assert.ok(low <= result.pressure[name] && result.pressure[name] <= high);
  }
  assert.equal(result.pressure.p100, result.pressure.max);
});
