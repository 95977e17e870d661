/** Readings held back because the server's clock was behind: released by themselves once it is set, and nothing else is. */
import assert from "node:assert/strict";
import { after, mock, suite, test } from "node:test";
import { ALL_NEEDS } from "../../src/metrics/aggregate.ts";
import { EVER, NOW, type Running, reading, withPipeline } from "./running.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Time passes for the ticker, each half second, until there is nothing more to do. */
async function settled({ pipeline }: Running): Promise<void> {
  for (let ticks = 0; ticks < 3; ticks++) {
    mock.timers.tick(500);
    await pipeline.releaseQuarantine([]);
  }
}

const totalsOf = ({ pipeline }: Running) => {
  const { totals } = pipeline.status("temperature");
  assert.equal(pipeline.query("temperature", EVER, ALL_NEEDS).aggregate.count, totals.counted);
  assert.equal(totals.received, totals.counted + totals.duplicates + totals.quarantined + totals.rejected);
  const { counted, duplicates, quarantined, released } = totals;
  return { counted, duplicates, quarantined, released };
};

/** The server's clock is two hours behind; one board's is right, another's a day ahead. */
const live = (sequence: number) => [
  reading("right", sequence, NOW + 2 * HOUR + sequence * 1000),
  reading("ahead", sequence, NOW + 2 * HOUR + DAY + sequence * 1000),
];

suite("a clock that was behind", () => {
  mock.timers.enable({ apis: ["setInterval"] });
  after(() => mock.timers.reset());

  for (const restart of [false, true]) {
    test(`two hours behind, then set${restart ? ", with a restart in between" : ""}: released once, copies stay duplicates, a device a day ahead stays`, () =>
      withPipeline({}, async (bench) => {
        const causes: unknown[] = [];
        await bench.send(...live(0), ...live(1));
        assert.deepEqual(totalsOf(bench), { counted: 0, duplicates: 0, quarantined: 4, released: 0 });
        if (restart) await bench.reopen(undefined, () => bench.clock.advance(5000));
        bench.pipeline.onChange((changes) =>
          causes.push(...changes.flatMap(({ ranges }) => ranges.map(({ cause }) => cause))),
        );
        await bench.send(...live(2));
        await settled(bench);
        assert.equal(totalsOf(bench).quarantined, 6, "nothing has been set");
        bench.clock.set(bench.clock.now() + 2 * HOUR);
        await settled(bench);
        assert.deepEqual(totalsOf(bench), { counted: 3, duplicates: 0, quarantined: 3, released: 3 });
        assert.ok(causes.includes("released"));
        assert.deepEqual(bench.notices, ["the clock was set forward: released 3 readings that it had held back"]);
        await bench.send(...live(0), ...live(2), ...live(3));
        await bench.reopen();
        await settled(bench);
        assert.deepEqual(totalsOf(bench), { counted: 4, duplicates: 4, quarantined: 4, released: 3 });
        const items = bench.pipeline.listQuarantine({ limit: 10 }).items.map(({ device }) => device);
        assert.deepEqual(items, Array(4).fill("ahead"));
        // A day later the reference has moved past them: their clock was wrong all the same.
        bench.clock.advance(2 * DAY);
        await settled(bench);
        assert.equal(totalsOf(bench).quarantined, 4);
      }));
  }

  test("one that came late is believed when the clock has stayed for an hour; one judged before the machine was started anew is not", () =>
    withPipeline({}, async (bench) => {
      await bench.send(reading("before", 0, NOW + 2 * HOUR));
      await bench.reopen(undefined, () => bench.clock.set(NOW + 60_000)); // another offset: nothing says why
      await bench.send(reading("late", 0, NOW + HOUR));
      bench.clock.set(NOW + 2 * HOUR);
      await settled(bench);
      assert.equal(totalsOf(bench).quarantined, 2);
      bench.clock.advance(HOUR);
      await settled(bench);
      assert.deepEqual(totalsOf(bench), { counted: 1, duplicates: 0, quarantined: 1, released: 1 });
      assert.equal(bench.pipeline.listQuarantine({ limit: 10 }).items[0].device, "before");
    }));

  test("a clock that jumps two years ahead, and back, releases nothing; what was judged by the wrong one neither", () =>
    withPipeline({}, async (bench) => {
      const ahead = (sequence: number) => reading("ahead", sequence, NOW + DAY);
      await bench.send(ahead(0));
      bench.clock.set(NOW + 730 * DAY);
      await bench.send(reading("far", 0, NOW + 731 * DAY));
      await settled(bench);
      bench.clock.set(NOW + 1000);
      await bench.send(ahead(1));
      await settled(bench);
      bench.clock.advance(2 * HOUR);
      await settled(bench);
      assert.deepEqual(totalsOf(bench), { counted: 0, duplicates: 0, quarantined: 3, released: 0 });
    }));
});
