/** Tidemark's server for the rows that talk to it: all of `openApp`, with the log and directory of its argument. Prints its port; SIGTERM ends it. */
import { openApp } from "../../src/app.ts";
import type { LogTarget } from "../../src/commands/values.ts";
import { argument } from "../harness/lap.ts";

export interface ServeTask {
  readonly data: string;
  readonly log: LogTarget;
  readonly sensors: readonly string[];
}

const { data, log, sensors } = argument<ServeTask>();
const app = await openApp({
  ...{ log, data, sensors, hosts: ["127.0.0.1"], port: 0, timezone: "UTC", keepMs: null },
  ...{ logRetentionBytes: 2e9, clockAheadMs: 300_000, token: null, allowAnonymous: false },
});
console.log(`listens at ${app.port}`);
process.once("SIGTERM", () => {
  app.close().then(() => process.exit(0));
});
await app.closed;
