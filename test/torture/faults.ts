/** What torture and soak do to a running server, besides kill -9: power is lost, its disk is full or fails, its clock is set, it stands still, its broker is killed. */
import type { Seeded } from "../oracle/seeded.ts";
import { type Disk, NEEDS_COMPILER } from "../simulation/disk.ts";
import { RENAME, SYNC, WRITE } from "../simulation/power-loss.ts";

/**
 * In the middle of commits, or of taking in, it is killed; `power` is a kill after which the disk lacks what was not synced; `stop` is SIGTERM. The others
 * end by themselves, and the process goes on.
 */
export const FAULTS = [
  ...(["commit", "ingest", "power", "stop"] as const),
  ...(["pause", "full-disk", "failing-sync", "failing-beside", "clock", "broker"] as const),
] as const;
export type Fault = (typeof FAULTS)[number];

/** Faults of the disk and the clock that end by themselves. */
export type Passing = "full-disk" | "failing-sync" | "failing-beside" | "clock";

/** The clock is set forward by this and back: further than any reading of a history is ahead by (`clock-offset.ts` judges those anew). */
const CLOCK_S = 3 * 3600;
/** Files beside the databases. */
const BESIDE = ["log.sums", "log.ends", "history.sums", "history.ends", "history.corrections"];

/** Begins a fault. */
export function begin(fault: Passing, disk: Disk, random: Seeded): void {
  if (fault === "clock") disk.setClock(CLOCK_S);
  else if (fault === "full-disk") disk.fail({ what: WRITE, error: "ENOSPC" });
  else if (fault === "failing-sync") disk.fail({ what: SYNC, error: "EIO", part: "log.db" });
  else disk.fail({ what: WRITE | SYNC | RENAME, error: random.pick(["EIO", "ENOSPC"]), part: random.pick(BESIDE) });
}

/** Ends it. */
export function end(disk: Disk): void {
  disk.heal();
  disk.setClock(0);
}

/** Sometimes nearly nothing is lost, sometimes nearly all. @returns sectors and names that were */
export function losePower(disk: Disk, random: Seeded): number {
  const kept = random.next();
  return disk.losePower(() => random.chance(kept));
}

/** Faults that cannot be had here, each with the reason. @param canPreload whether there is a C compiler @param ownBroker whether a broker may be killed */
export function missingFaults(
  log: "embedded" | "kafka",
  canPreload: boolean,
  ownBroker: boolean,
): ReadonlyMap<Fault, string> {
  const missing = new Map<Fault, string>();
  if (!canPreload) {
    const preloaded = ["power", "full-disk", "failing-sync", "failing-beside", "clock"] as const;
    for (const fault of preloaded) missing.set(fault, NEEDS_COMPILER);
  }
  if (log === "embedded") missing.set("broker", "the embedded log has none");
  else {
    missing.set("clock", "what Kafka's producers stamp is judged by the host's clock, which the comparison must know");
    missing.set("failing-sync", "the log is not on this disk");
    if (!ownBroker) missing.set("broker", "only a broker of its own is killed");
  }
  return missing;
}
