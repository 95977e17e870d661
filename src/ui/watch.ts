/** `tidemark watch`: the live stream → a table that is drawn in place, or plain lines where there is no terminal. */
import type { ReadStream, WriteStream } from "node:tty";
import type { Clock } from "../core/clock.ts";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { formatSecond } from "../core/time.ts";
import { type LiveEvent, type LiveRow, parseLiveEvent } from "./live-event.ts";
import { plainLine } from "./plain-line.ts";
import { Screen } from "./screen.ts";
import { readEvents } from "./sse.ts";
import { type ConnectionStatus, renderTable } from "./table.ts";

/** Thirty frames a second: more is not seen. */
const FRAME_MS_MIN = 33;

/** Ages move on. */
const TICK_MS = 1000;

/** Plain lines of one sensor: at most one in this time. */
const LINE_MS_MIN = 1000;

/** Pauses between tries grow from the first to this. */
const RETRY_MS_FIRST = 250;
const RETRY_MS_MAX = 5000;

/** What to watch, and where to show it. */
export interface WatchOptions {
  /** Of the server, ending in a slash. */
  readonly url: URL;
  readonly token: string | null;
  /** The table's last line. */
  readonly footer: string;
  readonly color: boolean;
  readonly output: WriteStream | NodeJS.WritableStream;
  /** A terminal whose keys are read; null: there is none. */
  readonly input: ReadStream | null;
  readonly clock: Clock;
  /** Ends it from outside. */
  readonly signal: AbortSignal;
}

/**
 * Shows until a key or `signal` ends it; a lost connection is shown and tried again.
 * @throws TidemarkError "not-authorized" | "not-found" when trying again is of no use
 */
export async function watch(options: WatchOptions): Promise<void> {
  const ended = new AbortController();
  const end = () => ended.abort();
  options.signal.addEventListener("abort", end, { once: true });
  if (options.signal.aborted) end();
  const known = new Known(options.url);
  const view = isTerminal(options.output)
    ? new TableView(known, options, options.output, end)
    : new LineView(known, options, options.output, end);
  view.open();
  try {
    await follow(options, known, view, ended.signal);
  } finally {
    options.signal.removeEventListener("abort", end);
    view.close();
  }
}

function isTerminal(output: WriteStream | NodeJS.WritableStream): output is WriteStream {
  return "isTTY" in output && output.isTTY;
}

async function follow(options: WatchOptions, known: Known, view: View, signal: AbortSignal): Promise<void> {
  const url = new URL("live", options.url);
  while (!signal.aborted) {
    try {
      for await (const { name, data } of readEvents(url, options.token, signal)) {
        const event = parseLiveEvent(name, data);
        if (event === null) continue;
        known.take(event);
        view.changed(event.rows);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof TidemarkError && !error.retryable) throw error;
      known.lose(messageOf(error));
      view.lost();
      await retryPause(known.tries, signal);
    }
  }
}

function retryPause(tries: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(RETRY_MS_FIRST * 2 ** (tries - 1), RETRY_MS_MAX));
    signal.addEventListener("abort", done, { once: true });
  });
}

/** What is known of the server; ages by the process's own monotonic clock. */
class Known {
  readonly server: string;
  readonly #rows = new Map<string, { readonly row: LiveRow; readonly at: number }>();
  trouble: string | null = null;
  sensorsTotal = 0;
  tries = 0;
  #live = false;
  #lostAt = 0;
  #reason = "";

  constructor(url: URL) {
    this.server = url.href.replace(/\/$/, "");
  }

  take(event: LiveEvent): void {
    if (event.snapshot) this.#rows.clear();
    const at = performance.now();
    for (const row of event.rows) this.#rows.set(row.sensor, { row, at });
    this.trouble = event.trouble;
    this.sensorsTotal = event.sensorsTotal;
    this.#live = true;
    this.tries = 0;
  }

  lose(reason: string): void {
    if (this.#live || this.tries === 0) this.#lostAt = performance.now();
    this.#live = false;
    this.tries++;
    this.#reason = reason === "" ? "no answer" : reason;
  }

  get connection(): ConnectionStatus {
    if (this.#live) return { kind: "live" };
    if (this.tries === 0) return { kind: "connecting" };
    return { kind: "lost", forMs: performance.now() - this.#lostAt, tries: this.tries, reason: this.#reason };
  }

  rows(): LiveRow[] {
    const now = performance.now();
    return [...this.#rows.values()].map(({ row, at }) =>
      row.ageMs === null ? row : { ...row, ageMs: row.ageMs + now - at },
    );
  }
}

interface View {
  open(): void;
  changed(rows: readonly LiveRow[]): void;
  lost(): void;
  close(): void;
}

class TableView implements View {
  readonly #known: Known;
  readonly #options: WatchOptions;
  readonly #screen: Screen;
  #timer: NodeJS.Timeout | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(known: Known, options: WatchOptions, output: WriteStream, onEnd: () => void) {
    this.#known = known;
    this.#options = options;
    this.#screen = new Screen(output, options.input, onEnd, () => this.#draw());
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
    this.#draw();
    this.#screen.close();
  }

  #draw(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drawnAt = performance.now();
    const known = this.#known;
    const state = {
      server: known.server,
      connection: known.connection,
      trouble: known.trouble,
      sensorsTotal: known.sensorsTotal,
      rows: known.rows(),
      footer: this.#options.footer,
    };
    this.#screen.draw(renderTable(state, this.#screen.size, this.#options.color));
  }
}

/** A sensor that changed has a line, at most one a second; the newest state is never lost, only delayed. */
class LineView implements View {
  readonly #known: Known;
  readonly #options: WatchOptions;
  readonly #output: NodeJS.WritableStream;
  readonly #onEnd: () => void;
  readonly #told = new Map<string, string>();
  readonly #dirty = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #saidLost = false;

  constructor(known: Known, options: WatchOptions, output: NodeJS.WritableStream, onEnd: () => void) {
    this.#known = known;
    this.#options = options;
    this.#output = output;
    this.#onEnd = onEnd;
  }

  open(): void {
    // The reader of our output may close it (`| head`): an end, no failure.
    this.#output.on("error", this.#onEnd);
  }

  changed(rows: readonly LiveRow[]): void {
    if (this.#saidLost) this.#write(`connected to ${this.#known.server}`);
    this.#saidLost = false;
    for (const { sensor } of rows) this.#dirty.add(sensor);
    if (this.#timer === undefined) this.#tellAndWait();
  }

  lost(): void {
    const { connection } = this.#known;
    if (connection.kind !== "lost" || this.#saidLost) return;
    this.#saidLost = true;
    this.#write(`connection to ${this.#known.server} lost, trying again: ${connection.reason}`);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#tell();
  }

  #tellAndWait(): void {
    this.#timer = undefined;
    if (this.#dirty.size === 0) return;
    this.#tell();
    this.#timer = setTimeout(() => this.#tellAndWait(), LINE_MS_MIN);
  }

  #tell(): void {
    for (const row of this.#known.rows()) {
      const line = plainLine(row);
      if (!this.#dirty.has(row.sensor) || this.#told.get(row.sensor) === line) continue;
      this.#told.set(row.sensor, line);
      this.#write(line);
    }
    this.#dirty.clear();
  }

  #write(text: string): void {
    const second = formatSecond(Math.floor(this.#options.clock.now() / 1000));
    this.#output.write(`${second} ${text}\n`);
  }
}
