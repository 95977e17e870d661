/** The page History in a real Chromium, over a real tidemark. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import type { Page } from "playwright-core";
import { axeFaults, type Ending, findChromium, startTidemark, TestBrowser, type Tidemark } from "./browser.ts";

const SECOND = 1000;
const DAY = 86_400 * SECOND;
const YEAR = 365.25 * DAY;

/** A Monday's noon in Berlin. */
const NOON = Date.UTC(2020, 0, 13, 11);

/** An hour from NOON on, with a reading a second but in the minutes from 20 to 30; and a day before, 100 higher. */
const HOUR = "#/history?sensor=temperature&from=2020-01-13T11:00:00Z&toExclusive=2020-01-13T12:00:00Z";

const found = findChromium();
describe("History", { skip: "missing" in found ? found.missing : false }, () => {
  let browser: TestBrowser;
  /** Nobody sends anything to it. */
  let hour: Tidemark;
  const ends: (() => unknown)[] = [];
  before(async () => {
    browser = await TestBrowser.start();
    hour = await startHour({ after: (end) => ends.push(end) });
  });
  after(async () => {
    await browser.close();
    for (const end of ends) await end();
  });

  async function startHour(t: Ending): Promise<Tidemark> {
    const tidemark = await startTidemark(t);
    const lines: string[] = [];
    for (let second = 0; second < 3600; second++) {
      if (second >= 1200 && second < 1800) continue;
      lines.push(readingOf(NOON + second * SECOND, 20 + Math.sin(second / 90) + (second % 10) / 10));
      if (second % 10 === 0) lines.push(readingOf(NOON - DAY + second * SECOND, 120 + second / 3600));
    }
    await tidemark.send("temperature", ...lines);
    await tidemark.send("humidity", readingOf(NOON + 60 * SECOND, 55));
    return tidemark;
  }

  interface Shown {
    readonly tidemark: Tidemark;
    readonly page: Page;
    readonly faults: string[];
  }

  async function open(t: TestContext, tidemark: Tidemark, address: string, options = {}): Promise<Shown> {
    const { page, faults } = await browser.open(t, tidemark.url + address, options);
    await page.locator(".u-over").first().waitFor();
    return { tidemark, page, faults };
  }

  test("is zoomed from ten years to ten seconds with the wheel, and 0 leads back", async (t) => {
    const tidemark = await startTidemark(t);
    const now = Date.now();
    const at = now - 0.4 * 10 * YEAR - 12_345 * SECOND;
    const lines: string[] = [];
    for (let k = 0; k < 2000; k++) lines.push(readingOf(now - (k * 10 * YEAR) / 2000, k % 7));
    for (let k = -20_000; k < 20_000; k++)
      lines.push(readingOf(at + k * SECOND, 1000 + ((Math.floor(at / SECOND) + k) % 60)));
    await tidemark.send("temperature", ...lines);
    const { page, faults } = await open(t, tidemark, "#/history?sensor=temperature&from=-10y");
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

  test("a window that is selected is answered as POST /compute/metrics answers it, and by the line of curl", async (t) => {
    const { page, faults } = await open(t, hour, HOUR + "&sensor=humidity&asked=count,mean,stddev,p95,sum,avg");
    await drag(page, 0.1, 0.7, true);
    const line = (await page.locator(".command code").textContent()) ?? "";
    await page.locator(".selection tbody tr").first().waitFor();
    const answer = JSON.parse((await promisify(execFile)("/bin/sh", ["-c", `${line} --silent`])).stdout);
    const cells: Record<string, Record<string, string>> = {};
    for (const row of await page.locator(".selection tr").all()) {
      const [metric, ...texts] = await row.locator("th, td").allTextContents();
      if (metric !== "") cells[metric] = { temperature: texts[0], humidity: texts[1] };
    }
    for (const sensor of ["temperature", "humidity"]) {
      for (const [metric, number] of Object.entries(answer.result[sensor])) {
        assert.equal(cells[metric][sensor], number === null ? "–" : JSON.stringify(number), `${sensor} ${metric}`);
      }
    }
    assert.deepEqual(Object.keys(cells), ["count", "mean", "stddev", "p95", "sum"]);
    assert.deepEqual((await page.locator(".selection .fault").textContent())?.split("\n"), answer.errors);
    const href = (await page.locator(".selection .files a").first().getAttribute("href")) ?? "";
    const csv = await (await fetch(hour.url + href)).text();
    const counted = csv.trim().split("\n").length - 1;
    assert.equal(csv.split("\n")[0].split(",")[2], "temperature.mean");
    assert.ok(counted > 100 && counted < 3600 / 5);
    await page.reload();
    await page.locator(".selection tbody tr").first().waitFor();
    assert.equal(await page.locator(".command code").textContent(), line);
    assert.deepEqual(faults, []);
  });

  test("all of the state is in the address: links show the same, and the back button goes back", async (t) => {
    const { page, faults } = await open(t, hour, HOUR + "&percentiles=p50,p99.9&y=-10..200&shift=1d");
    const from = page.getByRole("textbox", { name: "From" });
    assert.equal(await from.inputValue(), "2020-01-13 12:00:00");
    assert.equal(await page.getByRole("textbox", { name: "to", exact: true }).inputValue(), "2020-01-13 12:59:59");
    assert.equal(await page.getByLabel("p50").isChecked(), true);
    assert.equal(await page.getByLabel("More percentiles").inputValue(), "p99.9");
    assert.equal(await page.getByLabel("temperature, y axis to").inputValue(), "200");
    assert.equal(await page.getByLabel("Compare with").inputValue(), "1d");
    const first = page.url();
    await page.getByRole("button", { name: "10 y" }).click();
    await page
      .locator("#shown")
      .getByText(/buckets of 1w/)
      .waitFor();
    await page.locator("select[name=y]").selectOption("zero");
    await page.goBack();
    await page.goBack();
    await page
      .locator("#shown")
      .getByText(/12:00:00 – 13:00:00 \+01:00/)
      .waitFor();
    assert.equal(page.url(), first);
    assert.deepEqual(faults, []);
  });

  test("a changed past is drawn again, though the window stands still", async (t) => {
    const tidemark = await startHour(t);
    const { page, faults } = await open(
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

  test("where there are no readings nothing is drawn", async (t) => {
    const { page, faults } = await open(t, hour, HOUR);
    // Opaque pixels between the lines of the grid are the mean's and the band's.
    const drawn = await page.locator("canvas").evaluate((canvas: HTMLCanvasElement) => {
      const context = canvas.getContext("2d");
      const over = canvas.parentElement?.querySelector<HTMLElement>(".u-over");
      if (context == null || over == null) throw new Error("no plot");
      const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = over;
      const { data } = context.getImageData(offsetLeft, offsetTop, offsetWidth, offsetHeight);
      const coloured = (from: number, to: number) => {
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
          const share = ((i / 4) % offsetWidth) / offsetWidth;
          if (share > from && share < to && data[i + 3] > 0 && Math.abs(data[i] - data[i + 2]) > 30) count++;
        }
        return count;
      };
      return [coloured(0.1, 0.3), coloured(0.34, 0.49), coloured(0.6, 0.9)];
    });
    assert.ok(drawn[0] > 1000 && drawn[2] > 1000, String(drawn));
    assert.equal(drawn[1], 0);
    assert.deepEqual(faults, []);
  });

  test("it is compared with the day before, bucket by bucket", async (t) => {
    const { page, faults } = await open(t, hour, HOUR + "&shift=1d");
    await hover(page, 0.5);
    const tip = page.locator(".tip");
    const url = `${hour.url}series?sensor=temperature&metrics=mean&from=2020-01-12T11:00:00Z&toExclusive=2020-01-12T12:00:00Z&points=`;
    const buckets = Number(/(\d+) buckets/.exec((await page.locator("#shown").textContent()) ?? "")?.[1]);
    const { series } = (await (await fetch(url + buckets)).json()) as { series: { temperature: { mean: number[] } } };
    const earlier = tip.locator("dt", { hasText: "mean 1d before" }).locator("xpath=following-sibling::dd[1]");
    assert.equal(await earlier.textContent(), String(series.temperature.mean[Math.floor(buckets / 2)]));
    assert.deepEqual(faults, []);
  });

  test("keys zoom, move, lead back, and read one bucket after the other", async (t) => {
    const { page, faults } = await open(t, hour, HOUR);
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
    const { page, faults } = await open(t, tidemark, "#/history?sensor=temperature&from=-15m");
    await page.locator(".state[data-mode=live]").waitFor();
    await hover(page, 0.5);
    await page.locator(".state[data-mode=paused]").getByText("while you look").waitFor();
    const caption = (await page.locator("#shown").textContent()) ?? "";
    await tidemark.send("temperature", readingOf(now - 60 * SECOND, 7));
    await page.locator("table").getByText("7", { exact: true }).first().waitFor({ state: "attached", timeout: 15_000 });
    assert.equal(await page.locator("#shown").textContent(), caption);
    await page.mouse.move(0, 0);
    await page.locator(".state[data-mode=live]").waitFor();
    await page.waitForFunction((before) => document.querySelector("#shown")?.textContent !== before, caption);
    assert.deepEqual(faults, []);
  });

  test("two fingers zoom, one moves", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", readingOf(NOON, 1), readingOf(NOON + 3599 * SECOND, 2));
    const { page, faults } = await open(t, tidemark, HOUR, { hasTouch: true, viewport: { width: 360, height: 800 } });
    const box = await page.locator(".u-over").boundingBox();
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
    await touch("touchStart", 0.8);
    await touch("touchMove", 0.6);
    await touch("touchMove", 0.3);
    await touch("touchEnd");
    await page.waitForFunction((before) => location.href !== before, page.url());
    assert.ok(Math.abs((spanOf(page)?.start ?? 0) - start - 600 * SECOND) < 30 * SECOND, page.url());
    assert.deepEqual(faults, []);
  });

  test("what the server does not understand is said in its words, and the picture stays", async (t) => {
    const { page } = await open(t, hour, HOUR);
    await page.getByRole("textbox", { name: "From" }).fill("2020-13-45");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page
      .getByRole("alert")
      .getByText(/2020-13-45/)
      .waitFor();
    assert.equal(await page.getByRole("textbox", { name: "From" }).getAttribute("aria-invalid"), "true");
    assert.equal(await page.locator(".u-over").count(), 1);
    await page.getByRole("textbox", { name: "From" }).fill("2020-01-13 12:00");
    await page.getByRole("textbox", { name: "to", exact: true }).fill("2020-01-13 12:29");
    await page.keyboard.press("Enter");
    await page
      .locator("#shown")
      .getByText(/12:00:00 – 12:30:00 \+01:00/)
      .waitFor();
    assert.equal(await page.getByRole("textbox", { name: "From" }).getAttribute("aria-invalid"), null);
  });

  test("an empty window says so, and leads to what there is; eight sensors are all that fit", async (t) => {
    const tidemark = await startTidemark(t);
    const names = Array.from({ length: 9 }, (_, i) => `s${i}`);
    for (const name of names) await tidemark.send(name, readingOf(NOON, 1));
    const { page, faults } = await open(
      t,
      tidemark,
      `#/history?sensor=${names.slice(0, 7).join(",")}&from=2021&to=2021`,
    );
    await page.getByText("Nothing was measured in this window.").waitFor();
    const add = page.getByLabel("Add a sensor");
    await add.fill("s7");
    await add.press("Enter");
    await page.locator(".chips li").nth(7).waitFor();
    assert.equal(await add.isDisabled(), true);
    assert.equal(await add.getAttribute("placeholder"), "8 of 8 sensors");
    await page.getByRole("button", { name: "Show all readings" }).click();
    await page.getByText("Nothing was measured in this window.").waitFor({ state: "hidden" });
    assert.equal(await page.locator(".u-over").count(), 8);
    assert.deepEqual(faults, []);
  });

  for (const [colorScheme, width] of [
    ["dark", 1600],
    ["light", 360],
  ] as const) {
    test(`axe finds nothing serious, and nothing is wider than the page: ${colorScheme}, ${width} px`, async (t) => {
      const query =
        "&sensor=humidity&percentiles=p5,p95&shift=1d&y=0..100,0..100&selection=2020-01-13T11:00:00Z..2020-01-13T11:10:00Z";
      const { page, faults } = await open(t, hour, HOUR + query, { colorScheme, viewport: { width, height: 900 } });
      await page.locator(".selection tbody tr").first().waitFor();
      if (width === 360) await page.locator("summary").click();
      assert.deepEqual(await axeFaults(page), []);
      const [wide, seen] = await page.evaluate(() => [
        document.documentElement.scrollWidth,
        document.documentElement.clientWidth,
      ]);
      assert.ok(wide <= seen, `${wide} px of ${seen}`);
      assert.deepEqual(faults, []);
    });
  }
});

function readingOf(time: number, value: number): string {
  return JSON.stringify({ device: "d", time: Math.round(time), sequence: Math.round(time / SECOND), value });
}

function spanOf(page: Page): { start: number; end: number } | null {
  const params = new URLSearchParams(page.url().replace(/.*\?/, ""));
  const [start, end] = [Date.parse(params.get("from") ?? ""), Date.parse(params.get("toExclusive") ?? "")];
  return end > start ? { start, end } : null;
}

function lengthOf(page: Page): number {
  const { start, end } = spanOf(page) ?? { start: 0, end: Number.POSITIVE_INFINITY };
  return end - start;
}

async function moveTo(page: Page, share: number): Promise<void> {
  const box = await page.locator(".u-over").first().boundingBox();
  if (box === null) throw new Error("no plot");
  await page.mouse.move(box.x + share * box.width, box.y + box.height / 2);
}

async function hover(page: Page, share: number): Promise<void> {
  await moveTo(page, share);
  await page.locator(".tip").waitFor();
}

async function drag(page: Page, from: number, to: number, isSelection: boolean): Promise<void> {
  if (isSelection) await page.keyboard.down("Shift");
  await moveTo(page, from);
  await page.mouse.down();
  await moveTo(page, (from + to) / 2);
  await moveTo(page, to);
  await page.mouse.up();
  if (isSelection) await page.keyboard.up("Shift");
}
