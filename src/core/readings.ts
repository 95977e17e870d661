/** Decoded readings in columns, between formats and pipeline: row i comes from row i of the `Records` it was decoded from. */

/** How a reading is told from its duplicates. */
export const IDENTITY_OFFSET = 0; // topic id, partition, offset: guards against replays only
export const IDENTITY_SEQUENCE = 1; // (device, boot, sequence)
export const IDENTITY_EXPLICIT = 2; // the payload's own id

/** The `boot` column of a reading that names none. */
export const NO_BOOT = -1;

/**
 * A reusable batch of decoded readings. Columns have room for at least `count` rows.
 * Written by formats, read by the pipeline; valid until the next decode.
 */
export class Readings {
  count = 0;
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
  /** `ACCEPTED` or a rejection's index; the other columns of a refused row mean nothing. */
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
