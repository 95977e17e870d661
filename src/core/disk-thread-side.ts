/** The thread's side of disk-thread.ts: gives each part its port. */
import { parentPort } from "node:worker_threads";
import type { Part } from "./disk-thread.ts";
import { assert } from "./errors.ts";
import { releaseWhenSettled } from "./spare-memory.ts";

const parent = parentPort;
assert(parent !== null, () => "the disk's thread was started as a program");

releaseWhenSettled();
parent.on("message", async (message: Part | "end") => {
  if (message === "end") {
    parent.close();
    return;
  }
  const { module, settings, port } = message;
  const { serve }: { serve: (port: Part["port"], settings: unknown) => void } = await import(module);
  serve(port, settings);
});
