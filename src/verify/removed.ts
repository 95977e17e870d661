/** Checks what deletions hold: each level above the seconds, and as many readings as the sensor's totals say. */
import { ALL_DEVICES, type RemovedSeries } from "../pipeline/removed.ts";
import type { Database } from "../store/database.ts";
import { Climb } from "./climb.ts";
import type { Tell } from "./differences.ts";
import type { StoredSensor } from "./stored.ts";

/** Readings that deletions hold of a device. */
export interface Held {
  count: number;
  late: number;
}

/** What is checked. */
interface RemovedCheck {
  readonly db: Database;
  readonly sensor: StoredSensor;
  readonly changed: ReadonlyMap<number, Uint8Array | null>;
  readonly repairs: Map<number, Uint8Array | null>;
  readonly tell: Tell;
}

/** Of all sensors; none where it was made before there were any. */
export function storedRemoved(db: Database): RemovedSeries[] {
  if (db.prepare("SELECT 1 FROM sqlite_schema WHERE name='removed'").get() === undefined) return [];
  return db
    .prepare("SELECT series, correction, sensor, device FROM removed ORDER BY series")
    .all()
    .map(({ series, correction, sensor, device }) => {
      const [number, of, by, whose] = [series, sensor, correction, device].map(Number);
      return { series: number, sensor: of, correction: by, device: whose };
    });
}

/** Yields after each page of seconds. @returns what is held, by the number of the device; null where pages cannot be read */
export function* checkRemoved(
  { db, sensor, changed, repairs, tell }: RemovedCheck,
  removed: readonly RemovedSeries[],
): Generator<void, ReadonlyMap<number, Held> | null> {
  const held = new Map<number, Held>();
  let isWhole = true;
  for (const { series, correction, device } of removed) {
    const climb = new Climb(
      db,
      { id: series, name: `${sensor.name}", deleted by correction "${correction}` },
      changed,
      tell,
    );
    yield* climb.run();
    for (const [key, bytes] of climb.repairs) repairs.set(key, bytes);
    if (climb.total === null) isWhole = false;
    const known = held.get(device) ?? { count: 0, late: 0 };
    known.count += climb.total?.count ?? 0;
    known.late += climb.total?.late ?? 0;
    held.set(device, known);
  }
  if (!isWhole) return null;
  const { deleted, keptSince } = sensor.totals;
  const all = held.get(ALL_DEVICES)?.count ?? 0;
  // Of what is not kept any more nothing is held.
  if (keptSince === Number.NEGATIVE_INFINITY ? deleted !== all : deleted < all) {
    const [stored, expected] = [`${deleted}`, `${all}, by the pages that deletions hold`];
    tell({ proof: "parts", sensor: sensor.name, what: 'total "deleted"', second: null, stored, expected });
  }
  return held;
}
