/** `tidemark watch`: the live stream → a table that is drawn in place, or plain lines where there is no terminal. */
import type { ReadStream, WriteStream } from "node:tty";
import type { Clock } from "../core/clock.ts";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { isPattern, matcherOf } from "../core/sensor-pattern.ts";
import { Known } from "./known.ts";
import { LineView } from "./line-view.ts";
import { parseLiveEvent } from "./live-event.ts";
import { readEvents } from "./sse.ts";
import { TableView } from "./table-view.ts";

/** Pauses between tries grow from the first to this. */
const RETRY_MS_FIRST = 250;
const RETRY_MS_MAX = 5000;

/** What to watch, and where to show it. */
export interface WatchOptions {
  /** Of the server, ending in a slash. */
  readonly url: URL;
  readonly token: string | null;
  /** Names and patterns of sensors; none: all. */
  readonly patterns: readonly string[];
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
  const isPart = options.patterns.length > 0;
  const known = new Known(options.url, isPart ? matcherOf(options.patterns) : () => true);
  const view = isTerminal(options.output)
    ? new TableView(known, { ...options, isPart }, options.output, end)
    : new LineView(known, options.clock, options.output, end);
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

async function follow(
  options: WatchOptions,
  known: Known,
  view: TableView | LineView,
  signal: AbortSignal,
): Promise<void> {
  const url = new URL("live", options.url);
  // Names may be asked for; which ones a wildcard means changes as sensors appear.
  if (!options.patterns.some(isPattern)) {
    for (const name of options.patterns) url.searchParams.append("sensor", name);
  }
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
