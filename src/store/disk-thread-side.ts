/** The thread's side of disk-thread.ts: gives each service its port. */
import { parentPort } from "node:worker_threads";
import { assert } from "../core/errors.ts";
import { releaseWhenSettled } from "../runtime/spare-memory.ts";
import type { Service } from "./disk-thread.ts";

const parent = parentPort;
assert(parent !== null, () => "the disk's thread was started as a program");

releaseWhenSettled();
parent.on("message", async (message: Service | "end") => {
  if (message === "end") {
    parent.close();
    return;
  }
  const { module, settings, port } = message;
  const { serve }: { serve: (port: Service["port"], settings: unknown) => void } = await import(module);
  serve(port, settings);
});
parent.postMessage("ready");
