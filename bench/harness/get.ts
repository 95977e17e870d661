/** Asks a path again and again over one connection, the same for each server. */
import { Agent, get } from "node:http";
import { quantile } from "./statistics.ts";

/** @returns p50 and p99 in ms, and what `sum` makes of the last answer. The first half of the requests fills caches. */
export async function getOften(
  port: number,
  path: string,
  laps: number,
  sum: (text: string) => number,
): Promise<{ p50: number; p99: number; check: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ms: number[] = [];
  let text = "";
  for (let lap = 0; lap < 2 * laps; lap++) {
    const before = performance.now();
    text = await answerOf(port, path, agent);
    if (lap >= laps) ms.push(performance.now() - before);
  }
  agent.destroy();
  return { p50: quantile(ms, 0.5), p99: quantile(ms, 0.99), check: sum(text) };
}

function answerOf(port: number, path: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = get({ host: "127.0.0.1", port, path, agent }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
      answer.on("end", () => (answer.statusCode === 200 ? resolve(text) : reject(new Error(text.slice(0, 500)))));
      answer.on("error", reject);
    });
    asked.on("error", reject);
  });
}
