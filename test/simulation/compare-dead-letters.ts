/** The quarantine and the rejections of a sensor, row by row. */
import assert from "node:assert/strict";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { Oracle, Quarantined } from "../oracle/oracle.ts";

type Row = Pick<Quarantined, "device" | "boot" | "sequence" | "value" | "time" | "judgedAgainst" | "reason">;

function rowOf({ device, boot, sequence, value, time, judgedAgainst, reason }: Row): Row {
  return { device, boot, sequence, value, time, judgedAgainst, reason };
}

export function compareDeadLetters(pipeline: Pipeline, oracle: Oracle, sensor: string, note: string): void {
  const held = pipeline.listQuarantine({ sensor, limit: 1_000_000 }).items;
  assert.deepEqual(held.map(rowOf), oracle.quarantine.filter((row) => row.arrival.sensor === sensor).map(rowOf), note);
  const refused = pipeline.listRejections({ sensor, limit: 1_000_000 }).items;
  assert.deepEqual(
    refused.map(({ code, partition, offset }) => ({ code, partition, offset })),
    oracle.rejections
      .filter((row) => row.arrival.sensor === sensor)
      .map(({ code, arrival }) => ({ code, partition: arrival.partition, offset: arrival.offset })),
    note,
  );
}
