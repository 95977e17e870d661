/** Decodes records before they are in the log, as the pipeline will from it, to report rejections to the sender. */
import { Names } from "../core/names.ts";
import { Readings } from "../core/readings.ts";
import { ABSENT, Records } from "../core/records.ts";
import { ACCEPTED, PASSED_OVER, rejectionAt } from "../core/rejections.ts";
import type { Zone } from "../core/zone.ts";
import { createDecoder } from "../formats/decode.ts";
import { OWN_SERIES_ONLY } from "../formats/format.ts";
import type { NewRecord } from "../log/log.ts";
import type { LookInto, RecordFault } from "./records-found.ts";

/** Names kept from one body to the next: they belong to no device, so they are only forgotten now and then. */
const NAMES_MAX = 4096;

/** @param zone of times without one, as the pipeline has it */
export function createLookInto(zone: Zone): LookInto {
  const devices = new Names();
  const boots = new Names();
  const decoder = createDecoder({ series: 0, seriesOf: OWN_SERIES_ONLY, devices, boots, zone });
  const records = new Records();
  const readings = new Readings();
  return (given, faultsMax) => {
    fill(records, given);
    decoder.decode(records, readings);
    if (devices.size > NAMES_MAX) devices.clear();
    if (boots.size > NAMES_MAX) boots.clear();
    let accepted = 0;
    let rejected = 0;
    for (let row = 0; row < readings.count; row++) {
      if (readings.rejection[row] === ACCEPTED) accepted++;
      else if (readings.rejection[row] !== PASSED_OVER) rejected++;
    }
    const faults = rejected === 0 ? [] : faultsOf(records, readings, faultsMax);
    return { readings: accepted, rejected, faults };
  };
}

/** Records without keys, which say nothing of whether a value is a reading. Without times too: the log gives them theirs. */
function fill(records: Records, given: readonly NewRecord[]): void {
  records.reserve(given.length);
  const bytes = commonBytes(given);
  records.data = bytes ?? Buffer.concat(given.map(({ value }) => value));
  records.count = given.length;
  let at = 0;
  for (const [i, { value }] of given.entries()) {
    records.valueStart[i] = bytes === null ? at : value.byteOffset;
    records.valueEnd[i] = records.valueStart[i] + value.length;
    records.timestamp[i] = 0;
    at += value.length;
  }
  records.keyStart.fill(ABSENT, 0, given.length);
  records.keyEnd.fill(ABSENT, 0, given.length);
  records.keyless = true;
}

/** The bytes that all values are views of, whole; null when they have not the same. */
function commonBytes(given: readonly NewRecord[]): Uint8Array | null {
  const { buffer } = given[0].value;
  return given.every(({ value }) => value.buffer === buffer) ? new Uint8Array(buffer) : null;
}

/** The first refusals, in the order of the records: the first rows of records, and between them the further ones. */
function faultsOf(records: Records, { count, rejection, origins }: Readings, faultsMax: number): RecordFault[] {
  const faults: RecordFault[] = [];
  const look = (row: number, record: number): void => {
    if (rejection[row] === ACCEPTED || rejection[row] === PASSED_OVER || faults.length >= faultsMax) return;
    const start = origins?.start[row] ?? ABSENT;
    const at = start === ABSENT ? 0 : start - records.valueStart[record];
    const { code, text } = rejectionAt(rejection[row]);
    faults.push({ record, at, code, reason: text });
  };
  let further = records.count;
  for (let record = 0; record < records.count && faults.length < faultsMax; record++) {
    look(record, record);
    while (further < count && origins?.record[further] === record) look(further++, record);
  }
  return faults;
}
