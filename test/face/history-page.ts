/** The page History for its tests: an hour of readings, and hands. */
import type { TestContext } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import { type Ending, startTidemark, type TestBrowser, type Tidemark } from "./browser.ts";

/** ms */
export const SECOND = 1000;
/** Of UTC, ms. */
const DAY = 86_400 * SECOND;
/** About, ms. */
export const YEAR = 365.25 * DAY;

/** A Monday's noon in Berlin. */
export const NOON = Date.UTC(2020, 0, 13, 11);

/** An hour from NOON on, with a reading a second but in the minutes from 20 to 30; and a day before, 100 higher. */
export const HOUR = "#/history?sensor=temperature&from=2020-01-13T11:00:00Z&toExclusive=2020-01-13T12:00:00Z";

/** Starts a tidemark that has these readings. */
export async function startHour(t: Ending): Promise<Tidemark> {
  const tidemark = await startTidemark(t);
  const lines: string[] = [];
  for (let second = 0; second < 3600; second++) {
    if (second >= 1200 && second < 1800) continue;
    lines.push(readingOf(NOON + second * SECOND, 20 + Math.sin(second / 90) + (second % 10) / 10));
    if (second % 10 === 0) lines.push(readingOf(NOON - DAY + second * SECOND, 120 + second / 3600));
  }
  await tidemark.send("temperature", ...lines);
  await tidemark.send("humidity", readingOf(NOON + 60 * SECOND, 55));
  const rare = Array.from({ length: 90 }, (_, i) => readingOf(NOON + 40 * i * SECOND, 1000 + Math.sin(i)));
  await tidemark.send("pressure", ...rare);
  return tidemark;
}

/** A page, and what it did that it must not. */
export interface Shown {
  readonly page: Page;
  readonly faults: string[];
}

/** Opens an address below a server's, and waits for the first picture. */
export async function openHistory(
  browser: TestBrowser,
  t: TestContext,
  tidemark: Tidemark,
  address: string,
  options: BrowserContextOptions = {},
): Promise<Shown> {
  const shown = await browser.open(t, tidemark.url + address, options);
  await shown.page.locator(".over").first().waitFor();
  return shown;
}

/** Of a panel: whether a column of pixels of its plot has colour. Grid and ground have none to speak of. */
export function colouredColumns(page: Page, panel: number): Promise<boolean[]> {
  return page
    .locator("canvas")
    .nth(panel)
    .evaluate((canvas: HTMLCanvasElement) => {
      const context = canvas.getContext("2d");
      const over = canvas.parentElement?.querySelector<HTMLElement>(".over");
      if (context == null || over == null) throw new Error("no plot");
      const width = over.offsetWidth;
      const { data } = context.getImageData(over.offsetLeft, over.offsetTop, width, over.offsetHeight);
      const columns = new Array<boolean>(width).fill(false);
      for (let i = 0; i < data.length; i += 4) {
        if (data[i + 3] > 0 && Math.abs(data[i] - data[i + 2]) > 30) columns[(i / 4) % width] = true;
      }
      return columns;
    });
}

/** One of a device, a line. */
export function readingOf(time: number, value: number): string {
  return JSON.stringify({ device: "d", time: Math.round(time), sequence: Math.round(time / SECOND), value });
}

/** The window that a page is zoomed to; null: none. */
export function spanOf(page: Page): { start: number; end: number } | null {
  const params = new URLSearchParams(page.url().replace(/.*\?/, ""));
  const [start, end] = [Date.parse(params.get("from") ?? ""), Date.parse(params.get("toExclusive") ?? "")];
  return end > start ? { start, end } : null;
}

/** Of that window, ms. */
export function lengthOf(page: Page): number {
  const { start, end } = spanOf(page) ?? { start: 0, end: Number.POSITIVE_INFINITY };
  return end - start;
}

/** Puts the pointer on the first panel. @param share of its width */
export async function moveTo(page: Page, share: number): Promise<void> {
  const box = await page.locator(".over").first().boundingBox();
  if (box === null) throw new Error("no plot");
  await page.mouse.move(box.x + share * box.width, box.y + box.height / 2);
}

/** The same, and waits until numbers stand beside it. */
export async function hover(page: Page, share: number): Promise<void> {
  await moveTo(page, share);
  await page.locator(".tip").waitFor();
}

/** Drags across the first panel, with Shift where it is a selection. */
export async function drag(page: Page, from: number, to: number, isSelection: boolean): Promise<void> {
  if (isSelection) await page.keyboard.down("Shift");
  await moveTo(page, from);
  await page.mouse.down();
  await moveTo(page, (from + to) / 2);
  await moveTo(page, to);
  await page.mouse.up();
  if (isSelection) await page.keyboard.up("Shift");
}
