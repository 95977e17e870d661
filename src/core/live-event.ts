/** What an event of the live stream holds (docs/formats/live.md), for all who read it: page, terminal and client. */

/** Some readings. */
export interface Moments {
  readonly count: number;
  readonly mean: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

/** A range of seconds whose answers may be others than before; epoch ms. */
export interface LiveChange {
  readonly cause: "reading" | "late" | "released" | "expired" | "corrected";
  readonly from: number;
  readonly toExclusive: number;
}

/** A sensor as of its last event; times in epoch ms. */
export interface LiveSensor extends Moments {
  readonly sensor: string;
  readonly last: number | null;
  readonly lastTime: number | null;
  /** Of the newest counted reading, when the event was written. */
  readonly ageMs: number | null;
  /** Readings a second over the last minute. */
  readonly rate: number;
  readonly minute: Moments;
  /** A mean a second, oldest first. */
  readonly spark: readonly (number | null)[];
  readonly completeUntil: number | null;
  readonly received: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly quarantined: number;
  readonly released: number;
  readonly rejected: number;
  readonly late: number;
  readonly gapRecords: number;
  readonly cutRecords: number;
  readonly expired: number;
  readonly deleted: number;
  readonly quarantineDropped: number;
  readonly rejectionsDropped: number;
  readonly lag: number;
  readonly devices: number;
  readonly stuckDevices: number;
  /** Since the event before. */
  readonly changes: readonly LiveChange[];
}

/** The data of an event: all sensors (a snapshot: what was known before is to be forgotten), or those that changed. */
export interface LiveData {
  /** The server's clock, epoch ms. */
  readonly time: number;
  /** Why readings are not taken in; null: they are. */
  readonly trouble: string | null;
  readonly sensorsTotal: number;
  /** Alerts that go on, and events of alerts that were told since the start of the server: when it has grown there are new ones. */
  readonly alerts?: { readonly on: number; readonly told: number };
  /** Of a snapshot: its sensors' `changes` are all since the event before. Else nobody knows what changed: what is drawn is to be loaded anew. */
  readonly resumed?: boolean;
  readonly sensors: readonly LiveSensor[];
}
