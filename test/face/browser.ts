/**
 * A real Chromium for the tests of the page, and a real tidemark for it to look at. A test file has one browser:
 *
 *     const chromium = findChromium();
 *     suite("…", { skip: "missing" in chromium ? chromium.missing : false }, () => {
 *       let browser: TestBrowser;
 *       before(async () => { browser = await TestBrowser.start(); });
 *       after(() => browser.close());
 *       test("…", async (t) => {
 *         const tidemark = await startTidemark(t);
 *         const { page, faults } = await browser.open(t, `${tidemark.url}#/now`);
 *         await page.getByText("LIVE").waitFor();
 *         assert.deepEqual(faults, []);
 *       });
 *     });
 *
 * `faults` is everything that a page must not do: words in the console, exceptions, requests to elsewhere, violations of its policy.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { type App, openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/config.ts";
import { readingToken } from "../../src/config/token-settings.ts";

/** A page is waited for so long, ms: a busy machine is slow; what never comes should fail by its name. */
const WAIT_MS_MAX = 15_000;

/** A test, or whatever else ends what it began. */
export interface Ending {
  after(close: () => unknown): void;
}

/** Where Chromium is, or how to get it. */
export function findChromium(): { readonly path: string } | { readonly missing: string } {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return { path: execFileSync("/bin/sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim() };
    } catch {
      // The next name.
    }
  }
  return { missing: "there is no Chromium (Debian: apt-get install -y chromium)" };
}

/** A page, and what it did that it must not. */
export interface Opened {
  readonly page: Page;
  readonly faults: string[];
}

/** One browser; each page has a profile of its own. */
export class TestBrowser {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<TestBrowser> {
    const found = findChromium();
    if ("missing" in found) throw new Error(found.missing);
    // Its sandbox refuses to run as root, as CI does.
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    return new TestBrowser(await chromium.launch({ executablePath: found.path, args }));
  }

  /** Opens an address in a zone that no test's server is in: what shows it is a fault. */
  async open(t: Ending, url: string, options: BrowserContextOptions = {}): Promise<Opened> {
    const context = await this.#browser.newContext({ timezoneId: "Pacific/Chatham", ...options });
    context.setDefaultTimeout(WAIT_MS_MAX);
    t.after(() => context.close());
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("console", (message) => {
      // The machine's networks changed (containers of another test): no doing of the page's, which asks again.
      if (!message.text().includes("ERR_NETWORK_CHANGED")) faults.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`exception: ${error.stack}`));
    page.on("request", (request) => {
      const to = new URL(request.url());
      if (to.protocol !== "data:" && to.origin !== new URL(url).origin) faults.push(`request: ${request.url()}`);
    });
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) =>
        console.log(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
      );
    });
    await page.goto(url);
    return { page, faults };
  }

  close(): Promise<void> {
    return this.#browser.close();
  }
}

/** What axe-core finds wrong for people with impairments, of the two graver kinds: a line each. */
export async function axeFaults(page: Page): Promise<string[]> {
  const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(source);
  const { violations } = await page.evaluate(() => axe.run());
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
}

declare const axe: typeof import("axe-core");

/** A running tidemark with its data in a temporary folder. */
export interface Tidemark {
  /** Of its page, with a slash at its end. */
  readonly url: string;
  readonly app: App;
  /** Sends readings. @param lines a value or a JSON object a line */
  send(sensor: string, ...lines: readonly (number | string)[]): Promise<void>;
  /** Stops it, and starts it again on the same port and data, after `between`. */
  restart(between?: () => Promise<void>): Promise<Tidemark>;
}

/** What has an end: a test, or several. */
export interface Ending {
  after(end: () => unknown): void;
}

/** Starts one; it ends with the test. @param args flags of `tidemark serve` */
export async function startTidemark(t: Ending, ...args: readonly string[]): Promise<Tidemark> {
  const data = mkdtempSync(join(tmpdir(), "tidemark-face-"));
  let running: Tidemark | null = null;
  t.after(async () => {
    await running?.app.close();
    rmSync(data, { recursive: true });
  });
  const start = async (port: number): Promise<Tidemark> => {
    const flags = ["serve", "--data", data, "--port", String(port), "--timezone", "Europe/Berlin", ...args];
    const { invocation } = loadConfig(flags, {}, data);
    if (invocation.command !== "serve") throw new Error(invocation.command);
    const app = await openApp(invocation.config);
    const token = readingToken(invocation.config);
    const url = `http://localhost:${app.port}/`;
    running = {
      url,
      app,
      async send(sensor, ...lines) {
        const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
        const answer = await fetch(`${url}readings/${sensor}`, { method: "POST", body: lines.join("\n"), headers });
        if (answer.status !== 200) throw new Error(await answer.text());
      },
      async restart(between = async () => {}) {
        await app.close();
        await between();
        return start(app.port);
      },
    };
    return running;
  };
  return start(0);
}
