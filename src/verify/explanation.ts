/**
 * Tells differences that are none: what became of a reading may rest on more than the log (docs/decisions/0031-verify.md). The log is read
 * once more for the seconds that differ, and each reading is accounted for by the cause that it may have, as often as the totals have it.
 */

import { CLOCK_BEHIND_MS } from "../core/limits.ts";
import { Names } from "../core/names.ts";
import { IDENTITY_EXPLICIT, IDENTITY_OFFSET, IDENTITY_SEQUENCE, NO_BOOT, Readings } from "../core/readings.ts";
import { NO_TIMESTAMP, type Records } from "../core/records.ts";
import { ACCEPTED } from "../core/rejections.ts";
import type { Zone } from "../core/zone.ts";
import { createDecoder, type Decoder } from "../formats/decode.ts";
import type { Span } from "./log-pass.ts";
import type { Listed, SecondDifference } from "./pages.ts";

/** A reading of the log in one of the seconds. */
interface Candidate extends Pick<Listed, "time" | "value"> {
  readonly series: number;
  /** Readings with the same one count once; null: told by nothing but the offset. */
  readonly identity: string | null;
  /** Its time is before 2000, or too far ahead of when the log took it; where that is not known, of what its sender said. */
  readonly isOddlyTimed: boolean;
  /** Of an implicit boot. */
  readonly isImplicit: boolean;
  /** Its time is the record's, so a resent copy may have another. */
  readonly isUntimed: boolean;
}

/** How often each cause may account for a reading of a sensor. */
export interface Causes {
  /** Held back and released, though the log says it is to be held back: in the history, and not recomputed. */
  released: number;
  /** Held back by the host's clock, or before the log begins: so are their copies. None where the log has append times and all readings. */
  held: number;
  readonly isClockKnown: boolean;
  /** Passed over while the log could not be read, and there now; or rejected by an older decoder. */
  passedOver: number;
  /** Readings of before the log's begin, which may be the first of an identity. */
  readonly isCut: boolean;
  /** Its readings come from several partitions, so which one of an identity came first is not known. */
  readonly isOrderOpen: boolean;
}

/** As the readings were taken in once more. */
interface ExplanationOptions {
  readonly zone: Zone;
  readonly clockAheadMs: number;
  readonly nowMs: number;
  readonly seriesOf: (name: string) => number;
}

/** States: reading candidates (`take`) → reading their rivals (after `seekRivals`) → explaining. */
export class Explanation {
  readonly #seconds: ReadonlyMap<number, ReadonlySet<number>>;
  readonly #candidates = new Map<number, Candidate[]>();
  readonly #aheadMs: number;
  readonly #nowMs: number;
  readonly #zone: Zone;
  readonly #seriesOf: (name: string) => number;
  readonly #names = { devices: new Names(), boots: new Names() };
  readonly #decoders = new Map<string, Decoder>();
  readonly #readings = new Readings(4096);
  /** Identities of candidates whose rivals are sought; null: candidates are read. */
  #sought: Set<string> | null = null;
  /** By series and value, readings without any time, which have that of their first reading: how many may lack where they are expected, and be elsewhere. */
  readonly #timeless = new Map<string, { missing: number; extra: number }>();
  /** By series and identity, how many of its readings the history lacks less how many it has instead. */
  readonly #swaps = new Map<string, number>();

  /** @param seconds that differ, by series */
  constructor(
    seconds: ReadonlyMap<number, ReadonlySet<number>>,
    { zone, clockAheadMs, nowMs, seriesOf }: ExplanationOptions,
  ) {
    this.#nowMs = nowMs;
    this.#seconds = seconds;
    this.#aheadMs = clockAheadMs;
    this.#zone = zone;
    this.#seriesOf = seriesOf;
  }

  /** Takes what the log has. O(rows). */
  take(records: Records, { topic }: Span): void {
    const own = this.#seriesOf(topic);
    const readings = this.#readings;
    this.#decoder(topic, own).decode(records, readings);
    const { count, time, rejection, origins } = readings;
    for (let i = 0; i < count; i++) {
      if (rejection[i] !== ACCEPTED) continue;
      const series = origins === null ? own : origins.series[i];
      const record = origins === null ? i : origins.record[i];
      if (this.#sought === null && time[i] === NO_TIMESTAMP) this.#addTimeless(series, readings.value[i]);
      const isIn = this.#seconds.get(series)?.has(Math.floor(time[i] / 1000)) === true;
      if (isIn !== (this.#sought === null)) continue;
      this.#add(this.#candidate(readings, i, series, records, record));
    }
  }

  #decoder(topic: string, series: number): Decoder {
    let decoder = this.#decoders.get(topic);
    if (decoder === undefined) {
      decoder = createDecoder({ series, seriesOf: this.#seriesOf, ...this.#names, zone: this.#zone });
      this.#decoders.set(topic, decoder);
    }
    return decoder;
  }

  #candidate(readings: Readings, i: number, series: number, records: Records, record: number): Candidate {
    const { time, value, device, boot, sequence, identity, ownTime, idText } = readings;
    const { devices, boots } = this.#names;
    const name = `${series} ${devices.text(device[i])}`;
    let text: string | null = null;
    if (identity[i] === IDENTITY_EXPLICIT) text = `${series} id ${idText[i]}`;
    else if (identity[i] !== IDENTITY_OFFSET) {
      text =
        boot[i] !== NO_BOOT
          ? `${name} boot ${boots.text(boot[i])} ${sequence[i]}`
          : `${name} ${sequence[i]}${ownTime[i] === 1 ? ` ${time[i]}` : ""}`;
    }
    const isOddlyTimed = time[i] < CLOCK_BEHIND_MS || time[i] > records.timestamp[record] + this.#aheadMs;
    const isUntimed = time[i] === records.timestamp[record];
    const isImplicit = isUntimed && identity[i] === IDENTITY_SEQUENCE && boot[i] === NO_BOOT;
    return { series, time: time[i], value: value[i], identity: text, isOddlyTimed, isUntimed, isImplicit };
  }

  /** From now on readings of other seconds are taken that share an identity with a candidate: the log is to be read once more. */
  seekRivals(): void {
    this.#sought = new Set([...this.#candidates.values()].flat().map(({ identity }) => identity ?? ""));
    this.#sought.delete("");
  }

  #addTimeless(series: number, value: number): void {
    const key = `${series} ${value}`;
    const known = this.#timeless.get(key);
    if (known === undefined) this.#timeless.set(key, { missing: 1, extra: 1 });
    else {
      known.missing++;
      known.extra++;
    }
  }

  #add(candidate: Candidate): void {
    if (this.#sought !== null && !this.#sought.has(candidate.identity ?? "")) return;
    const second = Math.floor(candidate.time / 1000);
    const key = keyOf(candidate.series, second);
    const others = this.#candidates.get(key);
    if (others === undefined) this.#candidates.set(key, [candidate]);
    else others.push(candidate);
  }

  /**
   * Whether the second may be as it is stored. Uses up the causes.
   * @param mayHaveMore it may hold readings that the log does not have any more
   */
  explains(series: number, difference: SecondDifference, causes: Causes, mayHaveMore: boolean): boolean {
    const candidates = this.#candidates.get(keyOf(series, difference.second)) ?? [];
    const { missing, extra, storedCount, expectedCount } = difference;
    if (missing === null || extra === null) {
      // Of sums no reading can be told: as many as may be otherwise.
      const isLoose = (candidate: Candidate): boolean =>
        candidate.isOddlyTimed || (causes.isOrderOpen && this.#isContested(candidate));
      const loose = candidates.filter(isLoose).length;
      if (storedCount > expectedCount && mayHaveMore) return true;
      return loose > 0 && Math.abs(storedCount - expectedCount) <= loose;
    }
    return (
      missing.every((reading) => this.#mayBeMissing(series, reading, candidates, causes, mayHaveMore)) &&
      (mayHaveMore || extra.every((reading) => this.#mayBeExtra(series, reading, candidates, causes)))
    );
  }

  /** Whether another reading has the same identity, and would have counted otherwise. */
  #isContested(candidate: Candidate): boolean {
    return (
      new Set(this.#rivals(candidate).map(({ time, value, isOddlyTimed }) => `${time} ${value} ${isOddlyTimed}`)).size >
      1
    );
  }

  #rivals({ identity }: Candidate): readonly Candidate[] {
    if (identity === null) return [];
    this.#identities ??= Map.groupBy([...this.#candidates.values()].flat(), (candidate) => candidate.identity);
    return this.#identities.get(identity) ?? [];
  }

  /** Candidates by identity. */
  #identities: Map<string | null, Candidate[]> | null = null;

  #mayBeMissing(
    series: number,
    reading: Listed,
    candidates: readonly Candidate[],
    causes: Causes,
    mayHaveMore: boolean,
  ): boolean {
    const own = candidates.filter(({ time, value }) => time === reading.time && value === reading.value);
    // Where there may be more, what is there instead is not looked at.
    if (causes.isOrderOpen && this.#swap(series, own, mayHaveMore ? 0 : 1)) return true;
    // Taken in once more they have today's time.
    const timeless = reading.time === this.#nowMs ? this.#timeless.get(`${series} ${reading.value}`) : undefined;
    if (timeless !== undefined && timeless.missing > 0) return timeless.missing-- > 0;
    if (causes.held > 0) return causes.held-- > 0;
    if (causes.passedOver > 0) return causes.passedOver-- > 0;
    return causes.isCut && own.some(({ isUntimed, identity }) => isUntimed && identity !== null);
  }

  #mayBeExtra(series: number, reading: Listed, candidates: readonly Candidate[], causes: Causes): boolean {
    const own = candidates.filter(({ time, value }) => time === reading.time && value === reading.value);
    if (causes.isOrderOpen && this.#swap(series, own, -1)) return true;
    const isHeld = own.some(({ isOddlyTimed }) => isOddlyTimed || !causes.isClockKnown);
    if (isHeld && causes.released > 0) return causes.released-- > 0;
    const timeless = this.#timeless.get(`${series} ${reading.value}`);
    return timeless !== undefined && timeless.extra > 0 && timeless.extra-- > 0;
  }

  /** Another reading of the same identity may have come first. */
  #swap(series: number, own: readonly Candidate[], change: number): boolean {
    const contested = own.find((candidate) => this.#isContested(candidate));
    if (contested === undefined) return false;
    // One that was held back came first: then none is counted. Implicit boots may count one each.
    const isOpen = this.#rivals(contested).some(({ isOddlyTimed }) => isOddlyTimed) || contested.isImplicit;
    const key = `${series} ${contested.identity}`;
    if (!isOpen) this.#swaps.set(key, (this.#swaps.get(key) ?? 0) + change);
    return true;
  }

  /** Identities of which the history has another number of readings than one. Once all seconds were explained. */
  get unbalanced(): number {
    let count = 0;
    for (const swap of this.#swaps.values()) if (swap !== 0) count++;
    return count;
  }
}

/** A second of a series: both in one number. */
function keyOf(series: number, second: number): number {
  return series * 2 ** 33 + second;
}
