/** The windows that the bench asks for: the same ones of everybody, at random places of the history. */
import { Random } from "../../src/core/random.ts";
import { DAY_SECONDS, START_SECOND } from "./series.ts";

export const SENSORS = ["temperature", "humidity", "pressure"] as const;

/** A length of window, and the questions about it: sensor's number and first second. */
export interface Questions {
  readonly name: string;
  readonly seconds: number;
  readonly sensors: readonly number[];
  readonly starts: readonly number[];
}

/** From a second to ten years. */
export const LENGTHS: readonly (readonly [string, number])[] = [
  ["1 s", 1],
  ["1 min", 60],
  ["1 h", 3600],
  ["1 day", DAY_SECONDS],
  ["30 days", 30 * DAY_SECONDS],
  ["335 days", 335 * DAY_SECONDS],
  ["10 years", 3650 * DAY_SECONDS],
];

/** Questions about every length that fits into the history. @param count of each length; @param sensors how many there are to choose from */
export function questions(
  historySeconds: number,
  count: number,
  sensors: number = SENSORS.length,
  lengths: readonly (readonly [string, number])[] = LENGTHS,
): Questions[] {
  const random = new Random(77);
  return lengths
    .filter(([, seconds]) => seconds <= historySeconds)
    .map(([name, seconds]) => ({
      name,
      seconds,
      sensors: Array.from({ length: count }, () => random.integer(0, sensors - 1)),
      starts: Array.from({ length: count }, () => START_SECOND + random.integer(0, historySeconds - seconds)),
    }));
}
