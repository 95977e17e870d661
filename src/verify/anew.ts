/**
 * Where the log holds all that was ever taken in, what was recomputed of it takes the place of all that it tells: of rows that are no pages nothing else
 * says which of two that differ is right. In one transaction; the history as it was is kept.
 */
import { closeSync, existsSync, fsyncSync, openSync } from "node:fs";
import { join } from "node:path";
import type { State } from "../pipeline/state.ts";
import { Database } from "../store/database.ts";
import type { Reach } from "./recomputation.ts";
import type { SensorProof } from "./sensor-proof.ts";

/** What it rests on. */
interface Ground {
  /** Recomputed; null: nothing was. */
  readonly state: State | null;
  readonly reaches: readonly Reach[];
  readonly proofs: readonly SensorProof[];
  /** Readings that the pages of each sensor hold; of one that is not in it some cannot be read. */
  readonly held: ReadonlyMap<string, number>;
  readonly isOlder: boolean;
}

/** Why a history cannot be made anew of its log without losing something that only it knows; null: it can. */
export function obstacleOf({ state, reaches, proofs, held, isOlder }: Ground): string | null {
  if (isOlder) return "parts of the history are of an older version";
  for (const reach of reaches) {
    const obstacle = obstacleOfReach(reach);
    if (obstacle !== null) return obstacle;
  }
  if (state === null) return "no log could be read";
  const known = new Set(proofs.map(({ sensor }) => sensor.name));
  for (const { name, totals } of state.sensors.list()) {
    if (!known.has(name) && totals.received > 0) return `the history has no sensor "${name}", which the log has`;
  }
  for (const { sensor, isClockKnown } of proofs) {
    const { totals, name } = sensor;
    if (totals.released > 0) return `readings of "${name}" were released, which the log does not know`;
    if (totals.expired > 0) return `readings of "${name}" were deleted by --keep, which the log does not know`;
    if (totals.cutRecords > 0) return `the log of "${name}" was cut back below what was read`;
    if (!isClockKnown && totals.quarantined > 0) return `readings of "${name}" were held back by the clock of the host`;
  }
  // Where the log holds more than was read, by the stored positions, all of it is read before that is said.
  const isRead = reaches.every(({ position, logEnd }) => position.next === logEnd);
  return isRead ? lossOf(state, proofs, held) : null;
}

/** What the pages hold that would be lost; null: nothing. */
export function lossOf(state: State, proofs: readonly SensorProof[], held: ReadonlyMap<string, number>): string | null {
  for (const { name } of proofs.map(({ sensor }) => sensor)) {
    const totals = state.sensors.find(name)?.totals;
    const lost = (held.get(name) ?? 0) - ((totals?.counted ?? 0) - (totals?.deleted ?? 0));
    if (lost > 0) return `the pages of "${name}" hold ${lost} readings more than the log`;
  }
  return null;
}

function obstacleOfReach({ position, span, logEnd, topicId, isWhole, isTimed, damaged }: Reach): string | null {
  const { topic, partition, next, isLaterLife } = position;
  const place = `"${topic}" partition ${partition}`;
  if (topicId === null || logEnd === null) return `the log does not have ${place}`;
  if (span === null || isLaterLife) return `the log has another topic "${topic}" than all was read of`;
  if (damaged.length > 0) return `the log of ${place} is damaged`;
  if (span.start > 0) return `the log holds ${place} from offset ${span.start} on only`;
  if (!isWhole) return `the log holds ${place} up to offset ${logEnd} only, ${next} had been taken in`;
  return isTimed ? null : `records of ${place} have no time, and got that of their first reading`;
}

/** Tables that the log does not tell: corrections, and of the settings all but these numbers. */
const KEPT: readonly string[] = ["correction", "setting"];
const NUMBERS = "('last-delta', 'quarantine-last-id', 'rejection-last-id')";

/** Where in the directory for what is recomputed the history is that takes the place of the stored one. */
export function anewIn(scratch: string): string {
  return join(scratch, "anew");
}

/**
 * Only for a directory that this process owns. @param scratch the directory for what is recomputed
 * @returns the file with the history as it was
 * @throws TidemarkError "history-corrupt", "disk-full"; nothing is changed then
 */
export function replaceByLog(directory: string, scratch: string): string {
  const db = Database.open(directory);
  try {
    const file = keepAll(directory, db);
    const run = (sql: string): void => db.guarded(() => void db.prepare(sql).run());
    db.prepare("ATTACH ? AS anew").run(join(anewIn(scratch), "history.db"));
    db.begin();
    for (const { name, sql } of db.prepare("SELECT name, sql FROM anew.sqlite_schema WHERE type='table'").all()) {
      if (KEPT.includes(String(name))) continue;
      // One of an earlier day lacks those that came since.
      run(String(sql).replace(/^CREATE TABLE (IF NOT EXISTS )?/, "CREATE TABLE IF NOT EXISTS main."));
      const columns = db
        .prepare("SELECT name FROM pragma_table_info(?, 'anew')")
        .all(String(name))
        .map((column) => `"${column.name}"`)
        .join(", ");
      run(`DELETE FROM main."${name}"`);
      run(`INSERT INTO main."${name}"(${columns}) SELECT ${columns} FROM anew."${name}"`);
    }
    run(`DELETE FROM main.setting WHERE name IN ${NUMBERS}`);
    run(`INSERT INTO main.setting SELECT * FROM anew.setting WHERE name IN ${NUMBERS}`);
    db.commit();
    return file;
  } finally {
    db.close();
  }
}

/** A copy of all that is there now, durable. */
function keepAll(directory: string, db: Database): string {
  let number = 1;
  const nameOf = (): string => join(directory, `history.repaired-${number}.db`);
  while (existsSync(nameOf())) number++;
  const path = nameOf();
  db.guarded(() => void db.prepare("VACUUM INTO ?").run(path));
  const file = openSync(path, "r+");
  fsyncSync(file);
  closeSync(file);
  return path;
}
