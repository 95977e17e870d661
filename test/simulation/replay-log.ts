/** A log for simulations: the arrivals of a generated history, read in their order, with batch splits and stops where the test wants them. */
import { TidemarkError } from "../../src/core/errors.ts";
import type { Records } from "../../src/core/records.ts";
import { FetchedFailure } from "../../src/log/fetched-failure.ts";
import type { Fetched, Gap, Log, LogReader, NewRecord, Opened, Position, Topic } from "../../src/log/log.ts";
import type { Arrival } from "../oracle/oracle.ts";
import { fillRecords } from "./fill-records.ts";

/** How a delivery comes. */
export interface Delivery {
  /** Rows of one batch: a read then brings several. */
  readonly rowsAtOnce?: number;
  readonly gap?: Gap;
  /** The batch with this number fails its checksum, each time it is read. */
  readonly corruptBatch?: number;
}

/** Delivers what `deliver` is given, and tells when all of it was taken in. */
export class ReplayLog implements Log {
  readonly trouble = null;
  readonly kind = "replay";
  readonly #topics: Topic[];
  /** Partitions that bring nothing before they are added anew, and those that were not said to be so yet. */
  readonly #halted = new Set<string>();
  readonly #failures: { readonly topic: string; readonly partition: number }[] = [];
  readonly #rowsAtOnce: number;
  #queue: { readonly rows: Arrival[]; readonly delivery: Delivery }[] = [];
  #wake: (() => void) | null = null;
  #drained: (() => void) | null = null;
  #closed = false;
  /** Positions that readers were opened at, and that were reported as committed. */
  readonly opened: Position[][] = [];
  /** Positions that were added to readers. */
  readonly added: Position[][] = [];
  readonly committedPositions: Position[][] = [];
  /** Called when positions are reported as committed. */
  onCommitted: (positions: readonly Position[]) => void = () => {};

  /** @param rowsAtOnce of a delivery that does not say it itself */
  constructor(topics: readonly Topic[], rowsAtOnce = Number.POSITIVE_INFINITY) {
    this.#topics = [...topics];
    this.#rowsAtOnce = rowsAtOnce;
  }

  /** The topic was deleted and made anew: its partitions bring nothing until they are added again. */
  recreate(topic: Topic): void {
    const at = this.#topics.findIndex((known) => known.name === topic.name);
    for (const partition of this.#topics[at].partitions) {
      this.#halted.add(`${topic.name}/${partition}`);
      this.#failures.push({ topic: topic.name, partition });
    }
    this.#topics[at] = topic;
    this.#wake?.();
  }

  /** Hands a batch of one partition to the reader; resolves when it asked for more, that is: has taken it in. */
  deliver(batch: readonly Arrival[], delivery: Delivery = {}): Promise<void> {
    return new Promise((resolve) => {
      this.#queue.push({ rows: [...batch], delivery });
      this.#drained = resolve;
      this.#wake?.();
    });
  }

  async topics(): Promise<string[]> {
    return this.#topics.map(({ name }) => name).sort();
  }

  async open(names: readonly string[]): Promise<Opened> {
    const topics = this.#topics.filter((topic) => names.includes(topic.name));
    return { topics, missing: names.filter((name) => !topics.some((topic) => topic.name === name)) };
  }

  async create(names: readonly string[]): Promise<Topic[]> {
    return [...(await this.open(names)).topics];
  }

  watch(): () => void {
    return () => {};
  }

  reader(positions: readonly Position[]): LogReader {
    this.opened.push([...positions]);
    const positionOf = new Map(positions.map((p) => [`${p.topic}/${p.partition}`, p.offset]));
    return {
      read: async (signal) => {
        for (;;) {
          if (this.#closed || signal?.aborted) return null;
          const failure = this.#failures.shift();
          if (failure !== undefined) {
            const error = new TidemarkError("topic-recreated", "Cannot read on: the topic was recreated");
            return new FetchedFailure({ ...failure, logEnd: 0 }, error, () => false);
          }
          const at = this.#queue.findIndex(({ rows }) => !this.#halted.has(`${rows[0].sensor}/${rows[0].partition}`));
          const [next] = at < 0 ? [] : this.#queue.splice(at, 1);
          if (next !== undefined) {
            const { rows, delivery } = next;
            const key = `${rows[0].sensor}/${rows[0].partition}`;
            const position = positionOf.get(key) ?? 0;
            const gap = delivery.gap !== undefined && isAt(position, delivery.gap) ? delivery.gap : null;
            const from = gap?.to ?? position;
            positionOf.set(key, Math.max(from, rows[rows.length - 1].offset + 1));
            // What follows a batch that cannot be read is brought again.
            if (delivery.corruptBatch !== undefined) this.#queue.unshift(next);
            const onCorrupt = (): void => void this.#halted.add(key);
            return fetchedOf(rows, from, gap, { rowsAtOnce: this.#rowsAtOnce, ...delivery, onCorrupt });
          }
          if (this.#queue.length === 0) {
            this.#drained?.();
            this.#drained = null;
          }
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
            signal?.addEventListener("abort", () => resolve(), { once: true });
          });
        }
      },
      add: (added) => {
        this.added.push([...added]);
        for (const { topic, partition, offset } of added) {
          positionOf.set(`${topic}/${partition}`, offset);
          this.#halted.delete(`${topic}/${partition}`);
        }
        this.#wake?.();
      },
      blockedSince: () => null,
      end: () => 0,
      close: async () => {},
    };
  }

  async append(_topic: string, _records: readonly NewRecord[]): Promise<void> {
    throw new Error("a replay log takes no records");
  }

  async bounds(): Promise<{ start: number; end: number }> {
    return { start: 0, end: 0 };
  }

  async committed(positions: readonly Position[]): Promise<void> {
    this.onCommitted(positions);
    this.committedPositions.push([...positions]);
  }

  size(): null {
    return null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
  }
}

/** Whether a reader at that position meets the gap. */
function isAt(position: number, { from, cutFrom }: Gap): boolean {
  return position === (cutFrom ?? from);
}

function fetchedOf(
  rows: readonly Arrival[],
  from: number,
  gap: Gap | null,
  { rowsAtOnce, corruptBatch, onCorrupt }: Delivery & { rowsAtOnce: number; onCorrupt: () => void },
): Fetched {
  const { sensor, partition } = rows[0];
  const logEnd = rows[rows.length - 1].offset + 1;
  let at = 0;
  let batches = 0;
  return {
    topic: sensor,
    partition,
    logEnd,
    gap,
    resumeAt: null,
    isDropped: false,
    next(into: Records): boolean {
      if (at >= rows.length) return false;
      if (batches++ === corruptBatch) {
        onCorrupt();
        throw new TidemarkError("log-corrupt", "Cannot read: a checksum is wrong");
      }
      const batch = rows.slice(at, at + rowsAtOnce);
      at += batch.length;
      const wanted = batch.filter(({ offset }) => offset >= from).map((row) => ({ ...row, time: row.recordTime }));
      // Of what is brought again, a batch may end before the position.
      const nextOffset = Math.max(0, from, batch[batch.length - 1].offset + 1);
      fillRecords(into, wanted, nextOffset, wanted.length > 0 && wanted[0].appendTime);
      return true;
    },
  };
}
