/** Lists, releases and discards what was not counted: quarantined readings and rejected records. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { REJECTIONS } from "../core/rejections.ts";
import type { ListPart, Quarantined, RejectedRecord } from "../engine/engine.ts";
import type { Ingest } from "./ingest.ts";
import type { Series } from "./sensors.ts";
import type { State } from "./state.ts";

/** Rows dealt with before others may run. */
const ROWS_AT_ONCE = 100;

interface ListQuery {
  readonly sensor?: Series;
  readonly after?: number;
  readonly limit: number;
}

type Letters<T> = { get(id: number): T | undefined; remove(id: number): void };
type Row = { readonly id: number; readonly sensor: number };

/** The result of dealing with rows. */
export interface Settled {
  readonly count: number;
  /** Sensors that gained readings. */
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

  #sensorOf(row: Row): Series {
    return this.#state.sensors.of(row.sensor);
  }

  /** This and the following: only in the serial queue, right after a commit (only stored rows can be dealt with), and right before another. */
  releaseQuarantine(ids: readonly number[]): Promise<Settled> {
    return this.#settle(this.#state.quarantine, ids, (row, sensor) => {
      this.#ingest.release(sensor, row.time, row.value);
      return true;
    });
  }

  /** Records that are rejected again stay. */
  releaseRejections(ids: readonly number[]): Promise<Settled> {
    return this.#settle(this.#state.rejections, ids, (row, sensor) => this.#ingest.retry(row, sensor));
  }

  async discardQuarantine(ids: readonly number[]): Promise<number> {
    return (await this.#settle(this.#state.quarantine, ids, () => true)).count;
  }

  async discardRejections(ids: readonly number[]): Promise<number> {
    return (await this.#settle(this.#state.rejections, ids, () => true)).count;
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
