/**
 * Civil time for the oracle: ISO 8601 texts and IANA zones, by way of `Intl`. Slow and plain.
 * Part of test/oracle, which imports nothing from src/.
 */

const DAY_MS = 86_400_000;

/** The years 1 to 9999, ms since the epoch. */
export const TIME_MIN = -62_135_596_800_000;
export const TIME_MAX = 253_402_300_799_999;

const formats = new Map<string, Intl.DateTimeFormat>();

/** What a zone's wall clock shows at `utcMs`, as ms since 1970 of a zone that is always UTC. Whole ms. */
export function wallClock(utcMs: number, zone: string): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      era: "short",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(zone, format);
  }
  const parts = new Map(format.formatToParts(utcMs).map((part) => [part.type, part.value]));
  const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
  const year = parts.get("era") === "BC" ? 1 - number("year") : number("year");
  const wall = civil(year, number("month"), number("day"), number("hour"), number("minute"), number("second"));
  return wall + (((utcMs % 1000) + 1000) % 1000);
}

/** Ms since 1970 of a date and time of day, as if in UTC; any year. */
function civil(year: number, month: number, day: number, hour: number, minute: number, second: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, 0);
  return date.getTime();
}

/** Every instant at which the zone's wall clock shows `wallMs`: none in the gap of a clock change, two where an hour comes twice. Ascending. */
export function instantsOf(wallMs: number, zone: string): number[] {
  const offsets = new Set([-DAY_MS, 0, DAY_MS].map((shift) => wallClock(wallMs + shift, zone) - (wallMs + shift)));
  return [...offsets]
    .map((offset) => wallMs - offset)
    .filter((instant) => wallClock(instant, zone) === wallMs)
    .sort((a, b) => a - b);
}

/** The instant of a wall clock time: the earlier of two; in a gap, shifted forward by it. */
export function fromWallClock(wallMs: number, zone: string): number {
  const instants = instantsOf(wallMs, zone);
  if (instants.length > 0) return instants[0];
  const offsetBefore = wallClock(wallMs - DAY_MS, zone) - (wallMs - DAY_MS);
  return wallMs - offsetBefore;
}

const DATES: readonly [form: RegExp, read: (numbers: readonly number[]) => number | null][] = [
  [/^(\d{4})$/, ([year]) => civil(year, 1, 1, 0, 0, 0)],
  [/^(\d{4})-(\d\d)$/, ([year, month]) => dayOf(year, month, 1)],
  [/^(\d{4})-(\d\d)-(\d\d)$/, ([year, month, day]) => dayOf(year, month, day)],
  [/^(\d{4})(\d\d)(\d\d)$/, ([year, month, day]) => dayOf(year, month, day)],
  [/^(\d{4})-(\d{3})$/, ([year, day]) => ordinalDay(year, day)],
  [/^(\d{4})-?W(\d\d)$/, ([year, week]) => weekDay(year, week, 1)],
  [/^(\d{4})-?W(\d\d)-?(\d)$/, ([year, week, day]) => weekDay(year, week, day)],
];

function dayOf(year: number, month: number, day: number): number | null {
  if (month < 1 || month > 12 || day < 1) return null;
  const midnight = civil(year, month, day, 0, 0, 0);
  return new Date(midnight).getUTCMonth() === month - 1 ? midnight : null; // the 30th of February
}

function ordinalDay(year: number, day: number): number | null {
  const midnight = civil(year, 1, day, 0, 0, 0);
  return day >= 1 && new Date(midnight).getUTCFullYear() === year ? midnight : null;
}

/** Weeks begin on Mondays; the first is the one that holds the year's first Thursday. */
function weekDay(year: number, week: number, day: number): number | null {
  let thursday = civil(year, 1, 1, 0, 0, 0);
  while (new Date(thursday).getUTCDay() !== 4) thursday += DAY_MS;
  thursday += (week - 1) * 7 * DAY_MS;
  if (week < 1 || day < 1 || day > 7 || new Date(thursday).getUTCFullYear() !== year) return null;
  return thursday + (day - 4) * DAY_MS;
}

/** An ISO 8601 text, or another that is documented, as ms since the epoch, digits past the millisecond dropped; null when it is none. */
export function parseIso(text: string, zone: string): number | null {
  if (text.length > 64 || /^\d+$/.test(text)) return null; // digits alone are a number
  const bracket = /^(.*)\[([^[\]]*)\]$/.exec(text);
  if (bracket !== null) {
    const [, inner, named] = bracket;
    if (!isZone(named)) return null;
    const instant = parseIso(inner, named);
    if (instant === null || !/[+-]\d\d(?::?\d\d)?$/.test(inner.replace(/^\d{4}-?[\d-]*/, ""))) return instant;
    const wall = parseIso(inner.replace(/ ?[+-]\d\d(?::?\d\d)?$/, "Z"), named);
    return wall !== null && wallClock(instant, named) === wall ? instant : null;
  }
  const epoch = /^(\d{1,15})(?:\.(\d+))?(s|ms)$/.exec(text);
  if (epoch !== null) {
    if (epoch[3] === "ms") return Number(epoch[1]);
    return Number(epoch[1]) * 1000 + Number((epoch[2] ?? "").padEnd(3, "0").slice(0, 3));
  }
  const parts =
    /^([\dW-]+?)(?:[Tt ](\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?)(?: ?(Z|z|UTC|[+-]\d\d(?::?\d\d)?))?)?$/.exec(text);
  if (parts === null) return null;
  const [, date, clock, offset] = parts;
  let midnight: number | null = null;
  let isDay = false;
  for (const [form, read] of DATES) {
    const match = form.exec(date);
    if (match === null) continue;
    midnight = read(match.slice(1).map(Number));
    isDay = !/^\d{4}(?:-\d\d|-?W\d\d)?$/.test(date);
  }
  if (midnight === null) return null;
  if (clock === undefined) return fromWallClock(midnight, zone);
  if (!isDay) return null;
  const [digits, fraction = ""] = clock.replaceAll(":", "").split(/[.,]/);
  const [hour, minute, second] = [0, 2, 4].map((at) => Number(digits.slice(at, at + 2)));
  const isEndOfDay = hour === 24 && minute === 0 && second === 0 && !/[1-9]/.test(fraction.slice(0, 3));
  if ((hour > 23 && !isEndOfDay) || minute > 59 || second > 60) return null;
  const milliseconds = Number(fraction.padEnd(3, "0").slice(0, 3));
  const wall = midnight + ((hour * 60 + minute) * 60 + second) * 1000 + milliseconds;
  if (offset === undefined) return fromWallClock(wall, zone);
  if (!/^[+-]/.test(offset)) return wall;
  const [hours, minutes] = [Number(offset.slice(1, 3)), Number(offset.slice(3).replace(":", ""))];
  if (hours > 23 || minutes > 59) return null;
  return wall - (offset.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
