/** `GET /metrics`: what it says, in both formats; the older one held against promtool. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { findPromtool } from "../kafka/foreign.ts";
import { type Fixture, NOON, openFixture } from "./fixture.ts";

describe("GET /metrics", () => {
  let fixture: Fixture;

  before(async () => {
    fixture = await openFixture();
    fixture.engine.add("temperature", [NOON, 1], [NOON + 1000, 2]);
    fixture.engine.totals.set("temperature", { received: 5, counted: 2, duplicates: 1, rejected: 1, quarantined: 1 });
  });

  after(() => fixture.server.close());

  const get = (accept: string) =>
    fixture.app.inject({ method: "GET", url: "/metrics", headers: accept === "" ? {} : { accept } });

  test("the text format says each sensor's totals, and promtool finds nothing wrong", async (t) => {
    const response = await get("");
    assert.equal(response.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    for (const line of [
      'tidemark_readings_received_total{sensor="temperature"} 5',
      'tidemark_readings_duplicate_total{sensor="temperature"} 1',
      'tidemark_sensor_readings_quarantined{sensor="temperature"} 1',
      `tidemark_sensor_newest_reading_seconds{sensor="temperature"} ${NOON / 1000 + 1}`,
      "tidemark_sensors 3",
      "tidemark_ready 1",
      "tidemark_commits_total 3",
      "tidemark_commit_bytes_total 4096",
      "tidemark_log_bytes 61",
      "tidemark_history_bytes 8192",
      "tidemark_history_pages_compared_total 9",
      "tidemark_history_scrub_passes_total 1",
      "tidemark_log_pages_compared_total 4",
      "tidemark_log_pages_damaged 0",
      "tidemark_disk_free_bytes 1000000000",
      "tidemark_live_clients 0",
      "tidemark_live_frames_dropped_total 0",
    ]) {
      assert.ok(response.body.split("\n").includes(line), `${line}\n${response.body}`);
    }
    assert.ok(!response.body.includes("# EOF"));
    const promtool = findPromtool();
    if ("missing" in promtool) return t.skip(promtool.missing);
    const { status, stdout, stderr } = spawnSync(promtool.path, ["check", "metrics"], { input: response.body });
    assert.equal(status, 0, `${stdout}${stderr}\n${response.body}`);
  });

  test("JSON has the counters of the process by their names", async () => {
    const { headers, body } = await get("application/json");
    assert.equal(headers["content-type"], "application/json; charset=utf-8");
    const samples: Record<string, unknown> = JSON.parse(body);
    assert.deepEqual(
      [samples["tidemark_commits_total"], samples["tidemark_sensors"], samples["tidemark_disk_free_bytes"]],
      [3, 3, 1e9],
    );
    assert.ok(Object.values(samples).every((value) => typeof value === "number"));
    assert.ok(!Object.keys(samples).some((name) => name.includes("readings")), "no sensor's");
  });

  test("OpenMetrics for who asks for it: families without _total, ended by EOF", async () => {
    const response = await get("application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert.equal(response.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    const lines = response.body.split("\n");
    assert.deepEqual(lines.slice(-2), ["# EOF", ""]);
    const types = new Map<string, string>();
    for (const line of lines) {
      const type = /^# TYPE (\S+) (\S+)$/.exec(line);
      if (type !== null) {
        assert.ok(!types.has(type[1]), `${type[1]} twice`);
        types.set(type[1], type[2]);
      }
      const sample = /^([a-z_]+)(?:\{[^}]*\})? (\S+)$/.exec(line);
      if (sample === null) continue;
      const family = [sample[1], sample[1].replace(/_(total|info)$/, "")].find((name) => types.has(name));
      assert.ok(family !== undefined, line);
      if (types.get(family) === "counter") assert.equal(sample[1], `${family}_total`);
      assert.ok(Number.isFinite(Number(sample[2])), line);
    }
    assert.ok(types.size > 20);
  });

  test("trouble is not ready", async () => {
    fixture.engine.trouble = "the disk is full";
    assert.match((await get("")).body, /^tidemark_ready 0$/m);
    fixture.engine.trouble = null;
  });
});
