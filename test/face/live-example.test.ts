/** The program for browsers of docs/formats/live.md, as it stands there, in a real Chromium. */
import { test } from "node:test";
import { mustFollow, openLine, program, until } from "../server/live-line.ts";
import { findChromium, TestBrowser } from "./browser.ts";

const chromium = findChromium();

test("prints what comes, and what came while the connection was lost", {
  skip: "missing" in chromium && chromium.missing,
}, async (context) => {
  const line = await openLine(context);
  const browser = await TestBrowser.start();
  context.after(() => browser.close());
  const { page } = await browser.open(context, `http://localhost:${line.port}/livez`);
  const lines = new ReadableStream<string>({
    start: (queue) => void page.on("console", (message) => queue.enqueue(message.text())),
  }).values();
  await page.evaluate(program("In a browser"));
  await until(lines, "draw all anew");
  await mustFollow(line, lines);
});
