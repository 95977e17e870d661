/** Windows to ask: whole seconds, half-open, of all scales, around and apart from the readings. Part of test/oracle, which imports nothing from src/. */
import type { Seeded } from "./seeded.ts";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const YEAR = 31_557_600;

/** Lengths of the buckets that a history may be kept in, and other round ones, s. */
const UNITS = [1, MINUTE, 10 * MINUTE, HOUR, DAY, 32 * DAY, 1024 * DAY];

export const WINDOW_KINDS = [
  "one-second",
  "around-a-reading",
  "between-readings",
  "aligned",
  "one-unit-off",
  "any",
  "one-bucket",
  "crossing-a-bound",
  "day-and-more",
  "years",
  "everything",
  "empty-gap",
  "before-all",
  "after-all",
  "tie",
] as const;

export type WindowKind = (typeof WINDOW_KINDS)[number];

export interface AskedWindow {
  /** Whole seconds since the epoch, half-open; start < end. */
  readonly start: number;
  readonly end: number;
  readonly kind: WindowKind;
}

/** The seconds that hold counted readings, ascending and without repeats, and those of them with ties. */
export interface Landscape {
  readonly seconds: Float64Array;
  readonly ties: readonly number[];
}

/** `count` windows, every kind in turn. Without any reading all are empty ones around `nowSec`. */
export function createWindows(landscape: Landscape, nowSec: number, count: number, random: Seeded): AskedWindow[] {
  const kinds = random.shuffle(WINDOW_KINDS);
  return Array.from({ length: count }, (_, index) => {
    const kind = kinds[index % kinds.length];
    const [start, end] = createWindow(kind, landscape, nowSec, random);
    return { start, end: Math.max(end, start + 1), kind };
  });
}

function createWindow(
  kind: WindowKind,
  { seconds, ties }: Landscape,
  nowSec: number,
  random: Seeded,
): [number, number] {
  const empty = seconds.length === 0;
  const first = empty ? nowSec : seconds[0];
  const newest = empty ? nowSec : seconds[seconds.length - 1];
  const reading = (): number => (empty ? nowSec : seconds[random.int(0, seconds.length - 1)]);
  const at = reading();
  const down = (time: number, unit: number): number => Math.floor(time / unit) * unit;
  switch (kind) {
    case "one-second":
      return [at, at + 1];
    case "around-a-reading": {
      const start = at - random.int(0, 2);
      return [start, start + random.int(1, 4)];
    }
    case "between-readings": {
      // Bounds exactly at readings, each in or just out.
      const other = reading();
      return [Math.min(at, other) + random.int(0, 1), Math.max(at, other) + random.int(0, 1)];
    }
    case "aligned": {
      const unit = random.pick(UNITS);
      const start = down(at, unit) - random.int(0, 3) * unit;
      return [start, start + random.int(1, 6) * unit];
    }
    case "one-unit-off": {
      const unit = random.pick(UNITS);
      const start = down(at, unit) + random.pick([-1, 1]);
      return [start, start + random.int(1, 4) * unit + random.pick([-2, -1, 0, 1, 2])];
    }
    case "any": {
      const length = Math.ceil(random.scale(1, 30 * DAY));
      return [at - random.int(0, length), at + length];
    }
    case "one-bucket": {
      const unit = random.pick(UNITS);
      return [down(at, unit), down(at, unit) + unit];
    }
    case "crossing-a-bound": {
      const bound = down(at, random.pick(UNITS));
      return [bound - Math.ceil(random.scale(1, DAY)), bound + Math.ceil(random.scale(1, DAY))];
    }
    case "day-and-more": {
      const start = at - random.int(0, DAY);
      return [start, start + random.int(DAY, 12 * DAY)];
    }
    case "years": {
      const start = at - Math.ceil(random.scale(DAY, 10 * YEAR));
      return [start, at + Math.ceil(random.scale(1, 3 * YEAR))];
    }
    case "everything":
      return [first - random.int(0, 1), newest + 1 + random.int(0, 1)];
    case "empty-gap": {
      if (empty) return [nowSec, nowSec + 1];
      const index = random.int(0, Math.max(0, seconds.length - 2));
      const next = index + 1 < seconds.length ? seconds[index + 1] : newest + HOUR;
      return next - seconds[index] > 1 ? [seconds[index] + 1, next] : [newest + 1, newest + HOUR];
    }
    case "before-all":
      return [first - random.int(2, YEAR), first - random.int(0, 1)];
    case "after-all":
      return [newest + 1, newest + 1 + Math.ceil(random.scale(1, YEAR))];
    case "tie": {
      const second = ties.length === 0 ? at : random.pick(ties);
      return random.chance(0.5) ? [second, second + 1] : [second, second + random.int(1, HOUR)];
    }
  }
}
