/** What a door finds in records before they are in the log is what becomes of them when they are read from it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openZone } from "../../src/core/zone.ts";
import { recordsOfBody } from "../../src/doors/body.ts";
import { createLookInto } from "../../src/doors/look-into.ts";
import { lookInSlices } from "../../src/doors/records-found.ts";
import type { NewRecord } from "../../src/log/log.ts";
import { Payloads } from "../formats/payloads.ts";
import { reference } from "../formats/reference.ts";

const ZONE = "Europe/Berlin";
const lookInto = createLookInto(openZone(ZONE));

const bodyOf = (text: string): NewRecord[] => recordsOfBody("t", Buffer.from(text), undefined, 1000);

test("readings and refusals are counted, the first ones with where they stand", () => {
  assert.deepEqual(lookInto(bodyOf('21\n22\n{"value":23}'), 10), { readings: 3, rejected: 0, faults: [] });
  const mixed = '[{"value":1},\n{"value":"x"},\n{"value":3}]';
  const { readings, rejected, faults } = lookInto(bodyOf(`7\nabc\n${mixed}`), 10);
  assert.deepEqual([readings, rejected], [3, 2]);
  assert.deepEqual(
    faults.map(({ record, at, code }) => [record, at, code]),
    [
      [1, 0, "not-a-number"],
      [2, mixed.indexOf('{"value":"x"'), "not-a-number"],
    ],
  );
  assert.deepEqual(lookInto(bodyOf("x\ny\nz"), 2).faults.length, 2);
});

test("in slices it finds what it finds in all records at once", async () => {
  const lines = Array.from({ length: 30_000 }, (_, i) => (i % 5001 === 5000 ? "x" : `${i}`));
  const records = recordsOfBody("t", Buffer.from(lines.join("\n")), undefined, 30_000);
  for (const faultsMax of [0, 3, 10]) {
    assert.deepEqual(await lookInSlices(lookInto, records, faultsMax), lookInto(records, faultsMax));
  }
});

test("values that are views of different bytes", () => {
  const found = lookInto([{ value: new Uint8Array([55]) }, { value: new Uint8Array([120]) }], 10);
  assert.deepEqual([found.readings, found.faults.map(({ record, at }) => [record, at])], [1, [[1, 0]]]);
});

test("it says what the reference says, over thousands of records and devices", () => {
  const payloads = new Payloads(11);
  const { random } = payloads;
  let [accepted, refused] = [0, 0];
  for (let round = 0; round < 60; round++) {
    const producer = payloads.producer();
    const oddity = random.pick([0, 0.1, 0.5]);
    const records = Array.from({ length: random.integer(1, 120) }, (_, i) => ({
      value: Buffer.from(random.chance(0.2) ? payloads.several(producer, oddity) : payloads.object(producer, oddity)),
      key: Buffer.from(`device-${round}-${i}`),
    }));
    const expected = records.map(({ value }) => reference(value, 0, ZONE));
    const found = lookInto(records, Number.POSITIVE_INFINITY);
    const faults = expected.flatMap((each, record) =>
      each.flatMap((outcome) => (typeof outcome === "string" ? [[record, outcome]] : [])),
    );
    assert.deepEqual(
      found.faults.map(({ record, code }) => [record, code]),
      faults,
    );
    assert.equal(found.readings, expected.flat().length - faults.length);
    accepted += found.readings;
    refused += found.rejected;
  }
  assert.ok(accepted > 1000 && refused > 100, `${accepted} and ${refused}`);
});
