/**
 * The writer of a log alone with its file, whose sync fails once (simulation/disk.c): where nobody else has it open SQLite finds on the disk what was
 * refused. Prints the kind of each answer. `node failing-writer.ts DIRECTORY`, preloaded.
 */
import { once } from "node:events";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import { LOG_FILE } from "../../src/log/embedded/embedded-log.ts";
import type { NewRow, Reply, Request } from "../../src/log/embedded/messages.ts";
import { serve } from "../../src/log/embedded/writer-thread.ts";
import { Disk } from "../simulation/disk.ts";
import { SYNC } from "../simulation/power-loss.ts";

const { port1, port2 } = new MessageChannel();
serve(port2, { path: join(process.argv[2], LOG_FILE), retentionBytes: 1e9 });

async function ask(request: Request): Promise<void> {
  port1.postMessage(request);
  for (;;) {
    const [{ kind }]: Reply[] = await once(port1, "message");
    if (kind === "usage") continue;
    return console.log(kind);
  }
}

function row(base: number): NewRow {
  const bytes = Uint8Array.from(
    encodeBatch({ baseOffset: base, records: [{ value: Buffer.from("1") }], timestamp: 1 }),
  );
  return { topic: 1, base, next: base + 1, time: 1, bytes };
}

await ask({ kind: "topics", topics: [{ name: "a", id: "a" }] });
await ask({ kind: "append", rows: [row(0)] });
Disk.own?.fail({ what: SYNC, error: "EIO", part: LOG_FILE });
await ask({ kind: "append", rows: [row(1)] });
Disk.own?.heal();
await ask({ kind: "recover", ends: [{ topic: 1, end: 1 }], bytes: 100 });
await ask({ kind: "append", rows: [row(1)] });
process.exit();
