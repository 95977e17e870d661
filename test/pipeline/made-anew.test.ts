/** A history that is damaged: made anew from its log with the same answers, where the log holds all of it; refused by name where it does not. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { type Embedded, open } from "../../src/embedded.ts";

const SEED = 37;
const START = Date.UTC(2020, 0, 13, 12);

async function withHistory(
  body: (directory: string, truth: string, notices: string[]) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "tidemark-anew-"));
  try {
    const history = await open(directory, { timezone: "UTC" });
    await send(history);
    const truth = answers(history);
    await history.close();
    await body(directory, truth, []);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function send(history: Embedded): Promise<void> {
  for (const sensor of ["temperature", "humidity"]) {
    const readings = Array.from({ length: 2000 }, (_, i) => ({
      value: i % 100,
      time: START + i * 1000,
      sequence: i,
      device: "d",
    }));
    await history.append(sensor, readings);
  }
}

function answers(history: Embedded): string {
  const asked = { temperature: ["count", "sum", "median"], humidity: ["count", "max"] } as const;
  return JSON.stringify(history.compute(asked, { from: "2020-01-13", to: "2020-01-14" }));
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] ^= 4;
  writeFileSync(path, bytes);
}

test("it is made anew, set aside, said when it begins and when it is whole; what is sent again is a duplicate", () =>
  withHistory(async (directory, truth, notices) => {
    const path = join(directory, "history.db");
    const random = new Random(SEED);
    for (let round = 1; round <= 5; round++) {
      const at = random.integer(0, statSync(path).size - 1);
      flip(path, at);
      notices.length = 0;
      const whole = Promise.withResolvers<void>();
      const history = await open(directory, {
        timezone: "UTC",
        onNotice: (text) => {
          notices.push(text);
          if (text.startsWith("the history is made anew")) whole.resolve();
        },
      });
      await whole.promise;
      assert.equal(answers(history), truth, `seed ${SEED}, byte ${at}`);
      await send(history);
      assert.equal(answers(history), truth, `seed ${SEED}, byte ${at}, sent again`);
      await history.close();
      assert.match(notices.join("\n"), /page \d+ of \d+ of .* is not what was written\. It is set aside/);
      assert.ok(readdirSync(directory).includes(`history.db.damaged-${round}`));
    }
  }));

test("it is refused where the log does not hold all of it, or nobody knows what that was; nothing is set aside", () =>
  withHistory(async (directory) => {
    flip(join(directory, "history.db"), 9000);
    const before = readdirSync(directory);
    const ends = readFileSync(join(directory, "history.ends"));
    rmSync(join(directory, "history.ends"));
    const unknown = /does not say what had been taken in: restore a backup/;
    await assert.rejects(open(directory, { timezone: "UTC" }), { code: "history-corrupt", message: unknown });
    writeFileSync(join(directory, "history.ends"), ends);
    for (const name of before.filter((file) => file.startsWith("log."))) rmSync(join(directory, name));
    const gone = /the log does not have the topic "\w+" that was read/;
    await assert.rejects(open(directory, { timezone: "UTC" }), { code: "history-corrupt", message: gone });
    assert.deepEqual(
      readdirSync(directory).filter((file) => file.includes("damaged")),
      [],
    );
  }));
