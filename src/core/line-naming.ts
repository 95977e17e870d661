/** How lines of InfluxDB's become sensors and devices. */

/** The first template of each list that a line has all names for; without one the measurement is the sensor, and all tags are the device. */
export interface LineNaming {
  readonly sensor: readonly string[];
  readonly device: readonly string[];
}

/** Without configuration. Home Assistant's measurement is a unit, and `domain.entity_id` is how its users call a thing. */
export const DEFAULT_NAMING: LineNaming = { sensor: ["{domain}.{entity_id}"], device: [] };
