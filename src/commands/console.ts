/** Where a command writes its lines. */
export interface Console {
  /** stdout: results. */
  out(line: string): void;
  /** stderr: errors and progress. */
  err(line: string): void;
  /** stdout: text that needs neither a time nor a line end. */
  raw(text: string): void;
  /** The lines go to a log file, which SIGHUP opens again; else it says that the terminal was closed. */
  readonly inBackground: boolean;
}
