/** What the server (and anything else in the process) may ask of the running system. Implemented by the pipeline. */

import type { TidemarkError } from "../core/errors.ts";
import type { Scrub } from "../core/scrub.ts";
import type { Change } from "./change.ts";
import type { Corrections } from "./correction.ts";
import type { SensorDirectory } from "./directory.ts";
import type { Answers, Past } from "./past.ts";

/** Totals of a sensor since its history began, in readings; a record that is rejected whole is one. received = counted + duplicates + quarantined + rejected, always. */
export interface SensorTotals {
  readonly received: number;
  readonly counted: number;
  readonly duplicates: number;
  /** Duplicates that came with another value than the first (a part of `duplicates`). */
  readonly conflicts: number;
  /** Of a wrong clock and still held back (released ones are counted, discarded ones stay here). */
  readonly quarantined: number;
  readonly rejected: number;
  /** Counted readings that had been held back: by hand, or as the server's clock was behind. */
  readonly released: number;
  /** Counted readings more than a minute older than what their partition had brought before. */
  readonly late: number;
  /** Records that the log dropped before they were read. */
  readonly gapRecords: number;
  /** Records that had been taken in before the log lost them (a Kafka leader elected without its last records): what was counted of them stays. */
  readonly cutRecords: number;
  /** Boots started without a boot id, recognised by a sequence beginning anew. */
  readonly implicitBoots: number;
  /** Counted readings older than the history is kept: in no window. */
  readonly expired: number;
  /** Counted readings that a correction deleted: in no window until it is undone. */
  readonly deleted: number;
  /** Quarantined readings and rejected records that are counted but no longer listed: their list was full. */
  readonly quarantineDropped: number;
  readonly rejectionsDropped: number;
}

/** What a sensor's history spans. */
export interface SensorSpan {
  /** Event times of the first and newest counted reading that is not deleted, ms; null: there is none. */
  readonly firstTime: number | null;
  readonly lastTime: number | null;
  /** That newest reading's value. */
  readonly lastValue: number | null;
  /** Older readings are counted but in no window: the history is kept from here on, ms; null: from the first. */
  readonly keptSince: number | null;
}

/** What is known of a sensor, apart from its history. */
export interface SensorStatus extends SensorSpan {
  readonly sensor: string;
  /** Its topic is read; false: nothing is added to its history. */
  readonly followed: boolean;
  readonly totals: SensorTotals;
  /** Event time before which no active device is expected to add anything, ms; null before the first reading. */
  readonly completeUntil: number | null;
  /** When the newest reading was taken in, ms; null when none was since the start of the process. */
  readonly lastArrival: number | null;
  readonly devices: number;
  /** Devices that have a series of their own: first come, up to the setting `device-series`. */
  readonly deviceSeries: number;
  /** Devices that are simulators by their name. */
  readonly simulatedDevices: number;
  /** Devices with 100 duplicates in a row and nothing new. */
  readonly stuckDevices: number;
  /** Counted readings by identity. */
  readonly identities: { readonly explicit: number; readonly sequence: number; readonly offset: number };
  /** Records in the log that are not yet taken in. */
  readonly lag: number;
  /** Partitions that are not read on though the log holds more. */
  readonly standstills: readonly Standstill[];
  /** Keys that are not read but look as if they should be, since the start of the process. */
  readonly unreadKeys: readonly { readonly key: string; readonly count: number; readonly hint: string }[];
  /** Ids that look like names of devices, since the start of the process. */
  readonly repeatedIds: readonly RepeatedId[];
  /** Values of its topic that are no numbers and not meant to be readings (texts and booleans of line protocol), since the start of the process. */
  readonly passedOver: number;
}

/** An explicit id that came again and again with other values and times. */
export interface RepeatedId {
  readonly id: string;
  /** Duplicates with another value and time than the one before. */
  readonly count: number;
  readonly hint: string;
}

/** A partition that is not read on though the log holds more of it; the others are. */
export interface Standstill {
  readonly topic: string;
  readonly partition: number;
  /** The next to be read. */
  readonly offset: number;
  /** Records from there on, as last heard. */
  readonly waiting: number;
  /** ms. */
  readonly since: number;
  readonly reason: "unreadable" | "open-transaction";
  /** What is wrong, in a sentence. */
  readonly detail: string;
  /** The offset behind what is unreadable; null when it is not known. */
  readonly resumeAt: number | null;
}

/** A device of a sensor; its numbers are of readings, as in SensorTotals. */
export interface DeviceStatus {
  /** Its name; "" for readings that name no device. */
  readonly device: string;
  readonly readings: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly late: number;
  /** Held back now, or discarded. */
  readonly heldBack: number;
  /** False: earlier versions took some of its readings in, which these numbers leave out. */
  readonly isWhole: boolean;
  /** Event times of its first and newest counted reading, ms; null when there is none, or it is not known. */
  readonly firstTime: number | null;
  readonly lastTime: number | null;
  readonly lastValue: number | null;
  /** When it was last heard from, duplicates too, ms; as of the last commit when it was not since the start. */
  readonly lastHeard: number | null;
  /** 100 duplicates in a row and nothing new. */
  readonly isStuck: boolean;
  /** It has a series of its own: questions about it can be answered. */
  readonly hasSeries: boolean;
  /** Its series lacks what was taken in before, ms; null: it has all. */
  readonly since: number | null;
}

/** A number that devices can be ranked by. */
export type DeviceNumber = keyof Pick<
  DeviceStatus,
  "readings" | "duplicates" | "conflicts" | "late" | "heldBack" | "lastTime" | "lastValue" | "lastHeard"
>;

/** A reading held back because of its clock. */
export interface Quarantined {
  readonly id: number;
  readonly sensor: string;
  readonly device: string;
  readonly boot: string | null;
  readonly sequence: number | null;
  readonly value: number;
  /** The impossible event time, ms. */
  readonly time: number;
  /** The reference that its clock was judged against, ms. */
  readonly judgedAgainst: number;
  readonly reason: "ahead" | "before-2000";
}

/** A rejected record, or a rejected reading of a record that makes several, with its bytes. */
export interface RejectedRecord {
  readonly id: number;
  readonly sensor: string;
  readonly partition: number;
  readonly offset: number;
  /** Which of the record's readings it is, from 0 on. */
  readonly reading: number;
  readonly code: string;
  readonly reason: string;
  /** The rejected reading's own bytes where it has some, else the record's value; cut at 4096 bytes. */
  readonly bytes: Uint8Array;
  /** Its whole length. */
  readonly length: number;
  /** When it was taken in, ms. */
  readonly arrival: number;
}

/** Consecutive items of a list. */
export interface ListPart<T> {
  readonly items: readonly T[];
  /** Pass as `after` for the part that follows; null at the end. */
  readonly next: number | null;
}

/** All items that a list has when it begins to be dealt with: of every sensor, or of one; of every device, or of one. */
export interface Choice {
  readonly sensor?: string;
  readonly device?: string;
}

/** Which items of a list: those with these ids, or a choice of them. */
export type Chosen = readonly number[] | Choice;

/** Which refused records: they are of no device. */
export type ChosenRejections = readonly number[] | Omit<Choice, "device">;

/** What the process has written since its start, and what its log holds. */
export interface EngineCounters {
  readonly commits: number;
  /** Handed to the history's file by all commits. */
  readonly bytesWritten: number;
  /** What the history's files hold, and what is free where they are. */
  readonly historyBytes: number;
  readonly freeBytes: number;
  /** What is noted of earlier revisions, bytes; the oldest that can be asked for, ms, or null; and how often the oldest sixteenth was dropped for want of room. */
  readonly revisionBytes: number;
  readonly revisionsSince: number | null;
  readonly revisionsDropped: number;
  /** What the log holds; null when it does not say (Kafka). */
  readonly logBytes: number | null;
  /** Pages that were compared with their sums; null: of a log elsewhere. */
  readonly historyScrub: Scrub;
  readonly logScrub: Scrub | null;
}

/** The running system, as its doors see it. Nothing in it waits for the log. */
export interface Engine extends Answers {
  readonly sensors: SensorDirectory;
  /** O(1): what a question with an open bound asks for. @throws TidemarkError "no-device-series" */
  span(sensor: string, device?: string): SensorSpan;
  /** The history as of the last revision at or before a moment. @throws TidemarkError "revision-gone" where none is kept */
  asOf(ms: number): Past;
  /** Devices of a sensor by the bytes of their names, those behind `after`. O(limit + devices since the last commit). */
  devices(query: { sensor: string; after?: string; limit: number }): readonly DeviceStatus[];
  /** The same in the order of a number, the largest first, of equal ones by name. O(devices); lets others run in between. */
  rankDevices(query: {
    sensor: string;
    by: DeviceNumber;
    after?: string;
    limit: number;
  }): Promise<readonly DeviceStatus[]>;
  /** What is known of a device; null: nothing was heard of it. O(1). */
  device(sensor: string, device: string): DeviceStatus | null;
  /** O(partitions that feed it). */
  status(sensor: string): SensorStatus;
  /** Adds a listener, called after readings were taken in, with each sensor that changed and where. @returns removes it */
  onChange(listener: (changes: readonly Change[]) => void): () => void;
  /** Adds a listener, called before each commit and after `onChange` with all that will be in it. What it throws is thrown by the commit, which is then tried again where that is "disk-full". @returns removes it */
  beforeCommit(listener: () => void): () => void;
  listQuarantine(query: { sensor?: string; after?: number; limit: number }): ListPart<Quarantined>;
  /** Counts the readings after all. @returns how many there were */
  releaseQuarantine(which: Chosen): Promise<number>;
  /** Forgets them for good (they stay counted as quarantined). @returns how many there were */
  discardQuarantine(which: Chosen): Promise<number>;
  listRejections(query: { sensor?: string; after?: number; limit: number }): ListPart<RejectedRecord>;
  /** Decodes the bytes again (a later tidemark may read them). @returns how many were taken in this time; the others stay */
  releaseRejections(which: ChosenRejections): Promise<number>;
  discardRejections(which: ChosenRejections): Promise<number>;
  /** The topic that a sensor's readings are appended to: its first name, as renaming a sensor renames no topic. */
  topicOf(sensor: string): string;
  /** Why no readings of that sensor are taken; null: they are, though it may have to be admitted first. O(1). */
  refusal(sensor: string): TidemarkError | null;
  /** Follows a sensor that is not refused, and makes its topic where that may be. @throws TidemarkError as `refusal` says, "topic-missing", or of the log */
  admit(sensor: string): Promise<void>;
  /**
   * Reads a partition that stands still, as it is unreadable, on from another offset. What is between counts as a gap.
   * @returns how many records were passed over
   * @throws TidemarkError "request-invalid" when it does not stand still, or the offset is not behind it and within the log
   */
  skip(topic: string, partition: number, to: number): Promise<number>;
  readonly corrections: Corrections;
  readonly counters: EngineCounters;
  /** What is wrong though readings are taken in: missing topics, too many sensors, partitions that stand still. */
  readonly notices: readonly string[];
  /** Records that the log held when the process started and that no answer holds yet: after a crash they were in answers before. 0: none. */
  readonly backlog: number;
  /** Pages that were found damaged while it runs: what is made of them may be wrong; null: none were. */
  readonly damage: TidemarkError | null;
  /** Null when all is well, else why readings are not taken in (the log cannot be reached …). */
  readonly trouble: string | null;
}
