/**
 * The disk fails for files beside the databases, or the alerts', under a running server: it says so, takes readings all the same, is well again when the
 * disk is, though nothing comes, and nothing is lost. A start on such a disk ends with one line.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Disk, type DiskFault, NEEDS_COMPILER } from "../simulation/disk.ts";
import { RENAME, SYNC, WRITE } from "../simulation/power-loss.ts";
import { HttpClient } from "../torture/http-client.ts";
import { type ProcessOptions, TidemarkProcess } from "../torture/tidemark-process.ts";
import { eventually } from "./cli.ts";

const root = mkdtempSync(join(tmpdir(), "tidemark-beside-"));
const disk = Disk.of(root);
const skip = disk === null ? NEEDS_COMPILER : false;
after(() => {
  disk?.dispose();
  rmSync(root, { recursive: true });
});

const JSON_TYPE = { "content-type": "application/json" };
const HOT = { sensor: "temperature", metric: "max", above: 50, window: "10s", every: "1s" };
const TOO_OLD = { sensor: "temperature", from: "2020-01-01", to: "2020-01-02" };
const HEALED_MS = 30_000;
const LOOK_MS = 100;
/** Looks for a line that comes within a second of a commit. */
const SAID_TRIES = 30;
const BEGAN = /no readings are taken in/g;
const ENDED = /readings are taken in again/g;

function optionsOf(name: string): ProcessOptions {
  return { data: join(root, name), environment: disk?.environment ?? {} };
}

/** As `eventually`, but not as long: what heals does so in seconds. */
async function healed(check: () => Promise<void> | void): Promise<void> {
  for (let tries = Math.ceil(HEALED_MS / LOOK_MS); ; tries--) {
    try {
      return await check();
    } catch (error) {
      if (tries === 0) throw error;
      await delay(LOOK_MS);
    }
  }
}

test("files beside the databases that cannot be written: said once, healed without a reading, nothing lost", {
  skip,
}, async (t) => {
  const options = optionsOf("running");
  let server = await TidemarkProcess.start(options);
  t.after(() => server.kill());
  let client = new HttpClient(server.port);
  let sent = 0;
  const post = async (): Promise<void> => {
    const { status, text } = await client.post("/readings/temperature", String(++sent + 50));
    assert.equal(status, 200, text);
  };
  const readiness = async (): Promise<string> => (await client.get("/readyz")).text;
  const counted = async (): Promise<number> => {
    const { text } = await client.post("/compute/metrics", '{"temperature":["count"]}');
    return JSON.parse(text).result.temperature.count;
  };
  await post();
  const put = { method: "PUT", body: JSON.stringify(HOT), headers: JSON_TYPE };
  assert.equal((await fetch(`http://127.0.0.1:${server.port}/alerts/rules/hot`, put)).status, 200);
  const faults: readonly (Pick<DiskFault, "what" | "error" | "part"> & { readonly said: RegExp | null })[] = [
    {
      part: "history.sums",
      what: WRITE,
      error: "EIO",
      said: /no readings are taken in: Cannot write the sums of the history: EIO/,
    },
    {
      part: "history.ends",
      what: WRITE,
      error: "ENOSPC",
      said: /Cannot write what the history holds beside it: ENOSPC/,
    },
    { part: "alerts.db", what: WRITE, error: "ENOSPC", said: null },
    { part: "alerts.db", what: SYNC, error: "EIO", said: null },
  ];
  for (const { said, ...fault } of faults) {
    const before = server.errors.length;
    disk?.fail(fault);
    // A commit that waits for the disk ends when it is well. What the alerts could not write may be no more by the next try: a trouble too short to be said.
    const committing = new Set<Promise<void>>();
    await healed(async () => {
      await post();
      if (committing.size === 0) {
        const commit = client.commit().finally(() => committing.delete(commit));
        committing.add(commit);
      }
      if (said === null) return assert.ok((disk?.failed ?? 0) > 0);
      // Another commit would wait for the disk, and heal by itself what must heal without one.
      const isSaid = (): boolean => said.test(server.errors.slice(before));
      for (let tries = 0; tries < SAID_TRIES && !isSaid(); tries++) await delay(LOOK_MS);
      assert.match(server.errors.slice(before), said);
    });
    disk?.heal();
    await healed(async () => assert.match(await readiness(), /"ready"/));
    await client.commit();
    await healed(() => {
      const [began, ended] = [BEGAN, ENDED].map((line) => server.errors.slice(before).match(line)?.length ?? 0);
      assert.equal(ended, began, server.errors);
      if (said !== null) assert.equal(began, 1, server.errors);
    });
  }
  // What the log keeps beside it says less meanwhile, and is written with the next append.
  for (const part of ["log.sums", "log.ends"]) {
    disk?.fail({ what: WRITE | RENAME, error: "ENOSPC", part });
    await post();
    assert.ok((disk?.failed ?? 0) > 0, part);
    disk?.heal();
    await post();
  }
  // A correction is refused then, and does not stand after a crash. First the sync: its line is in the file by then.
  for (const what of [SYNC, WRITE]) {
    disk?.fail({ what, error: what === SYNC ? "EIO" : "ENOSPC", part: "history.corrections" });
    const { status, text } = await client.post("/corrections/delete", JSON.stringify(TOO_OLD), JSON_TYPE);
    assert.equal(status, 503, text);
    disk?.heal();
    assert.match(await readiness(), /"ready"/);
  }
  await server.kill();
  server = await TidemarkProcess.start(options);
  client = new HttpClient(server.port);
  await eventually(async () => assert.equal(await counted(), sent));
  assert.deepEqual(JSON.parse((await client.get("/corrections")).text).items, []);
  // What cannot be kept at its end is made anew.
  disk?.fail({ what: SYNC, error: "EIO", part: ".sums" });
  await server.stop();
  assert.ok((disk?.failed ?? 0) > 0);
  disk?.heal();
  server = await TidemarkProcess.start(options);
  client = new HttpClient(server.port);
  await eventually(async () => assert.equal(await counted(), sent));
  assert.doesNotMatch(server.errors, /damaged/);
  await server.stop();
});

test("a start on a disk that fails ends with one line", { skip }, async () => {
  const faults = [
    ["history.corrections", "ENOSPC"],
    ["log.sums", "EIO"],
    ["run/", "ENOSPC"],
  ] as const;
  for (const [i, [part, error]] of faults.entries()) {
    disk?.fail({ what: WRITE | RENAME, error, part });
    const server = new TidemarkProcess(optionsOf(`started-${i}`));
    await assert.rejects(server.listening).finally(() => server.kill());
    disk?.heal();
    const lines = server.errors.trim().split("\n");
    assert.equal(lines.length, 1, server.errors);
    assert.match(lines[0], /^tidemark: Cannot (open|write|use) .*(EIO|ENOSPC|disk is full)/, part);
  }
});
