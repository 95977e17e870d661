/** Row `start`: from the start of the process until the first reading is on the live stream, and the restart of a directory with history. */
import { mkdtempSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Row } from "../harness/bench.ts";
import { run as runProgram } from "../harness/child.ts";
import { freePort } from "../harness/server.ts";
import { median } from "../harness/statistics.ts";
import { figure } from "../report/results.ts";

const PROGRAM = join(import.meta.dirname, "..", "..", "bin", "tidemark.js");
const READY_MS_MAX = 60_000;

/** Follows the stream until a sensor has a reading. @returns the time it was seen, ms of the monotonic clock; null when the server is not there yet */
function firstRow(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path: "/live" }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        if (!/"count":[1-9]/.test(text)) return;
        resolve(performance.now());
        request.destroy();
      });
      answer.on("error", () => resolve(null));
      answer.on("end", () => resolve(null));
    });
    request.on("error", () => resolve(null));
  });
}

async function lap(data: string): Promise<number> {
  const port = await freePort();
  const flags = ["--data", data, "--port", String(port), "--host", "127.0.0.1"];
  const start = performance.now();
  const started = runProgram({
    command: process.execPath,
    args: [PROGRAM, "start", "--demo", ...flags],
    secondsMax: 90,
  });
  started.catch(() => {});
  try {
    for (;;) {
      const seen = await firstRow(port);
      if (seen !== null) return seen - start;
      if (performance.now() - start > READY_MS_MAX) throw new Error("no reading was on the live stream in time");
      await delay(5);
    }
  } finally {
    await started.catch(() => {});
    await runProgram({ command: process.execPath, args: [PROGRAM, "stop", "--data", data], secondsMax: 90 });
  }
}

export const start: Row = {
  name: "start",
  about: "start of the processes → first live row (what make run does once things are installed)",
  async run(bench) {
    const laps: number[] = [];
    const again: number[] = [];
    for (let round = 0; round < bench.rounds(3, 5); round++) {
      const data = mkdtempSync(join(bench.directory, "start-"));
      laps.push(await lap(data));
      again.push(await lap(data));
    }
    const worst = median(laps);
    return {
      tables: [
        {
          title: "Start → first live row",
          about:
            "`tidemark start` with the embedded log, the server and three sensors (four processes, one reading a second each), until a sensor's first reading is on GET /live.",
          unit: "ms",
          better: "less",
          synced: "the reading is synced before it is shown",
          lines: [
            { name: "tidemark, new directory", ours: true, laps },
            { name: "tidemark, directory with a history", variant: true, laps: again },
          ],
        },
      ],
      goals: [
        {
          what: "`make run`, warm machine → first live row",
          atLeast: "< 3 s",
          aim: "1 s",
          measured: `${figure(worst)} ms (without make and the table itself)`,
          toAim: worst / 1000,
          met: worst < 3000,
        },
      ],
    };
  },
};
