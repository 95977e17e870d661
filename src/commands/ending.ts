/** Signals that end a command: the first asks it to end, each further one prints what it still waits for. */

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** … and in the foreground: the terminal was closed. */
const TERMINAL_CLOSED = "SIGHUP";

/** How a command learns that it is to end. */
export interface Ending {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Forgets the signals: from then on they do what they do to any process. */
  release(): void;
}

/** @param keepsHangup SIGHUP means something else @param onAgain called with each signal after the first */
export function endOnSignals(keepsHangup: boolean, onAgain: () => void): Ending {
  const signals = keepsHangup ? SIGNALS : [...SIGNALS, TERMINAL_CLOSED];
  const ended = new AbortController();
  const listener = () => {
    if (ended.signal.aborted) onAgain();
    else ended.abort();
  };
  for (const name of signals) process.on(name, listener);
  return {
    signal: ended.signal,
    release: () => {
      for (const name of signals) process.off(name, listener);
    },
  };
}

/** Resolves when it is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
