/** `tidemark run`, `start` and `watch`: what a person sees in the foreground. */
import type { ReadStream } from "node:tty";
import type { ClientConfig } from "../config/client-config.ts";
import type { ServerInvocation } from "../config/config.ts";
import type { WatchConfig } from "../config/send-config.ts";
import { readingToken } from "../config/token-settings.ts";
import { systemClock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { plural } from "../core/figures.ts";
import { isPattern } from "../core/sensor-pattern.ts";
import { watch } from "../ui/watch.ts";
import { type Started, start, stop } from "./background.ts";
import { serverUrl } from "./client.ts";
import type { Console } from "./console.ts";
import { endOnSignals } from "./ending.ts";
import { knownSensors, nameOf, noSensor } from "./known-sensors.ts";
import { isRunning, logFileOf, runDirectory, runningServer, SERVER } from "./run-files.ts";

/** How often to check that the watched server still runs, ms. */
const ALIVE_MS = 500;

/** The output of a command, and its terminal. */
export interface Terminal extends Console {
  readonly color: boolean;
  /** Of the terminal; where the output is none, more than any line has. */
  readonly columns: number;
}

/** `start`, and with --watch the table after it. @returns the exit code: 1 when a sensor of --simulate holds readings of others */
export async function startCommand(invocation: ServerInvocation, terminal: Terminal): Promise<number> {
  const ending = endOnSignals(terminal.inBackground, () =>
    terminal.err("still waiting for the server to become ready"),
  );
  try {
    const started = await start(invocation, terminal, ending.signal);
    const { server, refused } = started;
    terminal.out(`${shownStart(started)} (log files in ${runDirectory(invocation.config.data)})`);
    if (!invocation.watch) return refused.length > 0 && invocation.simulate?.isDemonstration === false ? 1 : 0;
    const footer = "q or Ctrl-C ends this table; tidemark goes on";
    await show(new URL(server.url), readingToken(invocation.config), footer, terminal, ending.signal);
    terminal.out(
      isRunning(server)
        ? `tidemark goes on in the background at ${server.url}; make stop (or tidemark stop) ends it`
        : `tidemark does not run any more: see ${logFileOf(invocation.config.data, SERVER)}`,
    );
    return 0;
  } finally {
    ending.release();
  }
}

function shownStart({ joined, simulated, server }: Started): string {
  const { length } = simulated;
  const what = plural(length, "simulated sensor");
  if (joined) return length === 0 ? `runs already: ${server.url}` : `runs already, started ${what}: ${server.url}`;
  return length === 0 ? `started: ${server.url}` : `started: ${server.url} with ${what}`;
}

/** Everything in the foreground: whatever ends the table ends all. */
export async function run(invocation: ServerInvocation, terminal: Terminal): Promise<number> {
  const { data } = invocation.config;
  const running = runningServer(data);
  if (running !== null) {
    throw new TidemarkError(
      "data-dir-owned",
      `Cannot run on ${data}: it must have one server, process ${running.pid} is one (tidemark watch shows it, tidemark stop ends it)`,
    );
  }
  const ending = endOnSignals(terminal.inBackground, () =>
    terminal.err("still ending: sensors deliver what waits, then the server commits"),
  );
  try {
    const { server } = await start(invocation, terminal, ending.signal);
    const gone = new AbortController();
    const alive = setInterval(() => {
      if (!isRunning(server)) gone.abort();
    }, ALIVE_MS);
    try {
      const signal = AbortSignal.any([gone.signal, ending.signal]);
      await show(new URL(server.url), readingToken(invocation.config), "q or Ctrl-C ends everything", terminal, signal);
    } finally {
      clearInterval(alive);
      await stop(data, terminal);
    }
    if (!gone.signal.aborted) return 0;
    terminal.err(`the server ended by itself: see ${logFileOf(data, SERVER)}`);
    return 1;
  } finally {
    ending.release();
  }
}

/** Shows the live table of a running server until it is ended by a key or a signal. */
export async function watchCommand({ client, patterns }: WatchConfig, terminal: Terminal): Promise<void> {
  if (patterns.length > 0) await requireKnown(client, patterns);
  const ending = endOnSignals(terminal.inBackground, () => {});
  try {
    await show(serverUrl(client), client.tokens.read, "q or Ctrl-C ends this table", terminal, ending.signal, patterns);
  } finally {
    ending.release();
  }
}

/** A mistyped name would be waited for without a word. A server that does not answer may come back. */
async function requireKnown(client: ClientConfig, patterns: readonly string[]): Promise<void> {
  try {
    const known = (await knownSensors(client)).map(nameOf);
    for (const name of patterns) if (!isPattern(name) && !known.includes(name)) throw noSensor(name, known);
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== "server-unreachable") throw error;
  }
}

function show(
  url: URL,
  token: string | null,
  footer: string,
  { color }: Terminal,
  signal: AbortSignal,
  patterns: readonly string[] = [],
): Promise<void> {
  const output = process.stdout;
  return watch({ url, token, patterns, footer, color, output, input: keyboard(), clock: systemClock, signal });
}

/** Null when there is none: a pipe, a file, /dev/null. */
function keyboard(): ReadStream | null {
  return process.stdin.isTTY ? process.stdin : null;
}
