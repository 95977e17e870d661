/** One owner per data directory, across processes and inside one, and none left behind by a kill. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { TidemarkError } from "../../src/core/errors.ts";
import { lockDataDirectory } from "../../src/store/data-lock.ts";

const root = mkdtempSync(join(tmpdir(), "tidemark-lock-"));
after(() => rmSync(root, { recursive: true }));

function owned(owner: string): (error: unknown) => boolean {
  return (error) => {
    return (
      error instanceof TidemarkError && error.code === "data-dir-owned" && error.message.endsWith(`taken by ${owner}`)
    );
  };
}

test("the directory is made, has one owner, and is free again after release", () => {
  const directory = join(root, "a", "b");
  const lock = lockDataDirectory(directory);
  assert.ok(existsSync(directory));
  assert.throws(() => lockDataDirectory(directory), owned(`process ${process.pid}`));
  assert.throws(() => lockDataDirectory(directory), owned(`process ${process.pid}`));
  lock.release();
  lock.release();
  lockDataDirectory(directory).release();
  const other = lockDataDirectory(join(root, "other"));
  lockDataDirectory(directory).release();
  other.release();
});

test("an owner that cannot be told is another process", () => {
  const directory = join(root, "unknown");
  const lock = lockDataDirectory(directory);
  for (const content of ["", "no number", "-5", "1e99"]) {
    writeFileSync(join(directory, "lock.pid"), content);
    assert.throws(() => lockDataDirectory(directory), owned("another process"));
  }
  rmSync(join(directory, "lock.pid"));
  assert.throws(() => lockDataDirectory(directory), owned("another process"));
  lock.release();
});

test("another process owns it until it is killed, whatever garbage is collected there", {
  timeout: 60_000,
}, async () => {
  const directory = join(root, "child");
  const module = new URL("../../src/store/data-lock.ts", import.meta.url).href;
  const source = `
    import { lockDataDirectory } from ${JSON.stringify(module)};
    lockDataDirectory(${JSON.stringify(directory)}); // nobody keeps what this returns
    gc();
    await new Promise((done) => setImmediate(done));
    gc();
    console.log("owned");
    setInterval(() => {}, 1e9);`;
  const child = spawn(process.execPath, ["--expose-gc", "--input-type=module", "--eval", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(child.stdout, "data");
    assert.throws(() => lockDataDirectory(directory), owned(`process ${child.pid}`));
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  lockDataDirectory(directory).release();
});

test("a directory that cannot be used is named", () => {
  const file = join(root, "file");
  writeFileSync(file, "");
  for (const directory of [file, join(file, "below")]) {
    assert.throws(
      () => lockDataDirectory(directory),
      (error) => {
        return (
          error instanceof TidemarkError && error.code === "data-dir-unusable" && error.message.includes(directory)
        );
      },
    );
  }
});
