/** @platformatic/kafka's own consumer: counts and sums the values of a topic from the beginning. JSON argument: bootstrap, topic, records, partitions, mode ("stream" or "fetch"). */
import { Consumer } from "@platformatic/kafka";

const { bootstrap, topic, records, partitions, mode } = JSON.parse(process.argv[2]);
/** Its best, of 1 to 16 MB. */
const FETCH_BYTES = 1_048_576;

const cpu = process.cpuUsage();
// From the first records on is what is compared.
let start = 0;
const consumer = new Consumer({
  clientId: "bench",
  groupId: `bench-${process.hrtime.bigint()}`,
  bootstrapBrokers: [bootstrap],
  autocommit: false,
  maxBytes: FETCH_BYTES,
});
let count = 0;
let sum = 0;
/** When half of them had come, and how many that were. */
let halfAt = 0;
let halfCount = 0;
const halfway = Math.ceil(records / 2);
const noteHalf = () => {
  if (halfAt !== 0 || count < records / 2) return;
  halfAt = performance.now();
  halfCount = count;
};
if (mode === "stream") {
  const offsets = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0n }));
  const stream = await consumer.consume({ topics: [topic], mode: "manual", offsets });
  await new Promise((resolve, reject) => {
    stream.on("error", reject);
    stream.on("data", (message) => {
      if (count === 0) start = performance.now();
      sum += Number(message.value);
      if (++count === halfway) noteHalf();
      else if (count === records) resolve();
    });
  });
} else {
  const metadata = await consumer.metadata({ topics: [topic] });
  const { id, partitions: known } = metadata.topics.get(topic);
  const next = Array.from({ length: partitions }, () => 0n);
  while (count < records) {
    const wanted = next.map((fetchOffset, partition) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: FETCH_BYTES,
    }));
    const response = await consumer.fetch({
      node: known[0].leader,
      topics: [{ topicId: id, partitions: wanted }],
      maxBytes: FETCH_BYTES * partitions,
    });
    if (count === 0) start = performance.now();
    for (const partition of response.responses[0].partitions) {
      for (const batch of partition.records ?? []) {
        for (const record of batch.records) sum += Number(record.value);
        count += batch.records.length;
        noteHalf();
        next[partition.partitionIndex] = batch.firstOffset + BigInt(batch.records.length);
      }
    }
  }
}
const end = performance.now();
const seconds = (end - start) / 1000;
const secondHalf = (count - halfCount) / ((end - halfAt) / 1000);
const { user, system } = process.cpuUsage(cpu);
const rssBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, rssBytes, count, sum, secondHalf }));
process.exit(0);
