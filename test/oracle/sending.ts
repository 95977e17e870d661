/**
 * How a reading is sent: on time or late, once or more often, to which partition.
 * Part of test/oracle, which imports nothing from src/.
 */
import { type Device, isTwin } from "./devices.ts";
import type { Seeded } from "./seeded.ts";
import { type Written, written } from "./values.ts";

export const SECOND = 1000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/** Ticks of the generator are shorter than this: what is so far apart is processed in the order it was sent, whatever its partition. */
export const TICK_MAX = 12 * HOUR;
const LATE_MAX = 10 * DAY;

const LATE = 0.055;
const DUPLICATE = 0.1;
const CONFLICT = 0.05;

/** Whether a reading has been taken in; shared by everything that the rules call the same reading. */
export interface Identity {
  taken: boolean;
}

export interface Reading {
  readonly device: Device;
  readonly boot: string | number | null;
  readonly sequence: number | null;
  readonly id: string | number | null;
  /** Null: nothing tells it apart but its offset. */
  readonly identity: Identity | null;
  readonly written: Written;
  /** The payload's time, whole ms; null when the record's timestamp is its time. */
  readonly time: number | null;
  /** Stands for `time` where the exact bounds of the clock rule are tried: this instant, or so far from what it is judged against. */
  readonly edge: { readonly ms: number; readonly isRelative: boolean } | null;
}

export interface Sending {
  /** When it reaches the log, ms. */
  readonly at: number;
  readonly sensor: number;
  readonly partition: number;
  /** The producer's timestamp, ms. */
  readonly recordTime: number;
  readonly key: Uint8Array | null;
  readonly reading: Reading | null;
  /** Sent instead of the reading's own value. */
  readonly conflict: Written | null;
  readonly garbage: { readonly code: string; readonly text: string | null } | null;
}

/** Counts one occurrence of a case. */
export type Tally = (name: string) => void;

export interface Span {
  readonly start: number;
  readonly now: number;
  readonly partitions: number;
  /** The clock does not move: everything is judged at `now`. */
  readonly isStill: boolean;
  /** Partitions may be read in any interleaving. */
  readonly anyOrder: boolean;
}

export interface Step {
  /** When it is measured and, if all goes well, sent. */
  readonly measured: number;
  readonly boot: number;
  /** Its place in the boot, and the boot's length. */
  readonly place: number;
  readonly length: number;
}

/** What a device's whole life decides about each of its readings. */
export interface Life {
  readonly device: Device;
  readonly steps: readonly Step[];
  readonly span: Span;
  readonly random: Seeded;
  readonly tally: Tally;
  /** When each boot starts. */
  readonly starts: readonly number[];
  /** Of an on-time reading of a device that must stay in order, ms. */
  readonly delay: number;
  /** Records stay in order and in one partition, as the rules for readings with neither boot nor time need. */
  readonly isOrdered: boolean;
}

/** The first three readings of a boot and its last two are neither lost nor late by chance. */
export function isProtected(step: Step): boolean {
  return step.place < 3 || step.place >= step.length - 2;
}

/** A reading's record and the copies of it. */
export function send(reading: Reading, step: Step, life: Life): Sending[] {
  const { device, span, random, isOrdered, tally } = life;
  const arrival = Math.min(arrivalOf(step, life), span.now);
  const copies = reading.identity === null || reading.edge !== null ? [] : planCopies(reading, arrival, step, life);
  const isPinned = isOrdered || (span.anyOrder && copies.some((copy) => copy.conflict !== null));
  const isSpread = device.spread && !isPinned;
  const anyPartition = (): number => random.int(0, span.partitions - 1);
  const partition = isSpread ? anyPartition() : device.home;
  const recordTime = reading.time === null || random.chance(0.5) ? step.measured : arrival;
  const common = { sensor: device.sensor, key: device.key, reading, garbage: null };

  const sendings: Sending[] = [{ ...common, at: arrival, partition, recordTime, conflict: null }];
  for (const copy of copies) {
    const mayCross = !span.anyOrder && !isOrdered;
    const other = isSpread || (mayCross && random.chance(0.5)) ? anyPartition() : partition;
    if (other !== partition) tally("duplicate-across-partitions");
    sendings.push({ ...common, ...copy, partition: other, recordTime: random.chance(0.5) ? recordTime : copy.at });
  }
  return sendings;
}

/** When a reading's first record reaches the log. */
function arrivalOf(step: Step, life: Life): number {
  const { span, random, starts, isOrdered, tally } = life;
  const nextBoot = starts[step.boot + 1] ?? Infinity;
  const isSettled = step.measured + 2 * MINUTE < Math.min(span.now, isOrdered ? nextBoot : Infinity);
  if ((isOrdered ? !isProtected(step) : true) && isSettled && random.chance(LATE)) {
    const arrival = lateFrom(step.measured + MINUTE, step, life);
    if (arrival > nextBoot)
      tally(life.device.kind.identity === "named" ? "boots-interleaved" : "boots-interleaved-without-boot");
    return arrival;
  }
  return step.measured + (isOrdered ? life.delay : random.int(0, 5000));
}

/** Some time from `earliest` on, up to ten days after the reading. */
function lateFrom(earliest: number, step: Step, { span, random, starts, isOrdered, tally }: Life): number {
  const end = isOrdered ? Math.min(span.now, (starts[step.boot + 1] ?? Infinity) - TICK_MAX) : span.now;
  const latest = Math.min(end, step.measured + Math.max(LATE_MAX, earliest - step.measured + 1));
  const arrival = Math.floor(earliest + random.scale(1, Math.max(1, latest - earliest)));
  tally("late");
  if (arrival - step.measured > DAY) tally("late-days");
  return arrival;
}

type Copy = Pick<Sending, "at" | "conflict">;

function planCopies(reading: Reading, arrival: number, step: Step, life: Life): Copy[] {
  const { span, random, starts, isOrdered, tally } = life;
  const { kind } = reading.device;
  // A twin's resend may come when the other one has started a boot: nothing tells it from a reading then.
  if (isTwin(kind) || !random.chance(DUPLICATE)) return [];
  const nextBoot = starts[step.boot + 1] ?? Infinity;
  // With neither boot nor time a copy that comes after the next start is a reading of that boot, and one with another value is no copy.
  const remaining = Math.min(span.now, isOrdered ? nextBoot - TICK_MAX : Infinity) - arrival;
  if (remaining < 1) return [];
  const copies: Copy[] = [];
  const count = random.chance(0.8) ? 1 : random.int(2, 4);
  while (copies.length < count) {
    const ages = [random.int(1, Math.min(MINUTE, remaining)), random.scale(1, remaining), random.next() * remaining];
    const age = random.pick(ages);
    const at = Math.floor(arrival + age);
    const other =
      !isOrdered && random.chance(CONFLICT)
        ? written(random.pick(["-12345.678", "77", String(random.int(0, 9999) / 100)]))
        : null;
    const conflict = other !== null && other.value !== reading.written.value ? other : null;
    copies.push({ at, conflict });
    tally("duplicate");
    if (age > DAY) tally("duplicate-days-later");
    if (kind.identity === "implicit" && at > nextBoot) tally("duplicate-of-old-implicit-boot");
    if (kind.clock === "ahead" || kind.clock === "1970") tally("duplicate-of-quarantined");
    if (conflict !== null) tally("conflict");
  }
  return copies;
}
