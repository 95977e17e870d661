/** Corrections on the page, in a real Chromium: who did what and why, undone once that is confirmed; and History as it was before them. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Page } from "playwright-core";
import { axeFaults, type Ending, findChromium, startTidemark, TestBrowser, type Tidemark } from "./browser.ts";
import { NOON, openHistory, SECOND } from "./history-page.ts";

const chromium = findChromium();

/** Texts of a column. */
const column = (page: Page, title: string) => page.locator(`td[data-title="${title}"]`).allInnerTexts();

async function correct({ url }: Tidemark, what: string, body: object): Promise<void> {
  const response = await fetch(`${url}corrections/${what}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
  assert.equal(response.status, 200, await response.text());
}

/** An hour with a reading a minute of each of two devices. */
async function startHour(t: Ending): Promise<Tidemark> {
  const tidemark = await startTidemark(t);
  const lines = Array.from({ length: 60 }, (_, k) =>
    ["attic", "<b>cellar"].map((device, i) =>
      JSON.stringify({ device, sequence: k, time: NOON + k * 60 * SECOND, value: 10 * i + k }),
    ),
  );
  await tidemark.send("temperature", ...lines.flat());
  return tidemark;
}

const TEN = { sensor: "temperature", from: "2020-01-13T11:00:00Z", toExclusive: "2020-01-13T11:10:00Z" };

suite("corrections", { skip: "missing" in chromium ? chromium.missing : false }, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await TestBrowser.start();
  });
  after(() => browser.close());

  test("who deleted and renamed what, and why; undone by somebody, once that is confirmed", async (t) => {
    const tidemark = await startHour(t);
    const { page, faults } = await browser.open(t, `${tidemark.url}#/uncounted?kind=corrections`);
    await page.getByText("Nothing was corrected.").waitFor();
    await correct(tidemark, "delete", { ...TEN, by: "anna", reason: "it stood in the <i>sun" });
    await page.getByText("it stood in the <i>sun").waitFor(); // without being asked
    await correct(tidemark, "delete", { ...TEN, toExclusive: "2020-01-13T11:20:00Z", device: "<b>cellar", by: "ben" });
    await page.getByText("device <b>cellar").waitFor();
    await correct(tidemark, "rename", {
      sensor: "temperature",
      to: "indoor",
      by: "ben",
      reason: "there is one outside",
    });
    await page.getByText("temperature renamed to indoor").waitFor();
    assert.deepEqual(await column(page, "What"), [
      "temperature renamed to indoor",
      "temperature, device <b>cellar, deleted\n2020-01-13 12:00:00 to 2020-01-13 12:19:59",
      "temperature deleted\n2020-01-13 12:00:00 to 2020-01-13 12:09:59",
    ]);
    assert.deepEqual(await column(page, "Readings"), ["–", "10", "20"]);
    assert.deepEqual(
      (await column(page, "Who")).map((who) => who.split("\n")[0]),
      ["ben", "ben", "anna"],
    );
    assert.deepEqual(await column(page, "Why"), ["there is one outside", "–", "it stood in the <i>sun"]);
    assert.deepEqual(await axeFaults(page), []);

    const dialog = page.getByRole("dialog", { name: "Undo correction 2?" });
    await page.getByRole("button", { name: "Undo correction 2" }).click();
    await dialog.getByText("10 readings count again, and answers change with them.").waitFor();
    await page.keyboard.press("Escape");
    assert.equal((await column(page, "Readings"))[1], "10");
    await page.getByLabel("Who undoes").fill("carla");
    await page.getByRole("button", { name: "Undo correction 2" }).click();
    await dialog.getByRole("button", { name: "Undo" }).click();
    await page.locator(".said").getByText("Correction 2 is undone.").waitFor();
    await page.getByText("carla").waitFor();
    assert.equal((await column(page, "Readings"))[1], "–");
    const { items } = await (await fetch(`${tidemark.url}corrections`)).json();
    assert.deepEqual(
      items.map(({ undone }: { undone: { by: string } | null }) => undone?.by ?? null),
      [null, "carla", null],
    );
    // What cannot be undone is said in the server's words.
    await tidemark.send("temperature", 1);
    await correct(tidemark, "rename", { sensor: "indoor", to: "hall" });
    await page.getByText("indoor renamed to hall").waitFor();
    await page.getByRole("button", { name: "Undo correction 3" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Undo" }).click();
    await page.locator(".said.fault").getByText('Cannot undo correction 3: "indoor" is called "hall" since').waitFor();
    assert.deepEqual(
      faults.filter((fault) => !fault.includes("409")),
      [],
    );
  });

  test("History as it was before a deletion, with its numbers, address and command; and back", async (t) => {
    const tidemark = await startHour(t);
    // A commit, from which on what changes is noted; and another.
    await correct(tidemark, "delete", { ...TEN, from: "2019-01-01", toExclusive: "2019-01-02" });
    const asked = new Date(Date.now()).toISOString();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await correct(tidemark, "delete", { ...TEN, by: "anna" });
    const shown = "#/history?sensor=temperature&from=2020-01-13T11:00:00Z&toExclusive=2020-01-13T12:00:00Z";
    const selected = "&selection=2020-01-13T11:00:00Z..2020-01-13T12:00:00Z&asked=count,max";
    const { page, faults } = await openHistory(browser, t, tidemark, shown + selected);
    const count = page.locator(".selection tbody tr", { hasText: "count" }).locator("td");
    await count.getByText("100", { exact: true }).waitFor();
    await page.getByLabel("as of").fill(asked);
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page.waitForURL(/asOf=/);
    await page.locator("#shown").getByText(`as it was at ${asked}`).waitFor();
    await count.getByText("120", { exact: true }).waitFor();
    assert.match((await page.locator(".selection code").textContent()) ?? "", /compute\/metrics\?asOf=/);
    await page.getByText("the window stands still while something is selected").waitFor();
    assert.deepEqual(await axeFaults(page), []);
    await page.goBack();
    await count.getByText("100", { exact: true }).waitFor();
    assert.equal(await page.getByLabel("as of").inputValue(), "");
    // A moment that is not kept, and one that is none.
    await page.goto(`${tidemark.url}${shown}&asOf=2020-01-01`);
    await page.locator(".fault").getByText("expected a moment from").first().waitFor();
    await page.goto(`${tidemark.url}${shown}&asOf=soon`);
    await page.locator(".fault").getByText('Unreadable time "soon" in asOf').first().waitFor();
    assert.deepEqual(
      faults.filter((fault) => !/status of 4(00|10)/.test(fault)),
      [],
    );
  });
});
