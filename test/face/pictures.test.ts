/** The pictures of the documents can be taken, and are small. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findChromium, TestBrowser } from "./browser.ts";
import { takePictures } from "./pictures.ts";

/** Of one: a page of documents loads several. */
const BYTES_MAX = 150_000;

const chromium = findChromium();

test("pictures", { skip: "missing" in chromium ? chromium.missing : false }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-pictures-"));
  const browser = await TestBrowser.start();
  t.after(async () => {
    await browser.close();
    rmSync(directory, { recursive: true });
  });
  for (const file of await takePictures(t, browser, directory)) {
    const { size } = statSync(file);
    assert.ok(size > 10_000 && size <= BYTES_MAX, `${file}: ${size} bytes`);
  }
});
