/** A history that is right has no difference, whatever became of its readings; and what is claimed of it is what the log reaches. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import { State } from "../../src/pipeline/state.ts";
import { Database } from "../../src/store/database.ts";
import { ArrivalsLog } from "./arrivals-log.ts";
import { folder, makeDirectory, verified } from "./made.ts";
import { type FollowOptions, followArrivals } from "./made-kafka.ts";

const DAY = 86_400_000;
const [BEGIN, NOTHING] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];

/** Releases and discards now and then. */
async function deal(pipeline: Pipeline, batch: number): Promise<void> {
  if (batch % 20 === 7) await pipeline.releaseQuarantine({ sensor: "humidity" });
  if (batch % 33 === 7) await pipeline.discardQuarantine({ sensor: "pressure" });
  if (batch % 33 === 9) await pipeline.discardRejections({ sensor: "pressure" });
  if (batch % 33 === 11) await pipeline.releaseRejections({ sensor: "pressure" });
}

describe("no difference", () => {
  for (const seed of [1, 2]) {
    test(`on the embedded log, after commits, restarts and kills: seed ${seed}`, async () => {
      const place = folder();
      try {
        const data = join(place.path, "data");
        await makeDirectory(data, { seed });
        const { found, proofs, records } = await verified(data);
        assert.deepEqual(found, [], `seed ${seed}`);
        assert.ok(records > 1000);
        for (const { exactFrom } of proofs) assert.equal(exactFrom, BEGIN);
      } finally {
        place.remove();
      }
    });
  }

  test("in a history of version 2 that was migrated", async () => {
    const place = folder();
    try {
      for (const name of ["history.db", "log.db"]) {
        const bytes = readFileSync(join(import.meta.dirname, "..", "store", "version-2", `${name}.gz`));
        writeFileSync(join(place.path, name), gunzipSync(bytes));
      }
      const db = Database.open(place.path);
      new State(db);
      db.close();
      const { found, records } = await verified(place.path);
      assert.deepEqual(found, []);
      assert.ok(records > 1000);
    } finally {
      place.remove();
    }
  });

  const cases: readonly [name: string, options: FollowOptions, share: number][] = [
    ["all of it", {}, 0],
    ["with releases and discards", { before: deal }, 0],
    ["of the last five days", { keepMs: 5 * DAY }, 0],
    ["whose log has lost a third", {}, 1 / 3],
  ];
  let seed = 10;
  for (const log of ["embedded", "kafka", "kafka-append"] as const) {
    for (const [name, options, share] of cases) {
      const own = seed++;
      test(`${log}: a history ${name}: seed ${own}`, async () => {
        const place = folder();
        try {
          const data = join(place.path, "data");
          const { arrivals, options: made } = await followArrivals(data, { seed: own, log, readings: 1000 }, options);
          const start = (topic: string, partition: number): number => {
            const own = arrivals.filter((arrival) => arrival.sensor === topic && arrival.partition === partition);
            return Math.floor(own.length * share);
          };
          const { found, proofs } = await verified(data, () => new ArrivalsLog(arrivals, made.partitions, { start }));
          assert.deepEqual(found, [], `seed ${own}`);
          const [recreated, ...others] = proofs.toSorted(
            (a, b) => Number(b.sensor.name === "temperature") - Number(a.sensor.name === "temperature"),
          );
          for (const { exactFrom, atLeastFrom } of others) {
            if (share === 0) assert.deepEqual([exactFrom, atLeastFrom], [BEGIN, BEGIN]);
            // The senders' times prove nothing of what was before.
            else if (log === "kafka") assert.ok(exactFrom === NOTHING && atLeastFrom > 0);
            else assert.ok(exactFrom > 0 && exactFrom < NOTHING && exactFrom % 600 === 0);
          }
          // Its topic was made anew: what was read before is in no log.
          if (log !== "embedded") assert.ok(recreated.exactFrom > 0);
        } finally {
          place.remove();
        }
      });
    }
  }
});
