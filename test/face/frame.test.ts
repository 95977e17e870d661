/** What all pages share, in a real Chromium: addresses, pausing, a lost server, the token, small screens, light and dark. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { Page } from "playwright-core";
import { LIVE_CLIENTS_MAX } from "../../src/server/limits.ts";
import { openFixture } from "../server/fixture.ts";
import { axeFaults, findChromium, startTidemark, TestBrowser } from "./browser.ts";

const chromium = findChromium();

const TOKEN = "a-token-of-some-length";

const names = (page: Page) => page.locator(".card .name").allInnerTexts();
const state = (page: Page, mode: string) => page.locator(`.state[data-mode=${mode}]`);

suite("the frame", { skip: "missing" in chromium ? chromium.missing : false }, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await TestBrowser.start();
  });
  after(() => browser.close());

  test("the address has all that was chosen, and the back button undoes it", async (t) => {
    const tidemark = await startTidemark(t);
    await Promise.all(["a-1", "b-1", "a-2"].map((name, i) => tidemark.send(name, i)));
    const { page, faults } = await browser.open(t, `${tidemark.url}#/now?find=a-&sort=value&of=minute`);
    await page.getByText("2 of 3 sensors").waitFor();
    assert.deepEqual(await names(page), ["a-2", "a-1"]);
    assert.equal(await page.getByLabel("Numbers of").inputValue(), "minute");
    await page.getByLabel("Sorted by").selectOption("name");
    assert.deepEqual(await names(page), ["a-1", "a-2"]);
    await page.goBack();
    await page.locator(".card").first().getByText("a-2").waitFor();
    assert.equal(await page.getByLabel("Sorted by").inputValue(), "value");
    await page.goto(`${tidemark.url}#/nowhere`);
    await page.getByText('There is no page "nowhere" here.').waitFor();
    await page.getByRole("alert").waitFor();
    await page.locator("main").getByRole("link", { name: "Now" }).click();
    await page.locator(".found").getByText("3 sensors").waitFor();
    assert.deepEqual(faults, []);
  });

  test("paused it stands still, and then goes on with what is", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", 1);
    const { page, faults } = await browser.open(t, tidemark.url);
    await state(page, "live").getByText("LIVE").waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await state(page, "paused").getByText("PAUSED").waitFor();
    assert.equal(await page.locator(".reason").textContent(), "by you");
    await tidemark.send("temperature", 2);
    await tidemark.send("humidity", 3);
    // The stream has brought it: another page shows it.
    const other = await browser.open(t, tidemark.url);
    await other.page.locator(".value").getByText("2", { exact: true }).waitFor();
    assert.deepEqual(await page.locator(".value").allInnerTexts(), ["1"]);
    await page.getByRole("button", { name: "Go on" }).click();
    await page.locator(".value").getByText("2", { exact: true }).waitFor();
    assert.deepEqual(await page.locator(".value").allInnerTexts(), ["3", "2"]);
    await state(page, "live").waitFor();
    assert.deepEqual([...faults, ...other.faults], []);
  });

  test("a lost server is said, and found again with what it has by then", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", 1);
    const { page, faults } = await browser.open(t, tidemark.url);
    await state(page, "live").waitFor();
    assert.deepEqual(faults, []);
    const again = await tidemark.restart(async () => {
      await state(page, "offline").getByText("OFFLINE").waitFor();
      assert.equal(
        await page.locator(".reason").textContent(),
        `no answer from ${new URL(tidemark.url).host}, trying again`,
      );
      assert.deepEqual(await page.locator(".value").allInnerTexts(), ["1"]);
    });
    await again.send("temperature", 2);
    await page.locator(".value").getByText("2", { exact: true }).waitFor();
    await state(page, "live").waitFor();
    // Chromium itself says in the console that a connection failed.
    assert.deepEqual(
      faults.filter((fault) => !/^console: Failed to load resource: net::ERR_/.test(fault)),
      [],
    );
  });

  test("with a token it is asked for once, and forgotten when told to", async (t) => {
    const tidemark = await startTidemark(t, "--token", TOKEN);
    await tidemark.send("temperature", 1);
    const { page, faults } = await browser.open(t, tidemark.url);
    const form = page.getByRole("dialog", { name: "Sign in" });
    await form.waitFor();
    assert.deepEqual(await axeFaults(page), []);
    await page.keyboard.press("Escape");
    await form.getByLabel("Token").fill("another-token");
    await page.keyboard.press("Enter");
    await form.getByText("This is another token.").waitFor();
    await form.getByLabel("Token").fill(TOKEN);
    await page.keyboard.press("Enter");
    await page.locator(".value").getByText("1", { exact: true }).waitFor();
    await state(page, "live").waitFor();
    await page.reload();
    await page.locator(".value").getByText("1", { exact: true }).waitFor();
    assert.equal(await form.count(), 0);
    const [cookie] = await page.context().cookies();
    assert.ok(cookie.httpOnly && cookie.sameSite === "Strict" && !cookie.value.includes(TOKEN));
    await page.getByRole("button", { name: "Sign out" }).click();
    await form.waitFor();
    assert.deepEqual(await page.context().cookies(), []);
    // Chromium itself says in the console that an answer was 401.
    assert.deepEqual(
      faults.filter(
        (fault) => !/^console: Failed to load resource: the server responded with a status of 401/.test(fault),
      ),
      [],
    );
  });

  test("nothing is cut off on a small screen, and colours have contrast in the light and in the dark", async (t) => {
    const tidemark = await startTidemark(t);
    const long = `a-very-long-name.${"of-something.".repeat(12)}`;
    await tidemark.send(long, -1234567.891);
    await tidemark.send("pressure", 1013.25, "x");
    const options = { viewport: { width: 360, height: 740 }, colorScheme: "dark", reducedMotion: "reduce" } as const;
    const { page, faults } = await browser.open(t, tidemark.url, options);
    await page.locator(".value").getByText("-1,234,568").waitFor();
    const wider = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.ok(wider <= 0, `${wider} px`);
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    assert.deepEqual(await axeFaults(page), []);
    await page.getByRole("button", { name: "Light or dark" }).click();
    const light = await ground();
    assert.notEqual(light, dark);
    assert.deepEqual(await axeFaults(page), []);
    await page.reload();
    await page.locator(".card").first().waitFor();
    assert.equal(await ground(), light, "it is kept");
    await page.getByRole("button", { name: "Light or dark" }).click();
    assert.equal(await ground(), dark);
    assert.deepEqual(faults, []);
  });

  test("a stream that is refused says why, and comes once there is room", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", 1);
    const end = new AbortController();
    t.after(() => end.abort());
    const open = () => fetch(`${tidemark.url}live`, { signal: end.signal });
    await Promise.all(Array.from({ length: LIVE_CLIENTS_MAX }, open));
    const { page, faults } = await browser.open(t, tidemark.url);
    await state(page, "offline").getByText(`expected < ${LIVE_CLIENTS_MAX} clients`).waitFor();
    end.abort();
    await page.locator(".value").getByText("1", { exact: true }).waitFor();
    await state(page, "live").waitFor();
    // Chromium itself says in the console that an answer was 503.
    assert.deepEqual(
      faults.filter(
        (fault) => !/^console: Failed to load resource: the server responded with a status of 503/.test(fault),
      ),
      [],
    );
  });

  test("a server that takes nothing in is said to, with its reason", async (t) => {
    const { server, engine } = await openFixture();
    t.after(() => server.close());
    engine.trouble = "the disk is full";
    const [{ port }] = await server.listen({ port: 0 });
    const { page, faults } = await browser.open(t, `http://localhost:${port}/`);
    await state(page, "paused").getByText("no readings are taken in: the disk is full").waitFor();
    assert.equal(await page.locator(".state strong").textContent(), "PAUSED");
    assert.deepEqual(faults, []);
  });

  test("a browser that keeps nothing is shown everything all the same", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", 1);
    const { page, faults } = await browser.open(t, tidemark.url);
    await page.addInitScript(() => {
      const refuse = () => {
        throw new DOMException("denied", "SecurityError");
      };
      Object.defineProperty(window, "localStorage", { get: refuse });
    });
    await page.reload();
    await page.locator(".value").getByText("1", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Light or dark" }).click();
    assert.deepEqual(faults, []);
  });
});
