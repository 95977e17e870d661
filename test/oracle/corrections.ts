/** What people correct in a generated history, and the generator's own truth about it. Part of test/oracle, which imports nothing from src/. */
import type { Asked } from "./deletions.ts";
import type { Seeded } from "./seeded.ts";
import type { Tally } from "./sending.ts";

const DAY_SECONDS = 86_400;
/** Seconds that a deletion reaches over. */
const LENGTHS = [1, 60, 600, 3600, DAY_SECONDS, 30 * DAY_SECONDS];
const OF_A_DEVICE = 0.35;
/** Batches a correction, and the most of them. */
const BATCHES_EACH = 8;
const MOST = 40;

/** What the driver should do before a batch, after its marks. What tidemark refuses, rightly, is not made, and its undo is left out. */
export type Correction = { readonly batch: number } & (
  | ({
      readonly do: "delete" /** Readings that it takes where all before it were made. */;
      readonly takes: number;
    } & Asked)
  /** `to`: a name that was never used. */
  | { readonly do: "rename"; readonly sensor: string; readonly to: string }
  /** Nothing that was made later hinders it. @param of its place in the list */
  | { readonly do: "undo"; readonly of: number }
);

/** A reading that was counted, or a copy of one. */
export interface Known {
  /** The place of its record in the history. */
  readonly arrival: number;
  /** The bytes of its device's name as latin1, where the payload says it; null: elsewhere or nowhere. */
  readonly device: string | null;
  readonly second: number;
  readonly isCopy: boolean;
}

interface Deleted extends Asked {
  readonly place: number;
  /** The first arrival that comes after it; and after its undo. */
  readonly before: number;
  until: number;
}

/** @param known of each sensor, in the order of arrival @param starts the first arrival of each batch */
export function createCorrections(
  { sensors, renames }: { readonly sensors: readonly string[]; readonly renames: boolean },
  known: readonly (readonly Known[])[],
  starts: readonly number[],
  random: Seeded,
  tally: Tally,
): Correction[] {
  const made: Correction[] = [];
  const deleted: Deleted[] = [];
  const renamed = sensors.map((): number[] => []);
  const count = Math.min(MOST, Math.ceil(starts.length / BATCHES_EACH));
  const batches = Array.from({ length: count }, () => random.int(1, starts.length - 1)).sort((a, b) => a - b);
  for (const batch of starts.length > 1 ? batches : []) {
    const number = random.int(0, sensors.length - 1);
    const [sensor, before] = [sensors[number], starts[batch]];
    const came = known[number].filter(({ arrival, isCopy }) => arrival < before && !isCopy);
    const active = deleted.filter(({ until }) => until === Infinity);
    const undoable = active.filter((each) => !active.some((later) => hinders(later, each)));
    const what = random.pick(["delete", "delete", "delete", "undo", renames ? "rename" : "undo"] as const);
    if (what === "rename") {
      const last = renamed[number].at(-1);
      if (last !== undefined && random.chance(0.5)) {
        renamed[number].pop();
        made.push({ batch, do: "undo", of: last });
        tally("correction-rename-undone");
        continue;
      }
      renamed[number].push(made.length);
      made.push({ batch, do: "rename", sensor, to: `${sensor}-${made.length}` });
      tally("correction-rename");
    } else if (what === "undo") {
      if (undoable.length === 0) continue;
      const chosen = random.pick(undoable);
      chosen.until = before;
      made.push({ batch, do: "undo", of: chosen.place });
      tally("correction-undo");
    } else if (came.length > 0) {
      const { device, second } = random.pick(came);
      const isOfDevice = device !== null && random.chance(OF_A_DEVICE);
      const length = random.pick(LENGTHS);
      const start = second - random.int(0, length - 1);
      const deletion = { place: made.length, sensor, device: isOfDevice ? device : null, start, end: start + length };
      const asked = { ...deletion, before, until: Infinity };
      const own = active.filter((each) => each.sensor === sensor);
      const inside = came.filter((reading) => isIn(reading, asked));
      const taken = inside.filter(
        (reading) => !own.some((each) => reading.arrival < each.before && isIn(reading, each)),
      );
      deleted.push(asked);
      made.push({ batch, do: "delete", sensor, device: asked.device, start, end: asked.end, takes: taken.length });
      tally(isOfDevice ? "correction-delete-device" : "correction-delete");
      if (taken.length === 0) tally("correction-takes-nothing");
      if (taken.length < inside.length) tally("correction-over-another");
    }
  }
  for (const { sensor, before, until, ...asked } of deleted) {
    for (const reading of known[sensors.indexOf(sensor)]) {
      if (reading.arrival < before || reading.arrival >= until || !isIn(reading, asked)) continue;
      tally(reading.isCopy ? "copy-of-deleted" : "counted-into-deleted");
    }
  }
  return made;
}

function isIn({ second, device: of }: Known, { start, end, device }: Omit<Asked, "sensor">): boolean {
  return second >= start && second < end && (device === null || device === of);
}

/** Of what a deletion of all devices holds, that of one device cannot be told apart for a later deletion of it. */
function hinders(later: Deleted, first: Deleted): boolean {
  const isSame = later.sensor === first.sensor && later.start < first.end && first.start < later.end;
  return isSame && later.place > first.place && first.device === null && later.device !== null;
}
