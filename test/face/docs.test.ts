/** The page at `/docs` in a real Chromium: each operation is there, its examples work, and the line for a terminal does the same. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, suite, test } from "node:test";
import { promisify } from "node:util";
import { brotliCompressSync } from "node:zlib";
import type { Page } from "playwright-core";
import { curlLine, type Filled, formOf, prepare } from "../../src/face/docs/request.ts";
import { axeFaults, findChromium, startTidemark, TestBrowser } from "./browser.ts";

const TOKEN = "0123456789abcdef";

/** All that the page needs, compressed. */
const BYTES_MAX = 150_000;

const chromium = findChromium();

/** What a shell prints that is given the line; beside the server, which is in this process. */
async function shell(line: string, env: Record<string, string> = {}): Promise<string> {
  return (await promisify(execFile)("/bin/sh", ["-c", line], { env: { ...process.env, ...env } })).stdout;
}

async function operation(page: Page, id: string): Promise<void> {
  await page.evaluate((name) => {
    location.hash = name;
  }, id);
  await page.locator(`.operations a[aria-current][href="docs#${id}"]`).waitFor({ state: "attached" });
}

/** In the browser: goes to each operation, one after the other. @returns what is wrong with any */
async function visit(hrefs: readonly (string | null)[]): Promise<string[]> {
  const wrong: string[] = [];
  const { documentElement } = document;
  for (const href of hrefs) {
    location.hash = String(href).replace("docs#", "");
    const marked = `.operations a[aria-current][href="${href}"]`;
    const until = performance.now() + 15_000;
    while (document.querySelector(marked) === null && performance.now() < until) {
      await new Promise((drawn) => requestAnimationFrame(drawn));
    }
    if (document.querySelector(marked) === null) wrong.push(`${href} is not shown`);
    const forms = document.querySelectorAll('[aria-label="Try it"]');
    if (forms.length !== 1) wrong.push(`${href} has ${forms.length} forms to try it`);
    if (documentElement.scrollWidth > documentElement.clientWidth) wrong.push(`${href} is too wide`);
  }
  return wrong;
}

/** Sends what the form holds. @returns the body of the answer */
async function send(page: Page, status: number): Promise<string> {
  await page.getByRole("button", { name: "Send" }).click();
  await page.locator(".status", { hasText: new RegExp(`^${status} .* bytes$`) }).waitFor();
  return (await page.locator(".came pre").textContent()) ?? "";
}

suite("docs", { skip: "missing" in chromium ? chromium.missing : false }, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await TestBrowser.start();
  });
  after(() => browser.close());

  test("every operation is shown, and axe finds nothing, on narrow and wide screens, light and dark", async (t) => {
    const tidemark = await startTidemark(t);
    const api = (await (await fetch(`${tidemark.url}openapi.json`)).json()) as { paths: Record<string, object> };
    const count = Object.values(api.paths).flatMap((methods) => Object.keys(methods)).length;
    for (const [width, colorScheme] of [
      [360, "light"],
      [1600, "dark"],
    ] as const) {
      const { page, faults } = await browser.open(t, `${tidemark.url}docs`, {
        viewport: { width, height: 900 },
        colorScheme,
      });
      await page.getByRole("heading", { level: 1 }).waitFor();
      assert.deepEqual(await axeFaults(page), []);
      const hrefs = await page
        .locator(".operations a")
        .evaluateAll((links) => links.map((link) => link.getAttribute("href")));
      assert.equal(hrefs.length, count);
      assert.deepEqual(await page.evaluate(visit, hrefs), []);
      await operation(page, "postComputeMetrics");
      assert.deepEqual(await axeFaults(page), []);
      assert.deepEqual(faults, []);
    }
  });

  test("an example is sent, and the line for a terminal has the same answer", async (t) => {
    const tidemark = await startTidemark(t);
    const { page, faults } = await browser.open(t, `${tidemark.url}docs#postReadingsSensor`);
    const example = page.getByLabel("Example");
    await example.selectOption("lines");
    assert.deepEqual(JSON.parse(await send(page, 200)), { appended: 3 });
    assert.equal(await page.getByLabel("Tidemark-Device").inputValue(), "cellar");
    await operation(page, "postComputeMetrics");
    const answer = JSON.parse(await send(page, 200));
    assert.equal(answer.result.temperature.min, 20.5);
    const line = (await page.locator(".paste code").textContent()) ?? "";
    assert.deepEqual(JSON.parse(await shell(line)), answer);
    await page.getByLabel("Body", { exact: true }).fill('{"nothing":[]}');
    const refused = page.locator(".status", { hasText: /^400 Bad Request/ });
    await page.getByRole("button", { name: "Send" }).click();
    await refused.waitFor();
    assert.match((await page.locator(".came pre").textContent()) ?? "", /Unexpected key nothing/);
    assert.equal(await page.locator(".came").getAttribute("data-kind"), "bad");
    assert.deepEqual(
      faults.filter((fault) => !/status of 400/.test(fault)), // Chromium notes each
      [],
    );
  });

  test("a stream is shown as it comes, until it is stopped", async (t) => {
    const tidemark = await startTidemark(t);
    await tidemark.send("temperature", 21.5);
    const { page, faults } = await browser.open(t, `${tidemark.url}docs#getLive`);
    await page.getByRole("button", { name: "Listen" }).click();
    await page.locator(".came pre", { hasText: "event: snapshot" }).waitFor();
    await page.getByRole("button", { name: "Stop" }).click();
    await page.locator(".status", { hasText: /stopped$/ }).waitFor();
    assert.deepEqual(faults, []);
  });

  test("a server with a token asks for it, and operations work then; it is named in the line", async (t) => {
    const tidemark = await startTidemark(t, "--token", TOKEN);
    const { page } = await browser.open(t, `${tidemark.url}docs#getSensors`);
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await send(page, 200);
    const line = (await page.locator(".paste code").textContent()) ?? "";
    assert.match(line, /^curl --header "Authorization: Bearer \$TIDEMARK_TOKEN" /);
    assert.deepEqual(JSON.parse(await shell(line, { TIDEMARK_TOKEN: TOKEN })), {
      items: [],
      next: null,
      refused: 0,
    });
  });

  test("the keyboard is enough: the field that narrows the list, a link, a form", async (t) => {
    const tidemark = await startTidemark(t);
    const { page } = await browser.open(t, `${tidemark.url}docs`, { viewport: { width: 1200, height: 800 } });
    await page.getByLabel("Find an operation").fill("probe nothing like this");
    assert.equal(await page.locator(".operations a:visible").count(), 0);
    await page.getByLabel("Find an operation").fill("livez");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: /\/livez$/ }).waitFor();
    await page.getByRole("button", { name: "Send" }).focus();
    await page.keyboard.press("Enter");
    await page.locator(".status", { hasText: /^200 / }).waitFor();
  });

  test("all of it weighs less than 150 KB compressed", async (t) => {
    const tidemark = await startTidemark(t);
    const get = async (path: string) => Buffer.from(await (await fetch(tidemark.url + path)).arrayBuffer());
    const page = await get("docs");
    const paths = [...page.toString().matchAll(/(?:href|src)="(page\/[^"]+)"/g)].map(([, path]) => path);
    assert.ok(paths.includes("page/docs.js") && paths.includes("page/face/docs/docs.css"), String(paths));
    let bytes = brotliCompressSync(page).length;
    for (const path of [...paths, "openapi.json"]) bytes += brotliCompressSync(await get(path)).length;
    assert.ok(bytes < BYTES_MAX, `${bytes}`);
    t.diagnostic(`${bytes} bytes in ${paths.length + 2} files`);
  });
});

test("what people fill in is sent as they mean it", async () => {
  const route = {
    method: "POST",
    path: "/readings/{sensor}",
    guarded: false,
    operation: {
      operationId: "x",
      tags: ["Readings"],
      summary: "",
      responses: {},
      parameters: [
        { name: "sensor", in: "path", schema: {} },
        { name: "list", in: "query", explode: false, schema: {} },
        { name: "from", in: "query", schema: {} },
        { name: "empty", in: "query", schema: {} },
      ],
    },
  } as const;
  const values = new Map([
    ["sensor", "a/b c"],
    ["list", "x,y&z"],
    ["from", "2020-01-13 15:12+01:00"],
    ["empty", ""],
  ]);
  const filled: Filled = { route, values, body: "it's 21.5", type: "text/plain" };
  assert.deepEqual(prepare(filled), {
    path: "readings/a%2Fb%20c?list=x,y%26z&from=2020-01-13%2015:12%2B01:00",
    headers: { "Content-Type": "text/plain" },
  });
  const line = curlLine(filled, "http://localhost:5000/");
  const words = await shell(line.replace(/^curl/, "printf '%s\\n'"));
  assert.deepEqual(words.trimEnd().split("\n"), [
    "--header",
    "Content-Type: text/plain",
    "--data-binary",
    "it's 21.5",
    "http://localhost:5000/readings/a%2Fb%20c?list=x,y%26z&from=2020-01-13%2015:12%2B01:00",
  ]);
  const fields = { target: "alias(*.mean,'a&b=c + d')", from: "-1h" };
  assert.equal(formOf(fields), "target=alias(*.mean,'a%26b%3Dc%20%2B%20d')&from=-1h");
  assert.deepEqual(Object.fromEntries(new URLSearchParams(formOf(fields))), fields);
});
