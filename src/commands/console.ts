/** Where a command writes its lines. */
export interface Console {
  /** stdout: what was asked for. */
  out(line: string): void;
  /** stderr: what went wrong, and what is going on. */
  err(line: string): void;
  /** The lines go to a log file, which SIGHUP opens again; else it says that the terminal was closed. */
  readonly inBackground: boolean;
}
