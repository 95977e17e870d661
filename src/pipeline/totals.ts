/** Totals of a sensor since its history began: received = counted + duplicates + quarantined + rejected, always. */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { IDENTITY_EXPLICIT, IDENTITY_SEQUENCE } from "../core/readings.ts";
import type { SensorSpan, SensorTotals } from "../engine/engine.ts";

/** Stored in this order; a new one goes last. */
const FIELDS = [
  "received",
  "counted",
  "duplicates",
  "conflicts",
  "quarantined",
  "rejected",
  "late",
  "gapRecords",
  "implicitBoots",
  "explicit",
  "sequence",
  "offset",
  "firstTime",
  "lastTime",
  "lastValue",
  "quarantineDropped",
  "rejectionsDropped",
  "expired",
  "cutRecords",
  "keptSince",
  "released",
  "deleted",
] as const;

const out = new ByteWriter(256);

/** Mutable counts of one sensor. */
export class Totals {
  received = 0;
  counted = 0;
  duplicates = 0;
  /** Duplicates with another value than the first. */
  conflicts = 0;
  quarantined = 0;
  rejected = 0;
  /** Counted after they were held back. */
  released = 0;
  late = 0;
  gapRecords = 0;
  /** Records that had been taken in before the log lost them. */
  cutRecords = 0;
  implicitBoots = 0;
  /** Counted readings by identity. */
  explicit = 0;
  sequence = 0;
  offset = 0;
  /** Event times of the first and newest counted reading, ms; infinite before the first. */
  firstTime = Number.POSITIVE_INFINITY;
  lastTime = Number.NEGATIVE_INFINITY;
  /** Of equal newest times the largest value. */
  lastValue = 0;
  /** Quarantined readings and rejected records that found their list full: counted, in the log, but not listed. */
  quarantineDropped = 0;
  rejectionsDropped = 0;
  /** Counted readings older than the history is kept. */
  expired = 0;
  /** Counted readings that corrections hold back from the history. */
  deleted = 0;
  /** The history is kept from this second on (horizon.ts): a midnight, or -Infinity. */
  keptSince = Number.NEGATIVE_INFINITY;

  /** A reading is counted that has it. @param kind one of the IDENTITY_ constants */
  addIdentity(kind: number): void {
    if (kind === IDENTITY_SEQUENCE) this.sequence++;
    else if (kind === IDENTITY_EXPLICIT) this.explicit++;
    else this.offset++;
  }

  /** Counted readings by kind of identity. */
  identities(): { explicit: number; sequence: number; offset: number } {
    const { explicit, sequence, offset } = this;
    return { explicit, sequence, offset };
  }

  /** For `Engine.span`. */
  get span(): SensorSpan {
    const { firstTime, lastTime, lastValue } = this;
    const keptSince = Number.isFinite(this.keptSince) ? this.keptSince * 1000 : null;
    if (!Number.isFinite(lastTime)) return { firstTime: null, lastTime: null, lastValue: null, keptSince };
    return { firstTime, lastTime, lastValue, keptSince };
  }

  /** A copy of the counts. */
  snapshot(): SensorTotals {
    const { received, counted, duplicates, conflicts, quarantined, rejected, late, gapRecords, implicitBoots } = this;
    const { cutRecords, expired, quarantineDropped, rejectionsDropped, released, deleted } = this;
    return {
      ...{ received, counted, duplicates, conflicts, quarantined, rejected, late, gapRecords, implicitBoots },
      ...{ cutRecords, expired, quarantineDropped, rejectionsDropped, released, deleted },
    };
  }

  encode(): Uint8Array<ArrayBuffer> {
    out.reset();
    for (const field of FIELDS) out.f64(this[field]);
    return out.finish();
  }

  static decode(bytes: Uint8Array): Totals {
    const totals = new Totals();
    const from = new ByteReader(bytes);
    for (const field of FIELDS) if (!from.done) totals[field] = from.f64();
    return totals;
  }
}
