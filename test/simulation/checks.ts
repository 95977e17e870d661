/** What must hold whenever everything has come to rest. */
import assert from "node:assert/strict";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { State } from "../../src/pipeline/state.ts";
import type { Oracle } from "../oracle/oracle.ts";
import { Broker } from "./broker.ts";

const DAY_SECONDS = 86_400;

/** All is taken in that can be read, and what cannot be is said. @param log a broker, or where the embedded log of a topic ends */
export function checkEnds(pipeline: Pipeline, state: State, log: Broker | ((topic: string) => number)): void {
  for (const { topic, topicId, partition, next } of state.sources.partitions()) {
    if (state.sources.find(topic)?.partitions[partition]?.topicId !== topicId) continue;
    const text = `"${topic}" partition ${partition} is read to ${next}`;
    if (!(log instanceof Broker)) {
      assert.equal(next, log(topic), `${text}, the log ends at ${log(topic)}`);
      continue;
    }
    const found = log.topics.get(topic);
    const at = found?.id === topicId ? found.partitions[partition] : undefined;
    if (at === undefined || at.isStalled || pipeline.status(topic).standstills.length > 0) continue;
    // A reader that was not there when the log was cut back may stand behind its new end, as the contract of logs says.
    if (at.cuts.length > 0) continue;
    const end = Math.max(at.stableEnd, at.start);
    assert.ok(next >= end, `${text}, the log can be read to ${end}, and nothing is said`);
  }
}

/**
 * No more is deleted than may be: what ends before the midnight that lies so long before the newest reading.
 * @param deletedBefore by sensor, ms: the latest so far
 * @returns "expired" for each that moved on
 */
export function checkKept(
  pipeline: Pipeline,
  oracle: Oracle,
  keepMs: number | null,
  deletedBefore: Map<string, number>,
): string[] {
  const moved: string[] = [];
  for (const { name } of pipeline.sensors.list()) {
    const { keptSince } = pipeline.span(name);
    if (keptSince === null) continue;
    assert.ok(keepMs !== null, `"${name}" is kept from ${keptSince} on, though for ever`);
    const newest = oracle.span([name])?.newest ?? Number.NEGATIVE_INFINITY;
    const latest = Math.floor((newest - keepMs) / 1000 / DAY_SECONDS) * DAY_SECONDS * 1000;
    assert.ok(keptSince <= latest, `"${name}" is kept from ${keptSince} on, its newest reading allows ${latest}`);
    if (keptSince <= (deletedBefore.get(name) ?? Number.NEGATIVE_INFINITY)) continue;
    deletedBefore.set(name, keptSince);
    moved.push("expired");
  }
  return moved;
}
