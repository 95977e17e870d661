/** Which bytes of the sources ran, by V8's own block coverage: tells whether an input found something new. */
import { type Profiler, Session } from "node:inspector";

/** Sees the sources of src/ in its own thread. */
export class Coverage {
  readonly #session = new Session();
  /** By script: 1 where the source ran once. */
  readonly #seen = new Map<string, Uint8Array>();
  bytes = 0;

  constructor() {
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Adds what ran since the last call. @returns how many bytes of source ran for the first time */
  take(): number {
    let scripts: readonly Profiler.ScriptCoverage[] = [];
    this.#session.post("Profiler.takePreciseCoverage", (error, taken) => {
      if (error === null) scripts = taken.result;
    });
    let fresh = 0;
    for (const { url, functions } of scripts) {
      if (!url.includes("/src/")) continue;
      for (const { ranges } of functions) fresh += this.#add(url, ranges);
    }
    this.bytes += fresh;
    return fresh;
  }

  /** @param ranges the function's, each within one before it: what did not run is taken out of what did */
  #add(url: string, ranges: readonly Profiler.CoverageRange[]): number {
    const [{ startOffset: start, endOffset: end, count }] = ranges;
    if (count === 0) return 0;
    const seen = this.#room(url, end);
    const ran = new Uint8Array(end - start).fill(1);
    for (const range of ranges) ran.fill(range.count > 0 ? 1 : 0, range.startOffset - start, range.endOffset - start);
    let fresh = 0;
    for (let i = 0; i < ran.length; i++) {
      if (ran[i] === 0 || seen[start + i] === 1) continue;
      seen[start + i] = 1;
      fresh++;
    }
    return fresh;
  }

  #room(url: string, length: number): Uint8Array {
    let seen = this.#seen.get(url);
    if (seen === undefined || seen.length < length) {
      const wider = new Uint8Array(Math.max(length, 4096, 2 * (seen?.length ?? 0)));
      if (seen !== undefined) wider.set(seen);
      this.#seen.set(url, (seen = wider));
    }
    return seen;
  }
}
