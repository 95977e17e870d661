/** Everything that reads bytes from outside. A new door or format is a line here. */

import type { Target } from "./target.ts";
import { KAFKA_TARGETS } from "./targets/kafka.ts";
import { MQTT_TARGETS } from "./targets/mqtt.ts";
import { READINGS_TARGETS } from "./targets/readings.ts";
import { REQUEST_TARGETS } from "./targets/requests.ts";
import { STORED_TARGETS } from "./targets/stored.ts";

export type { Target } from "./target.ts";

export const TARGETS: readonly Target[] = [
  ...READINGS_TARGETS,
  ...KAFKA_TARGETS,
  ...REQUEST_TARGETS,
  ...MQTT_TARGETS,
  ...STORED_TARGETS,
];
