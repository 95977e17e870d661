/** What a run of crashes is asked, and what it reports. */
import type { History } from "../oracle/generator.ts";
import type { Arrival } from "../oracle/oracle.ts";
import type { Disk } from "../simulation/disk.ts";
import type { CrashCorrections } from "./crash-corrections.ts";
import type { Fault } from "./faults.ts";
import type { ReadingsRequest } from "./requests.ts";
import type { ProcessOptions } from "./tidemark-process.ts";

export interface CrashOptions {
  readonly history: History;
  readonly seed: number;
  /** What `POST /readings` gets, on a connection each. */
  readonly lanes: readonly (readonly ReadingsRequest[])[];
  readonly process: ProcessOptions;
  /** How often something is done to it while it runs; when that was a kill, as often as not it is killed again in the middle of the next start. */
  readonly kills: number;
  /** What is done, in turns; default: kills in commits, kills while it takes in, stops. */
  readonly faults?: readonly Fault[];
  /** For faults of the disk and the clock: the one of the data directory, which `process.environment` preloads. */
  readonly disk?: Disk | null;
  /** For `broker`: kills it and starts it again. */
  readonly killBroker?: () => Promise<void>;
  readonly windows: number;
  /** What is corrected meanwhile; null: nothing. */
  readonly corrections: CrashCorrections | null;
  /** Sends more by another way; calls `onSent` with the number of records as they are acknowledged, and waits for it. */
  readonly produce?: (onSent: (records: number) => Promise<void>) => Promise<void>;
  /** Records that `produce` sends. */
  readonly produced?: readonly Arrival[];
  /** How many records the log holds of each sensor, where the server's own `lag` is only what it saw last (Kafka). */
  readonly ends?: () => Promise<ReadonlyMap<string, number>>;
  /** All that is in the log, in an order in which it may have been processed; called when the process has ended. */
  readonly contents: () => Promise<Arrival[]>;
}

export interface CrashReport {
  readonly killedInIngest: number;
  readonly killedInCommit: number;
  readonly killedBeforeListening: number;
  readonly killedInReplay: number;
  readonly stopped: number;
  readonly powerLosses: number;
  /** Sectors, and changes of names, that these took. */
  readonly sectorsLost: number;
  /** Each fault as it came, since the run began; `recoveredMs`: from its end until the server was ready, null when the next came before. */
  readonly faults: readonly FaultReport[];
  /** When a start was killed, since the run began. */
  readonly startsKilledMs: readonly number[];
  /** Records that were sent again and stand twice in the log. */
  readonly sentTwice: number;
  readonly records: number;
  readonly corrections: number;
  readonly comparisons: number;
}

export interface Happened {
  readonly fault: Fault;
  readonly atMs: number;
  recoveredMs: number | null;
}

type FaultReport = Readonly<Happened>;
