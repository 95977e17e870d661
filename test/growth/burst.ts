/** Growth example, a payload format of many readings a record: `~21.5,21.6,21.7`, one reading a second, the last one at the record's time. */
import type { Batch, Format } from "../../src/formats/format.ts";

/** The format of bursts. */
export const burst: Format = {
  name: "burst",
  firstBytes: [126], // ~
  create: (batch) => ({ decode: (record) => decodeBurst(batch, record) }),
};

function decodeBurst(batch: Batch, record: number): number {
  const { records, readings } = batch;
  const texts = batch.text(records.valueStart[record] + 1, records.valueEnd[record]).split(",");
  for (const [index, text] of texts.entries()) {
    const row = index === 0 ? record : batch.addRow(record);
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value)) {
      batch.reject(row, "not-a-number");
      continue;
    }
    readings.value[row] = value;
    readings.time[row] = records.timestamp[record] - (texts.length - 1 - index) * 1000;
    batch.nameDeviceByKey(row);
  }
  return record + 1;
}
