/**
 * A made-up format whose records make several readings and name their sensors and devices: what it takes to add one. It is this file's
 * `packet` and its name in a list of formats; nothing else of src/ knows of it.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { IDENTITY_SEQUENCE } from "../../src/core/readings.ts";
import { Records } from "../../src/core/records.ts";
import { openZone } from "../../src/core/zone.ts";
import { FORMATS, Formats } from "../../src/formats/decode.ts";
import type { Batch, Format } from "../../src/formats/format.ts";
import { encodeBatch } from "../../src/log/batch-writer.ts";
import { decodeBatch } from "../../src/log/record-batch.ts";
import { Ingest } from "../../src/pipeline/ingest.ts";
import { State } from "../../src/pipeline/state.ts";
import { Uncounted } from "../../src/pipeline/uncounted.ts";
import { Database } from "../../src/store/database.ts";

const NOW = Date.UTC(2026, 4, 1, 12);
const EVER = { start: 0, end: 4_000_000_000 };

/** `^TIME sensor/device sequence value|…`: the time stands once, so only the whole record says what one of its readings is. */
const packet: Format = {
  name: "packet",
  firstBytes: [94],
  create: (batch) => ({ decode: (record) => decodePacket(batch, record) }),
};

function decodePacket(batch: Batch, record: number): number {
  const { records } = batch;
  const text = batch.text(records.valueStart[record] + 1, records.valueEnd[record]);
  const time = Number(text.slice(0, text.indexOf(" ")));
  const entries = text.slice(text.indexOf(" ") + 1).split("|");
  for (const [index, entry] of entries.entries()) {
    decodeEntry(batch, index === 0 ? record : batch.addRow(record), time, entry);
  }
  return record + 1;
}

function decodeEntry(batch: Batch, row: number, time: number, entry: string): void {
  const { readings } = batch;
  const [path, sequence, value] = entry.split(" ");
  const [sensor, device] = path.split("/");
  if (sensor !== "" && !batch.setSensor(row, sensor)) batch.reject(row, "sensor-unknown");
  else if (Number.isNaN(Number(value))) batch.reject(row, "not-a-number");
  else {
    readings.value[row] = Number(value);
    readings.time[row] = time;
    readings.ownTime[row] = 1;
    const name = Buffer.from(device);
    if (device === "") batch.nameDeviceByKey(row);
    else batch.nameDevice(row, new DataView(name.buffer, name.byteOffset, name.length), 0, name.length);
    if (sequence === "-") return;
    readings.identity[row] = IDENTITY_SEQUENCE;
    readings.sequence[row] = Number(sequence);
  }
}

const WITH_PACKETS = new Formats([packet, ...FORMATS.list]);

interface Opened {
  readonly state: State;
  readonly ingest: Ingest;
  /** Takes values in, as records of the topic `gateway`, `size` to a batch. */
  take(values: readonly string[], size?: number): void;
}

function open(directory: string, sensors: readonly string[]): Opened & { db: Database } {
  const db = Database.open(directory);
  const state = new State(db);
  const ingest = new Ingest(state, {
    ...{ clock: new ManualClock(NOW), zone: openZone("UTC"), clockAheadMs: 300_000, formats: WITH_PACKETS },
  });
  for (const sensor of sensors) state.sensors.open(sensor);
  const source = state.openTopic({ name: "gateway", id: "t", partitions: [0] });
  const [partition] = source.partitions;
  const records = new Records();
  const take = (values: readonly string[], size = values.length): void => {
    for (let from = 0; from < values.length; from += size) {
      const part = values.slice(from, from + size);
      const bytes = encodeBatch({
        baseOffset: partition.next,
        records: part.map((value) => ({ value: Buffer.from(value), key: Buffer.from("box") })),
        timestamp: NOW,
      });
      decodeBatch(bytes, 0, bytes.length, 0, records);
      ingest.take(records, source, partition);
      partition.next = records.nextOffset;
    }
  };
  return { db, state, ingest, take };
}

function inDirectory<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-packets-"));
  return body(directory).finally(() => rmSync(directory, { recursive: true }));
}

function summary({ state }: Opened) {
  const of = (name: string) => {
    const series = state.sensors.find(name);
    assert.ok(series);
    const { received, counted, duplicates, quarantined, rejected } = series.totals;
    assert.equal(received, counted + duplicates + quarantined + rejected, name);
    const { count, min, max } = state.history.query(series.id, EVER, { sums: false, quantiles: false }).aggregate;
    assert.equal(count, counted, name);
    const devices = state.identities.devices.slotsOf.get(series.id) ?? [];
    const names = devices.map((slot) => state.identities.deviceNames.text(slot)).sort();
    return { received, counted, duplicates, quarantined, rejected, min, max, devices: names };
  };
  return Object.fromEntries(state.sensors.list().map(({ name }) => [name, of(name)]));
}

const VALUES = [
  `^${NOW - 9000} temperature/kitchen 1 21.5|pressure/roof 1 1013|/ - 7`,
  "8",
  `^${NOW - 9000} pressure/roof 2 1014|temperature/kitchen 1 21.5|temperature/kitchen 2 x|moisture/bed 1 3`,
  `{"device":"kitchen","sequence":1,"value":9}`,
  `^${NOW + 900_000} temperature/kitchen 3 22|temperature/roof 1 -4|pressure/kitchen - 990`,
  `^${NOW - 7000} / - 10`,
];

const EXPECTED = {
  temperature: {
    ...{ received: 5, counted: 1, duplicates: 1, quarantined: 2, rejected: 1, min: 21.5, max: 21.5 },
    devices: ["kitchen", "roof"],
  },
  pressure: {
    ...{ received: 3, counted: 2, duplicates: 0, quarantined: 1, rejected: 0, min: 1013, max: 1014 },
    devices: ["kitchen", "roof"],
  },
  gateway: {
    ...{ received: 5, counted: 4, duplicates: 0, quarantined: 0, rejected: 1, min: 7, max: 10 },
    devices: ["box", "kitchen"],
  },
};

test("records of many readings: each goes to the sensor and the device it names, however the records are cut into batches", () =>
  inDirectory(async (directory) => {
    for (const size of [VALUES.length, 1, 4]) {
      const opened = open(join(directory, String(size)), ["temperature", "pressure"]);
      opened.take(VALUES, size);
      assert.deepEqual(summary(opened), EXPECTED, `batches of ${size}`);
      const refused = opened.state.rejections.list(undefined, 0, 10);
      assert.deepEqual(refused.map(({ code, offset, reading }) => [code, offset, reading]).sort(), [
        ["not-a-number", 2, 2],
        ["sensor-unknown", 2, 3],
      ]);
      assert.deepEqual([...opened.ingest.changed].map(({ name }) => name).sort(), [
        "gateway",
        "pressure",
        "temperature",
      ]);
      opened.db.close();
    }
  }));

test("a refused reading of a record that made others is taken in by itself, once there is its sensor", () =>
  inDirectory(async (directory) => {
    const opened = open(directory, ["temperature", "pressure"]);
    opened.take(VALUES);
    await opened.state.commit();
    const uncounted = new Uncounted(opened.state, opened.ingest);
    const ids = opened.state.rejections.list(undefined, 0, 10).map(({ id }) => id);
    assert.equal((await uncounted.releaseRejections(ids)).count, 0, "nothing can be read that could not be before");
    assert.deepEqual(summary(opened), EXPECTED);
    opened.state.sensors.open("moisture");
    assert.equal((await uncounted.releaseRejections(ids)).count, 1);
    await opened.state.commit();
    assert.deepEqual(summary(opened), {
      ...EXPECTED,
      gateway: { ...EXPECTED.gateway, received: 4, rejected: 0 },
      moisture: {
        ...{ received: 1, counted: 1, duplicates: 0, quarantined: 0, rejected: 0, min: 3, max: 3, devices: ["bed"] },
      },
    });
    opened.db.close();
  }));

test("what is read again after a crash is counted once: of a record that was not committed all, of one that was nothing", () =>
  inDirectory(async (directory) => {
    const before = open(directory, ["temperature", "pressure"]);
    before.take(VALUES.slice(0, 2), 1);
    await before.state.commit();
    before.take(VALUES.slice(2, 4));
    before.db.close(); // without a commit
    const after = open(directory, ["temperature", "pressure"]);
    assert.equal(after.state.sources.find("gateway")?.partitions[0].next, 2);
    after.take(VALUES.slice(2));
    assert.deepEqual(
      Object.fromEntries(Object.entries(summary(after)).map(([name, { devices, ...rest }]) => [name, rest])),
      Object.fromEntries(Object.entries(EXPECTED).map(([name, { devices, ...rest }]) => [name, rest])),
    );
    after.db.close();
  }));
