/**
 * Bugs planted in copies of the sources: what must find each of them does, and finds nothing in a copy without one. Here a part of them, another each day,
 * beside those that break what is hardest to see; `npm run planted` does all.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Seeded } from "../oracle/seeded.ts";
import { copyWith } from "../torture/broken-copy.ts";
import { crash } from "../torture/crash.ts";
import { caught, PLANTED } from "../torture/planted.ts";
import { EARLY_OFFSETS, IN_SIMULATION } from "../torture/planted-in-simulation.ts";

const DAY_MS = 86_400_000;
/** Of those that a file of tests finds: some 3 s each. */
const CHOSEN = 12;

/** Rounds of a real process that is killed. */
const ROUNDS_MAX = 5;

const day = Math.floor(Date.now() / DAY_MS);
const elsewhere = PLANTED.filter(({ by }) => by !== undefined);
const chosen = [...IN_SIMULATION, ...new Seeded(day).shuffle(elsewhere).slice(0, CHOSEN)];

test(`planted bugs are found, ${chosen.length} of ${PLANTED.length} on day ${day}`, { concurrency: 2 }, async (t) => {
  // First, as what they compile of their copies serves the others.
  const runs = (["kafka", "kafka-append"] as const).map((log) =>
    t.test(`finds nothing in a copy without a bug: ${log}`, async () => {
      const { by, output } = await caught(null, { log });
      assert.equal(by, null, output);
      assert.match(output, /^\{"windows":/);
    }),
  );
  for (const bug of chosen) {
    runs.push(
      t.test(`finds: ${bug.name}`, async (t) => {
        const { by, seconds, output } = await caught(bug, bug);
        assert.notEqual(by, null, `not found: ${output.slice(-4000)}`);
        t.diagnostic(`${seconds.toFixed(1)} s, ${bug.by ?? "the simulation"}: ${by}`);
      }),
    );
  }
  await Promise.all(runs);
});

test("kill -9 of a real process finds it too: offsets are committed before their pages", async (t) => {
  const sources = mkdtempSync(join(tmpdir(), "tidemark-planted-"));
  t.after(() => rmSync(sources, { recursive: true, force: true }));
  copyWith(sources, EARLY_OFFSETS);
  // A kill has to come after a commit without pages and before the next: on a busy machine not every round has one that does.
  for (let seed = 51; seed < 51 + ROUNDS_MAX; seed++) {
    const round = crash({ log: "embedded", seed, readings: 3000, kills: 4, bulk: 0, windows: 40, sources });
    const error = await round.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (error === null) continue;
    assert.ok(error instanceof assert.AssertionError, String(error));
    t.diagnostic(`seed ${seed}: ${error.message.split("\n", 1)[0]}`);
    return;
  }
  assert.fail(`not found in ${ROUNDS_MAX} rounds`);
});
