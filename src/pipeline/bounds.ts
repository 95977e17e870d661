/** Bounds of the pipeline: when the history commits, and what stays in memory. Tests make them small, so that every one is reached. */
import {
  COMMIT_INTERVAL_MS,
  COMMIT_READINGS,
  DEVICE_SERIES_ALL,
  DEVICE_SERIES_MAX,
  SENSORS_MAX,
} from "../core/limits.ts";

/** What is bounded, by name. */
export interface Bounds {
  /** Readings that wait for a commit, and for how long, ms. */
  readonly commitReadings: number;
  readonly commitIntervalMs: number;
  /** How long a commit works before it lets others run, ms: a fraction of what a reader of the live stream would notice. */
  readonly commitSliceMs: number;
  /** Bytes of changed pages, blocks and rows that wait for a commit. */
  readonly waitingBytes: number;
  /** Added to it for each changed series, which has a page of each level open; a commit would only open them again. */
  readonly waitingBytesSeries: number;
  /** New rows that wait for a commit: devices, boots, explicit ids, dead letters. */
  readonly waitingRows: number;
  /** Longest wait before a commit that failed is tried again, ms. */
  readonly retryMs: number;
  /** Sensors, followed or not. Past it new ones are refused (`too-many-sensors`, `sensors.refused`). */
  readonly sensors: number;
  /** Devices of a sensor that have a series of their own; 0: none. Past it the sensor's goes on (`deviceSeries` of its status). */
  readonly deviceSeries: number;
  /** The same of all sensors together. */
  readonly deviceSeriesAll: number;
  /** For a history that is compared with another one: `DeviceSeriesBounds`. */
  readonly deviceSeriesNumbers?: ReadonlyMap<string, number>;
  /** Devices kept in memory. Past it, those idle longest become rows at the next commit. */
  readonly residentDevices: number;
  /** Boot names interned at once. Past it they are forgotten at the next commit and interned anew. */
  readonly bootNames: number;
  /** Bytes of seen blocks kept in memory. */
  readonly seenBytes: number;
  /** Identities whose value is remembered, a power of two. An older one's conflict counts as a duplicate. */
  readonly rememberedValues: number;
  /** Quarantined readings that are listed, all sensors together. Past it the newest are counted (`quarantineDropped`) but not listed. */
  readonly quarantineRows: number;
  /** Rejected records that are listed. Past it the oldest are dropped and counted (`rejectionsDropped`): the newest show what is wrong now. */
  readonly rejectionRows: number;
}

/** The bounds of a server. */
export const BOUNDS: Bounds = {
  commitReadings: COMMIT_READINGS,
  commitIntervalMs: COMMIT_INTERVAL_MS,
  commitSliceMs: 4,
  /** A tenth of the whole process's memory. */
  waitingBytes: 32 * 1024 * 1024,
  /** What a few readings take on six levels; 10,000 sensors would commit every 60,000 readings without it. */
  waitingBytesSeries: 4096,
  /** A commit inserts some 200,000 a second: half a second's work, in slices. */
  waitingRows: 100_000,
  retryMs: 10_000,
  sensors: SENSORS_MAX,
  deviceSeries: DEVICE_SERIES_MAX,
  deviceSeriesAll: DEVICE_SERIES_ALL,
  /** About 0.6 KB each. */
  residentDevices: 262_144,
  /** Of 20 bytes: 2 MB. */
  bootNames: 65_536,
  /** Duplicates and late readings mostly hit few blocks; 32 MB hold 10,000 full ones with 1% loss. */
  seenBytes: 32 * 1024 * 1024,
  /** Of 8 bytes: 349,525 a device with three devices, ten with 100,000. */
  rememberedValues: 2 ** 20,
  /** 80 MB of rows. */
  quarantineRows: 1_000_000,
  /** The log has them all. */
  rejectionRows: 100_000,
};
