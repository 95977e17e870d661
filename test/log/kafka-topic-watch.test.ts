/** Polling a Kafka for topics: what is told, and how long after it came. Time passes as the watch asks for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LocatedTopic } from "../../src/log/kafka/metadata.ts";
import { TopicWatch } from "../../src/log/kafka/topic-watch.ts";
import type { Topic } from "../../src/log/log.ts";

/** As README says. */
const TOLD_MS_MAX = 5000;

const located = (name: string, partitions: number, id = name): LocatedTopic => ({
  ...{ name, id, errorCode: 0, isInternal: false },
  leaders: Array(partitions).fill(1),
});

/** Watches a cluster whose topics are these, one list a poll; null: it cannot be reached. @returns what was told of, and when, ms */
async function watched(
  polls: readonly (readonly LocatedTopic[] | null)[],
): Promise<[ms: number, ...topics: string[]][]> {
  const told: [number, ...string[]][] = [];
  let passed = 0;
  let poll = 0;
  const watch = new TopicWatch({
    wanted: (name) => name.startsWith("plant-"),
    onTopics: (topics) => told.push([passed, ...topics.map(({ id, partitions }) => `${id}/${partitions.length}`)]),
    pause: async (ms) => {
      passed += ms;
      if (poll === polls.length) watch.stop();
    },
    find: async () => polls[poll++] ?? assert.fail("unreachable"),
    open: async (found) =>
      found.map(({ name, id, leaders }): Topic => ({ name, id, partitions: leaders.map((_, partition) => partition) })),
  });
  await watch.ended;
  return told;
}

test("a topic, partitions and a topic made anew are told of once, within five seconds of their coming", async () => {
  const one = located("plant-1", 1);
  const told = await watched([
    [one],
    [one, located("plant-2", 1), located("office", 1)],
    [located("plant-1", 3)],
    [located("plant-1", 3, "anew")],
  ]);
  assert.deepEqual(
    told.map(([, ...topics]) => topics),
    [["plant-1/1"], ["plant-2/1"], ["plant-1/3"], ["anew/3"]],
  );
  for (const [i, [ms]] of told.entries()) assert.ok(ms - (told[i - 1]?.[0] ?? 0) <= TOLD_MS_MAX, `${ms} ms`);
});

test("what cannot be reached, or has no leader yet, is told of at the next poll that finds it", async () => {
  const told = await watched([null, [located("plant-1", 0)], null, [located("plant-1", 1)]]);
  assert.deepEqual(
    told.map(([, ...topics]) => topics),
    [["plant-1/1"]],
  );
});
