/** Many devices in a short form: every reading counted once, and memory flat over the last half of the run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runScale } from "../scale/devices.ts";

test("20,000 devices, 1% lost for good, shuffled: counted exactly, and memory does not grow with history", async (t) => {
  const report = await runScale(20_000, 2_000_000, (line) => t.diagnostic(line));
  assert.equal(report.counted, report.expected);
  assert.equal(report.counted + report.duplicates, report.readings);
  const half = report.rss[4];
  const end = report.rss[report.rss.length - 1];
  assert.ok(end < half * 1.3, `RSS ${half} MiB at half, ${end} MiB at the end`);
});
