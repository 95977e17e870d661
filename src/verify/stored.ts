/** What the history says of itself, beside its pages. */
import { replacedSetting } from "../pipeline/sources.ts";
import { Totals } from "../pipeline/totals.ts";
import { type Database, OLDEST_PART } from "../store/database.ts";

/** A sensor's row. */
export interface StoredSensor {
  readonly id: number;
  readonly name: string;
  readonly totals: Totals;
  /** Of the series of one of its devices: which; absent: of its own. */
  readonly device?: string;
}

/** For people, behind what is told of a series. */
export function ofDevice({ device }: Pick<StoredSensor, "device">): string {
  return device === undefined ? "" : ` of device ${JSON.stringify(device)}`;
}

/** The series of a device that is not its sensor's. */
export interface StoredDeviceSeries {
  readonly series: number;
  readonly sensor: number;
  /** The number of its row. */
  readonly device: number;
  readonly name: Uint8Array;
  /** It holds all readings of the device, and these are counted. */
  readonly isWhole: boolean;
}

/** Those of all sensors. */
export function storedDeviceSeries(db: Database): StoredDeviceSeries[] {
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name='device_series'").get() === undefined) return [];
  const query = `SELECT series, s.sensor, s.device, since, name FROM device_series s JOIN device d ON d.id = s.device
    WHERE series <> s.sensor ORDER BY series`;
  return db
    .prepare(query)
    .all()
    .flatMap(({ series, sensor, device, since, name }) => {
      if (!(name instanceof Uint8Array)) return [];
      return { series: Number(series), sensor: Number(sensor), device: Number(device), name, isWhole: since === null };
    });
}

/** A partition's row. */
export interface StoredPosition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string;
  readonly next: number;
  /** Newest counted event time from it, ms; -Infinity: none. */
  readonly newest: number;
  /** How far it has come with each sensor, ms, by the sensor's number. */
  readonly fronts: ReadonlyMap<number, number>;
  /** A topic of that name was read before, and is gone with its records. */
  readonly isLaterLife: boolean;
}

/** In the order of their numbers. */
export function storedSensors(db: Database): StoredSensor[] {
  const rows = db.prepare("SELECT id, name, totals FROM sensor ORDER BY id").all();
  return rows.map(({ id, name, totals }) => ({
    id: Number(id),
    name: String(name),
    totals: totals instanceof Uint8Array ? Totals.decode(totals) : new Totals(),
  }));
}

/** By topic and partition. */
export function storedPositions(db: Database): StoredPosition[] {
  // Before there was such a table.
  const hasFronts = db.prepare("SELECT 1 FROM sqlite_schema WHERE name='front'").get() !== undefined;
  const frontsOf = hasFronts ? db.prepare("SELECT sensor, newest FROM front WHERE topic=? AND partition=?") : null;
  const rows = db.prepare("SELECT * FROM position ORDER BY topic, partition").all();
  return rows.map(({ topic, partition, topic_id, next, newest }) => ({
    topic: String(topic),
    partition: Number(partition),
    topicId: String(topic_id),
    next: Number(next),
    newest: newest === null ? Number.NEGATIVE_INFINITY : Number(newest),
    fronts: new Map(
      frontsOf?.all(String(topic), Number(partition)).map((row) => [Number(row.sensor), Number(row.newest)]),
    ),
    isLaterLife: db.setting(replacedSetting(String(topic))) !== null,
  }));
}

/** Whether some of it was made by an older version, which told identities, values and rejections by other rules. */
export function hasOlderParts(db: Database): boolean {
  if (db.setting(OLDEST_PART) !== null) return true;
  // Implicit boots were rows before version 3.
  return db.prepare("SELECT 1 FROM boot WHERE name IS NULL LIMIT 1").get() !== undefined;
}
