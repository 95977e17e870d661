/** A process that appends to an embedded log until it is killed, and prints what was acknowledged: argv is directory, first value. Not a test by itself. */
import { systemClock } from "../../src/core/clock.ts";
import { messageOf, TidemarkError } from "../../src/core/errors.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";

const [directory, first] = process.argv.slice(2);
const names = ["temperature", "humidity"];
/** Small enough that retention, packing and checkpoints are at work while the process is killed. */
const log = await openEmbeddedLog({ directory, retentionBytes: 262_144, clock: systemClock });
await log.create(names);

/** Appends the values from `next` on, one call after the other, of every size; each line printed is durable. */
async function appendTo(topic: string, next: number): Promise<void> {
  for (let value = next, call = 0; ; call++) {
    const size = call % 7 === 0 ? 300 : call % 3 === 0 ? 20 : 1;
    const records = Array.from({ length: size }, (_, i) => ({ value: Buffer.from(`${value + i}`) }));
    await log.append(topic, records);
    value += size;
    process.stdout.write(`${topic} ${value}\n`);
    // The history is always a little behind.
    if (call % 50 === 0) {
      const { end } = await log.bounds(topic, 0);
      await log.committed([{ topic, partition: 0, offset: Math.max(0, end - 5000) }]);
    }
  }
}

try {
  await Promise.all(names.map((name) => appendTo(name, Number(first))));
} catch (error) {
  const code = error instanceof TidemarkError ? error.code : "bug";
  process.stdout.write(`failed ${code} ${messageOf(error)}\n`);
  await log.append("temperature", [{ value: Buffer.from("after") }]).then(
    () => process.stdout.write("acknowledged after the failure\n"),
    (again: unknown) => process.stdout.write(`again ${again instanceof TidemarkError ? again.code : "bug"}\n`),
  );
  await log.close();
}
