/** Compares a sensor's totals, and where its topics were read to, with the pages and with what was recomputed. */

import type { Aggregate } from "../metrics/aggregate.ts";
import type { State } from "../pipeline/state.ts";
import type { Tell } from "./differences.ts";
import type { Reach } from "./recomputation.ts";
import type { SensorProof } from "./sensor-proof.ts";
import type { StoredSensor } from "./stored.ts";

/** Counts that are none but of what happened. */
const COUNTS = [
  ...(["received", "counted", "duplicates", "conflicts", "quarantined", "rejected", "late", "gapRecords"] as const),
  ...(["implicitBoots", "explicit", "sequence", "offset", "quarantineDropped", "rejectionsDropped"] as const),
  ...(["expired", "cutRecords", "released", "deleted"] as const),
];

const DAY_SECONDS = 86_400;

/**
 * The totals against each other, and against the recomputed ones.
 * @param isUnread the log has a topic of the sensor's name, and the history no position in it
 */
export function compareTotals(proof: SensorProof, state: State | null, isUnread: boolean, tell: Tell): void {
  const { sensor, isWhole, unaccounted, causes, isClockKnown, isOrdered } = proof;
  const { totals, name } = sensor;
  const say = (what: string, stored: number, expected: string, by: "log" | "parts"): void =>
    tell({ proof: by, sensor: name, what: `total "${what}"`, second: null, stored: `${stored}`, expected });
  const { received, counted, duplicates, quarantined, rejected, released, explicit, sequence, offset } = totals;
  const sum = counted + duplicates + quarantined + rejected;
  if (received !== sum)
    say("received", received, `${sum}, the sum of counted, duplicates, quarantined, rejected`, "parts");
  const kinds = explicit + sequence + offset;
  if (kinds > counted) say("counted", counted, `>= ${kinds}, the sum by identity`, "parts");
  for (const field of COUNTS) {
    const count = totals[field];
    if (!Number.isSafeInteger(count) || count < 0) say(field, count, "a count", "parts");
  }
  const { conflicts, keptSince, quarantineDropped, rejectionsDropped } = totals;
  if (conflicts > duplicates) say("conflicts", conflicts, `<= ${duplicates} duplicates`, "parts");
  if (quarantineDropped > quarantined + released)
    say("quarantineDropped", quarantineDropped, "<= all held back", "parts");
  if (rejectionsDropped > rejected) say("rejectionsDropped", rejectionsDropped, `<= ${rejected} rejected`, "parts");
  if (Number.isFinite(keptSince) && keptSince % DAY_SECONDS !== 0) say("keptSince", keptSince, "a midnight", "parts");
  if (keptSince === Number.NEGATIVE_INFINITY && totals.expired > 0)
    say("expired", totals.expired, "0, as all is kept", "parts");
  const other = state?.sensors.find(name)?.totals;
  if (other === undefined) return;
  if (isUnread && received > 0 && !proof.isFed) {
    say("received", received, "0: no position of its topic is stored, though the log has it", "log");
  }
  if (unaccounted > 0) say("received", received, `${other.received}, as many as the log holds`, "log");
  if (!isWhole) {
    if (proof.atLeastFrom === Number.POSITIVE_INFINITY || causes.passedOver > 0) return;
    if (received < other.received) say("received", received, `>= ${other.received}, as many as the log holds`, "log");
    return;
  }
  if (proof.isGapKnown && totals.gapRecords !== other.gapRecords) {
    say("gapRecords", totals.gapRecords, `${other.gapRecords}, by the log`, "log");
  }
  const isPassedOver = totals.gapRecords + rejected > other.gapRecords + other.rejected;
  const same = (
    field: "received" | "duplicates" | "rejected" | "implicitBoots" | "offset" | "sequence" | "explicit",
  ): void => {
    if (totals[field] !== other[field]) say(field, totals[field], `${other[field]}, by the log`, "log");
  };
  if (isPassedOver) return;
  same("received");
  if (proof.isOlder) return;
  same("rejected");
  // Implicit boots are told by the order of readings.
  if (isOrdered || (totals.implicitBoots === 0 && other.implicitBoots === 0)) {
    same("duplicates");
    same("implicitBoots");
  }
  if (!isClockKnown && quarantined + released + other.quarantined > 0) return;
  if (!isOrdered) return;
  const held = quarantined + released;
  if (held !== other.quarantined) say("quarantined", quarantined, `${other.quarantined - released}, by the log`, "log");
  // By identity count the released ones, too, but for those that older versions had held back.
  const more = explicit + sequence + offset - (other.explicit + other.sequence + other.offset);
  for (const field of ["explicit", "sequence", "offset"] as const) {
    if (more < 0 || more > released) same(field);
    else if (totals[field] < other[field]) say(field, totals[field], `>= ${other[field]}, by the log`, "log");
  }
}

/** Totals against what all pages come to. */
export function compareWithPages({ totals, name }: StoredSensor, total: Aggregate, tell: Tell): void {
  const say = (what: string, stored: number, expected: number): void => {
    const text = `${expected}, by its pages`;
    tell({ proof: "parts", sensor: name, what: `total "${what}"`, second: null, stored: `${stored}`, expected: text });
  };
  const { counted, expired, deleted, firstTime, lastTime, lastValue, late } = totals;
  if (counted - expired - deleted !== total.count) say("counted", counted, total.count + expired + deleted);
  if (total.count > 0) {
    if (lastTime !== total.lastTime) say("lastTime", lastTime, total.lastTime);
    if (lastValue !== total.lastValue) say("lastValue", lastValue, total.lastValue);
    if (expired === 0 && firstTime !== total.firstTime) say("firstTime", firstTime, total.firstTime);
  }
  if (expired + deleted === 0 ? late !== total.late : late < total.late) say("late", late, total.late);
}

/** How far a partition was read, against what was read of it once more. */
export function comparePosition(reach: Reach, state: State | null, proofs: readonly SensorProof[], tell: Tell): void {
  const { position, topicId, logEnd, isWhole, isTimed, damaged } = reach;
  const { topic, partition, next, newest, fronts } = position;
  const say = (stored: string, expected: string): void =>
    tell({ proof: "log", sensor: topic, what: `position of ${topic}/${partition}`, second: null, stored, expected });
  if (topicId === null) return;
  if (topicId !== position.topicId) {
    say(`topic id ${position.topicId}`, `${topicId}, as the log has it (unless the topic was made anew since)`);
    return;
  }
  if (logEnd === null) {
    say(`partition ${partition}`, "one that the topic has");
    return;
  }
  if (next > logEnd) say(`next offset ${next}`, `<= ${logEnd}, where the log ends`);
  const source = state?.sources.find(topic);
  const read = source?.partitions.find((known) => known.partition === partition);
  if (!isWhole || damaged.length > 0 || source === undefined || read === undefined) return;
  const own = proofs.filter(
    ({ sensor }) => sensor.name === topic || [...source.others].some((other) => other.name === sensor.name),
  );
  // Of a reading that was held back, or came second, the time was not taken.
  const isTold = own.every(({ isClockKnown, isOrdered, causes, sensor: { totals } }) => {
    return isOrdered && causes.passedOver === 0 && (isClockKnown || totals.quarantined + totals.released === 0);
  });
  if (!isTold || !isTimed) return;
  for (const { sensor } of own) {
    // Older versions had none; those of a partition that was not read on since are not stored.
    if (fronts.size === 0) break;
    const [stored, expected] = [fronts.get(sensor.id) ?? Number.NEGATIVE_INFINITY, read.fronts.of(sensor.id)];
    // Older versions began them at the newest event time of the partition.
    if (stored >= expected && stored <= Math.max(expected, newest)) continue;
    say(`front ${stored} of "${sensor.name}"`, `${expected} ms, by the log`);
  }
  if (read.newest !== newest) say(`newest event time ${newest}`, `${read.newest} ms, by the log`);
}
