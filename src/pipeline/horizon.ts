/** How far back the history is kept. What ends before is deleted with a commit; later readings of that time are counted, but not folded. */
import type { History } from "../rollups/history.ts";
import type { CommitPart } from "../store/commit-part.ts";
import type { Database } from "../store/database.ts";
import type { Sensors } from "./sensors.ts";

const SETTING = "kept-since";

/** States: *kept* ⇄ *moving* (`moveTo` →, `committed` ←): the commit in between deletes, and moves it. */
export class Horizon implements CommitPart {
  readonly waitingRows = 0;
  readonly waitingBytes = 0;
  readonly #db: Database;
  readonly #history: History;
  readonly #sensors: Sensors;
  /** The first second that is kept. */
  since: number;
  #next: number | null = null;

  constructor(db: Database, history: History, sensors: Sensors) {
    this.#db = db;
    this.#history = history;
    this.#sensors = sensors;
    this.since = Number(db.setting(SETTING) ?? Number.NEGATIVE_INFINITY);
  }

  /** The next commit moves it. @param second a UTC midnight; null: it stays */
  moveTo(second: number | null): void {
    this.#next = second;
  }

  /** Deletes what has to go, inside a transaction that has its pages written before; yields after each sensor. */
  *write(): Generator<number> {
    const second = this.#next;
    if (second === null) return;
    for (const { id } of this.#sensors.list()) {
      this.#db.guarded(() => this.#history.expire(id, second));
      yield 0;
    }
    this.#db.guarded(() => this.#db.setSetting(SETTING, second));
  }

  committed(): void {
    if (this.#next === null) return;
    this.since = this.#next;
    this.#next = null;
    for (const { id } of this.#sensors.list()) this.#history.forget(id, this.since);
  }
}
