/** Which sensors are listed, and in which order. Pure. */
import type { LiveSensor } from "../../core/live-event.ts";

/** What a list can be sorted by, as the address has it. */
export const SORTS = {
  name: "by name",
  age: "newest first",
  rate: "by rate",
  value: "by value",
  uncounted: "most not counted",
} as const;

/** A key of SORTS. */
export type Sort = keyof typeof SORTS;

/** The sort that an address names; by name when it names none. */
export function sortOf(text: string | null): Sort {
  return Object.keys(SORTS).find((key): key is Sort => key === text) ?? "name";
}

const names = new Intl.Collator("en", { numeric: true });

/** Sorted so that the largest come first; names among equals. */
const FIGURES: Readonly<Record<Exclude<Sort, "name">, (row: LiveSensor) => number>> = {
  age: ({ lastTime }) => lastTime ?? -Infinity,
  rate: ({ rate }) => rate,
  value: ({ last }) => last ?? -Infinity,
  uncounted: ({ quarantined, rejected, duplicates }) => quarantined + rejected + duplicates,
};

/** Names of the rows that hold every word of `search`, in order. */
export function listed(rows: Iterable<LiveSensor>, search: string, sort: Sort): string[] {
  const words = search.toLowerCase().split(/\s+/);
  const found = [...rows].filter(({ sensor }) => words.every((word) => sensor.toLowerCase().includes(word)));
  found.sort((a, b) => names.compare(a.sensor, b.sensor));
  if (sort !== "name") {
    const figure = FIGURES[sort];
    found.sort((a, b) => compare(figure(b), figure(a)));
  }
  return found.map(({ sensor }) => sensor);
}

/** Of two infinities the difference is no number. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
