/**
 * What a history says, as lines that two histories of one log have in common: pages byte for byte, totals, fronts, identities, lists. Sensors,
 * devices and boots go by their names, as numbers are handed out in the order of reading. Decision 32 says what is left out, and why.
 */
import { createHash } from "node:crypto";
import {
  DEVICE_CELLS,
  DEVICE_COUNTS,
  DUPLICATES,
  EDGE_BASE,
  EDGE_BOOT,
  EDGE_NAME,
  EDGE_NONE,
  EDGE_WORDS,
  FIRST_TIME,
  HELD_BACK,
  LAST_TIME,
  LAST_VALUE,
  NEWEST,
  READINGS,
} from "../../src/identity/device-columns.ts";
import { PairBlock } from "../../src/identity/pair-block.ts";
import { BLOCK_SEQUENCES, BLOCK_WORDS, SeenBlock } from "../../src/identity/seen-block.ts";
import { State } from "../../src/pipeline/state.ts";
import { levelOf, pageOf, seriesOf } from "../../src/rollups/levels.ts";
import { Database } from "../../src/store/database.ts";

/** Of identity.ts: scopes of a device's pairs. */
const SCOPES_A_DEVICE = 2 ** 20;

/** At the end of a page. */
const CHECKSUM_BYTES = 4;

const hex = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString("hex");
const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);

export interface CanonicalOptions {
  /** Long lines as they are, not their hash. */
  readonly whole?: boolean;
  /** Clocks were judged against the host's: against what time is left out. */
  readonly judgedByHost?: boolean;
}

/** The lines of the history in a directory that nobody has open, sorted. */
export function canonicalLines(directory: string, { whole, judgedByHost }: CanonicalOptions = {}): string[] {
  const db = Database.open(directory);
  try {
    const state = new State(db);
    state.sensors.openStored();
    const shortened = (text: string): string => (whole === true || text.length <= 120 ? text : hash(text));
    const lines = [
      ...pageLines(db, state, shortened),
      ...totalLines(state),
      ...positionLines(db, state),
      ...identityLines(db, state, shortened),
      ...listLines(db, state, judgedByHost === true),
    ];
    return lines.sort();
  } finally {
    db.close();
  }
}

/** What only one of two histories says. */
export function differenceOf(
  lines: readonly string[],
  others: readonly string[],
): { missing: string[]; added: string[] } {
  const [ours, theirs] = [new Set(lines), new Set(others)];
  return { missing: [...ours.difference(theirs)], added: [...theirs.difference(ours)] };
}

const nameOf = (state: State, sensor: unknown): string => state.sensors.of(Number(sensor)).name;

/** What each series is of: a sensor, or a device of one. */
function seriesNames(db: Database, state: State): Map<number, string> {
  const names = new Map(state.sensors.list().map(({ id, name }) => [id, name]));
  const rows = db.prepare("SELECT series, s.sensor, name FROM device_series s JOIN device d ON d.id = s.device").all();
  for (const { series, sensor, name } of rows) {
    if (series !== sensor) names.set(Number(series), `${nameOf(state, sensor)} of ${hex(name)}`);
  }
  return names;
}

function* pageLines(db: Database, state: State, shortened: (text: string) => string): Generator<string> {
  const names = seriesNames(db, state);
  for (const { key, bytes } of db.prepare("SELECT key, bytes FROM page").all()) {
    const page = Number(key);
    const place = `${names.get(seriesOf(page))} level ${levelOf(page)} page ${pageOf(page)}`;
    // Without its checksum, which covers the key, and so the sensor's number.
    yield `page ${place}: ${shortened(hex((bytes as Uint8Array).subarray(0, -CHECKSUM_BYTES)))}`;
  }
}

function* totalLines(state: State): Generator<string> {
  for (const { name, totals } of state.sensors.list()) {
    const { conflicts: _, ...known } = totals;
    yield `totals ${name}: ${JSON.stringify(known)}`;
  }
}

function* positionLines(db: Database, state: State): Generator<string> {
  for (const row of db.prepare("SELECT * FROM position").all()) {
    yield `position ${row["topic"]}/${row["partition"]} of ${row["topic_id"]}: ${row["next"]}, newest ${row["newest"]}`;
  }
  for (const row of db.prepare("SELECT * FROM front").all()) {
    yield `front ${row["topic"]}/${row["partition"]} ${nameOf(state, row["sensor"])}: ${row["newest"]}`;
  }
}

function* identityLines(db: Database, state: State, shortened: (text: string) => string): Generator<string> {
  const { devices } = state.identities;
  const seen = new Map<number, Set<number>>();
  const see = (boot: number, sequence: number): void => {
    const known = seen.get(boot);
    if (known === undefined) seen.set(boot, new Set([sequence]));
    else known.add(sequence);
  };
  const seeWord = (boot: number, word: number, bits: number): void => {
    for (let bit = 0; bit < 32; bit++) if ((bits & (1 << bit)) !== 0) see(boot, 32 * word + bit);
  };
  for (const { boot, block, bytes } of db.prepare("SELECT * FROM seen").all()) {
    const decoded = SeenBlock.decode(bytes as Uint8Array);
    const first = Number(block) * (BLOCK_SEQUENCES / 32);
    for (let word = 0; word < BLOCK_WORDS; word++) seeWord(Number(boot), first + word, decoded.word(word));
  }
  const names = new Map<number, string>();
  for (const { id, sensor, name } of db.prepare("SELECT id, sensor, name FROM device").all()) {
    const device = `${nameOf(state, sensor)} ${hex(name)}`;
    names.set(Number(id), device);
    const slot = devices.loadById(Number(id));
    const cell = slot * DEVICE_CELLS;
    const [implicit, last] = [devices.implicitBoot[slot], devices.lastUntimed[slot]];
    const counts = slot * DEVICE_COUNTS;
    const told = [READINGS, DUPLICATES, HELD_BACK, FIRST_TIME, LAST_TIME, LAST_VALUE];
    const since = db.prepare("SELECT since FROM device_series WHERE device=?").get(Number(id))?.since;
    const numbers = told.map((cell) => devices.counts[counts + cell]).join(" ");
    yield `counts ${device}: ${numbers}, series since ${since === undefined ? "never" : (since ?? "ever")}`;
    yield `device ${device}: newest ${devices.cells[cell + NEWEST]}, implicit boot ${implicit}, last sequence ${last}`;
    if (devices.cells[cell + EDGE_NAME] === EDGE_NONE) continue;
    for (let word = 0; word < EDGE_WORDS; word++) {
      const first = devices.cells[cell + EDGE_BASE] / 32;
      seeWord(devices.cells[cell + EDGE_BOOT], first + word, devices.edge[slot * EDGE_WORDS + word]);
    }
  }
  for (const { id, device, name } of db.prepare("SELECT id, device, name FROM boot").all()) {
    const sequences = [...(seen.get(Number(id)) ?? [])].sort((a, b) => a - b);
    yield `boot ${names.get(Number(device))} ${hex(name)}: ${shortened(sequences.join(" "))}`;
  }
  const pairs = new Map<string, string[]>();
  for (const { scope, bytes } of db.prepare("SELECT * FROM seen_pair").all()) {
    const device = names.get(Math.floor(Number(scope) / SCOPES_A_DEVICE));
    const place = `${device} ${Number(scope) % SCOPES_A_DEVICE}`;
    const known = pairs.get(place) ?? [];
    pairs.set(place, known);
    for (const { key, tag } of pairsOf(PairBlock.decode(bytes as Uint8Array))) known.push(`${key} ${tag}`);
  }
  for (const [place, known] of pairs) yield `pairs ${place}: ${shortened(known.sort().join(", "))}`;
  for (const row of db.prepare("SELECT * FROM seen_id").all()) {
    yield `id ${nameOf(state, row["sensor"])} ${hex(row["hash"])}`;
  }
}

/** Takes a block apart by its own ways: the first key, its tags, and the block of what remains behind it. */
function* pairsOf(block: PairBlock): Generator<{ key: number; tag: number }> {
  for (let rest: PairBlock | null = block; rest !== null && rest.count > 0; ) {
    const key = rest.firstKey;
    const tags = [...rest.tagsOf(key)];
    for (const tag of tags) yield { key, tag };
    rest = rest.split(tags.length);
  }
}

function* listLines(db: Database, state: State, judgedByHost: boolean): Generator<string> {
  for (const row of db.prepare("SELECT * FROM quarantine").all()) {
    const { id: _id, clock_offset: _offset, sensor, judged_against, ...told } = row;
    const against = judgedByHost ? "" : ` against ${judged_against}`;
    yield `quarantine ${nameOf(state, sensor)}: ${JSON.stringify(told)}${against}`;
  }
  for (const row of db.prepare("SELECT * FROM rejection").all()) {
    const { id: _id, arrival: _arrival, sensor, key, bytes, ...told } = row;
    const payload = hash(`${key === null ? "none" : hex(key)} ${hex(bytes)}`);
    yield `rejection ${nameOf(state, sensor)}: ${JSON.stringify(told)} ${payload}`;
  }
}
