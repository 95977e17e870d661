/** A generated history through a real process over HTTP, and what it answers against the oracle: the embedded log. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { createHistory } from "../oracle/generator.ts";
import { ask, compareAnswers, compareTotals, oracleOf, RecordCounts, timeless } from "../torture/comparison.ts";
import { HttpClient } from "../torture/http-client.ts";
import { embeddedContents } from "../torture/log-contents.ts";
import { lanesOf, type ReadingsRequest } from "../torture/requests.ts";
import { TidemarkProcess } from "../torture/tidemark-process.ts";

const WINDOWS = 300;
/** Connections that send at the same time; each keeps its order. */
const LANES = 4;

async function send(client: HttpClient, lane: readonly ReadingsRequest[]): Promise<void> {
  for (const { sensor, body, headers, answer: expected } of lane) {
    const answer = await client.post(`/readings/${sensor}`, body, headers);
    assert.equal(answer.status, 200, answer.text);
    const { problems, ...counts } = JSON.parse(answer.text);
    assert.deepEqual(counts, expected);
  }
}

for (const seed of [11, 12]) {
  test(`a real process answers exactly as the oracle: embedded log, seed ${seed}`, async (t: TestContext) => {
    const data = mkdtempSync(join(tmpdir(), "tidemark-oracle-"));
    t.after(() => rmSync(data, { recursive: true, force: true }));
    const nowMs = systemClock.now();
    const history = createHistory({
      seed,
      readings: 14_500,
      nowMs,
      log: "embedded",
      clock: "still",
      order: "any",
      partitions: LANES,
      zone: "America/New_York",
    });
    t.diagnostic(`cases:\n${history.describe()}`);
    const { sensors, zone } = history.options;
    const { lanes, counts, leftOut } = lanesOf(history, seed);
    const requests = lanes.reduce((sum, lane) => sum + lane.length, 0);
    const windows = history.randomWindows(WINDOWS);

    const first = await TidemarkProcess.start({ data, sensors, zone });
    t.after(() => first.kill());
    const client = new HttpClient(first.port, LANES);
    await Promise.all(lanes.map((lane) => send(client, lane)));
    const statuses = await client.received(counts);
    const asked = await ask(client, sensors, windows);
    client.close();
    await first.stop();

    const arrivals = await embeddedContents(data, sensors, systemClock.now());
    const sent = new RecordCounts();
    for (const { sensor, records } of lanes.flat()) for (const record of records) sent.add(sensor, record);
    const held = RecordCounts.of(arrivals);
    assert.deepEqual(sent.beyond(held), [], "acknowledged, but not in the log");
    assert.deepEqual(held.beyond(sent), [], "in the log, but never sent");
    for (const { appendTime, recordTime } of arrivals) {
      assert.ok(appendTime && recordTime >= nowMs && recordTime <= systemClock.now());
    }

    const oracle = oracleOf(arrivals, zone);
    compareTotals(oracle, statuses, `seed ${seed}`);
    const comparisons = compareAnswers(oracle, asked, `seed ${seed}`);

    const second = await TidemarkProcess.start({ data, sensors, zone });
    t.after(() => second.kill());
    const again = new HttpClient(second.port);
    compareTotals(oracle, await again.received(counts), `seed ${seed}, restarted`);
    assert.deepEqual(timeless(await ask(again, sensors, windows)), timeless(asked), "the same answers after a restart");
    again.close();
    await second.stop();
    t.diagnostic(
      `${arrivals.length} records in ${requests} requests (${leftOut} left out), ${comparisons} comparisons`,
    );
  });
}
