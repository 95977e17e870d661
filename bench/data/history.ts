/** Histories made without a log: records go the pipeline's own way (decode, identity, clocks, fold, commit), only faster than a log brings them. */

import { systemClock } from "../../src/core/clock.ts";
import { REVISION_BYTES } from "../../src/core/limits.ts";
import { Records } from "../../src/core/records.ts";
import { openZone } from "../../src/core/zone.ts";
import { BOUNDS, type Bounds } from "../../src/pipeline/bounds.ts";
import { Ingest } from "../../src/pipeline/ingest.ts";
import type { Series } from "../../src/pipeline/sensors.ts";
import type { Source } from "../../src/pipeline/sources.ts";
import { State } from "../../src/pipeline/state.ts";
import { Database } from "../../src/store/database.ts";

export interface Written {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly commits: number;
  /** Handed to the store by all commits. */
  readonly bytesWritten: number;
  /** Key and value bytes of the records. */
  readonly payloadBytes: number;
}

/** An open data directory that takes records by hand. */
export class HistoryBuilder {
  readonly state: State;
  readonly #db: Database;
  readonly #ingest: Ingest;
  readonly #sources = new Map<string, Source>();
  readonly #records = new Records(16_384);
  #payloadBytes = 0;
  #ms = 0;
  #cpuMicros = 0;

  constructor(directory: string, bounds: Partial<Bounds> = {}) {
    this.#db = Database.open(directory);
    this.state = new State(this.#db, { ...BOUNDS, ...bounds });
    this.#ingest = new Ingest(this.state, { clock: systemClock, zone: openZone("UTC"), clockAheadMs: 300_000 });
  }

  /** Notes what commits change, as a server does. */
  noteRevisions(): void {
    this.state.history.revisions.start({ clock: systemClock, bytesMax: REVISION_BYTES });
  }

  sensor(name: string): Series {
    return this.state.sensors.open(name);
  }

  /** Lets `fill` make a batch (not timed), takes it in and commits when it is time (timed). */
  async take(name: string, fill: (records: Records) => number): Promise<void> {
    let source = this.#sources.get(name);
    if (source === undefined) {
      source = this.state.openTopic({ name, id: `bench-${name}`, partitions: [0] });
      this.#sources.set(name, source);
    }
    const [partition] = source.partitions;
    this.#payloadBytes += fill(this.#records);
    const cpu = process.cpuUsage();
    const start = performance.now();
    this.#ingest.take(this.#records, source, partition);
    partition.next = this.#records.nextOffset;
    if (this.state.isFull) await this.#commit();
    this.#ms += performance.now() - start;
    this.#cpuMicros += sum(process.cpuUsage(cpu));
  }

  async #commit(): Promise<void> {
    await this.state.commit();
    // In the product a worker thread does this.
    this.#db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
  }

  /** Commits what waits. */
  async finish(): Promise<Written> {
    const cpu = process.cpuUsage();
    const start = performance.now();
    await this.#commit();
    this.#ms += performance.now() - start;
    this.#cpuMicros += sum(process.cpuUsage(cpu));
    return {
      seconds: this.#ms / 1000,
      cpuSeconds: this.#cpuMicros / 1e6,
      commits: this.state.commits,
      bytesWritten: this.state.bytesWritten,
      payloadBytes: this.#payloadBytes,
    };
  }

  close(): void {
    this.#db.close();
  }
}

function sum({ user, system }: NodeJS.CpuUsage): number {
  return user + system;
}
