/** The page's files are kept beside compiled code, and made anew when their sources are others or what was kept cannot be read. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const FILES = join(import.meta.dirname, "../../src/server/face-files.ts");
const PROGRAM = `
  const { readFaceFiles } = await import(${JSON.stringify(FILES)});
  const files = await readFaceFiles();
  console.log(String(await files.get("index.html").coded("identity")));
`;

test("a page that was kept is served until a source has changed", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-kept-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const program = join(directory, "program.mjs");
  writeFileSync(program, PROGRAM);
  const page = async (): Promise<string> => {
    const env = { ...process.env, NODE_COMPILE_CACHE: directory };
    return (await promisify(execFile)(process.execPath, [program], { env })).stdout.trim();
  };
  const made = await page();
  assert.match(made, /^<!doctype html>/);
  const [name] = globSync("*/page.json", { cwd: directory });
  const path = join(directory, name);
  const text = readFileSync(path, "utf8");
  const rewrite = (change: (kept: { key: string; files: [string, string, string][] }) => void): void => {
    const kept = JSON.parse(text);
    change(kept);
    writeFileSync(path, JSON.stringify(kept));
  };
  rewrite(({ files }) => {
    files[0][1] = "what was kept";
  });
  assert.equal(await page(), "what was kept");
  rewrite((kept) => {
    kept.files[0][1] = "what was kept";
    kept.key = "of other sources";
  });
  assert.equal(await page(), made);
  assert.equal(readFileSync(path, "utf8"), text, "kept again");
  writeFileSync(path, text.slice(0, 1000));
  assert.equal(await page(), made);
});
