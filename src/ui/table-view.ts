/** The live table on a terminal: drawn when something changed, browsed with keys. */
import type { ReadStream, WriteStream } from "node:tty";
import { Browsing, KEYS } from "./browsing.ts";
import type { Key } from "./keys.ts";
import type { Known } from "./known.ts";
import { Screen } from "./screen.ts";
import { renderKeys, renderTable, rowsThatFit, type TableState } from "./table.ts";

/** Thirty frames a second: more is not seen. */
const FRAME_MS_MIN = 33;

/** Ages move on. */
const TICK_MS = 1000;

/** How it is shown. */
export interface TableOptions {
  /** The table's last line. */
  readonly footer: string;
  readonly color: boolean;
  /** A terminal whose keys are read; null: there is none. */
  readonly input: ReadStream | null;
  /** Whether only some sensors are meant. */
  readonly isPart: boolean;
}

/** Draws what is known. */
export class TableView {
  readonly #known: Known;
  readonly #options: TableOptions;
  readonly #screen: Screen;
  readonly #browsing = new Browsing();
  readonly #onEnd: () => void;
  #timer: NodeJS.Timeout | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(known: Known, options: TableOptions, output: WriteStream, onEnd: () => void) {
    this.#known = known;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#screen = new Screen(
      output,
      options.input,
      (keys) => this.#typed(keys),
      onEnd,
      () => this.#draw(),
    );
  }

  open(): void {
    this.#screen.open();
    this.#draw();
    this.#ticker = setInterval(() => this.#draw(), TICK_MS);
  }

  changed(): void {
    if (this.#timer !== undefined) return;
    const waitMs = Math.max(0, this.#drawnAt + FRAME_MS_MIN - performance.now());
    this.#timer = setTimeout(() => this.#draw(), waitMs);
  }

  lost(): void {
    this.changed();
  }

  close(): void {
    clearInterval(this.#ticker);
    clearTimeout(this.#timer);
    this.#screen.close();
  }

  #typed(keys: readonly Key[]): void {
    if (keys.some((key) => this.#browsing.press(key))) this.#onEnd();
    else this.#draw();
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drawnAt = performance.now();
    const { size } = this.#screen;
    const { color } = this.#options;
    if (this.#browsing.isHelp) this.#screen.draw(renderKeys(KEYS, size, color));
    else {
      const state = this.#state();
      const first = this.#browsing.first(state.rows.length, rowsThatFit(state, size));
      this.#screen.draw(renderTable(state, first, size, color));
    }
  }

  #state(): TableState {
    const known = this.#known;
    const { footer, input, isPart } = this.#options;
    const all = known.rows();
    return {
      server: known.server,
      connection: known.connection,
      trouble: known.trouble,
      // Of some sensors the stream does not say how many there are.
      sensorsTotal: isPart ? all.length : known.sensorsTotal,
      rows: this.#browsing.chosen(all),
      known: all.length,
      status: this.#browsing.status,
      footer: input === null ? footer : `${footer}; ? shows the keys`,
    };
  }
}
