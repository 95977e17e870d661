/** A data directory that cannot be: one line says what to do, whoever asks for it first. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { TidemarkError } from "../../src/core/errors.ts";
import { makeDirectory, unusable } from "../../src/store/data-directory.ts";
import { lockDataDirectory } from "../../src/store/data-lock.ts";
import { done } from "../system/cli.ts";

const path = mkdtempSync(join(tmpdir(), "tidemark-directory-"));
after(() => rmSync(path, { recursive: true }));

const errorWith = (fields: object): Error => Object.assign(new Error("as the system says"), fields);

test("a full disk, by the system's code and by SQLite's, is told as one", () => {
  for (const fields of [{ code: "ENOSPC" }, { code: "EDQUOT" }, { errcode: 13 }]) {
    const error = unusable(path, errorWith(fields));
    assert.equal(error.code, "disk-full");
    assert.equal(error.message, `Cannot use ${path}: the disk is full; make room, or name another with --data`);
  }
});

test("a directory that may not be written is told so, what is not known in the system's words", () => {
  for (const code of ["EACCES", "EPERM", "EROFS"]) {
    assert.match(
      unusable(path, errorWith({ code })).message,
      /this user \(uid \d+\) may not write there; change its owner/,
    );
  }
  assert.match(unusable(path, errorWith({ code: "EIO" })).message, /: as the system says$/);
});

test("a file in its place, or in that of a parent, is named by every command that would use it", async () => {
  const file = join(path, "file");
  writeFileSync(file, "");
  for (const data of [file, join(file, "below")]) {
    const words = new RegExp(
      `^tidemark: Cannot use ${data}: ${file} is a file; expected a directory, --data names another\n$`,
    );
    for (const command of ["serve", "start", "stop"]) {
      const { code, stderr } = await done([command, "--data", data]);
      assert.equal(code, 1);
      assert.match(stderr, words, command);
    }
    assert.throws(() => lockDataDirectory(data), TidemarkError);
  }
});

test("parents are made; one that can never be ends in an error", () => {
  makeDirectory(join(path, "a/b/c"));
  makeDirectory(join(path, "a/b/c"));
  if (process.platform === "linux") assert.throws(() => makeDirectory("/proc/none/below"), /ENOENT/);
});
