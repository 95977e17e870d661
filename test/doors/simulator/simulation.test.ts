/** Simulation: the grid of ticks, what comes twice and late, the same again for the same seed. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "../../../src/core/random.ts";
import { Simulation, type SimulationOptions } from "../../../src/doors/simulator/simulation.ts";

const PLAIN: SimulationOptions = { device: "d", boot: "b", rate: 1, duplicates: 0, late: 0, seed: 1 };

interface Sent {
  sequence: number;
  value: number;
  time: number;
}

function measured(options: SimulationOptions, startMs: number, ticks: number): Sent[] {
  const simulation = new Simulation(options);
  const first = simulation.tickAt(startMs);
  const payloads: Uint8Array[] = [];
  for (let tick = first; tick < first + ticks; tick++) payloads.push(...simulation.measure(tick));
  payloads.push(...simulation.flush());
  assert.equal(simulation.measured, ticks);
  return payloads.map((payload) => JSON.parse(Buffer.from(payload).toString()));
}

describe("ticks", () => {
  test("a rate of 1 is on whole seconds, from the next one on", () => {
    const simulation = new Simulation(PLAIN);
    assert.equal(simulation.timeOf(simulation.tickAt(1_578_928_320_001)), 1_578_928_321_000);
    assert.equal(simulation.timeOf(simulation.tickAt(1_578_928_320_000)), 1_578_928_320_000);
  });

  test("of any rate: ascending, one per period, and tickAt is the first not before", () => {
    const random = new Random(7);
    for (const rate of [0.01, 0.3, 1, 3, 7, 999, 1000, 10_000]) {
      const simulation = new Simulation({ ...PLAIN, rate });
      for (let i = 0; i < 200; i++) {
        const ms = random.integer(946_684_800_000, 4_000_000_000_000);
        const tick = simulation.tickAt(ms);
        assert.ok(simulation.timeOf(tick) >= ms && simulation.timeOf(tick - 1) < ms, `${rate} at ${ms}`);
        const periods = simulation.timeOf(tick + 1000) - simulation.timeOf(tick);
        assert.ok(Math.abs(periods - 1_000_000 / rate) <= 1, `${rate} at ${ms}: ${periods}`);
      }
    }
  });
});

describe("readings", () => {
  test("whole numbers from 0 to 100, sequences from 0, times of the ticks, all in one JSON object", () => {
    const sent = measured(PLAIN, 1_578_928_320_000, 5000);
    assert.deepEqual(
      sent.map(({ sequence }) => sequence),
      sent.map((_, i) => i),
    );
    assert.ok(sent.every(({ time, sequence }) => time === 1_578_928_320_000 + sequence * 1000));
    assert.equal(new Set(sent.map(({ value }) => value)).size, 101);
    assert.ok(sent.every(({ value }) => Number.isInteger(value) && value >= 0 && value <= 100));
    const [first] = new Simulation({ ...PLAIN, device: 'ü"\n' }).measure(0);
    assert.deepEqual(Object.keys(JSON.parse(Buffer.from(first).toString())), [
      "device",
      "boot",
      "sequence",
      "value",
      "time",
    ]);
  });

  test("the same seed gives the same, another one another", () => {
    const options = { ...PLAIN, duplicates: 0.2, late: 0.2, rate: 4 };
    assert.deepEqual(measured(options, 1e12, 500), measured(options, 1e12, 500));
    assert.notDeepEqual(measured({ ...options, seed: 2 }, 1e12, 500), measured(options, 1e12, 500));
  });

  test("late ones are out of order and all there; duplicates are the same bytes", () => {
    for (const rate of [0.05, 1, 50]) {
      const sent = measured({ ...PLAIN, rate, duplicates: 0.1, late: 0.05 }, 1e12, 4000);
      const bySequence = new Map<number, Sent[]>();
      for (const reading of sent)
        bySequence.set(reading.sequence, [...(bySequence.get(reading.sequence) ?? []), reading]);
      assert.equal(bySequence.size, 4000);
      for (const [first, ...others] of bySequence.values()) for (const other of others) assert.deepEqual(other, first);
      const twice = sent.length - 4000;
      assert.ok(twice > 300 && twice < 500, `${twice} duplicates`);
      const seen = new Set<number>();
      let newest = -1;
      let late = 0;
      for (const { sequence } of sent) {
        if (!seen.has(sequence) && sequence < newest) late++;
        seen.add(sequence);
        newest = Math.max(newest, sequence);
      }
      assert.ok(late > 140 && late < 260, `${late} late at ${rate}`);
    }
  });

  test("shares of 1: everything twice, everything late", () => {
    const sent = measured({ ...PLAIN, duplicates: 1, late: 1 }, 1e12, 200);
    assert.equal(sent.length, 400);
    assert.equal(new Set(sent.map(({ sequence }) => sequence)).size, 200);
  });
});
