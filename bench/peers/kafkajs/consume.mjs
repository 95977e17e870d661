/** kafkajs eachBatch, as its users write it: counts and sums the values of a topic from the beginning. JSON argument: bootstrap, topic, records. */
import { Kafka, logLevel } from "kafkajs";

const { bootstrap, topic, records } = JSON.parse(process.argv[2]);
const kafka = new Kafka({ clientId: "bench", brokers: [bootstrap], logLevel: logLevel.ERROR });
// Fetches of 4 MB: its default of 1 MB a partition is slower.
const consumer = kafka.consumer({ groupId: `bench-${process.hrtime.bigint()}`, maxBytesPerPartition: 4_194_304 });

const cpu = process.cpuUsage();
await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
// The group is joined when the first batch comes: from there on is what is compared.
let start = performance.now();
let joined = false;
let count = 0;
let sum = 0;
/** When half of them had come, and how many that were. */
let halfAt = 0;
let halfCount = 0;
const noteHalf = () => {
  if (halfAt !== 0 || count < records / 2) return;
  halfAt = performance.now();
  halfCount = count;
};
await new Promise((resolve, reject) => {
  consumer
    .run({
      partitionsConsumedConcurrently: 4,
      autoCommit: false,
      eachBatchAutoResolve: true,
      eachBatch: async ({ batch }) => {
        if (!joined) {
          joined = true;
          start = performance.now();
        }
        for (const message of batch.messages) {
          sum += Number(message.value);
          count++;
        }
        noteHalf();
        if (count >= records) resolve();
      },
    })
    .catch(reject);
});
const end = performance.now();
const seconds = (end - start) / 1000;
const secondHalf = (count - halfCount) / ((end - halfAt) / 1000);
const { user, system } = process.cpuUsage(cpu);
const rssBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, rssBytes, count, sum, secondHalf }));
process.exit(0);
