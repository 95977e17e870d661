/** Page "Now" in a real Chromium: cards that move, hundreds of them, the first reading. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Page } from "playwright-core";
import { axeFaults, findChromium, startTidemark, TestBrowser } from "./browser.ts";
import { BYTES_MAX, bytesOf, readWeights } from "./weight.ts";

const chromium = findChromium();

const MOVES = 20;
const SENSORS = 500;

const names = (page: Page) => page.locator(".card .name").allInnerTexts();

suite("now", { skip: "missing" in chromium ? chromium.missing : false }, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await TestBrowser.start();
  });
  after(() => browser.close());

  test("a card has every figure, of all readings or of the last minute, in the server's zone", async (t) => {
    const tidemark = await startTidemark(t);
    const time = Date.now() - 3000;
    const old = Date.UTC(2020, 0, 13, 12);
    const reading = (sequence: number, value: number, at: number) =>
      JSON.stringify({ device: "d", boot: "b", sequence, value, time: at });
    const lines = [reading(1, 1013.25, old), reading(2, 10, time), reading(3, 20, time), reading(3, 20, time), "x"];
    await tidemark.send("pressure", ...lines, reading(4, 1, time + 86_400_000));
    const { page, faults } = await browser.open(t, tidemark.url);
    const card = page.locator(".card");
    const facts = async () => (await card.locator("dd").allInnerTexts()).slice(0, 5);
    await page.getByText("1 held back").waitFor();
    assert.deepEqual(await facts(), ["10.00", "347.750", "1,013.25", "3", "0.03/s"]);
    assert.equal(await card.locator(".value").textContent(), "20.00");
    assert.deepEqual(await card.locator(".badges li:not([hidden])").allInnerTexts(), [
      "1 duplicate",
      "1 held back",
      "1 rejected",
    ]);
    const berlin = new Intl.DateTimeFormat("de-DE", { timeStyle: "medium", timeZone: "Europe/Berlin" });
    assert.equal(await card.locator("dd").last().textContent(), berlin.format(time));
    assert.equal(await page.locator(".zone").textContent(), "Europe/Berlin");
    await page.getByLabel("Numbers of").selectOption("minute");
    assert.deepEqual((await facts()).slice(0, 4), ["10.00", "15.000", "20.00", "2"]);
    assert.match(page.url(), /#\/now\?of=minute$/);
    await card.click();
    await page.getByRole("link", { name: "History", exact: true }).and(page.locator("[aria-current=page]")).waitFor();
    assert.match(page.url(), /#\/history\?sensor=pressure/);
    await page.goBack();
    await card.getByRole("link", { name: "1 held back" }).click();
    await page.getByRole("link", { name: "Not counted" }).and(page.locator("[aria-current=page]")).waitFor();
    assert.match(page.url(), /#\/uncounted\?kind=held&sensor=pressure$/);
    await page.goBack();
    await card.waitFor();
    assert.deepEqual(faults, []);
  });

  test("the first value is there soon, and all pages weigh what they may", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", 21.5);
    const shown = async () => {
      const { page, faults } = await browser.open(t, tidemark.url);
      await page.locator(".value").getByText("21.5").waitFor();
      assert.deepEqual(faults, []);
      const { value, requests } = await page.evaluate(() => ({
        value: performance.getEntriesByName("first-value")[0].startTime,
        requests: performance.getEntriesByType("resource").length,
      }));
      return { page, text: `${value.toFixed(0)} ms, ${requests} requests` };
    };
    await shown();
    const { page, text } = await shown();
    t.diagnostic(`first value in a browser that has seen no page: ${text}`);
    for (const link of await page.locator("header nav a").all()) {
      await link.click();
      await link.and(page.locator("[aria-current=page]")).waitFor();
      await page.waitForLoadState("networkidle");
    }
    const received = await page.evaluate(() => {
      const all = performance.getEntries().filter((entry) => entry instanceof PerformanceResourceTiming);
      return all.flatMap(({ name, encodedBodySize }) =>
        /:\d+\/(?:page\/.*)?(?:#.*)?$/.test(name) ? encodedBodySize : [],
      );
    });
    const weights = await readWeights();
    assert.equal(received.length, weights.length);
    assert.equal(
      received.reduce((sum, bytes) => sum + bytes, 0),
      bytesOf(weights),
    );
    assert.ok(bytesOf(weights) <= BYTES_MAX);
  });

  test("a card moves the moment a reading is stored", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", 1);
    const { page, faults } = await browser.open(t, tidemark.url);
    const value = page.locator(".card .value");
    await value.getByText("1", { exact: true }).waitFor();
    const took = await page.evaluate(async (moves) => {
      const node = document.querySelector(".card .value") ?? document.body;
      const took: number[] = [];
      for (let i = 0; i < moves; i++) {
        const moved = new Promise<number>((resolve) => {
          const observer = new MutationObserver(() => {
            observer.disconnect();
            resolve(performance.now());
          });
          observer.observe(node, { childList: true, characterData: true, subtree: true });
        });
        const stored = fetch("readings/temperature", { method: "POST", body: String(100 + i) }).then(() =>
          performance.now(),
        );
        took.push((await moved) - (await stored));
        if (node.textContent !== String(100 + i)) throw new Error(`${node.textContent} after ${100 + i}`);
      }
      return took.sort((a, b) => a - b);
    }, MOVES);
    t.diagnostic(
      `stored → on the card: median ${took[MOVES / 2].toFixed(1)} ms, at most ${took.at(-1)?.toFixed(1)} ms`,
    );
    assert.deepEqual(faults, []);
  });

  test(`of ${SENSORS} sensors only what can be seen is in the document, and all can be reached`, async (t) => {
    const tidemark = await startTidemark(t);
    for (let i = 0; i < SENSORS; i += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, k) => tidemark.send(`sensor-${i + k}`, (i + k) * 7)));
    }
    const { page, faults } = await browser.open(t, tidemark.url, { viewport: { width: 1280, height: 800 } });
    const cards = page.locator(".card");
    await page.locator(".found").getByText(`${SENSORS} sensors`).waitFor();
    assert.deepEqual((await names(page)).slice(0, 3), ["sensor-0", "sensor-1", "sensor-2"]);
    const costs = await page.evaluate(() => {
      const costs: number[] = [];
      let most = 0;
      for (let y = 0; y < document.documentElement.scrollHeight - innerHeight; y += 100) {
        scrollTo(0, y);
        const startedAt = performance.now();
        dispatchEvent(new Event("scroll"));
        costs.push(performance.now() - startedAt);
        most = Math.max(most, document.querySelectorAll(".card").length);
        const seen = document.elementFromPoint(innerWidth / 3, innerHeight / 2);
        if (seen?.closest(".card, .cards") === null) throw new Error(`nothing at ${y}`);
      }
      costs.sort((a, b) => a - b);
      return { median: costs[costs.length >> 1], worst: costs.at(-1) ?? 0, most };
    });
    t.diagnostic(`a step of scrolling: median ${costs.median.toFixed(1)} ms, at most ${costs.worst.toFixed(1)} ms`);
    assert.ok(costs.most < 50, `${costs.most} cards in the document`);

    await page.keyboard.press("Tab");
    await page.evaluate(() => scrollTo(0, 0));
    await page.getByRole("link", { name: "sensor-0", exact: true }).focus();
    const focused = () => page.evaluate(() => document.activeElement?.textContent);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowDown");
    assert.equal(await focused(), "sensor-5");
    for (let i = 0; i < 40; i++) await page.keyboard.press("Tab");
    assert.equal(await focused(), "sensor-45");
    await page.keyboard.press("End");
    assert.equal(await focused(), `sensor-${SENSORS - 1}`);
    await page.evaluate(() => scrollTo(0, 0)); // the card with the keyboard in it stays
    await page.keyboard.press("Home");
    assert.equal(await focused(), "sensor-0");
    const item = await page
      .getByRole("listitem")
      .filter({ hasText: "sensor-0" })
      .first()
      .evaluate((node) => node.ariaSetSize);
    assert.equal(item, String(SENSORS));

    await page.getByLabel("Sorted by").selectOption("value");
    await cards
      .first()
      .getByText(`sensor-${SENSORS - 1}`)
      .waitFor();
    await page.getByLabel("Find sensors").fill("44 sensor");
    await page.locator(".found").getByText(`14 of ${SENSORS}`).waitFor();
    assert.deepEqual((await names(page)).slice(0, 2), ["sensor-449", "sensor-448"]);
    await page.getByLabel("Find sensors").fill("nowhere");
    await page.getByText("No sensor is called “nowhere”.").waitFor();
    assert.equal(await cards.count(), 0);
    assert.deepEqual(await axeFaults(page), []);
    assert.deepEqual(faults, []);
  });

  test("the first reading turns the lines that send one into its card", async (t) => {
    const tidemark = await startTidemark(t, "--sensors", "cellar,attic");
    const { page, faults } = await browser.open(t, tidemark.url);
    await page.getByText("No reading has come yet").waitFor();
    await page.getByText(`curl --data 21.5 ${tidemark.url}readings/cellar`).waitFor();
    await page.getByRole("link", { name: "Python" }).click();
    await page.getByText("urllib.request").first().waitFor();
    assert.match(page.url(), /#\/now\?in=python$/);
    assert.deepEqual(await axeFaults(page), []);
    await tidemark.send("cellar", 21.5);
    await page.locator(".card").filter({ hasText: "cellar" }).getByText("21.5").first().waitFor();
    await page.getByText("No reading has come yet").waitFor({ state: "hidden" });
    assert.deepEqual(await names(page), ["attic", "cellar"]);
    assert.deepEqual(faults, []);
  });
});
