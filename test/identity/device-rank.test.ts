/** Devices in the order of a number, resident or not, new or stored, while others come and are evicted: as all of them sorted. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import type { RankQuery } from "../../src/identity/device-directory.ts";
import { Identities, type KnownDevice } from "../../src/identity/identities.ts";
import { Database } from "../../src/store/database.ts";

const SENSOR = 3;
const NUMBERS = ["readings", "late", "lastTime", "lastValue", "lastHeard", "conflicts"] as const;

/** Devices of two sensors, of which few stay in memory. */
class Many {
  readonly #directory = mkdtempSync(join(tmpdir(), "tidemark-rank-"));
  readonly #db = Database.open(this.#directory);
  readonly identities = new Identities(this.#db, {
    residentDevices: 200,
    bootNames: 100,
    seenBytes: 1e6,
    rememberedValues: 10,
  });

  count(device: number, time: number, value: number, late: boolean): void {
    const name = Buffer.from(`device-${device}`);
    const { deviceNames, devices } = this.identities;
    for (const sensor of [SENSOR, 4]) {
      const slot = deviceNames.intern(sensor, name, 0, name.length);
      if (!devices.isLoaded(slot)) devices.load(slot);
      devices.count(slot, time, value, late);
      devices.touch(slot);
    }
  }

  commit(): void {
    this.#db.begin();
    for (const _ of this.identities.write()) {
      // in one go
    }
    this.#db.commit();
    this.identities.committed();
    for (const _ of this.identities.evict()) {
      // in one go
    }
  }

  /** In order of a number, from the list by name. */
  sorted({ by, after, limit }: RankQuery): KnownDevice[] {
    const all = this.identities.listDevices(SENSOR, null, 1e6);
    const value = (device: KnownDevice): number => device[by] ?? Number.NEGATIVE_INFINITY;
    all.sort((a, b) => value(b) - value(a) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
    return all.slice(1 + all.findIndex(({ name }) => name === after)).slice(0, limit);
  }

  ranked(query: RankQuery, between: () => void = () => {}): KnownDevice[] {
    const looking = this.identities.rankDevices(SENSOR, query);
    for (;;) {
      const { done, value } = looking.next();
      if (done === true) return value;
      between();
    }
  }

  close(): void {
    this.#db.close();
    rmSync(this.#directory, { recursive: true });
  }
}

test("devices are ranked as all of them are sorted, in parts, whether they are resident, evicted or new", (context) => {
  const many = new Many();
  context.after(() => many.close());
  const random = new Random(4);
  for (let round = 0; round < 12; round++) {
    for (let i = 0; i < 300; i++) {
      many.count(random.integer(0, 1500), random.integer(0, 1e6), random.integer(0, 9), random.chance(0.3));
    }
    if (round % 3 !== 1) many.commit();
    for (const by of NUMBERS) {
      const [all, limit] = [many.sorted({ by, limit: 1e6 }), random.integer(1, 400)];
      assert.ok(all.length > 250);
      const found: KnownDevice[] = [];
      for (let after: string | undefined; ; ) {
        const part = many.ranked({ by, limit, ...(after === undefined ? {} : { after }) });
        found.push(...part);
        if (part.length < limit) break;
        after = part[part.length - 1].name;
      }
      assert.deepEqual(found, all, `${by}, ${limit} at a time, round ${round}`);
      assert.deepEqual(many.ranked({ by, limit: 3, after: "nobody" }), all.slice(0, 3));
    }
  }
  assert.ok(
    many.identities.devices.slotsOf.get(SENSOR)?.length !== many.identities.devicesOf(SENSOR),
    "some were evicted",
  );
});

test("devices that are evicted, loaded and made while they are looked through are found, and none twice", (context) => {
  const many = new Many();
  context.after(() => many.close());
  const random = new Random(5);
  for (let device = 0; device < 2000; device++) many.count(device, device, 1, false);
  many.commit();
  for (let round = 0; round < 20; round++) {
    const found = many.ranked({ by: "lastTime", limit: 2500 }, () => {
      for (let i = 0; i < 150; i++) many.count(random.integer(0, 2000 + round), 0, 1, false);
      if (random.chance(0.5)) many.commit();
    });
    const names = new Set(found.map(({ name }) => name));
    assert.equal(names.size, found.length, "a device is there twice");
    for (let device = 0; device < 2000; device++) assert.ok(names.has(`device-${device}`), `device ${device}`);
  }
});
