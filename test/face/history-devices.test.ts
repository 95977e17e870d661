/** The way from a sensor to one of its devices and back, in a real Chromium. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { axeFaults, type Ending, findChromium, startTidemark, TestBrowser, type Tidemark } from "./browser.ts";
import { HOUR, hover, NOON, openHistory, SECOND } from "./history-page.ts";

/** Devices that have a series; more do not. */
const SERIES = 70;

const SELECTED = "&selection=2020-01-13T11:00:00Z..2020-01-13T12:00:00Z&asked=count,mean,max";

function readingOf(device: string, second: number, value: number): string {
  return JSON.stringify({ device, time: NOON + second * SECOND, sequence: second, value });
}

/** Kitchen: 600 readings of 20 to 29, and the first one 120 times more; a cellar 600 of 1 to 10; and devices that sent one each. */
async function startDevices(t: Ending): Promise<Tidemark> {
  const tidemark = await startTidemark(t, "--device-series", String(SERIES));
  const lines: string[] = [];
  for (let k = 0; k < 600; k++) {
    lines.push(readingOf("kitchen", 6 * k, 20 + (k % 10)), readingOf("<b>cellar & 'attic'</b>", 6 * k, 1 + (k % 10)));
  }
  for (let k = 0; k < 120; k++) lines.push(lines[0]);
  for (let k = 0; k < 2 * SERIES; k++) lines.push(readingOf(`node-${String(k).padStart(3, "0")}`, 3600 + k, k));
  await tidemark.send("temperature", ...lines);
  return tidemark;
}

function names(page: Page): Promise<string[]> {
  return page.locator(".devices tbody td:first-child").allInnerTexts();
}

/** Numbers of the selection on the page, by metric. */
async function selected(page: Page): Promise<Record<string, string>> {
  const rows = await page.locator(".selection tbody tr").allInnerTexts();
  return Object.fromEntries(rows.map((row) => row.split("\t") as [string, string]));
}

const found = findChromium();
describe("History of a device", { skip: "missing" in found ? found.missing : false }, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await TestBrowser.start();
  });
  after(() => browser.close());

  test("leads from the card over the list to a device, whose numbers are the server's, and back", async (t) => {
    const tidemark = await startDevices(t);
    const { page, faults } = await browser.open(t, `${tidemark.url}#/now`);
    await page.getByRole("link", { name: "142 devices" }).click();
    await page.waitForURL(/#\/history\?sensor=temperature&devices=temperature$/);
    await page.getByRole("heading", { name: "Devices of temperature" }).waitFor();
    await page.locator(".devices").getByText("142 devices, 70 of them with a series of their own").waitFor();
    await page.getByLabel("Sorted by").selectOption("readings");
    await page.waitForURL(/sort=readings/);
    await page.waitForFunction(() => document.querySelector(".devices tbody td a")?.textContent !== "node-000");
    assert.deepEqual((await names(page)).slice(0, 2), ["<b>cellar & 'attic'</b>", "kitchen"]);
    const kitchen = page.locator(".devices tbody tr", { hasText: "kitchen" }).locator("td");
    const cells = await kitchen.allInnerTexts();
    assert.deepEqual([cells[1], ...cells.slice(3)], ["29", "600", "120", "", "", "stuck: repeats itself"]);

    await page.goto(`${tidemark.url}${HOUR}${SELECTED}&devices=temperature`);
    await page.getByRole("heading", { name: "temperature", exact: true }).waitFor();
    await page.locator(".selection tbody").getByText("1200", { exact: true }).waitFor();
    const link = page.getByRole("link", { name: "kitchen", exact: true });
    await link.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "temperature, device kitchen" }).waitFor();
    assert.equal(new URLSearchParams(page.url().replace(/.*\?/, "")).get("device"), "kitchen");
    assert.equal(await page.evaluate(() => document.activeElement?.className), "board");
    await page.locator(".selection tbody").getByText("600", { exact: true }).waitFor();
    const body = {
      temperature: ["count", "mean", "max"],
      from: "2020-01-13T11:00:00Z",
      toExclusive: "2020-01-13T12:00:00Z",
    };
    const asked = await fetch(`${tidemark.url}compute/metrics?device=kitchen`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    const { result } = (await asked.json()) as { result: { temperature: Record<string, number> } };
    assert.deepEqual(result.temperature, { count: 600, mean: 24.5, max: 29 });
    assert.deepEqual(await selected(page), { count: "600", mean: "24.5", max: "29" });
    assert.equal(await page.locator(".selection thead th").textContent(), "temperature, device kitchen");
    assert.match(
      (await page.locator(".command code").textContent()) ?? "",
      /^curl '[^']*compute\/metrics\?device=kitchen' /,
    );
    assert.equal(await link.getAttribute("aria-current"), "true");
    await hover(page, 0.5);
    await page.locator(".tip strong").getByText("temperature, device kitchen", { exact: true }).waitFor();
    const min = await page.locator(".tip dd").nth(1).textContent();
    assert.ok(Number(min) >= 20, `${min}`); // of the cellar they are at most 10
    const file = await page.locator(".files a", { hasText: "CSV" }).first().getAttribute("href");
    assert.match(await (await fetch(tidemark.url + file)).text(), /\n2020-01-13T11:00:00Z,[^,]+,20.5,20,21\n/);
    await page.mouse.move(0, 0);

    await page.goBack();
    await page.getByRole("heading", { name: "temperature", exact: true }).waitFor();
    await page.goForward();
    await page.getByRole("heading", { name: "temperature, device kitchen" }).waitFor();
    await page.getByRole("link", { name: "All of temperature" }).click();
    await page.getByRole("heading", { name: "temperature", exact: true }).waitFor();
    await page.getByRole("link", { name: "<b>cellar & 'attic'</b>" }).click();
    const deep = page.url();
    const second = await openHistory(browser, t, { ...tidemark, url: "" }, deep);
    await second.page.getByRole("heading", { name: "temperature, device <b>cellar & 'attic'</b>" }).waitFor();
    await second.page.locator(".selection tbody").getByText("600", { exact: true }).waitFor();
    assert.deepEqual(await selected(second.page), { count: "600", mean: "5.5", max: "10" });
    await second.page.getByRole("button", { name: "Close the list" }).click();
    await second.page.locator(".devices").waitFor({ state: "hidden" });
    assert.deepEqual([...faults, ...second.faults], []);
  });

  test("turns pages and finds names on a small screen, and says why a device has no history", async (t) => {
    const tidemark = await startDevices(t);
    const address = `${HOUR}&devices=temperature`;
    const { page, faults } = await openHistory(browser, t, tidemark, address, {
      viewport: { width: 360, height: 800 },
      colorScheme: "dark",
    });
    const requests: string[] = [];
    page.on("request", (request) => requests.push(new URL(request.url()).pathname));
    await page.getByRole("button", { name: "More devices" }).click();
    await page.waitForURL(/after=/);
    await page.locator(".devices").getByText("node-060", { exact: true }).waitFor();
    assert.equal((await names(page)).length, 50);
    assert.equal(await page.evaluate(() => document.activeElement?.id), "devices");
    await page.getByRole("button", { name: "More devices" }).click();
    await page.locator(".devices").getByText("node-139", { exact: true }).waitFor();
    assert.equal((await names(page)).length, 42);
    assert.equal(await page.getByRole("button", { name: "More devices" }).count(), 0);
    await page.getByLabel("Names that begin with").fill("node-13");
    await page.waitForFunction(() => document.querySelectorAll(".devices tbody tr").length === 10);
    assert.deepEqual(
      await names(page),
      Array.from({ length: 10 }, (_, k) => `node-13${k}`),
    );
    await page.getByLabel("Names that begin with").fill("node-139");
    await page.waitForFunction(() => document.querySelectorAll(".devices tbody tr").length === 1);
    assert.match((await page.locator(".devices tbody").textContent()) ?? "", /no series of its own/);
    assert.equal(requests.includes("/series"), false); // the list is no reason to draw anew
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    assert.deepEqual(await axeFaults(page), []);
    assert.deepEqual(faults.splice(0), []);

    const refused = await fetch(`${tidemark.url}series?sensor=temperature&device=node-139`);
    const { detail } = (await refused.json()) as { detail: string };
    await page.getByRole("link", { name: "node-139" }).click();
    await page.getByRole("alert").getByText(detail).waitFor();
    assert.match(detail, /node-139.* no series of its own/);
    assert.equal(await page.locator("figure").isVisible(), false);
    await page.getByRole("link", { name: "All of temperature" }).click();
    await page.getByRole("heading", { name: "temperature", exact: true }).waitFor();
    assert.equal(await page.getByRole("alert").getByText(detail).count(), 0);
    assert.ok(
      faults.every((fault) => fault.includes("404 (Not Found)")),
      faults.join("\n"),
    );
  });
});
