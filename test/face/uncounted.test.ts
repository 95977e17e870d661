/** Page "Not counted" in a real Chromium: what is listed and why, and what becomes of it. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Page } from "playwright-core";
import { axeFaults, findChromium, startTidemark, TestBrowser, type Tidemark } from "./browser.ts";

const chromium = findChromium();

const DAY = 86_400_000;

const ahead = (device: string, sequence: number) =>
  JSON.stringify({ device, boot: "b1", sequence, value: sequence, time: Date.now() + DAY + sequence * 60_000 });

/** Texts of a column, without what is small under them. */
const column = (page: Page, title: string) => page.locator(`td[data-title="${title}"]`).allInnerTexts();

const confirm = async (page: Page, verb: string, title: string) => {
  await page.locator(".acts").getByRole("button", { name: verb }).click();
  await page.getByRole("dialog", { name: title }).getByRole("button", { name: verb }).click();
};

async function totals({ url }: Tidemark, sensor: string): Promise<Record<string, number>> {
  const { items } = await (await fetch(`${url}sensors`)).json();
  return items.find((item: { sensor: string }) => item.sensor === sensor);
}

suite("not counted", { skip: "missing" in chromium ? chromium.missing : false }, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await TestBrowser.start();
  });
  after(() => browser.close());

  test("what no map is for, with one that would fit, and what a map could not read", async (t) => {
    const tidemark = await startTidemark(t);
    const post = (name: string, body: string) => fetch(`${tidemark.url}in/${name}`, { method: "POST", body });
    const { page, faults } = await browser.open(t, `${tidemark.url}#/uncounted?kind=unrouted`);
    await page.getByText("Every message found its map.").waitFor();
    await post("cellar", '{"celsius":12.5,"note":"<b>"}');
    await post("thingsboard", '{"ts":"soon","values":{"t":1}}');
    await post("tasmota", '{"MT681":{"Total_in":7}}');
    await page.getByText("/in/cellar").waitFor(); // without being asked
    assert.deepEqual(await column(page, "A map that would fit"), [
      '{ "name": "cellar", "readings": [ { "at": "celsius", "sensor": "celsius" } ] }Copy',
    ]);
    assert.match((await column(page, "Last"))[0], /"note":"<b>"/);
    assert.deepEqual(await column(page, "Why"), [
      'the time: expected a number, was "soon"',
      "none of its readings is there",
    ]);
    assert.deepEqual(await axeFaults(page), []);
    assert.deepEqual(faults, []);
  });

  test("readings held back: page by page, of a sensor, of a device; released and discarded once that is confirmed", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", 20, ...Array.from({ length: 60 }, (_, i) => ahead(`board-${i % 2}`, i)));
    await tidemark.send("humidity", 40, ahead("board-0", 1));
    const { page, faults } = await browser.open(t, `${tidemark.url}#/uncounted`);
    await page.getByText("temperature").nth(1).waitFor();
    assert.equal((await column(page, "Sensor")).length, 50);
    assert.match((await column(page, "Device"))[3], /^board-1\nboot b1, sequence 3$/);
    assert.match((await column(page, "Why"))[3], /^1d ahead of the clock\nwhich was 20/);
    assert.deepEqual(await axeFaults(page), []);
    await page.getByRole("button", { name: "Next page" }).click();
    await page.getByText("sequence 59").waitFor();
    assert.equal((await column(page, "Sensor")).length, 11);
    assert.match(page.url(), /after=\d+$/);
    await page.getByLabel("Of which sensor").selectOption("humidity");
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    assert.match(page.url(), /#\/uncounted\?sensor=humidity$/);
    await page.goBack();
    await page.getByText("sequence 59").waitFor();

    await page.goto(`${tidemark.url}#/uncounted?sensor=temperature`);
    await page.getByText("sequence 0").waitFor();
    const release = page.locator(".acts").getByRole("button", { name: "Release" });
    assert.ok(await release.isDisabled(), "nothing is chosen");
    await page.locator("td input").nth(0).check();
    await page.locator("td input").nth(2).check();
    await release.click();
    await page.keyboard.press("Escape");
    assert.ok(await release.isEnabled(), "nothing was released");
    await confirm(page, "Release", "Release 2 readings?");
    await page.locator(".said").getByText("2 released: counted now.").waitFor();
    await page.getByText("sequence 0").waitFor({ state: "detached" });
    assert.equal((await totals(tidemark, "temperature")).released, 2);

    await page.locator("td input").nth(0).check(); // of board-1
    await page.getByLabel("Which", { exact: true }).selectOption("all of device board-1, of temperature");
    await confirm(page, "Discard", "Discard all of device board-1, of temperature, as listed now?");
    await page.locator(".said").getByText("30 discarded.").waitFor();
    await page.getByLabel("Which", { exact: true }).selectOption("all of temperature");
    await confirm(page, "Release", "Release all of temperature, as listed now?");
    await page.getByText("No reading is held back.").waitFor();
    assert.equal((await totals(tidemark, "temperature")).counted, 31);
    assert.equal((await totals(tidemark, "humidity")).counted, 1);

    await tidemark.send("temperature", ahead("board-9", 100));
    await page.getByText("board-9").waitFor(); // without being asked
    assert.deepEqual(faults, []);
  });

  test("rejected records with their bytes, which obey nothing; read again and discarded", async (t) => {
    const tidemark = await startTidemark(t);
    const evil = '{"value":"\u202e<img src=x onerror=alert(1)>"}';
    await tidemark.send("temperature", 20, "x", evil, `"${"long ".repeat(100)}"`);
    const bytes = Buffer.concat([Buffer.from("1\n"), Buffer.from([0xff, 0xfe, 0x07])]);
    await fetch(`${tidemark.url}readings/temperature`, { method: "POST", body: bytes });
    const { page, faults } = await browser.open(t, `${tidemark.url}#/uncounted?kind=rejected`);
    await page.getByText("ff fe 07").waitFor();
    const shown = await column(page, "Bytes");
    assert.deepEqual(
      [shown[0], shown[1], shown[3]],
      ["x\n1 byte", '{"value":"\\u202e<img src=x onerror=alert(1)>"}\n43 bytes', "ff fe 07\n3 bytes"],
    );
    assert.match(shown[2], /^"long long .*… 502 bytes$/);
    await page.locator("summary").click();
    await page.locator("details > code").getByText('long "').waitFor();
    assert.match((await column(page, "Why"))[0], /^the value is not a number$/);
    assert.deepEqual(await axeFaults(page), []);
    await page.getByLabel("Choose all of this page").check();
    await confirm(page, "Read again", "Read again 4 records?");
    await page.locator(".said").getByText("0 could be read and counted.").waitFor();
    await page.getByLabel("Which", { exact: true }).selectOption("all");
    await confirm(page, "Discard", "Discard all, as listed now?");
    await page.locator(".said").getByText("4 discarded.").waitFor();
    await page.getByText("No record was rejected.").waitFor();
    assert.deepEqual(faults, []);
  });

  test("conflicts and losses as totals that move, and what they mean; a fault is said, and can be tried again", async (t) => {
    const tidemark = await startTidemark(t);
    const reading = (value: number) => JSON.stringify({ device: "d", boot: "b", sequence: 1, value, time: Date.now() });
    await tidemark.send("temperature", reading(1));
    const { page, faults } = await browser.open(t, `${tidemark.url}#/uncounted?kind=other`);
    await page.getByText("Nothing came twice, and nothing was lost.").waitFor();
    await tidemark.send("temperature", reading(2));
    await page.getByRole("columnheader", { name: "Conflicts" }).waitFor();
    assert.deepEqual([await column(page, "Conflicts"), await column(page, "Duplicates")], [["1"], ["1"]]);
    await page.getByText("the first is counted").waitFor();
    assert.deepEqual(await axeFaults(page), []);
    await page.getByRole("link", { name: "Rejected" }).click();
    await page.getByText("No record was rejected.").waitFor();
    assert.deepEqual(faults, []);
    await page.goto(`${tidemark.url}#/uncounted?sensor=nowhere`);
    await page.getByRole("alert").getByText('"nowhere": expected one of').waitFor();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByLabel("Of which sensor").selectOption("");
    await page.getByText("No reading is held back.").waitFor();
  });

  test("there is room for it on 360 pixels", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("a-sensor-with-a-name-that-is-longer-than-most", 1, ahead("board", 1), "no reading at all");
    const { page } = await browser.open(t, `${tidemark.url}#/uncounted`, { viewport: { width: 360, height: 640 } });
    for (const [kind, text] of [
      ["held", "sequence 1"],
      ["rejected", "no reading at all"],
    ]) {
      await page.goto(`${tidemark.url}#/uncounted?kind=${kind}`);
      await page.getByText(text).waitFor();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${kind} is ${wide} pixels too wide`);
      assert.deepEqual(await axeFaults(page), []);
    }
  });
});
