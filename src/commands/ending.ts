/** Signals that end a command: the first asks, each further one is told what is still waited for. */

/** The last one: the terminal was closed. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Ending {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** Forgets the signals: from then on they do what they do to any process. */
  release(): void;
}

/** @param onAgain called with each signal after the first */
export function endOnSignals(onAgain: () => void): Ending {
  const ended = new AbortController();
  const listener = () => {
    if (ended.signal.aborted) onAgain();
    else ended.abort();
  };
  for (const name of SIGNALS) process.on(name, listener);
  return {
    signal: ended.signal,
    release: () => {
      for (const name of SIGNALS) process.off(name, listener);
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
