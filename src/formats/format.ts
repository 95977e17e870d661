/** The contract of a payload format, and the batch of records it decodes. Between log and pipeline: bytes → columns or a rejection. */
import { NAME_BYTES_MAX } from "../core/limits.ts";
import type { Names } from "../core/names.ts";
import { IDENTITY_OFFSET, NO_BOOT, type Origins, type Readings } from "../core/readings.ts";
import { ABSENT, type Records } from "../core/records.ts";
import { ACCEPTED, PASSED_OVER, type RejectionCode, rejectionIndex } from "../core/rejections.ts";
import type { Zone } from "../core/zone.ts";
import { nameOfLongKey } from "./long-key.ts";
import type { UnreadKeys } from "./unread-keys.ts";

/** The context of decoding: what the bytes alone do not say. */
export interface DecodeContext {
  /** The number of the source's own series, which is also the namespace of its names in `devices` and `boots`. */
  readonly series: number;
  /** The number of the series of a sensor that a reading names, created where allowed; -1 when there is none. */
  readonly seriesOf: (sensor: string) => number;
  readonly devices: Names;
  readonly boots: Names;
  /** Of times without a zone. */
  readonly zone: Zone;
  /** Where keys are counted that are not read but look as if they should be; default: nowhere. */
  readonly unreadKeys?: UnreadKeys;
}

/** A payload format. To add one: a file that exports it, and its name in the list of decode.ts. */
export interface Format {
  readonly name: string;
  /** First bytes (after white space) by which its records are known; null: all that no other format claims. */
  readonly firstBytes: readonly number[] | null;
  /** Makes what decodes one topic; it may learn from what it sees, but never so that a column changes. */
  create(batch: Batch): FormatDecoder;
}

/** Decodes the rows of a batch that are of its format. */
export interface FormatDecoder {
  /**
   * Decodes a record, which has this format's first byte, is not blank and not too large, and goes on with the records behind it
   * as long as they are plainly of this format. The row of a record's first reading (or rejection) is the record's own number;
   * `Batch.addRow` makes one for each further reading.
   * @returns the first record left to others
   */
  decode(record: number): number;
}

/** The series of a source whose readings may name no other. */
export const OWN_SERIES_ONLY = (): number => -1;

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
  /** Rows of this batch rejected so far. */
  rejected = 0;
  /** Ends of names that start at `device` and `boot`, until they are interned. */
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
    readings.origins = null;
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
    this.rejected = 0;
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

  /** Rejects a row. */
  reject(row: number, code: RejectionCode): void {
    this.readings.rejection[row] = rejectionIndex(code);
    this.rejected++;
  }

  /** The record of this row makes neither a reading nor a rejection: nobody hears of the row. */
  passOver(row: number): void {
    this.#origins();
    this.readings.rejection[row] = PASSED_OVER;
  }

  /** Makes a row for a further reading of `record`, filled like a record's first one. Only for the record that is decoded: rows stay in the order of records. */
  addRow(record: number): number {
    const { readings, records } = this;
    const row = readings.count;
    readings.grow(row + 1);
    const { record: recordOf, series, start } = this.#origins();
    readings.count = row + 1;
    readings.time[row] = records.timestamp[record];
    readings.boot[row] = NO_BOOT;
    readings.sequence[row] = 0;
    readings.identity[row] = IDENTITY_OFFSET;
    readings.ownTime[row] = 0;
    readings.rejection[row] = ACCEPTED;
    recordOf[row] = record;
    series[row] = this.context.series;
    start[row] = ABSENT;
    return row;
  }

  /** The record that a row comes from. */
  recordOf(row: number): number {
    return row < this.records.count ? row : this.#origins().record[row];
  }

  /** Sets the bytes of its record that are a row's reading alone; for one of several. */
  setBytes(row: number, start: number, end: number): void {
    const origins = this.#origins();
    origins.start[row] = start;
    origins.end[row] = end;
  }

  /** Sets the sensor of a row where it is not its source's own; call it before the row's device and boot are named. @returns false when there is no such sensor */
  setSensor(row: number, name: string): boolean {
    const series = this.context.seriesOf(name);
    if (series >= 0) this.setSeries(row, series);
    return series >= 0;
  }

  /** The same by the number of its series, which `context.seriesOf` gave for this batch. */
  setSeries(row: number, series: number): void {
    this.#origins().series[row] = series;
  }

  #origins(): Origins {
    const { readings, records } = this;
    if (readings.origins !== null) return readings.origins;
    const origins = readings.openOrigins();
    for (let i = 0; i < records.count; i++) origins.record[i] = i;
    origins.series.fill(this.context.series, 0, records.count);
    origins.start.fill(ABSENT, 0, records.count);
    return origins;
  }

  #seriesOf(row: number): number {
    const { origins } = this.readings;
    return origins === null ? this.context.series : origins.series[row];
  }

  /** Names a row's device by the bytes [start, end) of `view`, at most NAME_BYTES_MAX of them. */
  nameDevice(row: number, view: DataView, start: number, end: number): void {
    this.readings.device[row] = this.context.devices.internFrom(this.#seriesOf(row), view, start, end);
  }

  /** The same for its boot. */
  nameBoot(row: number, view: DataView, start: number, end: number): void {
    this.readings.boot[row] = this.context.boots.internFrom(this.#seriesOf(row), view, start, end);
  }

  /** Names a row's device by its record's key. */
  nameDeviceByKey(row: number): void {
    this.readings.device[row] = this.#keyDevice(this.recordOf(row), this.#seriesOf(row));
  }

  /**
   * The slot of the device of the source's own series that a record's key names: 1 to 256 bytes as they are, more of them by their hash;
   * without a key the nameless device.
   */
  keyDevice(record: number): number {
    const { series, devices } = this.context;
    const start = this.records.keyStart[record];
    const end = this.records.keyEnd[record];
    if (start !== ABSENT && end > start && end - start <= NAME_BYTES_MAX) {
      return devices.internFrom(series, this.view, start, end);
    }
    return start === ABSENT || end <= start ? this.namelessDevice() : this.#keyDevice(record, series);
  }

  /** The same of any series. */
  #keyDevice(record: number, series: number): number {
    const { devices } = this.context;
    const start = this.records.keyStart[record];
    const end = this.records.keyEnd[record];
    if (start === ABSENT) return devices.internFrom(series, this.view, 0, 0);
    if (end - start <= NAME_BYTES_MAX) return devices.internFrom(series, this.view, start, end);
    const name = nameOfLongKey(this.bytes, start, end);
    return devices.intern(series, name, 0, name.length);
  }

  /** The slot of the nameless device. Interned at most once a batch, and only when needed: an unused name would count as a device. */
  namelessDevice(): number {
    if (this.#namelessDevice < 0) {
      this.#namelessDevice = this.context.devices.internFrom(this.context.series, this.view, 0, 0);
    }
    return this.#namelessDevice;
  }

  /** Gives rows [first, end), of the source's own series, the slots of their devices, whose names start where `device` says. */
  internDevices(first: number, end: number): void {
    const { series, devices } = this.context;
    devices.internRows(series, this.view, this.readings.device, this.deviceEnds, first, end);
  }

  /** The same for boots. */
  internBoots(first: number, end: number): void {
    const { series, boots } = this.context;
    boots.internRows(series, this.view, this.readings.boot, this.bootEnds, first, end);
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
