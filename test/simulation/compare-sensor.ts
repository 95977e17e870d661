/** The totals and the lists of a sensor against the oracle's. */
import assert from "node:assert/strict";
import type { SensorStatus } from "../../src/engine/engine.ts";
import type { Pipeline } from "../../src/pipeline/pipeline.ts";
import type { Oracle } from "../oracle/oracle.ts";
import { countsText, heldText, rejectionText, textOf } from "./events.ts";

const LIST_MAX = 1_000_000;

/** @param sensor the name that it had first */
export function compareSensor(oracle: Oracle, sensor: string, { totals, identities }: SensorStatus): void {
  const { received, counted, duplicates, quarantined, rejected, conflicts } = totals;
  const sum = counted + duplicates + quarantined + rejected;
  assert.ok(received === sum, `the receipt of "${sensor}" does not add up: ${received}, not ${sum}`);
  const expected = oracle.totals(sensor);
  assert.ok(conflicts <= expected.conflicts, `conflicts of "${sensor}": ${conflicts} of ${expected.conflicts}`);
  const { explicit, sequence, offset } = expected.identities;
  const isSame = identities.explicit === explicit && identities.sequence === sequence && identities.offset === offset;
  assert.ok(
    isSame,
    `identities of "${sensor}": ${JSON.stringify(identities)}, not ${explicit}, ${sequence}, ${offset}`,
  );
}

/** What is held back, and what was rejected. */
export function compareLists(oracle: Oracle, sensor: string, pipeline: Pipeline): void {
  const held = pipeline.listQuarantine({ sensor, limit: LIST_MAX }).items.map(heldText);
  const wantedHeld = oracle.quarantine.filter(({ arrival }) => arrival.sensor === sensor).map(heldText);
  assert.deepEqual(held, wantedHeld, `what is held back of "${sensor}"`);
  const rejections = pipeline.listRejections({ sensor, limit: LIST_MAX }).items;
  const rows = rejections.map(({ partition, offset, code }) => `${partition} ${offset} ${code}`);
  const wantedRows = oracle.rejections.filter(({ arrival }) => arrival.sensor === sensor).map(rejectionText);
  assert.deepEqual(rows, wantedRows, `what was rejected of "${sensor}"`);
}

/** Totals and lengths of lists of all sensors. @param rootOf the name that a sensor had first */
export function totalsText(pipeline: Pipeline, rootOf: (name: string) => string): string {
  return textOf(
    pipeline.sensors.list().map(({ name }) => {
      const held = pipeline.listQuarantine({ sensor: name, limit: LIST_MAX }).items.length;
      const listed = pipeline.listRejections({ sensor: name, limit: LIST_MAX }).items.length;
      return `${countsText(rootOf(name), pipeline.status(name))} ${held} ${listed}`;
    }),
  );
}
