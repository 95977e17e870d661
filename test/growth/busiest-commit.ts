/** Growth example, a part of a commit with a table of its own: the most readings that one commit has held. */
import type { CommitPart } from "../../src/store/commit-part.ts";
import type { Database } from "../../src/store/database.ts";

/** Keeps the number; `waiting` says how many readings the next commit holds. */
export class BusiestCommit implements CommitPart {
  readonly waitingRows = 0;
  readonly waitingBytes = 0;
  readonly #db: Database;
  readonly #waiting: () => number;
  #most: number;
  #next = 0;

  constructor(db: Database, waiting: () => number) {
    this.#db = db;
    this.#waiting = waiting;
    db.declare(
      "CREATE TABLE IF NOT EXISTS busiest_commit(id INTEGER PRIMARY KEY CHECK(id=1), readings INTEGER NOT NULL)",
    );
    const row = db.prepare("SELECT readings FROM busiest_commit").get();
    this.#most = row === undefined ? 0 : Number(row["readings"]);
  }

  *write(): Iterable<number> {
    this.#next = this.#waiting();
    if (this.#next <= this.#most) return;
    this.#db.prepare("INSERT OR REPLACE INTO busiest_commit VALUES(1,?)").run(this.#next);
    yield 8;
  }

  committed(): void {
    this.#most = Math.max(this.#most, this.#next);
  }
}
