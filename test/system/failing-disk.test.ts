/** A disk that fails under the running server, by preloaded system calls: it says so within a second, and heals by itself when it can. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { Disk, NEEDS_COMPILER } from "../simulation/disk.ts";
import { OPEN, SYNC } from "../simulation/power-loss.ts";
import { eventually, freePort, type Running, tidemark } from "./cli.ts";

const disk = Disk.create();
const skip = disk === null ? NEEDS_COMPILER : false;
after(() => disk?.dispose());

/** From now on a call fails for files whose path contains this; nothing: none does. */
function fail(call?: "sync" | "open", part = ""): void {
  if (call === undefined) disk?.heal();
  else disk?.fail({ what: call === "sync" ? SYNC : OPEN, error: call === "sync" ? "EIO" : "EMFILE", part });
}

/** On the disk that can fail. */
function dataDirectory() {
  const path = mkdtempSync(join(disk?.directory ?? "", "data-"));
  return { path, remove: async () => rmSync(path, { recursive: true }) };
}

interface Server {
  readonly process: Running;
  post(value: number): Promise<{ status: number; body: string }>;
  ready(): Promise<{ status: number; body: string }>;
  count(): Promise<number>;
}

async function serve(data: string): Promise<Server> {
  const port = await freePort();
  const process = tidemark(["serve", "--data", data, "--port", String(port)], disk?.environment);
  await process.until(/listening on/);
  const ask = async (path: string, body?: string): Promise<{ status: number; body: string }> => {
    const options = body === undefined ? {} : { method: "POST", body };
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, options);
    return { status: answer.status, body: await answer.text() };
  };
  return {
    process,
    post: (value) => ask("/readings/temperature", String(value)),
    ready: () => ask("/readyz"),
    count: async () => {
      const { body } = await ask("/compute/metrics", '{"temperature":["count"]}');
      return JSON.parse(body).result.temperature.count;
    },
  };
}

test("a sync of the log that fails: refused, said, and taken again when the disk syncs", { skip }, async () => {
  const data = dataDirectory();
  fail();
  let server = await serve(data.path);
  for (let i = 0; i < 10; i++) assert.equal((await server.post(i)).status, 200);
  fail("sync", "log.db");
  const refused = await server.post(1000);
  assert.equal(refused.status, 503);
  assert.match(refused.body, /"log-sync-failed"/);
  const unready = await server.ready();
  assert.equal(unready.status, 503);
  assert.match(unready.body, /Cannot take in readings: Cannot write .*log\.db/);
  assert.equal((await server.post(1001)).status, 503);
  assert.equal(await server.count(), 10); // questions are answered
  await server.process.until(/notice: no readings are taken in: Cannot write .*log\.db/);
  fail();
  await eventually(async () => assert.equal((await server.ready()).status, 200));
  await server.process.until(/notice: readings are taken in again, after \d+ s; it was: Cannot write/);
  for (let i = 10; i < 15; i++) assert.equal((await server.post(i)).status, 200);
  await eventually(async () => assert.equal(await server.count(), 15));
  server.process.kill("SIGKILL");
  await server.process.ended;
  server = await serve(data.path);
  await eventually(async () => assert.equal(await server.count(), 15)); // what was refused is not there
  server.process.kill("SIGTERM");
  assert.equal((await server.process.ended).code, 0);
  await data.remove();
});

test("a process short of descriptors syncs its history when it has some again; a sync that failed is final", {
  skip,
}, async () => {
  const data = dataDirectory();
  fail();
  const server = await serve(data.path);
  fail("open", "history.db-wal");
  assert.equal((await server.post(1)).status, 200);
  // By our own call, or by SQLite's where the thread has not opened it before.
  const short = /Cannot open the history to sync it: (EMFILE|unable to open database file)/;
  await eventually(async () => assert.match((await server.ready()).body, short));
  fail();
  await eventually(async () => assert.equal((await server.ready()).status, 200));
  fail("sync", "history.db-wal");
  assert.equal((await server.post(2)).status, 200);
  await eventually(async () => assert.match((await server.ready()).body, /Cannot sync the history: EIO/));
  fail();
  assert.equal((await server.post(3)).status, 200);
  assert.match((await server.ready()).body, /restart tidemark when the disk is well/);
  server.process.kill("SIGTERM");
  await server.process.ended;
  const again = await serve(data.path);
  await eventually(async () => assert.equal(await again.count(), 3));
  assert.equal((await again.ready()).status, 200);
  again.process.kill("SIGTERM");
  await again.process.ended;
  await data.remove();
});
