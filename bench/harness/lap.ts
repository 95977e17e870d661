/** Inside a contestant's process: starts the clocks, and prints the lap when it is done. */
import { readFileSync } from "node:fs";

export class Stopwatch {
  readonly #cpu = process.cpuUsage();
  readonly #start = performance.now();

  /** Seconds so far. */
  get seconds(): number {
    return (performance.now() - this.#start) / 1000;
  }

  /** The lap up to now. `resourceUsage` counts kilobytes on every system that Node runs on. */
  lap(): { seconds: number; cpuSeconds: number; rssBytes: number } {
    const { seconds } = this;
    const { user, system } = process.cpuUsage(this.#cpu);
    return { seconds, cpuSeconds: (user + system) / 1e6, rssBytes: process.resourceUsage().maxRSS * 1024 };
  }
}

/** The arguments that `child.ts` passed; the caller states their shape, which only its own bench fills. */
export function argument<T>(): T {
  return JSON.parse(process.argv[2] ?? readFileSync(0, "utf8"));
}
