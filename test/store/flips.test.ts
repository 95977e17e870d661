/** A bit flipped in any file of a data directory, on either log, of a server that was stopped or killed: right, repaired or named. All bytes: `npm run flips`. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tryKept } from "../flips/again.ts";
import { flipsOf } from "../flips/choice.ts";
import { ENDINGS, makeSubjects } from "../flips/subject.ts";
import { Trials } from "../flips/trial.ts";

const SEED = 1;
/** Of each of four directories. */
const FLIPS = 75;

for (const log of ["embedded", "kafka"] as const) {
  test(`a history with ${log === "kafka" ? "a Kafka" : "its log beside it"}`, async (t) => {
    const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-flips-"));
    t.after(() => rmSync(root, { recursive: true }));
    await makeSubjects({ size: "small", log, seed: SEED }, root);
    for (const ending of ENDINGS) {
      const work = join(root, `of-${ending}`);
      mkdirSync(work);
      const trials = new Trials({ size: "small", log, ending, seed: SEED }, join(root, ending), work);
      await trials.learn();
      const counts: Record<string, number> = {};
      for (const flip of flipsOf(trials.files(), { random: FLIPS }, SEED)) {
        const { outcome } = await trials.try(flip).catch((error: unknown) => {
          throw new Error(`${ending}, ${flip.file}, byte ${flip.at}, bit ${flip.bit}`, { cause: error });
        });
        counts[outcome] = (counts[outcome] ?? 0) + 1;
      }
      t.diagnostic(`seed ${SEED}, ${ending}: ${JSON.stringify(counts)}`);
      assert.ok((counts["repaired"] ?? 0) > FLIPS / 4 && (counts["right"] ?? 0) > FLIPS / 8);
    }
  });
}

const kept = join(import.meta.dirname, "..", "flips", "kept");
describe("what was found before", () => {
  for (const file of existsSync(kept) ? readdirSync(kept) : [])
    test(file, async () => void (await tryKept(join(kept, file))));
});
