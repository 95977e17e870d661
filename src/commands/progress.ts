/** How far a long command is, on a line of the terminal that is written over: share, speed, time left. Nothing where there is no terminal. */
import { bytesText, countText } from "../core/figures.ts";

/** Between two lines, ms: more is not read. */
const SHOWN_MS_MIN = 250;

const CLEAR_LINE = "\r\x1b[K";

/** What is counted. */
export interface Done {
  /** 0 to 1; null: nobody knows how much there is. */
  readonly share: number | null;
  readonly count: number;
}

/** States: shown now and then by `show` → gone by `end`. */
export class Progress {
  readonly #output: NodeJS.WriteStream;
  readonly #what: string;
  readonly #startedAt = performance.now();
  #shownAt = 0;

  /** @param what is counted, such as "readings" or "bytes" */
  constructor(output: NodeJS.WriteStream, what: "readings" | "rows" | "bytes" | "records" | "pages") {
    this.#output = output;
    this.#what = what;
  }

  show({ share, count }: Done): void {
    const now = performance.now();
    if (!this.#output.isTTY || now - this.#shownAt < SHOWN_MS_MIN) return;
    this.#shownAt = now;
    const seconds = (now - this.#startedAt) / 1000;
    const text = this.#what === "bytes" ? bytesText : countText;
    const unit = this.#what === "bytes" ? "" : ` ${this.#what}`;
    const parts = [`${text(count)}${unit}`, `${text(Math.round(count / seconds))}/s`];
    if (share !== null) parts.unshift(`${Math.floor(share * 100)}%`);
    if (share !== null && share > 0.01) parts.push(`${timeText((seconds * (1 - share)) / share)} left`);
    this.#output.write(CLEAR_LINE + parts.join("  "));
  }

  /** Clears the line. Idempotent. */
  end(): void {
    if (this.#shownAt > 0) this.#output.write(CLEAR_LINE);
    this.#shownAt = 0;
  }
}

function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
