/**
 * Appends to a log until its sync fails (simulation/disk.c), and then ends it as told: `close` at once, `recover` first, or `kill` (of itself).
 * Prints each acknowledged value as `topic value`, and each notice of opening as `notice …`. `node failing-sync.ts DIRECTORY SEED END`, preloaded.
 */
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../../src/core/clock.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import { Seeded } from "../oracle/seeded.ts";
import { Disk } from "../simulation/disk.ts";
import { SYNC } from "../simulation/power-loss.ts";

const [directory, seed, end] = process.argv.slice(2);
const random = new Seeded(Number(seed));
const disk = Disk.own;
const log = await openEmbeddedLog({ directory, retentionBytes: 1e9, clock: systemClock });
await log.create(["a", "b", "c"]);
for (const notice of log.notices ?? []) console.log(`notice ${notice}`);
let number = 0;

/** So that packing has work, too. */
async function append(): Promise<void> {
  const topic = random.pick(["a", "b", "c"]);
  const values = Array.from(
    { length: random.int(1, 30) },
    () => `${seed}-${number++}-${"x".repeat(random.int(0, 600))}`,
  );
  await log.append(
    topic,
    values.map((value) => ({ value: Buffer.from(value) })),
  );
  for (const value of values) console.log(`${topic} ${value}`);
}

for (let i = 0; i < 60; i++) {
  await append();
  if (random.chance(0.25)) await delay(random.int(0, 4));
}
disk?.fail({ what: SYNC, error: "EIO", part: "log.db" });
const refused = await append().then(
  () => "nothing",
  (error: { code?: string }) => error.code,
);
console.log(`refused ${refused}`);
disk?.heal();
if (end === "recover") {
  while (log.trouble !== null) await delay(20);
  for (let i = 0; i < 20; i++) await append();
}
if (end === "kill") process.kill(process.pid, "SIGKILL");
await log.close();
