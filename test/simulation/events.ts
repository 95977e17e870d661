/** What a process did to its history, event by event, and how a commit looks to one who finds it. */
import type { Quarantined, SensorStatus } from "../../src/engine/engine.ts";
import type { Arrival, Oracle, Quarantined as OracleHeld } from "../oracle/oracle.ts";
import type { CountedReading } from "../oracle/statistics.ts";

/** What a process did to its history. */
export type Event =
  | { readonly kind: "arrival"; readonly arrival: Arrival }
  | {
      readonly kind: "moved";
      readonly sensor: string;
      readonly key: string;
      readonly to: number;
      readonly gap: number;
      /** Records that were taken in and are no longer in the log; null: it was not cut. */
      readonly cut: number | null;
    }
  | { readonly kind: "released" | "discarded"; readonly held: readonly OracleHeld[] }
  | { readonly kind: "rejections-discarded"; readonly sensor: string; readonly rows: readonly string[] }
  /** A deletion was applied, or undone. */
  | { readonly kind: "corrected" | "uncorrected"; readonly number: number };

/** A commit: how many events it holds, and what it would look like to one who finds it. */
export interface Mark {
  readonly events: number;
  readonly positions: ReadonlyMap<string, number>;
  readonly totals: string;
  /** What was counted and not deleted, by sensor. */
  readonly readings: ReadonlyMap<string, readonly CountedReading[]>;
  isDone: boolean;
  /** As what it can be asked for, ms; null: not known. */
  revision: number | null;
}

export const COUNTS = "received, counted, duplicates, quarantined, rejected, boots, gap, cut, deleted";

/** @param sensor the name that it had first */
export function countsText(sensor: string, { totals }: SensorStatus): string {
  const { received, counted, duplicates, quarantined, rejected, implicitBoots, gapRecords, cutRecords, deleted } =
    totals;
  return `${sensor} ${received} ${counted} ${duplicates} ${quarantined} ${rejected} ${implicitBoots} ${gapRecords} ${cutRecords} ${deleted}`;
}

/** Sensors that had nothing yet may be there or not. */
export function textOf(lines: readonly string[]): string {
  return lines
    .filter((line) => !/^\S+( 0)+$/.test(line))
    .sort()
    .join("; ");
}

/** How far a partition is read; of a topic that was made anew only the new life is stored. */
interface Stored {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly next: number;
}

/** Names one life of a partition. */
export function keyOf(topic: string, partition: number, topicId: string): string {
  return `${topic} ${partition} ${topicId}`;
}

/** What is read next of one life of a partition's offsets; null: a later one is read. @param log the topic's id and which life it is, `id#life` */
export function nextIn(
  log: string,
  partition: number,
  positions: ReadonlyMap<string, number>,
  lives: ReadonlyMap<string, number>,
): number | null {
  const [id, life] = log.split("#");
  const key = positions.keys().find((each) => each.endsWith(` ${partition} ${id}`)) ?? "";
  const now = lives.get(key) ?? 0;
  return now > Number(life) ? null : now < Number(life) ? 0 : (positions.get(key) ?? 0);
}

/** Whether stored positions are these. */
export function isAt(positions: ReadonlyMap<string, number>, stored: readonly Stored[]): boolean {
  const places = new Set<string>();
  for (const { topic, partition, topicId, next } of stored) {
    places.add(`${topic} ${partition}`);
    if ((positions.get(keyOf(topic, partition, topicId)) ?? 0) !== next) return false;
  }
  return positions.entries().every(([key, next]) => next === 0 || places.has(key.slice(0, key.lastIndexOf(" "))));
}

type Held = Pick<OracleHeld, "device" | "boot" | "sequence" | "value" | "time" | "judgedAgainst" | "reason">;

export function heldText(held: Held | Quarantined): string {
  const { device, boot, sequence, value, time, judgedAgainst, reason } = held;
  return JSON.stringify([device, boot, sequence, value, time, judgedAgainst, reason]);
}

function isSame(one: OracleHeld, other: OracleHeld): boolean {
  return one.arrival.sensor === other.arrival.sensor && heldText(one) === heldText(other);
}

export function rejectionText({ code, arrival }: { code: string; arrival: Arrival }): string {
  return `${arrival.partition} ${arrival.offset} ${code}`;
}

type Settled = Event & { readonly kind: "released" | "discarded" | "rejections-discarded" };

/** Does in the oracle what was done about held readings and rejected records. */
export function settle(oracle: Oracle, event: Settled): void {
  const { quarantine, rejections } = oracle;
  if (event.kind === "rejections-discarded") {
    for (const row of event.rows) {
      const isMeant = (each: (typeof rejections)[number]): boolean =>
        each.arrival.sensor === event.sensor && rejectionText(each) === row;
      rejections.splice(rejections.findIndex(isMeant), 1);
    }
    return;
  }
  for (const held of event.held) {
    const one = quarantine.find((each) => isSame(each, held));
    if (event.kind === "released") oracle.release((each) => each === one);
    else if (one !== undefined) quarantine.splice(quarantine.indexOf(one), 1);
  }
}
