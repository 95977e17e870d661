/** A terminal that lines are drawn on in place (no alternate screen: what was drawn last stays), and its keys. */
import type { ReadStream, WriteStream } from "node:tty";

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const CLEAR_LINE_END = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";
const CLEAR_ALL = "\x1b[H\x1b[2J";

/** Keys that end it: q, Ctrl-C, Ctrl-D. In raw mode Ctrl-C is a byte like any other, so neither make nor a shell sees an interrupt. */
const END_KEYS: readonly string[] = ["q", "Q", "\x03", "\x04"];
const SUSPEND_KEY = "\x1a";

const COLUMNS_ASSUMED = 80;
const ROWS_ASSUMED = 24;

/** closed → open (raw, cursor hidden) → closed. Suspended by Ctrl-Z it is closed, and open again when continued. */
export class Screen {
  readonly #output: WriteStream;
  readonly #input: ReadStream | null;
  readonly #onEnd: () => void;
  readonly #onRedraw: () => void;
  #drawn = 0;
  #cleared = false;

  /** @param input null when keys are not to be read */
  constructor(output: WriteStream, input: ReadStream | null, onEnd: () => void, onRedraw: () => void) {
    this.#output = output;
    this.#input = input;
    this.#onEnd = onEnd;
    this.#onRedraw = onRedraw;
  }

  open(): void {
    this.#enter();
    this.#input?.on("data", this.#key);
    this.#output.on("resize", this.#resized);
    this.#output.on("error", this.#onEnd); // the terminal is gone
    process.on("SIGCONT", this.#continued);
  }

  /** Leaves what was drawn last, and the cursor below it. */
  close(): void {
    this.#input?.off("data", this.#key);
    this.#output.off("resize", this.#resized);
    process.off("SIGCONT", this.#continued);
    this.#leave();
  }

  /** Some terminals do not say how large they are. */
  get size(): { columns: number; rows: number } {
    return { columns: this.#output.columns || COLUMNS_ASSUMED, rows: this.#output.rows || ROWS_ASSUMED };
  }

  /** Draws over what was drawn before; lines are no wider than the screen and fewer than it has. A terminal that does not keep up misses some. */
  draw(lines: readonly string[]): void {
    if (this.#output.writableNeedDrain) return;
    const up = this.#cleared ? CLEAR_ALL : this.#drawn > 0 ? `\x1b[${this.#drawn}A\r` : "\r";
    this.#cleared = false;
    this.#drawn = lines.length;
    this.#output.write(up + lines.map((line) => line + CLEAR_LINE_END + "\n").join("") + CLEAR_BELOW);
  }

  #enter(): void {
    this.#input?.setRawMode(true);
    this.#input?.resume();
    this.#output.write(HIDE_CURSOR);
  }

  #leave(): void {
    this.#output.write(SHOW_CURSOR);
    this.#input?.setRawMode(false);
    this.#input?.pause();
  }

  readonly #key = (bytes: Buffer): void => {
    const keys = bytes.toString("latin1");
    if (keys.includes(SUSPEND_KEY)) {
      this.#leave();
      process.kill(0, "SIGTSTP"); // the whole job, as the terminal would do
    } else if (END_KEYS.some((key) => keys.includes(key))) this.#onEnd();
  };

  readonly #continued = (): void => {
    this.#enter();
    this.#drawn = 0;
    this.#onRedraw();
  };

  /** The terminal may have broken lines anew: nothing is where it was. */
  readonly #resized = (): void => {
    this.#cleared = true;
    this.#onRedraw();
  };
}
