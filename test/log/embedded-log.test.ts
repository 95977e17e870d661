/** The embedded log passes the contract of every log. */
import { createCipheriv, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import type { Log } from "../../src/log/log.ts";
import { logSuite } from "../suites/log-suite.ts";

/** More than the suite appends by itself. */
const RETENTION_BYTES = 24 * 1_048_576;

const noise = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16));

/** Lets half of the topic go, and fills the log with another one until retention takes it. */
async function trim(log: Log, topic: string, end: number): Promise<void> {
  await log.committed([{ topic, partition: 0, offset: Math.floor(end / 2) }]);
  const filler = `filler-${randomUUID()}`;
  await log.create([filler]);
  while ((await log.bounds(topic, 0)).start === 0) {
    await log.append(filler, [{ value: noise.update(Buffer.alloc(1_000_000)) }]);
  }
  await log.committed([{ topic: filler, partition: 0, offset: (await log.bounds(filler, 0)).end }]);
}

logSuite("embedded", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-log-"));
  return {
    open: () => openEmbeddedLog({ directory, retentionBytes: RETENTION_BYTES, clock: systemClock }),
    trim,
    dispose: () => rm(directory, { recursive: true }),
  };
});
