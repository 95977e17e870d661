/** Where a command writes its lines. */
export interface Console {
  /** stdout: what was asked for. */
  out(line: string): void;
  /** stderr: what went wrong, and what is going on. */
  err(line: string): void;
}
