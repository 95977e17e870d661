/** IANA time zones over Intl: UTC offsets and wall time → UTC, cached so that a warm conversion costs nanoseconds. Under core/time.ts. */
import { TidemarkError } from "./errors.ts";

/**
 * Offsets are kept by stretches of 2^33 ms (99.4 days): building one costs some 30 calls into Intl (0.1 ms),
 * and a year of history, read in any order, is warm after four.
 */
const STRETCH_MS = 2 ** 33;

/** Stretches kept, a power of two: 70 years of history stay warm, some 20 KB. A stretch outside takes the place of another. */
const STRETCHES = 256;

/** Two changes of one zone are never closer: the closest in the tz database are 3.98 days apart (Freetown, 1939), the next 6.9. */
const PROBE_MS = 3 * 86_400_000;

const DAY_MS = 86_400_000;

/** The changes of one stretch of time: `offsets[k]` holds from `starts[k]` on, `first` before all of them. */
interface Stretch {
  readonly index: number;
  readonly first: number;
  readonly starts: readonly number[];
  readonly offsets: readonly number[];
}

/**
 * One time zone. Offsets are local − UTC in ms (historical ones have seconds). "Local" milliseconds are a wall time
 * written as if it were UTC: 2020-01-13 15:12 is `Date.UTC(2020, 0, 13, 15, 12)` wherever the zone is.
 * @example
 * ```ts
 * const berlin = new Zone("Europe/Berlin");
 * const twice = Date.UTC(2020, 9, 25, 2, 30); // 02:30 of the night in which summer time ends
 * assert.equal(berlin.later(twice) - berlin.earlier(twice), 3_600_000);
 * ```
 */
export class Zone {
  /** The IANA name, in its canonical spelling. */
  readonly name: string;
  readonly #utc: boolean;
  readonly #format: Intl.DateTimeFormat;
  readonly #stretches: (Stretch | undefined)[] = new Array<undefined>(STRETCHES).fill(undefined);

  constructor(name: string) {
    this.#format = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" });
    this.name = this.#format.resolvedOptions().timeZone;
    this.#utc = this.name === "UTC";
  }

  /** The offset in force at a moment of UTC, ms. */
  offsetAt(utcMs: number): number {
    if (this.#utc) return 0;
    const index = Math.floor(utcMs / STRETCH_MS);
    let stretch = this.#stretches[index & (STRETCHES - 1)];
    if (stretch === undefined || stretch.index !== index) stretch = this.#build(index);
    const { starts } = stretch;
    for (let k = starts.length - 1; k >= 0; k--) if (utcMs >= starts[k]) return stretch.offsets[k];
    return stretch.first;
  }

  /** The UTC of a wall time: the earlier of two where a clock goes back; one that does not exist is shifted forward by the gap. */
  earlier(localMs: number): number {
    if (this.#utc) return localMs;
    // The moment meant lies within a day of `localMs` (no offset reaches 16 hours), and at most one change does too.
    const before = this.offsetAt(localMs - DAY_MS);
    const after = this.offsetAt(localMs + DAY_MS);
    if (before === after || this.offsetAt(localMs - before) === before) return localMs - before;
    return this.offsetAt(localMs - after) === after ? localMs - after : localMs - before;
  }

  /** As `earlier`, but the later of two where a clock goes back. */
  later(localMs: number): number {
    if (this.#utc) return localMs;
    const before = this.offsetAt(localMs - DAY_MS);
    const after = this.offsetAt(localMs + DAY_MS);
    return before !== after && this.offsetAt(localMs - after) === after ? localMs - after : localMs - before;
  }

  #build(index: number): Stretch {
    const start = index * STRETCH_MS;
    const end = start + STRETCH_MS;
    const first = this.#ask(start);
    const starts: number[] = [];
    const offsets: number[] = [];
    let offset = first;
    for (let at = start; at < end; ) {
      const next = Math.min(at + PROBE_MS, end);
      const then = this.#ask(next);
      if (then !== offset) {
        starts.push(this.#change(at, next, offset));
        offsets.push(then);
        offset = then;
      }
      at = next;
    }
    const stretch = { index, first, starts, offsets };
    this.#stretches[index & (STRETCHES - 1)] = stretch;
    return stretch;
  }

  /** The whole second in (low, high] at which the offset stops being `offset`. */
  #change(low: number, high: number, offset: number): number {
    let from = Math.floor(low / 1000);
    let to = Math.ceil(high / 1000);
    while (to - from > 1) {
      const middle = Math.floor((from + to) / 2);
      if (this.#ask(middle * 1000) === offset) from = middle;
      else to = middle;
    }
    return to * 1000;
  }

  /** Intl writes "1/13/2020, GMT+05:30", with seconds for old local mean times, and may leave out a zero offset. */
  #ask(utcMs: number): number {
    const text = this.#format.format(utcMs);
    const at = text.lastIndexOf("GMT") + 3;
    if (at === text.length) return 0;
    const hours = Number(text.slice(at + 1, at + 3));
    const minutes = Number(text.slice(at + 4, at + 6));
    const seconds = Number(text.slice(at + 7, at + 9));
    const size = ((hours * 60 + minutes) * 60 + seconds) * 1000;
    return text[at] === "-" ? -size : size;
  }
}

/**
 * Finds a time zone by its IANA name ("Europe/Berlin", "UTC", "+02:00"); `undefined` is the machine's own.
 * @throws TidemarkError "config-invalid"
 */
export function openZone(name: string | undefined): Zone {
  if (name === undefined) {
    // Without a zone (an empty or unknown TZ) Intl would go on in UTC without a word.
    const own: string | undefined = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (own === undefined || own === "Etc/Unknown") {
      throw new TidemarkError(
        "config-invalid",
        'Cannot use the time zone of this machine: its TZ names none that is known; expected an IANA name such as "Europe/Berlin", or set --timezone',
      );
    }
    return new Zone(own);
  }
  try {
    return new Zone(name);
  } catch (cause) {
    throw new TidemarkError(
      "config-invalid",
      `Cannot use time zone ${JSON.stringify(name)}: expected an IANA name such as "Europe/Berlin" or "UTC"`,
      cause,
    );
  }
}
