/** The names of the sensors for people, however many there are. */
import type { SensorDirectory } from "../engine/directory.ts";
import { NAMES_SHOWN_MAX } from "./limits.ts";

/** `temperature, humidity and 3 more` */
export function namesShown(sensors: SensorDirectory): string {
  const list = sensors.list();
  const shown = list
    .slice(0, NAMES_SHOWN_MAX)
    .map(({ name }) => name)
    .join(", ");
  return list.length <= NAMES_SHOWN_MAX ? shown : `${shown} and ${list.length - NAMES_SHOWN_MAX} more`;
}
