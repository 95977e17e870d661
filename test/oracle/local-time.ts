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

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?)?$/;

/** An ISO 8601 text as ms since the epoch, digits past the millisecond dropped; null when it is none. */
export function parseIso(text: string, zone: string): number | null {
  const match = ISO.exec(text);
  if (match === null) return null;
  const part = (index: number): number => Number(match[index] ?? "0");
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map(part);
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return null;
  const midnight = civil(year, month, day, 0, 0, 0);
  if (new Date(midnight).getUTCMonth() !== month - 1) return null; // the 30th of February
  const milliseconds = Number((match[7] ?? "").padEnd(3, "0").slice(0, 3));
  const wall = civil(year, month, day, hour, minute, second) + milliseconds;
  if (match[8] === "Z") return wall;
  if (match[9] === undefined) return fromWallClock(wall, zone);
  if (part(10) > 23 || part(11) > 59) return null;
  const offset = (part(10) * 60 + part(11)) * 60_000;
  return match[9] === "+" ? wall - offset : wall + offset;
}
