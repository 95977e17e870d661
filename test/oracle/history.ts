/** A generated history: what is asked of the generator and what it returns, and the names of all cases. Part of test/oracle, which imports nothing from src/. */
import type { Correction } from "./corrections.ts";
import { GARBAGE_CODES } from "./garbage.ts";
import type { Arrival, Fate } from "./oracle.ts";
import type { AskedWindow } from "./windows.ts";

export interface GeneratorOptions {
  readonly seed: number;
  /** About how many records, duplicates and garbage included. */
  readonly readings: number;
  /** The end of the history, ms: nothing arrives later. */
  readonly nowMs: number;
  /** How long it takes to arrive (default 14 days). */
  readonly days?: number;
  readonly sensors?: readonly string[];
  /** Of each topic (default 3; 1 for the embedded log). */
  readonly partitions?: number;
  /** Of each sensor: every kind once, then common ones; few devices are a random choice of kinds (default: grows with `readings`). */
  readonly devices?: number;
  /** "kafka": the producer's timestamps; "kafka-append": the broker's, read three hours later; "embedded": the log's own, read at once. */
  readonly log?: "kafka" | "kafka-append" | "embedded";
  readonly clock?: "moving" | "still";
  readonly order?: "given" | "any";
  /** For payload times without a zone (default "Europe/Berlin"). */
  readonly zone?: string;
  /** The first sensor's topic is deleted and created anew (default true, except embedded). */
  readonly recreate?: boolean;
  /** After restarts some records come again at offsets already processed (default false). */
  readonly replays?: boolean;
  /** Records that are no reading (default: a hundredth, and each kind once). */
  readonly garbage?: number;
  /** Records over 1 MiB (default true). */
  readonly oversized?: boolean;
  /** Corrections give sensors other names (default true). */
  readonly renames?: boolean;
}

/** Consecutive arrivals of one topic and partition, processed at one time. */
export interface Batch {
  readonly index: number;
  /** Into `arrivals`, end exclusive. */
  readonly start: number;
  readonly end: number;
  readonly sensor: string;
  readonly topicId: string;
  readonly partition: number;
  readonly nowMs: number;
  readonly isReplay: boolean;
}

/** What the driver should do before a batch. `restart`: close cleanly and open; `kill`: lose what is not committed, and open; `commit`: commit. */
export interface Mark {
  readonly batch: number;
  readonly kind: "commit" | "restart" | "kill";
}

export interface History {
  readonly options: Required<GeneratorOptions>;
  readonly arrivals: readonly Arrival[];
  readonly fates: readonly Fate[];
  readonly batches: readonly Batch[];
  readonly marks: readonly Mark[];
  /** In the order of their batches. They concern the answers, not the fates: a driver may leave all of them out. */
  readonly corrections: readonly Correction[];
  /** How often each case occurred, 0 for the ones that did not. */
  readonly caseCounts: ReadonlyMap<string, number>;
  /** The case counts as a text, one a line. */
  describe(): string;
  /** Windows of every kind (windows.ts); the same seed gives the same ones. */
  randomWindows(count: number, seed?: number): AskedWindow[];
}

/** Every case that is counted, in the order they are described. */
export const CASES: readonly string[] = [
  ...words(`identity-id identity-named identity-implicit identity-untimed identity-offset identity-mixed id-is-number
    bare-with-key bare-without-key bare-odd-text nameless name-from-key name-beside-key name-is-number name-unicode
    name-of-several-sensors two-boards-of-one-name reboot-with-boot reboot-without-boot reboot-without-time reboot-with-wrong-clock
    boots-interleaved boots-interleaved-without-boot lost-for-good duplicate duplicate-days-later duplicate-across-partitions duplicate-of-old-implicit-boot
    duplicate-of-quarantined conflict late late-days years-old
    clock-ahead clock-1970 clock-set-late clock-fast clock-edges sequence-base sequence-huge sequence-top
    time-of-record time-epoch time-isoZ time-isoOffset time-isoLocal time-digits time-fractional time-microseconds time-everyday
    values-integers values-decimals values-tenths values-negatives values-wide values-continuous
    values-cancelling values-offset values-limits values-constant
    several-list several-objects several-lines several-numbers several-with-refused number-as-text wrapped
    key-hashed time-none key-order key-twice key-escaped whitespace unknown-field null-field alias-seq alias-ts alias-beside-name`),
  ...GARBAGE_CODES.map((code) => `rejected:${code}`),
  ...words(`fate-counted fate-duplicate fate-ahead fate-before-2000 fate-replay recreated-topic
    ties seconds-with-many-readings hours-with-many-values
    batch-of-one batch-of-many mark-commit mark-restart mark-kill
    correction-delete correction-delete-device correction-undo correction-rename correction-rename-undone
    correction-takes-nothing correction-over-another copy-of-deleted counted-into-deleted`),
];

function words(text: string): string[] {
  return text.split(/\s+/);
}
