/** The test broker itself: it ends with the process that started it, however that ended. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { skipWithoutOwnKafka } from "../kafka/broker.ts";

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  test(`${signal} to its owner ends the broker`, { skip: skipWithoutOwnKafka(), timeout: 400_000 }, async () => {
    const owner = spawn(process.execPath, [join(import.meta.dirname, "..", "kafka", "serve.ts")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(createInterface({ input: owner.stdout }), "line");
    const port = Number(/^TIDEMARK_TEST_KAFKA=127\.0\.0\.1:(\d+)$/.exec(line)?.[1]);
    assert.ok(await isOpen(port));
    owner.kill(signal);
    await once(owner, "exit");
    while (await isOpen(port)); // the test's own timeout bounds it
  });
}
