/** A process that asks a server one question every so often, whether it was answered or not, and tells its parent how long each took. */
import { HttpClient } from "../torture/http-client.ts";

/** What the parent is told of a question, ms since the epoch: when it was due, and when its answer was there. */
export type Probe = readonly [dueMs: number, answeredMs: number];

/** Questions are held back when so many are unanswered: then the server is as good as dead, and it shows. */
const UNANSWERED_MAX = 1000;

if (import.meta.main) {
  const [port, intervalMs, body] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4] ?? ""];
  const client = new HttpClient(port, 8);
  let probes: Probe[] = [];
  let unanswered = 0;
  let due = performance.timeOrigin + performance.now();
  const ask = async (dueMs: number): Promise<void> => {
    unanswered++;
    const { status, text } = await client.post("/compute/metrics", body);
    if (status !== 200) throw new Error(`${status} ${text}`);
    unanswered--;
    probes.push([dueMs, performance.timeOrigin + performance.now()]);
  };
  setInterval(() => {
    const now = performance.timeOrigin + performance.now();
    for (; due <= now && unanswered < UNANSWERED_MAX; due += intervalMs) void ask(due);
  }, 1);
  process.on("message", () => {
    process.send?.(probes);
    probes = [];
  });
  process.on("disconnect", () => process.exit(0));
}
