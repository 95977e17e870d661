/** `node test/face/pictures.ts [DIRECTORY]`: the pictures of the documents, of a house whose sensors are made up. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { type Ending, startTidemark, TestBrowser, type Tidemark } from "./browser.ts";

const DIRECTORY = join(import.meta.dirname, "../../docs/pictures");

interface Picture {
  /** Of the file, without extension. */
  readonly name: string;
  /** Behind the `#` of the address. */
  readonly address: string;
  readonly width: number;
  readonly height: number;
  readonly colorScheme: "light" | "dark";
  /** Resolves when all of it is there. */
  readonly ready: (page: Page) => Promise<void>;
}

const cards = (page: Page) => page.locator(".card").first().waitFor();
const chart = (page: Page) => page.locator(".over").nth(1).waitFor();

const PICTURES: readonly Picture[] = [
  { name: "now", address: "/now", width: 960, height: 590, colorScheme: "light", ready: cards },
  { name: "now-dark", address: "/now", width: 960, height: 590, colorScheme: "dark", ready: cards },
  { name: "now-phone", address: "/now", width: 360, height: 740, colorScheme: "light", ready: cards },
  {
    name: "history",
    address: "/history?sensor=attic.temperature,solar.power&from=-3d",
    width: 1100,
    height: 1000,
    colorScheme: "light",
    ready: chart,
  },
];

/** A sensor of the house: its values around a middle, by a wave of so many seconds. */
interface MadeUp {
  readonly name: string;
  readonly middle: number;
  readonly swing: number;
  readonly period: number;
  readonly digits: number;
}

const HOUSE: readonly MadeUp[] = [
  { name: "attic.temperature", middle: 17.4, swing: 0.9, period: 47, digits: 1 },
  { name: "boiler.flow", middle: 52, swing: 6, period: 31, digits: 0 },
  { name: "cellar.humidity", middle: 63, swing: 2.5, period: 80, digits: 1 },
  { name: "garden.soil", middle: 31.2, swing: 1.4, period: 100, digits: 1 },
  { name: "grid.frequency", middle: 50, swing: 0.03, period: 19, digits: 3 },
  { name: "kitchen.co2", middle: 640, swing: 70, period: 70, digits: 0 },
  { name: "pressure", middle: 1013.25, swing: 0.4, period: 120, digits: 2 },
  { name: "pump.rpm", middle: 2870, swing: 25, period: 13, digits: 0 },
  { name: "solar.power", middle: 3105, swing: 400, period: 90, digits: 0 },
];

/** Days before today of two sensors, by the sun, ms between readings. */
const PAST_DAYS = 3;
const PAST_STEP_MS = 60_000;
const DAY_MS = 86_400_000;

/** What the attic and the roof did in the days before: warm in the afternoon, and the sun between six and six, UTC. */
async function fillPast(tidemark: Tidemark, now: number): Promise<void> {
  const steps = (PAST_DAYS * DAY_MS) / PAST_STEP_MS;
  const lines = (name: string, valueAt: (day: number, i: number) => number) => {
    const readingAt = (_: unknown, i: number) => {
      const time = now - DAY_MS * PAST_DAYS - 180_000 + i * PAST_STEP_MS;
      const value = valueAt((time % DAY_MS) / DAY_MS, i);
      return JSON.stringify({ device: `${name}-1`, boot: "0", sequence: i, value: Number(value.toFixed(1)), time });
    };
    return tidemark.send(name, ...Array.from({ length: steps }, readingAt));
  };
  const unrest = (i: number) => Math.sin(i / 3) * Math.sin(i / 41) + Math.sin(i / 7.3) * Math.cos(i / 173);
  await lines("attic.temperature", (day, i) => 17.4 + 4.5 * Math.sin((day - 0.375) * 2 * Math.PI) + 0.6 * unrest(i));
  await lines("solar.power", (day, i) => {
    const sun = Math.max(0, Math.sin((day - 0.25) * 2 * Math.PI));
    return 4200 * sun * (0.8 + 0.2 * Math.sin(i / 400) + 0.12 * unrest(i));
  });
}

/** What all do in the last two minutes; some are late, came twice or have a clock that is wrong. */
async function fill(tidemark: Tidemark): Promise<void> {
  const now = Date.now();
  await fillPast(tidemark, now);
  for (const [i, { name, middle, swing, period, digits }] of HOUSE.entries()) {
    const reading = (second: number) => {
      const wave = Math.sin((second / period) * 2 * Math.PI + i) + Math.sin(second * (i + 2)) / 5;
      const value = Number((middle + swing * wave).toFixed(digits));
      return JSON.stringify({
        device: `${name}-1`,
        boot: "1",
        sequence: second,
        value,
        time: now - (120 - second) * 1000,
      });
    };
    const isOut = (second: number) => name === "cellar.humidity" && second > 82 && second < 95;
    const seconds = Array.from({ length: 121 }, (_, second) => second).filter((second) => !isOut(second));
    await tidemark.send(name, ...seconds.map(reading));
    if (i % 4 === 1) await tidemark.send(name, ...seconds.slice(0, 3 + i).map(reading));
  }
  await tidemark.send(
    "cellar.humidity",
    JSON.stringify({ device: "b", boot: "1", sequence: 1, value: 63.1, time: now - 90_000 }),
  );
  await tidemark.send(
    "pump.rpm",
    JSON.stringify({ device: "b", boot: "1", sequence: 1, value: 2871, time: now + 3_600_000 }),
  );
}

/** Takes all of them. @returns the files */
export async function takePictures(t: Ending, browser: TestBrowser, directory: string): Promise<string[]> {
  mkdirSync(directory, { recursive: true });
  const tidemark = await startTidemark(t);
  await fill(tidemark);
  const files: string[] = [];
  for (const { name, address, width, height, colorScheme, ready } of PICTURES) {
    const { page } = await browser.open(t, `${tidemark.url}#${address}`, { viewport: { width, height }, colorScheme });
    await ready(page);
    const path = join(directory, `${name}.png`);
    await page.screenshot({ path });
    files.push(path);
  }
  return files;
}

if (import.meta.main) {
  const ends: (() => unknown)[] = [];
  const browser = await TestBrowser.start();
  try {
    const files = await takePictures({ after: (end) => ends.unshift(end) }, browser, process.argv[2] ?? DIRECTORY);
    console.log(files.join("\n"));
  } finally {
    for (const end of ends) await end();
    await browser.close();
  }
}
