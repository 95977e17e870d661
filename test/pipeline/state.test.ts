/** The one transaction: a commit that fails anywhere changes nothing, and what a restart finds is what was committed. No log, no clock that moves. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock } from "../../src/core/clock.ts";
import { Random } from "../../src/core/random.ts";
import { ABSENT, Records } from "../../src/core/records.ts";
import { openZone } from "../../src/core/zone.ts";
import { BOUNDS, type Bounds } from "../../src/pipeline/bounds.ts";
import { Ingest } from "../../src/pipeline/ingest.ts";
import { State } from "../../src/pipeline/state.ts";
import { Database } from "../../src/store/database.ts";
import { fillDisk } from "./full-disk.ts";

const NOW = Date.UTC(2026, 4, 1, 12);

/** A state that is fed by hand. */
class Fed {
  readonly db: Database;
  readonly state: State;
  readonly #ingest: Ingest;
  readonly clock = new ManualClock(NOW);

  constructor(directory: string, bounds: Partial<Bounds> = {}) {
    this.db = Database.open(directory);
    this.state = new State(this.db, { ...BOUNDS, ...bounds });
    this.#ingest = new Ingest(this.state, { clock: this.clock, zone: openZone("UTC"), clockAheadMs: 300_000 });
  }

  totals(sensor: string) {
    return this.state.sensors.open(sensor).totals.snapshot();
  }

  take(name: string, ...payloads: unknown[]): void {
    const values = payloads.map((payload) =>
      Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload)),
    );
    const source = this.state.openTopic({ name, id: `id-${name}`, partitions: [0] });
    const [partition] = source.partitions;
    const records = new Records(values.length);
    records.data = Buffer.concat(values);
    records.count = values.length;
    let at = 0;
    for (const [i, value] of values.entries()) {
      records.offset[i] = partition.next + i;
      records.timestamp[i] = NOW;
      records.keyStart[i] = ABSENT;
      records.valueStart[i] = at;
      at += value.length;
      records.valueEnd[i] = at;
    }
    this.#ingest.take(records, source, partition);
    partition.next += values.length;
  }

  async commitFails(change: "INSERT" | "UPDATE" | "DELETE", table: string): Promise<void> {
    const disk = fillDisk(this.db, change, table);
    await assert.rejects(this.state.commit(), { code: "disk-full" });
    disk.free();
  }
}

async function withDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-state-"));
  try {
    await body(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Every table that a commit writes to. */
const TABLES = [
  ["INSERT", "page"],
  ["INSERT", "seen"],
  ["INSERT", "seen_id"],
  ["INSERT", "boot"],
  ["INSERT", "quarantine"],
  ["INSERT", "rejection"],
  ["INSERT", "device"],
  ["INSERT", "device_series"],
  ["INSERT", "delta"],
  ["UPDATE", "sensor"],
  ["INSERT", "position"],
  ["INSERT", "setting"],
] as const;

for (const residentDevices of [50, 1000]) {
  test(`a commit that fails in any table can be made again, and a restart knows every identity: ${residentDevices} resident devices`, () =>
    withDirectory(async (directory) => {
      const random = new Random(5);
      const fed = new Fed(join(directory, "data"), { residentDevices, seenBytes: 4000 });
      const sent: object[] = [];
      const send = (reading: object) => {
        sent.push(reading);
        fed.take("temperature", reading);
      };
      const next = Array.from({ length: 60 }, () => 0);
      const failed = new Set<string>();
      // Three sweeps: by then every delta of the first was dropped.
      for (let round = 0; round < 110; round++) {
        const time = NOW - 1_000_000 + round * 1000;
        for (let i = 0; i < 8; i++) {
          const device = random.integer(0, Math.min(59, 10 + round));
          const boot = random.chance(0.5) ? `b${random.integer(0, 2)}` : null;
          const sequence = (next[device] += random.chance(0.1) ? 3000 : 1);
          const id = random.chance(0.1) ? { id: `${round}-${i}` } : {};
          const ahead = random.chance(0.03) ? 10_000_000 : 0;
          send({ device: `d${device}`, boot, sequence, time: time + ahead, value: round, ...id });
        }
        // Two of which nothing is heard after their next commit: of the one a row says all, of the other a delta.
        send({ device: `quiet ${round}`, sequence: 1, time, value: 1 });
        if (round > 0) send({ device: `quiet ${round - 1}`, sequence: 40, time, value: 1 });
        fed.take("temperature", "refused");
        const [change, table] = TABLES[round % TABLES.length];
        const disk = fillDisk(fed.db, change, table);
        try {
          await fed.state.commit();
        } catch (error) {
          assert.match(String(error), /full/);
          failed.add(table);
        }
        disk.free();
        if (round % 3 === 0) continue;
        await fed.state.commit();
        if (round % 7 > 0 && round < 109) continue;
        // As a killed process leaves it.
        cpSync(join(directory, "data"), join(directory, `${round}`), { recursive: true });
        const again = new Fed(join(directory, `${round}`));
        const before = again.totals("temperature");
        assert.deepEqual(before, fed.totals("temperature"));
        assert.equal(before.counted + before.quarantined, sent.length);
        again.take("temperature", ...sent);
        const after = again.totals("temperature");
        assert.equal(after.duplicates, before.duplicates + sent.length, `round ${round}`);
        again.db.close();
      }
      assert.equal(failed.size, TABLES.length, [...failed].join());
      fed.db.close();
    }));
}

test("rejections past the bound: the oldest go, counted once by sensor, whatever a commit comes to", () =>
  withDirectory(async (directory) => {
    const fed = new Fed(directory, { rejectionRows: 5 });
    fed.take("temperature", ..."abcd");
    await fed.state.commit();
    fed.take("humidity", ..."efgh");
    await fed.commitFails("INSERT", "rejection");
    await fed.commitFails("DELETE", "rejection");
    await fed.commitFails("INSERT", "setting");
    await fed.state.commit();
    const listed = () => fed.state.rejections.list(undefined, 0, 100).map(({ bytes }) => String(Buffer.from(bytes)));
    assert.deepEqual(listed(), [..."defgh"]);
    assert.equal(fed.totals("temperature").rejectionsDropped, 3);
    assert.equal(fed.totals("humidity").rejectionsDropped, 0);
    // More at once than there is room for.
    fed.take("humidity", ..."ijklmnop");
    await fed.commitFails("UPDATE", "sensor");
    await fed.state.commit();
    assert.deepEqual(listed(), [..."lmnop"]);
    assert.equal(fed.totals("temperature").rejectionsDropped, 4);
    assert.equal(fed.totals("humidity").rejectionsDropped, 7);
    assert.equal(fed.state.rejections.size, 5);
    fed.db.close();
    const again = new Fed(directory, { rejectionRows: 5 });
    assert.equal(again.state.rejections.size, 5);
    assert.equal(again.totals("humidity").rejectionsDropped, 7);
    again.db.close();
  }));

test("the quarantine's bound counts what waits and what is dealt with", () =>
  withDirectory(async (directory) => {
    const fed = new Fed(directory, { quarantineRows: 3 });
    const ahead = (sequence: number) => ({ device: "d", sequence, time: NOW + 1e9, value: 1 });
    fed.take("temperature", ahead(0), ahead(1), ahead(2), ahead(3));
    assert.equal(fed.totals("temperature").quarantineDropped, 1);
    await fed.state.commit();
    fed.state.quarantine.remove(1);
    await fed.commitFails("DELETE", "quarantine");
    fed.take("temperature", ahead(4), ahead(5));
    assert.equal(fed.totals("temperature").quarantineDropped, 2);
    await fed.state.commit();
    assert.deepEqual(
      fed.state.quarantine.list(undefined, 0, 10).map(({ sequence }) => sequence),
      [1, 2, 4],
    );
    fed.db.close();
  }));

test("devices that send nothing new are told after a restart as before it", () =>
  withDirectory(async (directory) => {
    const fed = new Fed(directory);
    const repeated = { device: "stuck", sequence: 5, time: NOW, value: 1 };
    fed.take("temperature", repeated, { ...repeated, device: "other" });
    await fed.state.commit();
    // Only deltas say so: no row is as new.
    for (let i = 0; i < 100; i++) fed.take("temperature", repeated, { ...repeated, device: "other" });
    await fed.state.commit();
    fed.take("temperature", { ...repeated, device: "other", sequence: 6 });
    await fed.state.commit();
    assert.equal(fed.state.identities.devices.stuck.get(1), 1);
    fed.db.close();
    const again = new Fed(directory);
    assert.equal(again.state.identities.devices.stuck.get(1), 1);
    again.take("temperature", { ...repeated, sequence: 6 });
    assert.equal(again.state.identities.devices.stuck.get(1), 0);
    again.db.close();
  }));

test("a device that starts anew and anew without saying so: its readings are told by their times, however they came to be stored", () =>
  withDirectory(async (directory) => {
    const fed = new Fed(directory);
    const starts = 200;
    const at = (device: number, start: number, sequence: number) => {
      return { device: `d${device}`, sequence, time: NOW - 1e8 + start * 1e4 + sequence, value: 1 };
    };
    let looked = 0;
    for (let start = 0; start < starts; start++) {
      for (let device = 0; device < 10; device++) {
        fed.take("temperature", at(device, start, 0), at(device, start, 1));
        // Older ones are looked up from some time on: what is at hand, what waits and what is stored must say the same.
        if (start < 20 * device + 5 || start % 5 > 0) continue;
        looked += 3;
        for (const back of [1, 2, 20]) {
          const older = Math.max(0, start - back);
          fed.take("temperature", at(device, older, 0), at(device, older, 10 + start));
        }
      }
      if (start % 37 === 0) await fed.state.commit();
    }
    await fed.state.commit();
    const { counted, duplicates } = fed.totals("temperature");
    assert.deepEqual([counted, duplicates], [20 * starts + looked, looked]);
    fed.db.close();
    const again = new Fed(directory);
    for (let start = 0; start < starts; start++) {
      for (let device = 0; device < 10; device++) again.take("temperature", at(device, start, 1), at(device, start, 0));
    }
    assert.equal(again.totals("temperature").duplicates, looked + 20 * starts);
    again.db.close();
  }));

test("rejections without bytes fill the memory too: a commit is due", () =>
  withDirectory(async (directory) => {
    const fed = new Fed(directory, { waitingBytes: 50_000, waitingBytesSeries: 0 });
    fed.take("temperature", ...Array.from({ length: 200 }, () => ""));
    assert.equal(fed.state.isFull, false);
    fed.take("temperature", ...Array.from({ length: 200 }, () => ""));
    assert.equal(fed.state.isFull, true);
    fed.db.close();
  }));

test("duplicates of any age are looked up within the bound of the seen blocks, between commits too", () =>
  withDirectory(async (directory) => {
    const fed = new Fed(directory, { seenBytes: 20_000 });
    const old = (boot: number) => ({ device: "d", boot: `b${boot}`, sequence: 1, time: NOW, value: 1 });
    for (let boot = 0; boot < 1000; boot++) fed.take("temperature", old(boot));
    await fed.state.commit();
    for (let boot = 0; boot < 1000; boot++) {
      fed.take("temperature", old(boot));
      assert.ok(fed.state.identities.cachedBytes <= 20_200, `${fed.state.identities.cachedBytes}`);
    }
    assert.equal(fed.totals("temperature").duplicates, 1000);
    fed.db.close();
  }));

test("names that only refused records used are let go at a commit, the others stay", () =>
  withDirectory(async (directory) => {
    const fed = new Fed(directory, { residentDevices: 3 });
    const { deviceNames } = fed.state.identities;
    for (let round = 0; round < 5; round++) {
      for (const name of ["x", `refused ${round}`]) deviceNames.intern(1, Buffer.from(name), 0, name.length);
      fed.take("temperature", { device: `d${round}`, sequence: 1, time: NOW, value: 1 });
      await fed.state.commit();
      assert.equal(deviceNames.size, Math.min(round + 1, 3));
    }
    assert.equal(fed.state.identities.devices.known.get(1), 5);
    fed.db.close();
  }));

test("a recreated topic is stored as a whole: no partition of it keeps the position of its former life", () =>
  withDirectory(async (directory) => {
    const fed = new Fed(directory);
    const [a, b] = fed.state.openTopic({ name: "temperature", id: "first", partitions: [0, 1] }).partitions;
    [a.next, b.next] = [7, 8];
    await fed.state.commit();
    fed.state.openTopic({ name: "temperature", id: "second", partitions: [0, 1] }).partitions[0].next = 3;
    assert.equal(fed.state.hasChanged, true);
    await fed.state.commit();
    assert.equal(fed.state.hasChanged, false);
    fed.db.close();
    const again = new Fed(directory);
    assert.deepEqual(
      [...again.state.sources.partitions()].map(({ topicId, next }) => [topicId, next]),
      [
        ["second", 3],
        ["second", 0],
      ],
    );
    again.db.close();
  }));
