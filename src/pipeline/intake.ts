/** Takes in what a read brought, in slices, and passes over what the log has lost. */
import { Pace } from "../core/slices.ts";
import type { Fetched, Gap } from "../log/log.ts";
import type { Ingest } from "./ingest.ts";
import type { Series } from "./sensors.ts";
import { NOT_COMMITTED, type PartitionState, type Source } from "./sources.ts";
import type { Standstills } from "./standstills.ts";
import type { State } from "./state.ts";

/** What the pipeline lends. */
export interface IntakeOptions {
  readonly state: State;
  readonly ingest: Ingest;
  readonly standstills: Standstills;
  readonly commit: () => Promise<void>;
  readonly notify: (changed: Iterable<Series>) => void;
  readonly fail: (error: unknown) => void;
}

/** Only in the serial queue. */
export class Intake {
  readonly #options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Takes in what was read, up to a batch that cannot be read. */
  async take(fetched: Fetched): Promise<void> {
    // It waited for a commit meanwhile: what it brings comes again, or is of a former life of the topic.
    if (fetched.isDropped) return;
    const { state, ingest, standstills, commit, notify, fail } = this.#options;
    const source = this.#source(fetched.topic);
    const partition = partitionOf(source, fetched.partition);
    try {
      if (fetched.gap !== null) await this.#passOver(fetched.gap, source, partition);
      const pace = new Pace();
      for (;;) {
        if (!ingest.takeBatch(fetched, source, partition)) return standstills.passed(partition);
        await state.catchUp();
        if (state.isFull) await commit();
        if (!pace.isOver) continue;
        notify([source.own]);
        await pace.rest();
      }
    } catch (error) {
      if (standstills.halt(partition, error, fetched.resumeAt)) return;
      // Within a batch or a commit: reading on would count readings twice, or not at all.
      fail(error);
      throw error;
    } finally {
      notify([source.own]);
    }
  }

  /** Counts records that the log has lost, and goes on behind them, so that they are counted once. */
  async #passOver({ from, to, cutFrom }: Gap, { own }: Source, partition: PartitionState): Promise<void> {
    // Offsets from `to` on mean other records by now. First of all, as it can fail: it is tried again where nothing else has changed.
    if (cutFrom !== undefined) this.#options.state.ledger.cut(partition, to);
    own.totals.gapRecords += to - from;
    own.totals.cutRecords += cutFrom === undefined ? 0 : cutFrom - to;
    own.changed = true;
    partition.next = to;
    if (cutFrom === undefined) return;
    // The history must say so before anything else happens.
    partition.committed = NOT_COMMITTED;
    await this.#options.commit();
  }

  #source(topic: string): Source {
    const source = this.#options.state.sources.find(topic);
    if (source === undefined) throw new Error(`BUG: topic "${topic}" was read but never opened`);
    return source;
  }
}

function partitionOf({ topic, partitions }: Source, number: number): PartitionState {
  const partition = partitions[number];
  if (partition?.partition !== number) throw new Error(`BUG: ${topic}/${number} was read but never opened`);
  return partition;
}
