/** Page "Health" in a real Chromium: tidemark's numbers as they move, and what is wrong the moment it is. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { NOON, openFixture } from "../server/fixture.ts";
import { axeFaults, findChromium, startTidemark, TestBrowser } from "./browser.ts";

const chromium = findChromium();

suite("health", { skip: "missing" in chromium ? chromium.missing : false }, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await TestBrowser.start();
  });
  after(() => browser.close());

  test("numbers of the process move, and are kept while another page is shown", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", 1, 2, 3);
    const { page, faults } = await browser.open(t, `${tidemark.url}#/health`);
    const tile = (title: string) => page.locator(".tiles li").filter({ hasText: title });
    await page.getByText("All is well").waitFor();
    await tile("Readings taken in").getByText("3 in all, of 1 sensor").waitFor();
    await tile("Waiting in the log").getByText("every record is taken in").waitFor();
    await tile("Connections").getByText("of at most 1,024; 0 refused").waitFor();
    await tile("Memory")
      .locator(".figure")
      .getByText(/^\d+ MB$/)
      .waitFor();
    await tile("Free disk")
      .getByText(/^history .* kB, log .* kB$/)
      .waitFor();
    await page.getByText("Every partition is read").waitFor();
    await page.getByText(/^tidemark .*, up \d/).waitFor();
    await tidemark.send("temperature", 4);
    await tile("Readings taken in").getByText("4 in all").waitFor();
    await tile("Readings taken in")
      .getByText(/^0\.\d+\/s$/)
      .waitFor();
    const points = () =>
      tile("Memory")
        .locator("path")
        .evaluate((path) => (path.getAttribute("d") ?? "").split("L").length);
    const before = await points();
    assert.ok(before >= 3, `${before} points`);
    await page.getByRole("link", { name: "Now", exact: true }).click();
    await page.locator(".card").waitFor();
    await page.getByRole("link", { name: "Health" }).click();
    await page.getByText("All is well").waitFor();
    assert.ok((await points()) >= before);
    assert.deepEqual(await axeFaults(page), []);
    assert.deepEqual(faults, []);
  });

  test("alerts that go on are a badge on every page, and a list here", async (t) => {
    const tidemark = await startTidemark(t);
    const rule = { sensor: "temperature", metric: "max", window: "1m", every: "1s", above: 30 };
    const put = (name: string) =>
      fetch(`${tidemark.url}alerts/rules/${name}`, { method: "PUT", body: JSON.stringify(rule) });
    assert.equal((await put("warm")).status, 200);
    const { page, faults } = await browser.open(t, tidemark.url);
    await tidemark.send("temperature", 41.5);
    await page.locator(".badge").getByText("1 alert", { exact: true }).waitFor();
    await page.getByRole("link", { name: "Health" }).click();
    const row = page.getByRole("table", { name: "Alerts" }).getByRole("row").nth(1);
    assert.match((await row.textContent()) ?? "", /^warmtemperature.*41\.50*on$/);
    await fetch(`${tidemark.url}alerts/rules/warm`, { method: "DELETE" });
    await page.locator(".badge").waitFor({ state: "hidden" });
    await row.getByText(/^ended/).waitFor();
    assert.deepEqual(await axeFaults(page), []);
    assert.deepEqual(faults, []);
  });

  test("what is wrong, and what to do about it; the reason is gone when the trouble is", async (t) => {
    const { engine, server } = await openFixture();
    t.after(() => server.close());
    const [{ port }] = await server.listen({ hosts: ["127.0.0.1"], port: 0 });
    engine.add("temperature", [NOON, 1]);
    const { page } = await browser.open(t, `http://127.0.0.1:${port}/#/health`);
    const verdict = page.locator(".verdict");
    await verdict.getByText("All is well").waitFor();
    const detail = "the checksum does not fit";
    engine.standstills = [
      {
        topic: "temperature",
        partition: 2,
        offset: 40,
        waiting: 7,
        since: NOON,
        reason: "unreadable",
        detail,
        resumeAt: 41,
      },
    ];
    engine.notices = ["partition 2 of temperature stands still"];
    await verdict.getByText("Readings are taken in, but").waitFor();
    await verdict.getByText("partition 2 of temperature stands still").waitFor();
    await page
      .getByText(`Partition 2 of temperature stands still at offset 40, 7 records wait: ${detail}`)
      .first()
      .waitFor();
    await page.getByText("tidemark skip temperature 2 --to 41").first().waitFor();
    assert.deepEqual(await axeFaults(page), []);
    engine.trouble = "the disk is full";
    await verdict.getByText("Cannot take in readings: the disk is full").waitFor();
    await page.locator(".state").getByText("PAUSED").waitFor();
    assert.deepEqual(await axeFaults(page), []);
    engine.trouble = null;
    engine.notices = [];
    engine.standstills = [];
    await verdict.getByText("All is well").waitFor();
    await page.getByText("Every partition is read").waitFor();
    await server.close();
    await verdict.getByText("No answer from").waitFor();
  });
});
