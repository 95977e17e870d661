/** The terminal's other screen, drawn on as a whole, and its keys: what was on the first one is there again afterwards. */
import type { ReadStream, WriteStream } from "node:tty";
import { type Key, keysOf } from "./keys.ts";

/** DEC private modes: the other screen, the cursor, and whether a line that is too long goes on in the next one. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE_END = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";
const CLEAR_ALL = "\x1b[H\x1b[2J";

/** In raw mode Ctrl-Z is a byte like any other. */
const SUSPEND_KEY = "\x1a";

const COLUMNS_ASSUMED = 80;
const ROWS_ASSUMED = 24;

/** closed → open (raw, cursor hidden) → closed. Suspended by Ctrl-Z it is closed, and open again when continued. */
export class Screen {
  readonly #output: WriteStream;
  readonly #input: ReadStream | null;
  readonly #onKeys: (keys: readonly Key[]) => void;
  readonly #onEnd: () => void;
  readonly #onRedraw: () => void;
  #isOpen = false;
  #mustClear = false;

  /** @param input null when keys are not to be read @param onEnd the terminal is gone */
  constructor(
    output: WriteStream,
    input: ReadStream | null,
    onKeys: (keys: readonly Key[]) => void,
    onEnd: () => void,
    onRedraw: () => void,
  ) {
    this.#output = output;
    this.#input = input;
    this.#onKeys = onKeys;
    this.#onEnd = onEnd;
    this.#onRedraw = onRedraw;
  }

  open(): void {
    this.#enter();
    this.#input?.on("data", this.#typed);
    this.#output.on("resize", this.#resized);
    this.#output.on("error", this.#onEnd);
    process.on("SIGCONT", this.#continued);
    // However the process ends, the terminal is as it was.
    process.on("exit", this.#leave);
  }

  close(): void {
    this.#input?.off("data", this.#typed);
    this.#output.off("resize", this.#resized);
    process.off("SIGCONT", this.#continued);
    process.off("exit", this.#leave);
    this.#leave();
  }

  /** Some terminals do not say how large they are. */
  get size(): { columns: number; rows: number } {
    return { columns: this.#output.columns || COLUMNS_ASSUMED, rows: this.#output.rows || ROWS_ASSUMED };
  }

  /** Draws over what was drawn before; lines are no wider than the screen and no more than it has. A terminal that does not keep up misses some. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen || this.#output.writableNeedDrain) return;
    const start = this.#mustClear ? CLEAR_ALL : HOME;
    this.#mustClear = false;
    this.#output.write(start + lines.map((line) => line + CLEAR_LINE_END).join("\r\n") + CLEAR_BELOW);
  }

  #enter(): void {
    this.#isOpen = true;
    this.#mustClear = true;
    this.#input?.setRawMode(true);
    this.#input?.resume();
    this.#output.write(ENTER);
  }

  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#output.write(LEAVE);
    this.#input?.setRawMode(false);
    this.#input?.pause();
  };

  readonly #typed = (bytes: Buffer): void => {
    const text = bytes.toString("utf8");
    if (text.includes(SUSPEND_KEY)) {
      this.#leave();
      process.kill(0, "SIGTSTP"); // the whole job, as the terminal would do
    } else this.#onKeys(keysOf(text));
  };

  readonly #continued = (): void => {
    this.#enter();
    this.#onRedraw();
  };

  /** The terminal may have broken lines anew: nothing is where it was. */
  readonly #resized = (): void => {
    this.#mustClear = true;
    this.#onRedraw();
  };
}
