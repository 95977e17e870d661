/** The documents speak of what is there: every path, every link, and the table of rooms. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { ROOMS } from "./architecture/rooms.ts";

const ROOT = resolve(import.meta.dirname, "..");
const FOLDERS = ["bench", "bin", "docs", "scripts", "src", "test"];

const documents = ["*.md", "docs/**/*.md", "test/**/*.md", "bench/*.md"]
  .flatMap((pattern) => globSync(pattern, { cwd: ROOT }))
  .map((file) => ({ file, text: readFileSync(join(ROOT, file), "utf8") }));
const names = new Set(
  FOLDERS.flatMap((folder) => globSync(`${folder}/**`, { cwd: ROOT })).map((file) => basename(file)),
);

/** Of a history or a plan the files need not be there any more. */
const PAST: readonly string[] = ["CHANGELOG.md"];

test("every path in the documents is there", () => {
  const faults: string[] = [];
  for (const { file, text } of documents) {
    if (PAST.includes(file)) continue;
    for (const [, path] of text.matchAll(/`([\w.*/-]+)(?::\d+)?`/g)) {
      const below = path.includes("/") && FOLDERS.includes(path.split("/")[0]) && !path.includes("node_modules");
      const found = below
        ? globSync(path, { cwd: ROOT }).length > 0
        : path.includes("/") || !/^[\w-]+(\.test)?\.(ts|js|sh|py)$/.test(path) || names.has(path);
      if (!found) faults.push(`${file}: ${path}`);
    }
  }
  assert.deepEqual(faults, []);
});

/** As GitHub names a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");

test("every link in the documents leads somewhere", () => {
  const faults: string[] = [];
  for (const { file, text } of documents) {
    for (const [, path, anchor] of text.matchAll(/\]\(([^)#\s:]*)(?:#([^)\s]+))?\)/g)) {
      const target = path === "" ? join(ROOT, file) : resolve(ROOT, dirname(file), path);
      if (!existsSync(target)) faults.push(`${file}: ${path}`);
      else if (anchor !== undefined) {
        const headings = [...readFileSync(target, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
          anchorOf(heading),
        );
        if (!headings.includes(anchor)) faults.push(`${file}: ${path}#${anchor}`);
      }
    }
  }
  assert.deepEqual(faults, []);
});

test("SECURITY-MODEL names a test for each threat", () => {
  const model = documents.find(({ file }) => file === "docs/SECURITY-MODEL.md")?.text ?? assert.fail();
  const [, threats = ""] = /^## Threats\n(.*?)^## /ms.exec(model) ?? [];
  const rows = threats.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| threat"));
  assert.ok(rows.length > 20);
  for (const row of rows) assert.match(row, /\| `test\/[\w/-]+\.test\.ts`(, `test\/[\w/-]+\.test\.ts`)* \|$/, row);
});

test("ARCHITECTURE has the table of rooms that is enforced", () => {
  const architecture = documents.find(({ file }) => file === "docs/ARCHITECTURE.md")?.text ?? assert.fail();
  const rows = [...architecture.matchAll(/^\| `(\w+)` \| .* \| (.*) \|$/gm)].map(([, room, imports]) => [
    room,
    imports === "–" ? [] : imports.split(", "),
  ]);
  assert.deepEqual(Object.fromEntries(rows), ROOMS);
});
