/** Compares the lists of quarantined readings and rejected records with what the log comes to. Rows that were dealt with are in neither. */
import type { State } from "../pipeline/state.ts";
import type { Database } from "../store/database.ts";
import type { Tell } from "./differences.ts";
import type { SensorProof } from "./sensor-proof.ts";

/** What the log says of a row. Whether its bytes are the reading alone depends on the batch that it came in. */
const QUARANTINE = ["sensor", "device", "boot", "sequence", "value", "time", "reason", "identity"];
const REJECTION = ["sensor", "partition", "offset", "reading", "code", "key", "bytes", "length", "append_time"];

/** Each stored row must be one of the recomputed ones, where the log holds all. */
export function compareUncounted(stored: Database, state: State, proofs: readonly SensorProof[], tell: Tell): void {
  for (const proof of proofs) {
    if (!proof.isWhole || proof.isOlder || proof.causes.passedOver > 0) continue;
    const { id, name } = proof.sensor;
    for (const table of ["quarantine", "rejection"] as const) {
      // Judged by the host's clock: then, and not now.
      if (table === "quarantine" && !(proof.isClockKnown && proof.isOrdered)) continue;
      const timed = table === "quarantine" ? "judged_against" : "timestamp";
      const columns = [
        ...(table === "quarantine" ? QUARANTINE : REJECTION),
        ...(proof.isClockKnown ? [timed] : []),
      ].join(", ");
      const own = stored.prepare(`SELECT id, ${columns} FROM ${table} WHERE sensor=? ORDER BY id`);
      const rows = state.db.prepare(`SELECT ${columns} FROM ${table} WHERE sensor=?`).all(id);
      const known = Map.groupBy(rows, textOf);
      for (const { id: number, ...row } of own.iterate(id)) {
        const text = textOf(row);
        const left = known.get(text);
        if (left !== undefined && left.length > 0) {
          left.pop();
          continue;
        }
        const what = `row ${number} of table ${table}`;
        tell({ proof: "log", sensor: name, what, second: null, stored: text, expected: "none like it, by the log" });
      }
    }
  }
}

function textOf(row: Record<string, unknown>): string {
  return Object.entries(row)
    .map(([name, value]) => `${name} ${value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value}`)
    .join(", ");
}
