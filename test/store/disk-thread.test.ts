/** The thread that waits for the disk ends with its last service; where it never had one it has to be told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DiskThread } from "../../src/store/disk-thread.ts";

/** Closes its port at the first message. */
const SERVICE = new URL("data:text/javascript,export const serve = (port) => port.on('message', () => port.close())");

/** What it ended with. The timer keeps the process until then: nothing else waits for the thread. */
async function endOf(thread: DiskThread): Promise<unknown> {
  const goesOn = Promise.withResolvers<string>();
  const timer = setTimeout(() => goesOn.resolve("it goes on"), 10_000);
  try {
    return await Promise.race([thread.ended, goesOn.promise]);
  } finally {
    clearTimeout(timer);
  }
}

test("a thread that never had a service ends when it is closed; closing one that was never started does nothing", async () => {
  const thread = new DiskThread();
  await thread.start();
  thread.close();
  thread.close();
  assert.equal(await endOf(thread), null);
  new DiskThread().close();
});

test("with services it ends after the last one, closed or not", async () => {
  const thread = new DiskThread();
  await thread.start();
  const ports = [1, 2].map(() => thread.serve(SERVICE, null));
  thread.close();
  for (const port of ports) port.postMessage("close");
  assert.equal(await endOf(thread), null);
});
