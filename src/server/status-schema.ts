/** Schemas of a sensor's status: a field of the engine that a schema lacks is a type error. */
import type { RepeatedId, SensorStatus, SensorTotals, Standstill } from "../engine/engine.ts";
import { NATURAL, objectOf, type Schema, TEXT, TIME, TIME_OR_NULL } from "./route-schema.ts";

/** Counted readings by identity. */
export const IDENTITIES = objectOf({
  explicit: NATURAL,
  sequence: NATURAL,
  offset: NATURAL,
} satisfies Record<keyof SensorStatus["identities"], Schema>);

/** Its totals. */
export const TOTALS = {
  received: NATURAL,
  counted: NATURAL,
  duplicates: NATURAL,
  conflicts: NATURAL,
  quarantined: NATURAL,
  rejected: NATURAL,
  released: NATURAL,
  deleted: NATURAL,
  late: NATURAL,
  gapRecords: NATURAL,
  cutRecords: NATURAL,
  implicitBoots: NATURAL,
  expired: NATURAL,
  quarantineDropped: NATURAL,
  rejectionsDropped: NATURAL,
} satisfies Record<keyof SensorTotals, Schema>;

/** A partition that is not read on. */
const STANDSTILL = objectOf({
  topic: TEXT,
  partition: NATURAL,
  offset: { ...NATURAL, description: "the next to be read" },
  waiting: { ...NATURAL, description: "records from there on" },
  since: TIME,
  reason: { enum: ["unreadable", "open-transaction"] },
  detail: TEXT,
  resumeAt: { type: ["integer", "null"], description: "the offset behind what is unreadable" },
} satisfies Record<keyof Standstill, Schema>);

/** A key, or an id, that probably means something else than it is read as. */
const COUNT_AND_HINT = { count: NATURAL, hint: TEXT };
const UNREAD_KEY = objectOf({ key: TEXT, ...COUNT_AND_HINT } satisfies Record<
  keyof SensorStatus["unreadKeys"][number],
  Schema
>);
const REPEATED_ID = objectOf({ id: TEXT, ...COUNT_AND_HINT } satisfies Record<keyof RepeatedId, Schema>);

/** Everything else of it. */
export const STATUS = {
  sensor: TEXT,
  followed: { type: "boolean", description: "whether its topic is read" },
  completeUntil: TIME_OR_NULL,
  firstTime: TIME_OR_NULL,
  lastTime: TIME_OR_NULL,
  keptSince: TIME_OR_NULL,
  lastValue: { type: ["number", "null"] },
  lastArrival: TIME_OR_NULL,
  devices: NATURAL,
  deviceSeries: { ...NATURAL, description: "devices that have a series of their own" },
  simulatedDevices: NATURAL,
  stuckDevices: NATURAL,
  identities: IDENTITIES,
  lag: NATURAL,
  standstills: { type: "array", items: STANDSTILL },
  unreadKeys: { type: "array", items: UNREAD_KEY, description: "keys that look like a field and are none" },
  repeatedIds: { type: "array", items: REPEATED_ID, description: "ids that look like names of devices" },
  passedOver: { ...NATURAL, description: "texts and booleans of line protocol, since the start of the process" },
} satisfies Record<Exclude<keyof SensorStatus, "totals">, Schema>;
