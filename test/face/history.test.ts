/** What the page History shows, in a real Chromium, over a real tidemark. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { axeFaults, findChromium, startTidemark, TestBrowser, type Tidemark } from "./browser.ts";
import { colouredColumns, drag, HOUR, hover, NOON, openHistory, readingOf, startHour } from "./history-page.ts";

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

  test("a window that is selected is answered as POST /compute/metrics answers it, and by the line of curl", async (t) => {
    const { page, faults } = await openHistory(
      browser,
      t,
      hour,
      HOUR + "&sensor=humidity&asked=count,mean,stddev,p95,sum,avg",
    );
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
    const { page, faults } = await openHistory(browser, t, hour, HOUR + "&percentiles=p50,p99.9&y=-10..200&shift=1d");
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

  test("where there are no readings nothing is drawn; a sensor that just reports less often has a line", async (t) => {
    const { page, faults } = await openHistory(browser, t, hour, `${HOUR}&sensor=pressure`);
    const shareDrawn = (columns: readonly boolean[], from: number, to: number) => {
      const some = columns.slice(from * columns.length, to * columns.length);
      return some.filter(Boolean).length / some.length;
    };
    const temperature = await colouredColumns(page, 0);
    assert.equal(shareDrawn(temperature, 0.34, 0.49), 0);
    assert.equal(shareDrawn(temperature, 0.01, 0.33), 1);
    assert.equal(shareDrawn(temperature, 0.51, 0.99), 1);
    assert.equal(shareDrawn(await colouredColumns(page, 1), 0.01, 0.98), 1);
    assert.deepEqual(faults, []);
  });

  test("it is compared with the day before, bucket by bucket", async (t) => {
    const { page, faults } = await openHistory(browser, t, hour, HOUR + "&shift=1d");
    await hover(page, 0.5);
    const tip = page.locator(".tip");
    const url = `${hour.url}series?sensor=temperature&metrics=mean&from=2020-01-12T11:00:00Z&toExclusive=2020-01-12T12:00:00Z&points=`;
    const buckets = Number(/(\d+) buckets/.exec((await page.locator("#shown").textContent()) ?? "")?.[1]);
    const { series } = (await (await fetch(url + buckets)).json()) as { series: { temperature: { mean: number[] } } };
    const earlier = tip.locator("dt", { hasText: "mean 1d before" }).locator("xpath=following-sibling::dd[1]");
    assert.equal(await earlier.textContent(), String(series.temperature.mean[Math.floor(buckets / 2)]));
    assert.deepEqual(faults, []);
  });

  test("what the server does not understand is said in its words, and the picture stays", async (t) => {
    const { page } = await openHistory(browser, t, hour, HOUR);
    await page.getByRole("textbox", { name: "From" }).fill("2020-13-45");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page
      .getByRole("alert")
      .getByText(/2020-13-45/)
      .waitFor();
    assert.equal(await page.getByRole("textbox", { name: "From" }).getAttribute("aria-invalid"), "true");
    assert.equal(await page.locator(".over").count(), 1);
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
    const { page, faults } = await openHistory(
      browser,
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
    assert.equal(await page.locator(".over").count(), 8);
    assert.deepEqual(faults, []);
  });

  for (const [colorScheme, width] of [
    ["dark", 1600],
    ["light", 360],
  ] as const) {
    test(`axe finds nothing serious, and nothing is wider than the page: ${colorScheme}, ${width} px`, async (t) => {
      const query =
        "&sensor=humidity&percentiles=p5,p95&shift=1d&y=0..100,0..100&selection=2020-01-13T11:00:00Z..2020-01-13T11:10:00Z";
      const { page, faults } = await openHistory(browser, t, hour, HOUR + query, {
        colorScheme,
        viewport: { width, height: 900 },
      });
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
