/** What a payload format is, and the batch of records it works on. Between log and pipeline: bytes → columns or a rejection. */
import { NAME_BYTES_MAX } from "../core/limits.ts";
import type { Names } from "../core/names.ts";
import { IDENTITY_OFFSET, NO_BOOT, type Readings } from "../core/readings.ts";
import { ABSENT, type Records } from "../core/records.ts";
import { ACCEPTED, type RejectionCode, rejectionIndex } from "../core/rejections.ts";
import type { Zone } from "../core/zone.ts";

/** Where readings are decoded for: what the bytes alone do not say. */
export interface DecodeContext {
  /** Of the sensor, in `devices` and `boots`. */
  readonly namespace: number;
  readonly devices: Names;
  readonly boots: Names;
  /** Of times without a zone. */
  readonly zone: Zone;
}

/** A payload format. To add one: a file that exports it, and a line in decode.ts. */
export interface Format {
  readonly name: string;
  /** First bytes (after white space) by which its records are known; null: all that no other format claims. */
  readonly firstBytes: readonly number[] | null;
  /** Makes what decodes one topic; it may learn from what it sees, but never so that a column changes. */
  create(batch: Batch): FormatDecoder;
}

export interface FormatDecoder {
  /**
   * Decodes `row`, which has this format's first byte, is not blank and not too large, and goes on with the rows behind it
   * as long as they are plainly of this format.
   * @returns the first row left to others
   */
  decode(row: number): number;
}

const NO_BYTES = new Uint8Array(0);

/** Of the batch that is decoded: one at a time, whatever its sensor. */
let sharedDeviceEnds = new Int32Array(0);
let sharedBootEnds = new Int32Array(0);

/** One decode call: records, readings, and views of their bytes. Reused; `readings` and `records` belong to the caller. */
export class Batch {
  readonly context: DecodeContext;
  records: Records;
  readings: Readings;
  /** The records' bytes, always a plain Uint8Array, so that hot loops see one kind. */
  bytes: Uint8Array = NO_BYTES;
  /** The same bytes, for words. */
  view: DataView = new DataView(NO_BYTES.buffer);
  #data: Uint8Array = NO_BYTES;
  #buffer: Buffer | null = null;
  #namelessDevice = -1;
  /** Rows of this batch refused so far. */
  refused = 0;
  /** Where the names of rows end that start where `device` and `boot` say, until they are interned. */
  deviceEnds = sharedDeviceEnds;
  bootEnds = sharedBootEnds;

  constructor(context: DecodeContext, records: Records, readings: Readings) {
    this.context = context;
    this.records = records;
    this.readings = readings;
  }

  /** Takes the next batch and fills its rows in bulk with what a bare value has; a row's decoder writes value, device and what else it knows. */
  begin(records: Records, readings: Readings): void {
    const { count } = records;
    readings.reserve(count);
    readings.count = count;
    readings.uniform = false;
    readings.time.set(records.timestamp.subarray(0, count));
    readings.boot.fill(NO_BOOT, 0, count);
    readings.sequence.fill(0, 0, count);
    readings.identity.fill(IDENTITY_OFFSET, 0, count);
    readings.ownTime.fill(0, 0, count);
    readings.rejection.fill(ACCEPTED, 0, count);
    this.records = records;
    this.readings = readings;
    this.#namelessDevice = -1;
    this.refused = 0;
    if (sharedDeviceEnds.length < count) {
      sharedDeviceEnds = new Int32Array(readings.capacity);
      sharedBootEnds = new Int32Array(readings.capacity);
    }
    this.deviceEnds = sharedDeviceEnds;
    this.bootEnds = sharedBootEnds;
    if (records.data !== this.#data) {
      const { buffer, byteOffset, length } = records.data;
      this.#data = records.data;
      this.bytes = new Uint8Array(buffer, byteOffset, length);
      this.view = new DataView(buffer, byteOffset, length);
      this.#buffer = null;
    }
  }

  /** Refuses a row. */
  refuse(row: number, code: RejectionCode): void {
    this.readings.rejection[row] = rejectionIndex(code);
    this.refused++;
  }

  /** The slot of the device that a row's key names: 1 to 256 bytes, as they are; else the nameless device. */
  keyDevice(row: number): number {
    const { namespace, devices } = this.context;
    const start = this.records.keyStart[row];
    const end = this.records.keyEnd[row];
    if (start !== ABSENT && end > start && end - start <= NAME_BYTES_MAX) {
      return devices.internFrom(namespace, this.view, start, end);
    }
    return this.namelessDevice();
  }

  /** The slot of the device without a name. Asked for once a batch and only when needed: a name that nobody uses would be a device too many. */
  namelessDevice(): number {
    if (this.#namelessDevice < 0) {
      this.#namelessDevice = this.context.devices.internFrom(this.context.namespace, this.view, 0, 0);
    }
    return this.#namelessDevice;
  }

  /** Gives rows [first, end) the slots of their devices, whose names start where `device` says. */
  internDevices(first: number, end: number): void {
    const { namespace, devices } = this.context;
    devices.internRows(namespace, this.view, this.readings.device, this.deviceEnds, first, end);
  }

  /** The same for boots. */
  internBoots(first: number, end: number): void {
    const { namespace, boots } = this.context;
    boots.internRows(namespace, this.view, this.readings.boot, this.bootEnds, first, end);
  }

  /** Keeps the explicit id of a row. */
  setId(row: number, id: string): void {
    const { readings } = this;
    // Writing far behind the end of an empty array would turn it into a dictionary.
    if (readings.idText.length < readings.capacity) {
      const ids = new Array<string | undefined>(readings.capacity).fill(undefined);
      for (let i = 0; i < readings.idText.length; i++) ids[i] = readings.idText[i];
      readings.idText = ids;
    }
    readings.idText[row] = id;
  }

  /** bytes[start, end) as text: UTF-8, malformed bytes become U+FFFD. */
  text(start: number, end: number): string {
    return this.#own().toString("utf8", start, end);
  }

  /** bytes[start, end), which are ASCII, as text. */
  ascii(start: number, end: number): string {
    return this.#own().toString("latin1", start, end);
  }

  #own(): Buffer {
    this.#buffer ??= Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    return this.#buffer;
  }
}
