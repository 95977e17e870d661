/** Checks what the rows of a history say of each other, whatever the log holds. */
import { messageOf } from "../core/errors.ts";
import { REJECTIONS } from "../core/rejections.ts";
import { sensorNameFault } from "../core/sensor-name.ts";
import { stateFault } from "../identity/device-state.ts";
import { PairBlock } from "../identity/pair-block.ts";
import { SeenBlock } from "../identity/seen-block.ts";
import type { Database } from "../store/database.ts";
import type { Tell } from "./differences.ts";
import { checkRevisions } from "./revisions.ts";

/** Queries that must find nothing: a row of a table, and what is wrong with it. */
const RULES = [
  [
    "front",
    "SELECT topic || '/' || partition AS id FROM front WHERE sensor NOT IN (SELECT id FROM sensor) OR (topic, partition) NOT IN (SELECT topic, partition FROM position)",
    "a sensor and a position that there are",
  ],
  [
    "page",
    "SELECT DISTINCT key / 8589934592 AS id FROM page WHERE key / 8589934592 NOT IN (SELECT id FROM sensor) AND key / 8589934592 < 250000",
    "a sensor of its number",
  ],
  [
    "removed",
    "SELECT DISTINCT key / 8589934592 AS id FROM page WHERE key / 8589934592 BETWEEN 250000 AND 499999 AND key / 8589934592 NOT IN (SELECT series FROM removed)",
    "a correction that holds it",
  ],
  [
    "removed",
    "SELECT series AS id FROM removed WHERE correction NOT IN (SELECT number FROM correction) OR sensor NOT IN (SELECT id FROM sensor) OR (device <> 0 AND device NOT IN (SELECT id FROM device))",
    "a correction, a sensor and a device that there are",
  ],
  [
    "device_series",
    "SELECT s.device AS id FROM device_series s LEFT JOIN device d ON d.id = s.device WHERE d.id IS NULL OR d.sensor <> s.sensor OR length(d.name) = 0 OR (s.series <> s.sensor AND (s.series < 500000 OR s.series >= 1048576))",
    "a device of that sensor, and a number of its own or the sensor's",
  ],
  [
    "page",
    "SELECT DISTINCT key / 8589934592 AS id FROM page WHERE key / 8589934592 >= 500000 AND key / 8589934592 NOT IN (SELECT series FROM device_series)",
    "a device's series of its number",
  ],
  [
    "device_series_revision",
    "SELECT device AS id FROM device_series_revision WHERE device NOT IN (SELECT device FROM device_series) OR forked <= began",
    "a device that has a series, and a fork after its begin",
  ],
  ["page", "SELECT key AS id FROM page WHERE (key / 1073741824) % 8 > 5", "a level from 0 to 5"],
  ["device", "SELECT id FROM device WHERE sensor NOT IN (SELECT id FROM sensor)", "a sensor that there is"],
  ["boot", "SELECT id FROM boot WHERE device NOT IN (SELECT id FROM device)", "a device that there is"],
  [
    "boot",
    "SELECT id FROM boot WHERE name IS NOT NULL AND (ordinal <> 0 OR first_time <> 0 OR last_time <> 0 OR highest <> 0)",
    "zeros in a named boot",
  ],
  ["seen", "SELECT boot AS id FROM seen WHERE boot NOT IN (SELECT id FROM boot)", "a boot that there is"],
  [
    "seen_pair",
    "SELECT scope AS id FROM seen_pair WHERE scope / 1048576 NOT IN (SELECT id FROM device)",
    "a device that there is",
  ],
  [
    "seen_pair",
    "SELECT scope AS id FROM seen_pair GROUP BY scope HAVING min(start) <> -9007199254740991",
    "a first row for all keys",
  ],
  [
    "seen_id",
    "SELECT sensor AS id FROM seen_id WHERE sensor <> 0 AND sensor NOT IN (SELECT id FROM sensor)",
    "a sensor that there is",
  ],
  ["seen_id", "SELECT sensor AS id FROM seen_id WHERE length(hash) <> 16", "a hash of 16 bytes"],
  [
    "delta",
    "SELECT id FROM delta WHERE id > (SELECT value FROM setting WHERE name = 'last-delta')",
    "a number <= that of the last one",
  ],
  [
    "quarantine",
    "SELECT id FROM quarantine WHERE sensor NOT IN (SELECT id FROM sensor) OR reason NOT IN ('ahead', 'before-2000')",
    "a sensor and a reason that there are",
  ],
  [
    "quarantine",
    "SELECT id FROM quarantine WHERE id > (SELECT value FROM setting WHERE name = 'quarantine-last-id')",
    "a number <= that of the last one",
  ],
  [
    "rejection",
    "SELECT id FROM rejection WHERE sensor NOT IN (SELECT id FROM sensor) OR length(bytes) > length OR is_alone NOT IN (0, 1) OR append_time NOT IN (0, 1)",
    "columns that agree",
  ],
  [
    "rejection",
    "SELECT id FROM rejection WHERE id > (SELECT value FROM setting WHERE name = 'rejection-last-id')",
    "a number <= that of the last one",
  ],
] as const;

/** Settings that there may be. */
const SETTINGS =
  /^(last-delta|quarantine-last-id|rejection-last-id|clock-offset|clock-offset-since|known-time|kept-since|oldest-part|device-revisions-since|replaced:.+)$/;

/** Rows of one rule that are told. */
const TOLD_MAX = 20;

/** Bytes of a sensor's totals: doubles. */
const DOUBLE_BYTES = 8;

/** Looks at every row but those of pages. Yields now and then. */
export function* checkRows(db: Database, tell: Tell): Generator<void> {
  const say = (what: string, stored: string, expected: string): void =>
    tell({ proof: "parts", sensor: null, what, second: null, stored, expected });
  const tables = new Set(
    db
      .prepare("SELECT name FROM sqlite_schema")
      .all()
      .map(({ name }) => String(name)),
  );
  for (const [table, query, expected] of RULES) {
    // One that came later is not in a history that was not opened since.
    if (!tables.has(table)) continue;
    for (const { id } of db.prepare(`${query} LIMIT ${TOLD_MAX}`).all())
      say(`row ${id} of table ${table}`, "another", expected);
    yield;
  }
  for (const { id, name, totals } of db.prepare("SELECT id, name, totals FROM sensor").all()) {
    const fault = sensorNameFault(String(name));
    if (fault !== null) say(`row ${id} of table sensor`, `name ${JSON.stringify(name)}`, fault);
    if (totals instanceof Uint8Array && totals.length % DOUBLE_BYTES === 0) continue;
    say(`row ${id} of table sensor`, "totals that cannot be read", "doubles");
  }
  for (const { name, value } of db.prepare("SELECT name, value FROM setting").all()) {
    if (SETTINGS.test(String(name)) && Number.isFinite(value)) continue;
    const [what, expected] = [`setting ${JSON.stringify(name)}`, "one that there is, with a number"];
    tell({ proof: "parts", sensor: null, what, second: null, stored: `${value}`, expected }, "none");
  }
  for (const { id, code } of db.prepare("SELECT id, code FROM rejection").iterate()) {
    if (!REJECTIONS.some((known) => known.code === code))
      say(`row ${id} of table rejection`, `code ${code}`, "one that there is");
  }
  yield* checkBlobs(db, "device", "SELECT id, state AS bytes FROM device", stateFault, say);
  if (tables.has("revision")) {
    const ids = new Set(
      db
        .prepare(`SELECT id FROM sensor${tables.has("device_series") ? " UNION SELECT series FROM device_series" : ""}`)
        .all()
        .map(({ id }) => Number(id)),
    );
    yield* checkRevisions(db, (series) => ids.has(series), say);
  }
  yield* checkBlobs(db, "seen", "SELECT boot || ', ' || block AS id, bytes FROM seen", decodesSeen, say);
  yield* checkBlobs(
    db,
    "seen_pair",
    "SELECT scope || ', ' || start AS id, start, bytes FROM seen_pair",
    decodesPairs,
    say,
  );
}

function* checkBlobs(
  db: Database,
  table: string,
  query: string,
  fault: (bytes: Uint8Array, row: Record<string, unknown>) => string | null,
  say: (what: string, stored: string, expected: string) => void,
): Generator<void> {
  for (const row of db.prepare(query).iterate()) {
    const found = row.bytes instanceof Uint8Array ? tried(() => fault(row.bytes as Uint8Array, row)) : "no bytes";
    if (found !== null) say(`row ${row.id} of table ${table}`, found, "bytes that this version writes");
    yield;
  }
}

function tried(check: () => string | null): string | null {
  try {
    return check();
  } catch (error) {
    return messageOf(error);
  }
}

/** What is written depends on what is held only, so it must be written the same again. */
function decodesSeen(bytes: Uint8Array): string | null {
  return Buffer.compare(SeenBlock.decode(bytes).encode(), bytes) === 0 ? null : "sequences in another form";
}

function decodesPairs(bytes: Uint8Array, { start }: Record<string, unknown>): string | null {
  const block = PairBlock.decode(bytes);
  if (Buffer.compare(block.encode(), bytes) !== 0) return "pairs in another form";
  return block.firstKey >= Number(start) ? null : `a pair of key ${block.firstKey}, before its start`;
}
