/** Which names a sensor may have: each is a Kafka topic and a key of a request body. */

/** Kafka's own rule for topic names; `.` and `..` are no topics. */
const TOPIC_PATTERN = /^[a-zA-Z0-9._-]{1,249}$/;

/** Words that mean something else in a request body, or in every JavaScript object. */
const NOT_SENSORS: readonly string[] = ["from", "to", "toExclusive", "__proto__", ".", ".."];

/** What was expected in place of `name`; null when a sensor may be named so. */
export function sensorNameFault(name: string): string | null {
  if (NOT_SENSORS.includes(name)) {
    return `a sensor name other than ${NOT_SENSORS.map((word) => `"${word}"`).join(", ")}`;
  }
  return TOPIC_PATTERN.test(name) ? null : 'a sensor name of 1 to 249 characters of A-Z a-z 0-9 "." "_" "-"';
}

/** In order of names, as people count: plant-2 before plant-10. */
export const byName = new Intl.Collator("en", { numeric: true }).compare;
