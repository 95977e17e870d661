/** Time zones, IANA's over Intl and POSIX's: UTC offsets and wall time → UTC, cached so that a warm conversion costs nanoseconds. Under core/time.ts. */
import { TidemarkError } from "./errors.ts";
import { parsePosixZone } from "./posix-zone.ts";

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
 * assert.equal(berlin.end(twice) - berlin.start(twice), 3_600_000);
 * ```
 */
export class Zone {
  /** The IANA name in its canonical spelling, or the POSIX text. */
  readonly name: string;
  readonly #utc: boolean;
  readonly #ask: (utcMs: number) => number;
  readonly #stretches: (Stretch | undefined)[] = new Array<undefined>(STRETCHES).fill(undefined);

  /** @throws RangeError when there is no such zone */
  constructor(name: string) {
    const rule = name.includes(",") ? parsePosixZone(name) : null;
    if (rule === null) {
      const format = new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" });
      this.name = format.resolvedOptions().timeZone;
      this.#ask = (utcMs) => offsetShown(format.format(utcMs));
    } else {
      this.name = name;
      this.#ask = rule;
    }
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

  /** `2020-01-13 15:12:07` of the wall clock at a moment of UTC, cut to seconds. */
  shown(utcMs: number): string {
    return new Date(utcMs + this.offsetAt(utcMs)).toISOString().slice(0, 19).replace("T", " ");
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

  /** The first moment at which the wall clock shows `localMs` or later: in a gap the instant of the change, of two readings the earlier. */
  start(localMs: number): number {
    if (this.#utc) return localMs;
    const before = this.offsetAt(localMs - DAY_MS);
    const after = this.offsetAt(localMs + DAY_MS);
    if (before === after || this.offsetAt(localMs - before) === before) return localMs - before;
    if (this.offsetAt(localMs - after) === after) return localMs - after;
    return this.#changeIn(localMs - after, localMs - before);
  }

  /** The moment from which on the wall clock never shows less than `localMs`: in a gap the instant of the change, of two readings the later. */
  end(localMs: number): number {
    if (this.#utc) return localMs;
    const lastMs = localMs - 1;
    const before = this.offsetAt(lastMs - DAY_MS);
    const after = this.offsetAt(lastMs + DAY_MS);
    if (before === after || this.offsetAt(lastMs - after) === after) return localMs - after;
    if (this.offsetAt(lastMs - before) === before) return localMs - before;
    return this.#changeIn(lastMs - after, lastMs - before);
  }

  /** The change of the offset in (lowMs, highMs], where there is one. */
  #changeIn(lowMs: number, highMs: number): number {
    this.offsetAt(lowMs); // builds its stretch
    for (const moment of [highMs, lowMs]) {
      const index = Math.floor(moment / STRETCH_MS);
      const stretch = this.#stretches[index & (STRETCHES - 1)];
      const start = stretch?.index === index ? stretch.starts.find((at) => at > lowMs && at <= highMs) : undefined;
      if (start !== undefined) return start;
    }
    throw new Error(`BUG: ${this.name} must change its offset between ${lowMs} and ${highMs}`);
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
}

/** Intl writes "1/13/2020, GMT+05:30", with seconds for old local mean times, and may leave out a zero offset. */
function offsetShown(text: string): number {
  const at = text.lastIndexOf("GMT") + 3;
  if (at === text.length) return 0;
  const hours = Number(text.slice(at + 1, at + 3));
  const minutes = Number(text.slice(at + 4, at + 6));
  const seconds = Number(text.slice(at + 7, at + 9));
  const size = ((hours * 60 + minutes) * 60 + seconds) * 1000;
  return text[at] === "-" ? -size : size;
}

/** What may stand for a zone, for people. */
export const ZONE_EXPECTED = 'an IANA name such as "Europe/Berlin", "UTC", or an offset such as "+02:00"';

/**
 * Finds a time zone by its IANA name ("Europe/Berlin", "UTC"), an offset ("+02:00") or a POSIX text with rules ("CET-1CEST,M3.5.0,M10.5.0/3").
 * @throws TidemarkError "config-invalid"
 */
export function openZone(name: string): Zone {
  try {
    return new Zone(name);
  } catch (cause) {
    const what = `Cannot use time zone ${JSON.stringify(name)}`;
    throw new TidemarkError("config-invalid", `${what}: expected ${ZONE_EXPECTED}`, cause);
  }
}

/**
 * The name of the machine's own zone. V8 reads a POSIX text in TZ as UTC or with its sign turned, so the variable is read here.
 * @param variable TZ, undefined when it is not set
 * @throws TidemarkError "config-invalid" when it names none, instead of going on in UTC
 */
export function machineZone(variable: string | undefined): string {
  if (variable === undefined) {
    const own: string | undefined = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (own !== undefined && own !== "Etc/Unknown") return own;
  } else {
    // ":Europe/Berlin", "posix/Europe/Berlin" and a file of the database mean the zone of that name.
    const name = variable
      .replace(/^:/, "")
      .replace(/^\/.*\/zoneinfo\//, "")
      .replace(/^(?:posix|right)\//, "");
    const zone = findZone(name);
    if (zone !== null) return zone.name;
    const fixed = name.includes(",") ? null : parsePosixZone(name);
    if (fixed !== null && fixed(0) % 60_000 === 0) return offsetName(fixed(0));
  }
  const was = variable === undefined ? "its zone has no name that is known" : `TZ is ${JSON.stringify(variable)}`;
  throw new TidemarkError(
    "config-invalid",
    `Cannot use the time zone of this machine: ${was}; expected ${ZONE_EXPECTED}, or set --timezone`,
  );
}

/** "+05:30" */
function offsetName(offsetMs: number): string {
  const minutes = Math.abs(offsetMs) / 60_000;
  const two = (number: number) => String(number).padStart(2, "0");
  return offsetMs === 0 ? "UTC" : `${offsetMs < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Zones in brackets that are kept, by what was written: as many as a fleet has. The oldest goes; finding it anew costs 0.1 ms. */
const FOUND_MAX = 64;
const found = new Map<string, Zone>();

/** The zone of an IANA name or offset; null when there is none. */
export function findZone(name: string): Zone | null {
  const known = found.get(name);
  if (known !== undefined) return known;
  try {
    const zone = new Zone(name);
    if (found.size === FOUND_MAX) for (const oldest of found.keys().take(1)) found.delete(oldest);
    found.set(name, zone);
    return zone;
  } catch {
    return null;
  }
}
