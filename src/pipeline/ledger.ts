/**
 * The corrections, in the history and in a file beside it: the log knows nothing of them, so a history that is made anew from it learns them
 * from the file (docs/decisions/0040-corrections.md). And the rule by which a reading that is read again is taken by one.
 */
import { dirname, join } from "node:path";
import type { StatementSync } from "node:sqlite";
import { messageOf, TidemarkError } from "../core/errors.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import { EndsFile } from "../store/ends-file.ts";
import { type Deletion, decodeCorrection, encodeCorrection, type Rename, type Stored } from "./correction.ts";
import type { PartitionState } from "./sources.ts";

const TABLES = "CREATE TABLE IF NOT EXISTS correction(number INTEGER PRIMARY KEY, body TEXT NOT NULL)";

/** Its name in the data directory. */
const CORRECTIONS_FILE = "history.corrections";

/** Corrections at most, undone ones among them: each is some hundred bytes of memory. */
export const CORRECTIONS_MAX = 10_000;

/** What a deletion takes of one partition that is read again: records before `end`. */
export interface Taking {
  readonly deletion: Deletion;
  readonly end: number;
}

/** A partition that is read. */
type From = Pick<PartitionState, "topic" | "topicId" | "partition">;

/**
 * A correction: *kept* (in the file) → *applied* (in what the next commit writes) → *undone* in the same two steps. `pending` are those whose
 * second step a crash left out, or that the history lacks as it went back or was made anew.
 */
export class Ledger implements CommitPart {
  readonly #db: Database;
  readonly #file: EndsFile | null;
  readonly #insert: StatementSync;
  readonly #known = new Map<number, Stored>();
  /** As memory has them; the text of what is in the table or will be. */
  readonly #applied = new Map<number, string>();
  readonly #changed = new Set<number>();
  #written: readonly number[] = [];
  /** Active deletions by the root of their sensor, and active renames by both names. Made anew when they change. */
  #deletions = new Map<string, Deletion[]>();
  #renamesFrom = new Map<string, Rename>();
  #renamesTo = new Map<string, Rename>();

  constructor(db: Database) {
    this.#db = db;
    db.declare(TABLES);
    this.#insert = db.prepare("INSERT OR REPLACE INTO correction VALUES(?, ?)");
    for (const stored of storedCorrections(db)) {
      this.#known.set(stored.number, stored);
      this.#applied.set(stored.number, encodeCorrection(stored));
    }
    this.#file = this.#openFile();
    this.#index();
  }

  /** What the file says that the table does not is pending; then both say the same again. */
  #openFile(): EndsFile | null {
    if (this.#db.pagesFile === null) return null;
    const path = join(dirname(this.#db.file), CORRECTIONS_FILE);
    for (const text of EndsFile.read(path).values()) {
      const stored = decodeCorrection(text);
      const known = this.#known.get(stored.number);
      if (known === undefined || known.undone === null) this.#known.set(stored.number, stored);
    }
    return this.#db.openBeside(
      path,
      this.list().map((stored) => [String(stored.number), encodeCorrection(stored)]),
    );
  }

  /** For a history that is made of the log once more, to be compared: what another one knows. */
  adopt(corrections: Iterable<Stored>): void {
    for (const stored of corrections) this.#known.set(stored.number, stored);
    this.#index();
  }

  /** All, oldest first. */
  list(): readonly Stored[] {
    return [...this.#known.values()].sort((a, b) => a.number - b.number);
  }

  find(number: number): Stored | undefined {
    return this.#known.get(number);
  }

  /** The number of the next one. */
  get next(): number {
    return Math.max(0, ...this.#known.keys()) + 1;
  }

  /** Those that are not applied as they are known; oldest first. */
  get pending(): readonly Stored[] {
    return this.list().filter((stored) => {
      const applied = this.#applied.get(stored.number);
      // One that was undone before it was ever applied has nothing to be done.
      return applied === undefined ? stored.undone === null : applied !== encodeCorrection(stored);
    });
  }

  /** Makes it durable, and known. @throws TidemarkError "disk-full" */
  keep(stored: Stored): void {
    try {
      this.#file?.putDurably([[String(stored.number), encodeCorrection(stored)]]);
    } catch (error) {
      throw new TidemarkError("disk-full", `Cannot keep a correction: ${messageOf(error)}`, error);
    }
    this.#known.set(stored.number, stored);
    this.#index();
  }

  /** It is applied, or undone, in what the next commit writes. */
  applied({ number }: Stored): void {
    const stored = this.#known.get(number);
    if (stored === undefined) throw new Error(`BUG: correction ${number} is not known`);
    this.#applied.set(number, encodeCorrection(stored));
    this.#changed.add(number);
  }

  /** Offsets of a partition from `to` on mean other records from now on: no deletion takes these. */
  cut({ topic, partition, topicId }: From, to: number): void {
    for (const stored of this.list()) {
      if (stored.kind !== "delete") continue;
      const isCut = (mark: Deletion["marks"][number]): boolean =>
        mark.topic === topic && mark.partition === partition && mark.id === topicId && mark.next > to;
      if (!stored.marks.some(isCut)) continue;
      this.keep({ ...stored, marks: stored.marks.map((mark) => (isCut(mark) ? { ...mark, next: to } : mark)) });
      this.applied(stored);
    }
  }

  #index(): void {
    this.#deletions = new Map();
    this.#renamesFrom = new Map();
    this.#renamesTo = new Map();
    for (const stored of this.list()) {
      if (stored.undone !== null) continue;
      if (stored.kind === "rename") {
        this.#renamesFrom.set(stored.sensor, stored);
        this.#renamesTo.set(stored.to, stored);
        continue;
      }
      const others = this.#deletions.get(stored.root);
      if (others === undefined) this.#deletions.set(stored.root, [stored]);
      else others.push(stored);
    }
  }

  /** The name that a sensor of this name has by now. */
  nameNow(name: string): string {
    let now = name;
    for (let next = this.#renamesFrom.get(now); next !== undefined; next = this.#renamesFrom.get(now)) now = next.to;
    return now;
  }

  /** The name that it was first known by. */
  rootOf(name: string): string {
    let root = name;
    for (let last = this.#renamesTo.get(root); last !== undefined; last = this.#renamesTo.get(root)) root = last.sensor;
    return root;
  }

  /** Active deletions of a sensor, oldest first. */
  deletionsOf(sensor: string): readonly Deletion[] {
    return this.#deletions.get(this.rootOf(sensor)) ?? [];
  }

  /**
   * The deletions that may take records of a partition from this offset on; null: none does, as always but when a log is read again.
   * O(1) then, else O(deletions of the sensor).
   */
  takings(sensor: string, from: From, offset: number): readonly Taking[] | null {
    if (this.#deletions.size === 0) return null;
    const takings = this.deletionsOf(sensor).flatMap((deletion) => {
      const end = deletion.marks.find(
        ({ topic, partition, id }) => topic === from.topic && partition === from.partition && id === from.topicId,
      )?.next;
      return end === undefined || end <= offset ? [] : [{ deletion, end }];
    });
    return takings.length === 0 ? null : takings;
  }

  get waitingRows(): number {
    return this.#changed.size;
  }

  get waitingBytes(): number {
    return 0;
  }

  *write(): Generator<number> {
    this.#written = [...this.#changed];
    for (const number of this.#written) {
      const body = this.#applied.get(number) ?? "";
      this.#db.guarded(() => this.#insert.run(number, body));
      yield body.length;
    }
  }

  committed(): void {
    for (const number of this.#written) this.#changed.delete(number);
    this.#written = [];
  }
}

/** The corrections of a history, oldest first; none where it was made before there were any. @throws TidemarkError "history-corrupt" */
export function storedCorrections(db: Database): Stored[] {
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name='correction'").get() === undefined) return [];
  const rows = db.lookUpAll(db.prepare("SELECT body FROM correction ORDER BY number"));
  return rows.map(({ body }) => {
    try {
      return decodeCorrection(String(body));
    } catch (error) {
      throw new TidemarkError("history-corrupt", `Cannot read a correction in ${db.file}: ${messageOf(error)}`, error);
    }
  });
}

/** The oldest of these deletions that takes a reading; undefined: none does. */
export function takerOf(
  takings: readonly Taking[],
  device: string,
  second: number,
  offset: number,
): Deletion | undefined {
  return takings.find(({ deletion: { window, device: of }, end }) => {
    return offset < end && second >= window.start && second < window.end && (of === null || of === device);
  })?.deletion;
}
