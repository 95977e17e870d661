/** A list of names for people, however long it is. */
import { NAMES_SHOWN_MAX } from "./limits.ts";

/** `temperature, humidity and 3 more` */
export function namesShown(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(", ");
  return names.length <= NAMES_SHOWN_MAX ? shown : `${shown} and ${names.length - NAMES_SHOWN_MAX} more`;
}
