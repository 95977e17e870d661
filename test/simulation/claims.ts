/** `completeUntil` against what the log holds unread. */
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { Broker, BrokerTopic } from "./broker.ts";
import { timesOf } from "./event-times.ts";
import type { Witness } from "./witness.ts";

/**
 * A sensor that says to be complete until a time although a record that waits in its log is older; null: none does. A record that is older than what
 * its own partition has brought before it breaks the claim without anybody's fault.
 */
export function brokenClaim(broker: Broker, witness: Witness, pipeline: Pipeline, zone: string): string | null {
  for (const topic of broker.topics.values()) {
    const sensor = pipeline.sensors.find(topic.name);
    if (sensor?.followed !== true) continue;
    const { completeUntil } = pipeline.status(topic.name);
    if (completeUntil === null) continue;
    const broken = olderRecord(topic, witness, completeUntil, zone);
    if (broken !== null) return `"${topic.name}" is said to be complete until ${completeUntil}, but ${broken}`;
  }
  return null;
}

function olderRecord(
  { name, id, partitions }: BrokerTopic,
  witness: Witness,
  until: number,
  zone: string,
): string | null {
  for (const [partition, at] of partitions.entries()) {
    const next = witness.next(name, partition, id);
    // Of a leader that is silent nobody knows where its log ends.
    if (at.isStalled || next >= at.end) continue;
    let newest = witness.newestOf(id, partition);
    for (const { offset, value, time, state } of at.records) {
      if (offset < next || state === "gone") continue;
      const times = timesOf({ value, time }, zone, Number.POSITIVE_INFINITY);
      for (const each of times) {
        if (each >= newest && each < until) return `offset ${offset} of partition ${partition}, unread, is of ${each}`;
        newest = Math.max(newest, each);
      }
    }
  }
  return null;
}
