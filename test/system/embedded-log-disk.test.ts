/** A disk that is full or fails, with a real process on a real file system: nothing is acknowledged that is not there afterwards. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/core/clock.ts";
import { TidemarkError } from "../../src/core/errors.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import { Disk, NEEDS_COMPILER } from "../simulation/disk.ts";
import { readRecords, record } from "../suites/log-suite.ts";

const root = mkdtempSync(join(tmpdir(), "tidemark-disk-"));
after(() => rmSync(root, { recursive: true }));

const appender = fileURLToPath(new URL("./embedded-log-appender.ts", import.meta.url));
const failingWriter = fileURLToPath(new URL("./failing-writer.ts", import.meta.url));
const failingSync = fileURLToPath(new URL("./failing-sync.ts", import.meta.url));

/** Ends when the appender does. @returns its lines */
async function linesOf(command: string, args: readonly string[]): Promise<string[]> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) text += chunk;
  return text.trimEnd().split("\n");
}

test("after a write error nothing more is acknowledged, and what was is there", { timeout: 60_000 }, async () => {
  const directory = join(root, "limit");
  // The system refuses to let a file grow past the limit (EFBIG), which SQLite takes for an I/O error.
  const script = `ulimit -f 600; exec "$0" "$@"`;
  const lines = await linesOf("bash", ["-c", script, process.execPath, appender, directory, "0"]);
  assert.match(lines.at(-2) ?? "", /^failed log-sync-failed Cannot write .*log\.db: /, lines.slice(-3).join("\n"));
  assert.equal(lines.at(-1), "again log-sync-failed");
  const acknowledged = new Map(lines.slice(0, -2).map((line) => [line.split(" ")[0], Number(line.split(" ")[1])]));
  const log = await openEmbeddedLog({ directory, retentionBytes: 1e9, clock: systemClock });
  await log.create([...acknowledged.keys()]);
  for (const [topic, end] of acknowledged) {
    const bounds = await log.bounds(topic, 0);
    const reader = log.reader([{ topic, partition: 0, offset: bounds.start }]);
    const rows = await readRecords(reader, bounds.end - bounds.start);
    assert.ok(Number(rows.at(-1)?.value) >= end - 1, topic);
    await reader.close();
  }
  await log.close();
});

test("a writer alone with its file takes out what was refused as its sync failed", (t) => {
  const directory = join(root, "alone");
  mkdirSync(directory);
  const disk: Disk | null = Disk.of(directory);
  if (disk === null) return t.skip(NEEDS_COMPILER);
  const env = { ...process.env, ...disk.environment };
  const { stdout, stderr } = spawnSync(process.execPath, [failingWriter, directory], { env, encoding: "utf8" });
  disk.dispose();
  assert.equal(stderr, "");
  assert.deepEqual(stdout.trim().split("\n"), ["topics", "appended", "broken", "recovered", "appended"]);
});

for (const end of ["close", "recover", "kill"]) {
  test(`a log whose sync failed, then ${end}: nothing is taken for damaged, all acknowledged is there`, async (t) => {
    const directory = join(root, `sync-${end}`);
    const disk: Disk | null = Disk.of(directory);
    if (disk === null) return t.skip(NEEDS_COMPILER);
    const env = { ...process.env, ...disk.environment };
    const acknowledged = new Map<string, string[]>(["a", "b", "c"].map((topic) => [topic, []]));
    for (let seed = 1; seed <= 3; seed++) {
      const { stdout, stderr } = spawnSync(process.execPath, [failingSync, directory, `${seed}`, end], {
        env,
        encoding: "utf8",
        maxBuffer: 1e8,
      });
      assert.equal(stderr, "");
      for (const line of stdout.trimEnd().split("\n")) {
        const [topic, value] = line.split(" ");
        assert.notEqual(topic, "notice", line);
        if (topic === "refused") assert.equal(value, "log-sync-failed");
        else acknowledged.get(topic)?.push(value);
      }
    }
    disk.dispose();
    const log = await openEmbeddedLog({ directory, retentionBytes: 1e9, clock: systemClock });
    await log.create([...acknowledged.keys()]);
    assert.deepEqual(log.notices, []);
    for (const [topic, values] of acknowledged) {
      const reader = log.reader([{ topic, partition: 0, offset: 0 }]);
      const found = new Set((await readRecords(reader, (await log.bounds(topic, 0)).end)).map(({ value }) => value));
      assert.deepEqual(
        values.filter((value) => !found.has(value)),
        [],
      );
      await reader.close();
    }
    await log.close();
  });
}

test("on a full disk appends are refused, and taken again once there is room", { timeout: 60_000 }, async (t) => {
  const directory = join(root, "full");
  mkdirSync(directory);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", directory]);
  if (mounted.status !== 0) return t.skip("a small file system cannot be mounted here");
  try {
    // Takes away room that it gives back later.
    const ballast = join(directory, "ballast");
    assert.equal(spawnSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1024", "count=1500"]).status, 0);
    const log = await openEmbeddedLog({ directory, retentionBytes: 1e9, clock: systemClock });
    await log.create(["temperature"]);
    const acknowledged: string[] = [];
    const append = async (value: string) => {
      await log.append("temperature", [record(value)]);
      acknowledged.push(value);
    };
    let refusals = 0;
    for (let i = 0; refusals < 3; i++) {
      assert.ok(i < 5000, "the disk is never full");
      // One letter a place, so that packing cannot make it vanish.
      const value = `${i}:${Array.from({ length: 3000 }, (_, at) => String.fromCharCode(97 + ((i * 7919 + at * at * 31) % 26))).join("")}`;
      await append(value).catch((error: unknown) => {
        assert.ok(error instanceof TidemarkError && error.code === "disk-full" && error.retryable, String(error));
        refusals++;
      });
    }
    assert.match(log.trouble ?? "", /the disk is full/);
    rmSync(ballast);
    while (log.trouble !== null) await delay(50); // it finds out by itself: senders may have gone
    await append("there is room again");
    await log.close();
    const again = await openEmbeddedLog({ directory, retentionBytes: 1e9, clock: systemClock });
    await again.create(["temperature"]);
    const reader = again.reader([{ topic: "temperature", partition: 0, offset: 0 }]);
    const { end } = await again.bounds("temperature", 0);
    assert.equal(end, acknowledged.length);
    const rows = await readRecords(reader, end);
    assert.deepEqual(
      rows.map((row) => row.value),
      acknowledged,
    );
    await again.close();
  } finally {
    spawnSync("umount", [directory]);
  }
});
