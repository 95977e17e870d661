/** The page History under hands, time and a changing past, in a real Chromium. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { findChromium, startTidemark, TestBrowser } from "./browser.ts";
import {
  HOUR,
  hover,
  lengthOf,
  moveTo,
  NOON,
  openHistory,
  readingOf,
  SECOND,
  spanOf,
  startHour,
  YEAR,
} from "./history-page.ts";

const found = findChromium();
describe("History moves", { skip: "missing" in found ? found.missing : false }, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await TestBrowser.start();
  });
  after(() => browser.close());

  test("is zoomed from ten years to ten seconds with the wheel, and 0 leads back", async (t) => {
    const tidemark = await startTidemark(t);
    const now = Date.now();
    const at = now - 0.4 * 10 * YEAR - 12_345 * SECOND;
    const lines: string[] = [];
    for (let k = 0; k < 2000; k++) lines.push(readingOf(now - (k * 10 * YEAR) / 2000, k % 7));
    for (let k = -20_000; k < 20_000; k++)
      lines.push(readingOf(at + k * SECOND, 1000 + ((Math.floor(at / SECOND) + k) % 60)));
    await tidemark.send("temperature", ...lines);
    const { page, faults } = await openHistory(browser, t, tidemark, "#/history?sensor=temperature&from=-10y");
    await page
      .locator("#shown")
      .getByText(/buckets of 1w/)
      .waitFor();
    for (let turns = 0; lengthOf(page) > 11 * SECOND; turns++) {
      assert.ok(turns < 30, page.url());
      const { start, end } = spanOf(page) ?? { start: now - 10 * YEAR, end: now };
      await moveTo(page, (at - start) / (end - start));
      const caption = await page.locator("#shown").textContent();
      await page.mouse.wheel(0, -1000);
      await page.waitForFunction((before) => document.querySelector("#shown")?.textContent !== before, caption);
    }
    assert.ok(lengthOf(page) >= 10 * SECOND);
    const caption = (await page.locator("#shown").textContent()) ?? "";
    assert.match(caption, /1[01] buckets of 1s, Europe\/Berlin$/);
    const second = Math.floor(at / SECOND);
    const { start, end } = spanOf(page) ?? { start: 0, end: 1 };
    await hover(page, (second * SECOND + 500 - start) / (end - start));
    await page
      .locator(".tip")
      .getByText(`${1000 + (second % 60)}`, { exact: true })
      .first()
      .waitFor();
    await page.locator(".state[data-mode=paused]").waitFor();
    await page.locator(".board").press("0");
    await page
      .locator("#shown")
      .getByText(/buckets of 1w/)
      .waitFor();
    assert.deepEqual(faults, []);
  });

  test("a changed past is drawn again, though the window stands still", async (t) => {
    const tidemark = await startHour(t);
    const { page, faults } = await openHistory(
      browser,
      t,
      tidemark,
      HOUR + "&selection=2020-01-13T11:00:00Z..2020-01-13T12:00:00Z&asked=count,max",
    );
    const max = page.locator(".selection tbody tr").nth(1).locator("td");
    await max.getByText("21.8").waitFor();
    await hover(page, 1500 / 3600);
    await page.locator(".tip").getByText("temperature: no readings").waitFor();
    await tidemark.send("temperature", readingOf(NOON + 1500 * SECOND, 77.125));
    await max.getByText("77.125").waitFor();
    await hover(page, 1500.5 / 3600);
    await page.locator(".tip").getByText("77.125").first().waitFor();
    assert.deepEqual(faults, []);
  });

  test("keys zoom, move, lead back, and read one bucket after the other", async (t) => {
    const { page, faults } = await openHistory(browser, t, await startHour(t), HOUR);
    const board = page.locator(".board");
    await board.focus();
    await page.keyboard.press("+");
    await page.waitForURL(/home=/);
    assert.equal(lengthOf(page), 1800 * SECOND);
    await page.keyboard.press("ArrowLeft");
    await page.waitForURL(/from=2020-01-13T11%3A07%3A30Z/);
    await page.keyboard.press("-");
    await page.waitForURL((url) => /from=2020-01-13T10%3A52%3A30Z/.test(url.href));
    await page.keyboard.press("0");
    await page
      .locator("#shown")
      .getByText(/12:00:00 – 13:00:00 \+01:00/)
      .waitFor();
    assert.equal(page.url().includes("home="), false);
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("Shift+ArrowRight");
    await page
      .getByRole("status")
      .getByText(/^Mon 2020-01-13 12:00:\d\d – 12:00:\d\d \+01:00: temperature 20\.\d+$/)
      .waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".tip").waitFor({ state: "hidden" });
    assert.deepEqual(faults, []);
  });

  test("what moves stands still while somebody looks, shows a changed past, and then goes on", async (t) => {
    const tidemark = await startTidemark(t);
    const now = Date.now();
    await tidemark.send("temperature", readingOf(now - 600 * SECOND, 20), readingOf(now - 2 * SECOND, 21));
    const { page, faults } = await openHistory(browser, t, tidemark, "#/history?sensor=temperature&from=-15m");
    await page.locator(".state[data-mode=live]").waitFor();
    await hover(page, 0.5);
    await page.locator(".state[data-mode=paused]").getByText("while you look").waitFor();
    const caption = (await page.locator("#shown").textContent()) ?? "";
    await tidemark.send("temperature", readingOf(now - 80 * SECOND, 7));
    await page.locator("table").getByText("7", { exact: true }).first().waitFor({ state: "attached", timeout: 15_000 });
    assert.equal(await page.locator("#shown").textContent(), caption);
    await page.mouse.move(0, 0);
    await page.locator(".state[data-mode=live]").waitFor();
    await page.waitForFunction((before) => document.querySelector("#shown")?.textContent !== before, caption);
    assert.deepEqual(faults, []);
  });

  test("it goes on when the server has started again", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", readingOf(Date.now() - 5 * SECOND, 20));
    const { page } = await openHistory(browser, t, tidemark, "#/history?sensor=temperature&from=-15m");
    const again = await tidemark.restart(async () => {
      await page.locator(".state[data-mode=offline]").waitFor();
      await page.getByRole("alert").getByText("No answer from").waitFor();
    });
    await again.send("temperature", readingOf(Date.now() - 60 * SECOND, 33));
    await page.locator(".state[data-mode=live]").waitFor();
    await page.waitForFunction(() => document.querySelector("[role=alert]")?.textContent === "");
    await page.locator("table").getByText("33", { exact: true }).first().waitFor({ state: "attached" });
  });

  test("two fingers zoom, one moves", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", readingOf(NOON, 1), readingOf(NOON + 3599 * SECOND, 2));
    const { page, faults } = await openHistory(browser, t, tidemark, HOUR, {
      hasTouch: true,
      viewport: { width: 360, height: 800 },
    });
    const box = await page.locator(".over").boundingBox();
    assert.ok(box !== null);
    const devtools = await page.context().newCDPSession(page);
    const touch = (type: "touchStart" | "touchMove" | "touchEnd", ...shares: number[]) =>
      devtools.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: shares.map((share, id) => ({ id, x: box.x + share * box.width, y: box.y + 40 })),
      });
    await touch("touchStart", 0.4, 0.6);
    await touch("touchMove", 0.3, 0.7);
    await touch("touchMove", 0.2, 0.8);
    await touch("touchEnd");
    await page.waitForURL(/home=/);
    assert.ok(Math.abs(lengthOf(page) - 1200 * SECOND) < 30 * SECOND, page.url());
    const { start } = spanOf(page) ?? { start: 0 };
    const before = page.url();
    await touch("touchStart", 0.8);
    await touch("touchMove", 0.6);
    await touch("touchMove", 0.3);
    await touch("touchEnd");
    await page.waitForURL((url) => url.href !== before);
    assert.ok(Math.abs((spanOf(page)?.start ?? 0) - start - 600 * SECOND) < 30 * SECOND, page.url());
    assert.deepEqual(faults, []);
  });
});
