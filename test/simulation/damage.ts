/** Damage at rest: what happens to a file of a data directory while no process has it open. */
import { cpSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const DAMAGED_FILES = [
  "history.db",
  "history.db-wal",
  "history.sums",
  "history.ends",
  "log.db",
  "log.db-wal",
  "log.sums",
  "log.ends",
] as const;
export const DAMAGES = ["bit", "page", "cut", "gone"] as const;

export interface Damage {
  readonly file: (typeof DAMAGED_FILES)[number];
  /** A bit turned, a piece stands where another should, the end is missing, all of it is. */
  readonly how: (typeof DAMAGES)[number];
  /** Where, as a share of the file. */
  readonly at: number;
}

/** Errors of a start that name the damage. */
const NAMED = new Set(["history-corrupt", "log-corrupt"]);

/** What a disk may exchange: the smaller of the two databases' pages. */
const PIECE_BYTES = 4096;

/** @returns false: there is no such file, or nothing in it */
export function damage(directory: string, { file, how, at }: Damage): boolean {
  const path = join(directory, file);
  const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes === 0) return false;
  const place = Math.min(bytes - 1, Math.floor(at * bytes));
  if (how === "gone") rmSync(path);
  else if (how === "cut") truncateSync(path, place);
  else {
    const content = readFileSync(path);
    if (how === "bit") content[place] ^= 1 << (place % 8);
    else {
      const piece = Math.floor(place / PIECE_BYTES) * PIECE_BYTES;
      content.copy(content, piece, 0, Math.min(PIECE_BYTES, bytes - piece));
      if (piece === 0) return false;
    }
    writeFileSync(path, content);
  }
  return true;
}

/** Takes a history away, as one does who has it made anew from the log; corrections stay. */
export function takeHistory(directory: string): void {
  for (const end of ["db", "db-wal", "db-shm", "sums", "ends"])
    rmSync(join(directory, `history.${end}`), { force: true });
}

/** What lies beside the databases. A simulated crash does not keep the process from changing it, as it does the databases. @returns what puts it back */
export function beside(directory: string): () => void {
  const files = DAMAGED_FILES.filter((file) => /\.(?:sums|ends)$/.test(file)).map((file) => join(directory, file));
  const contents = files.map((path) => (existsSync(path) ? readFileSync(path) : null));
  return () => {
    for (const [i, content] of contents.entries()) {
      if (content === null) rmSync(files[i], { force: true });
      else writeFileSync(files[i], content);
    }
  };
}

/** How a data directory was, beside it. */
export class KeptDirectory {
  readonly #directory: string;
  readonly #copy: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#copy = `${directory}-kept`;
    this.dispose();
    if (existsSync(directory)) cpSync(directory, this.#copy, { recursive: true });
  }

  /** Puts it back, as from a backup. @param error why a start was refused @throws it, when it does not name the damage */
  putBack(error: unknown): void {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (!NAMED.has(code)) throw error;
    rmSync(this.#directory, { recursive: true });
    cpSync(this.#copy, this.#directory, { recursive: true });
  }

  dispose(): void {
    rmSync(this.#copy, { recursive: true, force: true });
  }
}
