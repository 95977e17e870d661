/** Page "Now" in a real Chromium: cards that move, hundreds of them, the first reading, a lost server. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { axeFaults, findChromium, startTidemark, TestBrowser } from "./browser.ts";

const chromium = findChromium();

suite("now", { skip: "missing" in chromium ? chromium.missing : false }, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await TestBrowser.start();
  });
  after(() => browser.close());

  test("a card moves when a reading arrives", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", 21.5);
    const { page, faults } = await browser.open(t, tidemark.url);
    const value = page.locator(".card .value");
    await value.getByText("21.500").waitFor();
    await tidemark.send("temperature", 22);
    await value.getByText("22", { exact: true }).waitFor();
    assert.deepEqual(await axeFaults(page), []);
    assert.deepEqual(faults, []);
  });
});
