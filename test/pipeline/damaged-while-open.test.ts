/** Pages of a history that are overwritten behind the back of a running tidemark: each answer is right, or history-corrupt. */
import assert from "node:assert/strict";
import { closeSync, cpSync, existsSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { TidemarkError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import { type Embedded, open } from "../../src/embedded.ts";

const SEED = 43;
const PAGE = 8192;
const START = Date.UTC(2020, 0, 13);
const READINGS = 60_000;
/** Seconds between two: over a week, so that questions read pages of all levels. */
const EVERY = 11;

const root = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-open-damage-"));
const made = join(root, "made");
after(() => rmSync(root, { recursive: true }));

const ASKED = { temperature: ["count", "sum", "min", "median"] } as const;
const random = new Random(SEED);
const windows = Array.from({ length: 40 }, () => {
  const from = random.integer(0, READINGS * EVERY - 2);
  const to = random.integer(from + 1, READINGS * EVERY);
  return { from: START + from * 1000, to: START + to * 1000 };
});
const truths: string[] = [];

before(async () => {
  const history = await open(made, { timezone: "UTC" });
  for (let at = 0; at < READINGS; at += 10_000) {
    const readings = Array.from({ length: 10_000 }, (_, i) => {
      return {
        value: random.integer(-1e6, 1e6) / 8,
        time: START + (at + i) * EVERY * 1000,
        device: "d",
        sequence: at + i,
      };
    });
    await history.append("temperature", readings);
  }
  for (const window of windows) truths.push(answer(history, window));
  await history.close();
});

function answer(history: Embedded, { from, to }: { from: number; to: number }): string {
  return JSON.stringify(history.compute(ASKED, { from: new Date(from).toISOString(), to: new Date(to).toISOString() }));
}

function isCorrupt(error: unknown): boolean {
  return error instanceof TidemarkError && error.code === "history-corrupt";
}

/** Overwrites pages in place: the file stays the one that is open. */
function overwrite(path: string, pages: Iterable<number>, fill: "zeros" | "noise"): void {
  const file = openSync(path, "r+");
  const bytes = new Uint8Array(PAGE);
  for (const page of pages) {
    if (fill === "noise") for (let i = 0; i < PAGE; i++) bytes[i] = random.integer(0, 255);
    writeSync(file, bytes, 0, PAGE, (page - 1) * PAGE);
  }
  closeSync(file);
}

function copyOfMade(): string {
  const directory = join(root, "copy");
  rmSync(directory, { recursive: true, force: true });
  cpSync(made, directory, { recursive: true });
  return directory;
}

const pageCount = (directory: string): number => statSync(join(directory, "history.db")).size / PAGE;
const allPages = (directory: string): number[] => Array.from({ length: pageCount(directory) }, (_, i) => i + 1);

test("each answer is right or history-corrupt", async (t) => {
  const counts = { right: 0, corrupt: 0 };
  for (let round = 0; round < 10; round++) {
    const directory = copyOfMade();
    const history = await open(directory, { timezone: "UTC" });
    const hit = allPages(directory).filter(() => random.integer(0, 39) < 1 + (round % 4));
    overwrite(join(directory, "history.db"), hit, round % 2 === 0 ? "zeros" : "noise");
    for (const [i, window] of windows.entries()) {
      try {
        assert.equal(answer(history, window), truths[i], `seed ${SEED}, round ${round}, window ${i}, pages ${hit}`);
        counts.right++;
      } catch (error) {
        if (!isCorrupt(error)) throw error;
        counts.corrupt++;
      }
    }
    await history.close().catch((error: unknown) => assert.ok(isCorrupt(error), String(error)));
  }
  t.diagnostic(`seed ${SEED}: ${JSON.stringify(counts)}`);
  assert.ok(counts.right > 20 && counts.corrupt > 20);
});

test("readings that reach a damaged page end it by name, and nothing is answered then", async () => {
  const directory = copyOfMade();
  const history = await open(directory, { timezone: "UTC" });
  overwrite(join(directory, "history.db"), allPages(directory), "noise");
  const late = { value: 5, time: START + 1000, device: "late", sequence: 1 };
  await assert.rejects(history.append("temperature", late), isCorrupt);
  await assert.rejects(history.failed, isCorrupt);
  assert.throws(() => answer(history, windows[0]), isCorrupt);
  await history.close().catch((error: unknown) => assert.ok(isCorrupt(error), String(error)));
});
