/** kill -9 while appends, packing, retention and checkpoints are under way: whatever was acknowledged is there after reopening. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/core/clock.ts";
import { Random } from "../../src/core/random.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import { readRecords } from "../suites/log-suite.ts";

const directory = mkdtempSync(join(tmpdir(), "tidemark-kill-"));
after(() => rmSync(directory, { recursive: true }));

const appender = fileURLToPath(new URL("./embedded-log-appender.ts", import.meta.url));

/** Runs the appender and kills it after so many acknowledgements. @returns the acknowledged end of each topic */
async function killedAfter(acknowledgements: number, first: number): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>();
  const child = spawn(process.execPath, [appender, directory, `${first}`], { stdio: ["ignore", "pipe", "inherit"] });
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [topic, end] = line.split(" ");
    assert.ok(topic === "temperature" || topic === "humidity", line);
    acknowledged.set(topic, Number(end));
    // Lines that were on their way when it was killed are acknowledgements too.
    if (++seen === acknowledgements) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return acknowledged;
}

test("every acknowledged append survives, in order, under its offset", { timeout: 120_000 }, async () => {
  const random = new Random(1313);
  let first = 0;
  let trimmed = 0;
  for (let round = 0; round < 8; round++) {
    const acknowledged = await killedAfter(random.integer(1, 1200), first);
    const log = await openEmbeddedLog({ directory, retentionBytes: 1e9, clock: systemClock });
    await log.create(["temperature", "humidity"]);
    for (const [topic, end] of acknowledged) {
      const bounds = await log.bounds(topic, 0);
      trimmed = Math.max(trimmed, bounds.start);
      assert.ok(bounds.start < bounds.end, `${topic}: ${JSON.stringify(bounds)}`);
      const reader = log.reader([{ topic, partition: 0, offset: bounds.start }]);
      const rows = await readRecords(reader, bounds.end - bounds.start);
      const last = Number(rows.at(-1)?.value);
      assert.ok(last >= end - 1, `${topic}: acknowledged to ${end - 1}, found ${last}`);
      // Within a run values follow each other; the next run begins at a round number above.
      for (let i = 1; i < rows.length; i++) {
        const [before, value] = [Number(rows[i - 1].value), Number(rows[i].value)];
        assert.equal(rows[i].offset, rows[i - 1].offset + 1);
        assert.ok(value === before + 1 || (value > before && value % 1_000_000 === 0), `${before}, then ${value}`);
      }
      await reader.close();
    }
    await log.close();
    first += 1_000_000;
  }
  assert.ok(trimmed > 0, "retention was at work");
});
