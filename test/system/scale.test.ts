/** Many devices in a short form: nothing lost or counted twice (asserted in the run), and memory flat over the second half. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runDevices } from "../scale/devices.ts";

test("20,000 devices, 1% lost for good, shuffled: counted exactly, and memory does not grow with history", async (t) => {
  const steps = [400_000, 800_000, 1_200_000, 1_600_000];
  const run = await runDevices({ devices: 20_000, steps, intervalMs: 60_000, print: (line) => t.diagnostic(line) });
  const half = run[1].rssMb;
  const end = run[3].rssMb;
  assert.ok(end < half * 1.3, `RSS ${half} MB at half, ${end} MB at the end`);
});
