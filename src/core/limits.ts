/** Every bound of the system, with its reason. What happens when one is reached stands beside it, and a counter shows that it was. */

/** A record's value, bytes. Kafka's default `message.max.bytes` is 1 MiB; larger is refused (`record-too-large`). */
export const RECORD_BYTES_MAX = 1_048_576;

/** A device or boot name, bytes: a name, not a document. Refused (`device-invalid`, `boot-invalid`). */
export const NAME_BYTES_MAX = 256;

/** An explicit id, bytes: twice the longest URN in common use. Refused (`id-invalid`). */
export const ID_BYTES_MAX = 1024;

/** Largest and smallest non-zero magnitude of a value: outside, its square leaves the doubles. Refused (`too-large`, `too-small`). */
export const VALUE_MAGNITUDE_MAX = 1e150;
export const VALUE_MAGNITUDE_MIN = 1e-140;

/** Event times: the years 1 to 9999 (ISO 8601's four digits), ms since the epoch. Refused (`time-out-of-range`). */
export const TIME_MS_MIN = -62_135_596_800_000;
export const TIME_MS_MAX = 253_402_300_799_999;

/** Bins of a distribution; more distinct values lose low bits until no more bins are left. Covers every integer-valued sensor of 11 bits exactly. */
export const BINS_MAX = 2048;

/** Bins that a distribution may have in memory before it merges them: each merging makes room for many, and 4,096 places by hash are 3/4 full. */
export const BINS_HELD_MAX = 3072;

/**
 * Sensors of one process, followed or not: each takes some KB, and a list of them is walked at each commit. New ones are refused (`too-many-sensors`).
 * A page's key has room for a million.
 */
export const SENSORS_MAX = 10_000;

/**
 * Devices of a sensor that have a series of their own (default of `deviceSeries`): each costs what a sensor costs, on disk and in each
 * commit. Further ones are counted, and in the sensor's series; `GET /devices` says which.
 */
export const DEVICE_SERIES_MAX = 1000;

/** The same of all sensors together: a commit that all of them have readings in takes ten seconds. A page's key has room for a million. */
export const DEVICE_SERIES_ALL = 100_000;

/** A device this far ahead has a wrong clock (default of `clockAheadMs`): five minutes is NTP's own panic-free range many times over. Quarantined. */
export const CLOCK_AHEAD_MS = 300_000;

/** A device before 2000-01-01 has no clock (1970, 1980: what boards show without one). Quarantined. */
export const CLOCK_BEHIND_MS = 946_684_800_000;

/** A device heard from in this time takes part in `completeUntil`. */
export const ACTIVE_DEVICE_MS = 60_000;

/** A reading is late when it is this far behind what its partition has brought: for as long a silent device holds `completeUntil` back. */
export const LATE_AFTER_MS = ACTIVE_DEVICE_MS;

/** Waiting readings after which the history commits: about 64 MB of identities and pages at their widest. */
export const COMMIT_READINGS = 1_000_000;

/**
 * … or this time since the first waiting one. Three sensors at 1 Hz write 0.3 GB a day so, 0.9 with a commit each 10 s, 9.5 with one each
 * second. The log has what waits: it costs a restart some replay, and tools that read a Kafka group's offsets see it as lag.
 */
export const COMMIT_INTERVAL_MS = 30_000;

/**
 * What is kept of how the history was before (default of `--revisions`), bytes: years of a house, days of 10,000 sensors at 1 Hz. The oldest goes first
 * (`revisions_dropped`), and cannot be asked for any more (`revision-gone`).
 */
export const REVISION_BYTES = 256_000_000;
