/** The embedded log passes the contract of every log. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import { logSuite } from "../suites/log-suite.ts";

logSuite("embedded", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-log-"));
  return {
    open: () => openEmbeddedLog({ directory, retentionBytes: 1e9, clock: systemClock }),
    dispose: () => rm(directory, { recursive: true }),
  };
});
