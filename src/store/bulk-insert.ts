/** Inserts rows of one table, many to a statement: a statement for each row costs as much as SQLite's own work on it. */
import type { StatementSync } from "node:sqlite";
import type { Database } from "./database.ts";

/** Rows of one statement: more save little, and each statement stays well below a commit's slice. */
const ROWS = 16;

/** What SQLite stores in a column. */
export type Value = number | string | Uint8Array | null;

/** Rows that wait for the next full statement; `flush` writes the rest. */
export class BulkInsert {
  readonly #db: Database;
  readonly #one: StatementSync;
  readonly #many: StatementSync;
  readonly #columns: number;
  #values: Value[] = [];

  constructor(db: Database, table: string, columns: number) {
    this.#db = db;
    this.#columns = columns;
    const row = `(${Array(columns).fill("?").join(",")})`;
    this.#one = db.prepare(`INSERT INTO ${table} VALUES${row}`);
    this.#many = db.prepare(`INSERT INTO ${table} VALUES${Array(ROWS).fill(row).join(",")}`);
  }

  /** A transaction begins: rows left over from one that failed are forgotten. */
  begin(): void {
    this.#values = [];
  }

  /** Inserts the row now or with later ones; its bytes must not change until `flush`. @throws TidemarkError "disk-full" */
  add(...row: Value[]): void {
    for (const value of row) this.#values.push(value);
    if (this.#values.length < ROWS * this.#columns) return;
    this.#db.guarded(() => this.#many.run(...this.#values));
    this.#values = [];
  }

  /** Inserts what is left. @throws TidemarkError "disk-full" */
  flush(): void {
    this.#db.guarded(() => {
      for (let at = 0; at < this.#values.length; at += this.#columns) {
        this.#one.run(...this.#values.slice(at, at + this.#columns));
      }
    });
    this.#values = [];
  }
}
