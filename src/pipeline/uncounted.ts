/** Lists, releases and discards what was not counted: quarantined readings and rejected records. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { REJECTIONS } from "../core/rejections.ts";
import type { Chosen, ChosenRejections, ListPart, Quarantined, RejectedRecord } from "../engine/engine.ts";
import type { Ingest } from "./ingest.ts";
import type { Series } from "./sensors.ts";
import type { State } from "./state.ts";

/** Rows dealt with before others may run. */
const ROWS_AT_ONCE = 100;

/** Rows of a choice that are read, dealt with and committed at once: some ms of work. */
const PART_ROWS = 1000;

interface ListQuery {
  readonly sensor?: Series;
  readonly after?: number;
  readonly limit: number;
}

type Letters<T> = {
  readonly lastId: number;
  list(sensor: number | undefined, after: number, limit: number): T[];
  get(id: number): T | undefined;
  remove(id: number): void;
};
/** Numbers of rows, a part at a time; a part may be empty. */
export type Parts = Iterable<readonly number[]>;
type Row = { readonly id: number; readonly sensor: number };

/** The result of dealing with rows. */
export interface Settled {
  readonly count: number;
  /** Sensors of the rows. */
  readonly changed: ReadonlySet<Series>;
}

/** The dead letters of all sensors. Rows dealt with are counted, retried or forgotten. */
export class Uncounted {
  readonly #state: State;
  readonly #ingest: Ingest;

  constructor(state: State, ingest: Ingest) {
    this.#state = state;
    this.#ingest = ingest;
  }

  listQuarantine(query: ListQuery): ListPart<Quarantined> {
    const rows = this.#state.quarantine.list(query.sensor?.id, query.after ?? 0, query.limit);
    return partOf(rows, query.limit, (row) => ({ ...row, sensor: this.#sensorOf(row).name }));
  }

  listRejections(query: ListQuery): ListPart<RejectedRecord> {
    const rows = this.#state.rejections.list(query.sensor?.id, query.after ?? 0, query.limit);
    return partOf(rows, query.limit, (row) => ({
      ...row,
      sensor: this.#sensorOf(row).name,
      reason: REJECTIONS.find(({ code }) => code === row.code)?.text ?? row.code,
    }));
  }

  quarantineParts(which: Chosen): Parts {
    if (isIds(which)) return [which];
    const { sensor, device } = which;
    return this.#parts(this.#state.quarantine, sensor, (row) => device === undefined || row.device === device);
  }

  /** Those that were held back only as the host's clock was behind. */
  misjudgedParts(aheadMs: number): Parts {
    return this.#parts(this.#state.quarantine, undefined, this.#state.clockOffset.judge(aheadMs));
  }

  rejectionParts(which: ChosenRejections): Parts {
    return isIds(which) ? [which] : this.#parts(this.#state.rejections, which.sensor, () => true);
  }

  *#parts<T extends Row>(
    letters: Letters<T>,
    name: string | undefined,
    isMeant: (row: T) => boolean,
  ): Generator<readonly number[]> {
    const sensor = name === undefined ? undefined : this.#state.sensors.find(name)?.id;
    if (name !== undefined && sensor === undefined) return;
    const { lastId } = letters;
    let after = 0;
    for (;;) {
      const rows = letters.list(sensor, after, PART_ROWS).filter(({ id }) => id <= lastId);
      yield rows.filter(isMeant).map(({ id }) => id);
      if (rows.length < PART_ROWS) return;
      after = rows[rows.length - 1].id;
    }
  }

  #sensorOf(row: Row): Series {
    return this.#state.sensors.of(row.sensor);
  }

  /** This and the following: only in the serial queue, right after a commit (only stored rows can be dealt with), and right before another. */
  releaseQuarantine(ids: readonly number[]): Promise<Settled> {
    return this.#settle(this.#state.quarantine, ids, (row, sensor) => {
      this.#ingest.release(sensor, row);
      return true;
    });
  }

  /** Records that are rejected again stay. */
  releaseRejections(ids: readonly number[]): Promise<Settled> {
    return this.#settle(this.#state.rejections, ids, (row, sensor) => this.#ingest.retry(row, sensor));
  }

  discardQuarantine(ids: readonly number[]): Promise<Settled> {
    return this.#settle(this.#state.quarantine, ids, () => true);
  }

  discardRejections(ids: readonly number[]): Promise<Settled> {
    return this.#settle(this.#state.rejections, ids, () => true);
  }

  async #settle<T extends Row>(
    letters: Letters<T>,
    ids: readonly number[],
    deal: (row: T, sensor: Series) => boolean,
  ): Promise<Settled> {
    const changed = new Set<Series>();
    let count = 0;
    let seen = 0;
    for (const id of new Set(ids)) {
      if (++seen % ROWS_AT_ONCE === 0) await nextTurn();
      const row = letters.get(id);
      if (row === undefined) continue;
      const sensor = this.#sensorOf(row);
      if (!deal(row, sensor)) continue;
      letters.remove(id);
      changed.add(sensor);
      count++;
    }
    return { count, changed };
  }
}

function partOf<T extends Row, U>(rows: readonly T[], limit: number, map: (row: T) => U): ListPart<U> {
  return { items: rows.map(map), next: rows.length < limit ? null : (rows.at(-1)?.id ?? null) };
}

function isIds(which: Chosen): which is readonly number[] {
  return Array.isArray(which);
}
