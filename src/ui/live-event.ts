/** Parses the data of a live event (docs/formats/live.md) into rows, once: all else in this room trusts them. */
import type { LiveSensor, Moments } from "../core/live-event.ts";

/** One sensor as of its last event: what a table shows of it. */
export type LiveRow = Pick<
  LiveSensor,
  | keyof Moments
  | "sensor"
  | "last"
  | "ageMs"
  | "rate"
  | "minute"
  | "spark"
  | "late"
  | "duplicates"
  | "quarantined"
  | "rejected"
  | "gapRecords"
  | "cutRecords"
  | "lag"
  | "stuckDevices"
>;

/** One event: a whole table, or the rows that changed. */
export interface LiveEvent {
  /** True: forget what was known of all sensors. */
  readonly snapshot: boolean;
  /** Why readings are not taken in; null when they are. */
  readonly trouble: string | null;
  readonly sensorsTotal: number;
  readonly rows: readonly LiveRow[];
}

type Fields = ReadonlyMap<string, unknown>;

/** @returns null for an event of another kind; @throws Error when the data is not what the format says */
export function parseLiveEvent(name: string, data: string): LiveEvent | null {
  if (name !== "snapshot" && name !== "update") return null;
  const fields = fieldsOf(JSON.parse(data), "event");
  const sensors = fields.get("sensors");
  if (!Array.isArray(sensors)) throw new Error("sensors is no list");
  const trouble = fields.get("trouble");
  return {
    snapshot: name === "snapshot",
    trouble: typeof trouble === "string" ? trouble : null,
    sensorsTotal: numberOf(fields, "sensorsTotal"),
    rows: sensors.map((sensor: unknown) => rowOf(fieldsOf(sensor, "sensor"))),
  };
}

function rowOf(fields: Fields): LiveRow {
  const sensor = fields.get("sensor");
  if (typeof sensor !== "string") throw new Error("a sensor has no name");
  const spark = fields.get("spark");
  return {
    sensor,
    ...momentsOf(fields),
    last: numberOrNull(fields, "last"),
    ageMs: numberOrNull(fields, "ageMs"),
    rate: numberOf(fields, "rate"),
    minute: momentsOf(fieldsOf(fields.get("minute"), "minute")),
    spark: Array.isArray(spark) ? spark.map((mean: unknown) => (typeof mean === "number" ? mean : null)) : [],
    late: numberOf(fields, "late"),
    duplicates: numberOf(fields, "duplicates"),
    quarantined: numberOf(fields, "quarantined"),
    rejected: numberOf(fields, "rejected"),
    gapRecords: numberOf(fields, "gapRecords"),
    cutRecords: numberOf(fields, "cutRecords"),
    lag: numberOf(fields, "lag"),
    stuckDevices: numberOf(fields, "stuckDevices"),
  };
}

function momentsOf(fields: Fields): Moments {
  return {
    count: numberOf(fields, "count"),
    mean: numberOrNull(fields, "mean"),
    min: numberOrNull(fields, "min"),
    max: numberOrNull(fields, "max"),
  };
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null) throw new Error(`${what} is no object`);
  return new Map(Object.entries(value));
}

function numberOrNull(fields: Fields, name: string): number | null {
  const value = fields.get(name);
  if (typeof value === "number") return value;
  if (value === null) return null;
  throw new Error(`${name} is no number`);
}

function numberOf(fields: Fields, name: string): number {
  const value = numberOrNull(fields, name);
  if (value === null) throw new Error(`${name} is null`);
  return value;
}
