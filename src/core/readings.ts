/**
 * Decoded readings in columns, between formats and pipeline. Row i is the first reading of record i of the `Records` it was decoded from;
 * rows past them are the further readings of records that made several.
 */

/** What makes up a reading's identity. */
export const IDENTITY_OFFSET = 0; // topic id, partition, offset: guards against replays only
export const IDENTITY_SEQUENCE = 1; // (device, boot, sequence)
export const IDENTITY_EXPLICIT = 2; // the payload's own id

/** The `boot` column of a reading that names none. */
export const NO_BOOT = -1;

/**
 * The record and series of each row, where row i is not simply record i of the source's own series: a record made several readings, or named a sensor.
 * Columns by row, as in `Readings`.
 */
export interface Origins {
  /** The record of each row: ascending up to the number of records, and again from there on. */
  record: Int32Array;
  /** The number of the series that each row belongs to. */
  series: Int32Array;
  /** Bytes of `Records.data` that are the row's reading alone, end exclusive: decoded by themselves they are that reading. Start is
   * `ABSENT` where only the whole record says what the reading is. */
  start: Int32Array;
  end: Int32Array;
}

/**
 * A reusable batch of decoded readings. Columns have room for at least `count` rows.
 * Written by formats, read by the pipeline; valid until the next decode.
 */
export class Readings {
  /** At least the number of records: each makes one or more readings or rejections. */
  count = 0;
  /** Null while each record is one row of the source's own series: the usual case costs nothing. */
  origins: Origins | null = null;
  /** The columns of the last origins, to be used again. */
  #lastOrigins: Origins = newOrigins(0);
  /** True when the decoder knows that all rows are accepted, of one device, and have `IDENTITY_OFFSET`. */
  uniform = false;
  /** Event time, ms since the epoch (integer). */
  time: Float64Array;
  /** The double nearest to the text; never NaN, infinite or -0 in an accepted row. */
  value: Float64Array;
  /** Slot of the device's name in the `Names` that decoded it. */
  device: Int32Array;
  /** Slot of the boot's name, or `NO_BOOT`. */
  boot: Int32Array;
  /** Sequence number, 0 ≤ s < 2^53; only with `IDENTITY_SEQUENCE`. */
  sequence: Float64Array;
  /** One of the IDENTITY_ constants. */
  identity: Uint8Array;
  /** 1 when the event time is the payload's own, 0 when it is the record's timestamp. */
  ownTime: Uint8Array;
  /** `ACCEPTED` or a rejection's index; the other columns of a rejected row mean nothing. */
  rejection: Uint8Array;
  /** The payload's id as text; only with `IDENTITY_EXPLICIT` (the one identity that costs a string a reading). */
  idText: (string | undefined)[] = [];

  constructor(capacity = 1024) {
    this.time = new Float64Array(capacity);
    this.value = new Float64Array(capacity);
    this.device = new Int32Array(capacity);
    this.boot = new Int32Array(capacity);
    this.sequence = new Float64Array(capacity);
    this.identity = new Uint8Array(capacity);
    this.ownTime = new Uint8Array(capacity);
    this.rejection = new Uint8Array(capacity);
  }

  get capacity(): number {
    return this.time.length;
  }

  /** Makes room for `capacity` rows; what the rows held stays. */
  grow(capacity: number): void {
    if (capacity <= this.capacity) return;
    const { time, value, device, boot, sequence, identity, ownTime, rejection, idText, origins } = this;
    this.reserve(capacity);
    this.time.set(time);
    this.value.set(value);
    this.device.set(device);
    this.boot.set(boot);
    this.sequence.set(sequence);
    this.identity.set(identity);
    this.ownTime.set(ownTime);
    this.rejection.set(rejection);
    this.idText = idText;
    if (origins === null) return;
    const wider = this.openOrigins();
    wider.record.set(origins.record);
    wider.series.set(origins.series);
    wider.start.set(origins.start);
    wider.end.set(origins.end);
  }

  /** Makes `origins`, with room for as many rows as the other columns; what they hold means nothing yet. */
  openOrigins(): Origins {
    if (this.#lastOrigins.record.length < this.capacity) this.#lastOrigins = newOrigins(this.capacity);
    this.origins = this.#lastOrigins;
    return this.origins;
  }

  /** Makes room for `capacity` rows; what the rows held is lost. */
  reserve(capacity: number): void {
    if (capacity <= this.capacity) return;
    const size = 2 ** Math.ceil(Math.log2(capacity));
    this.time = new Float64Array(size);
    this.value = new Float64Array(size);
    this.device = new Int32Array(size);
    this.boot = new Int32Array(size);
    this.sequence = new Float64Array(size);
    this.identity = new Uint8Array(size);
    this.ownTime = new Uint8Array(size);
    this.rejection = new Uint8Array(size);
    this.idText = [];
  }
}

function newOrigins(capacity: number): Origins {
  return {
    record: new Int32Array(capacity),
    series: new Int32Array(capacity),
    start: new Int32Array(capacity),
    end: new Int32Array(capacity),
  };
}
