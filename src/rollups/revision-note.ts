/** What a revision changed in one page of seconds, as it was before: found by comparing two states of the page, and its bytes. */
import { crc32 } from "node:zlib";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { TidemarkError } from "../core/errors.ts";
import { Aggregate, ALL_NEEDS } from "../metrics/aggregate.ts";
import { encodeAggregate } from "../metrics/aggregate-codec.ts";
import type { BucketRows } from "./bucket-rows.ts";
import { pageOf, SECONDS_PER_PAGE, seriesOf } from "./levels.ts";
import { HEAVY_ROW, SecondColumns } from "./second-columns.ts";
import { EncodedSeconds, encodeSeconds } from "./seconds-codec.ts";
import { SecondsPage } from "./seconds-page.ts";

/** Flags of a note: the page held nothing at all; its changed seconds held something; and what changed it, if not readings that came. */
export const BLANK = 1;
const OLD = 2;
export const RELEASED = 4;
export const CORRECTED = 8;

const CRC_BYTES = 4;

/** Seconds of one page that a revision changed, and what they held before. */
export interface Note {
  /** ms; infinite before it is committed. */
  readonly revision: number;
  readonly flags: number;
  /** Runs of changed seconds (0–599): from, to, from, to …; none of a page that held nothing. */
  readonly runs: readonly number[];
  /** What they held: a page of seconds without its checksum; null: nothing. */
  readonly old: Uint8Array | null;
}

const before = new SecondColumns();
const after = new SecondColumns();
const reader = new EncodedSeconds();
const other = new EncodedSeconds();
const out = new ByteWriter(4096);

/** Fills columns with a page's seconds. @param bytes null: it holds nothing */
export function columnsOf(key: number, bytes: Uint8Array | null, into: SecondColumns): SecondColumns {
  if (bytes === null) return into.clear();
  reader.open(key, bytes).columns(into);
  return into;
}

/**
 * What differs between two states of a page, as bytes; null: it held nothing or holds nothing. O(600), more only where seconds changed that
 * held something.
 * @param flags RELEASED or CORRECTED, or 0
 * @returns null when nothing differs
 */
export function noteOf(
  key: number,
  was: Uint8Array | null,
  is: Uint8Array | null,
  flags: number,
  revision: number,
): Note | null {
  if (was === null) return is === null ? null : { revision, flags: flags | BLANK, runs: [], old: null };
  columnsOf(key, was, before);
  columnsOf(key, is, after);
  const runs: number[] = [];
  let held = false;
  for (let second = 0, open = false; second < SECONDS_PER_PAGE; second++) {
    const isSame =
      before.isSame(second, after) &&
      ((flags & CORRECTED) === 0 || before.readings[second] === 0 || isSameHeavy(key, was, is, second));
    if (isSame === open) runs.push(second);
    open = !isSame;
    if (open && before.readings[second] > 0) held = true;
    if (open && second === SECONDS_PER_PAGE - 1) runs.push(SECONDS_PER_PAGE);
  }
  if (runs.length === 0) return null;
  return { revision, flags, runs, old: held ? oldSeconds(key, was, runs) : null };
}

/** Of a second with as many readings as before: only what is replaced can be others. */
function isSameHeavy(key: number, was: Uint8Array, is: Uint8Array | null, second: number): boolean {
  if (before.firstRow[second] !== HEAVY_ROW || is === null) return true;
  return Buffer.compare(bytesOfSecond(key, was, second), bytesOfSecond(key, is, second)) === 0;
}

function bytesOfSecond(key: number, page: Uint8Array, second: number): Uint8Array {
  const aggregate = new Aggregate(ALL_NEEDS);
  other.open(key, page).mergeInto(aggregate, second, second + 1, true);
  if (aggregate.distribution !== null) other.mergeValues(aggregate.distribution, second, second + 1);
  out.reset();
  encodeAggregate(out, aggregate);
  return out.finish();
}

/** A page of the changed seconds alone, without its checksum. */
function oldSeconds(key: number, was: Uint8Array, runs: readonly number[]): Uint8Array {
  const page = new SecondsPage(pageOf(key) * SECONDS_PER_PAGE);
  let heavy: SecondsPage | null = null;
  for (let run = 0; run < runs.length; run += 2) {
    for (let second = runs[run]; second < runs[run + 1]; second++) {
      const count = before.readings[second];
      if (count === 0) continue;
      const first = before.firstRow[second];
      if (first === HEAVY_ROW) {
        heavy ??= other.open(key, was).decode();
        copyHeavy(page, heavy, second);
        continue;
      }
      if (count > 1) page.becomeListed();
      for (let row = first; row < first + count; row++) {
        page.put(second, before.ms[row], before.value[row], before.wasLate[row]);
      }
    }
  }
  return encodeSeconds(key, page).slice(0, -CRC_BYTES);
}

function copyHeavy(page: SecondsPage, source: SecondsPage, second: number): void {
  const lists = page.becomeListed();
  const row = lists.addHeavy(second);
  const from = source.lists?.heavyRow.get(second) ?? 0;
  const rows = source.lists?.heavy as BucketRows;
  lists.heavy?.copyRow(row, rows, from);
  (lists.heavy as BucketRows).values[row] = rows.values[from];
  page.count += before.readings[second];
}

/** Adds a note to a row, which has notes already or (null) is a new one that begins with it. @param first the revision of the row's first note */
export function appendNote(key: number, first: number, row: Uint8Array | null, note: Note): Uint8Array {
  out.reset();
  if (row !== null) out.raw(row.subarray(0, row.length - CRC_BYTES));
  const { flags, runs, old } = note;
  out.varint(note.revision - first);
  out.u8(flags | (old === null ? 0 : OLD));
  if ((flags & BLANK) === 0) {
    out.varint(runs.length / 2);
    let at = 0;
    for (const edge of runs) {
      out.varint(edge - at);
      at = edge;
    }
  }
  if (old !== null) out.block(old);
  out.u32(checksum(key, first, out.view()));
  return out.finish();
}

/** The notes of a row, in the order of their revisions. @throws TidemarkError "history-corrupt" */
export function readNotes(key: number, first: number, row: Uint8Array): Note[] {
  const end = row.length - CRC_BYTES;
  const notes: Note[] = [];
  try {
    const content = row.subarray(0, end);
    if (new ByteReader(row, end).u32() !== checksum(key, first, content))
      throw new RangeError("checksum does not match");
    for (const from = new ByteReader(content); !from.done; ) {
      const revision = first + from.varint();
      const flags = from.u8();
      const runs: number[] = [];
      if ((flags & BLANK) === 0) {
        let at = 0;
        for (let edges = 2 * from.varint(); edges > 0; edges--) runs.push((at += from.varint()));
        if (at > SECONDS_PER_PAGE) throw new RangeError(`a second ${at}`);
      }
      notes.push({ revision, flags, runs, old: (flags & OLD) === 0 ? null : from.block() });
    }
  } catch (error) {
    const place = `series ${seriesOf(key)}, page ${pageOf(key)}, since ${first}`;
    throw new TidemarkError("history-corrupt", `Cannot read what changed in the history (${place}): ${error}`, error);
  }
  return notes;
}

const keyBytes = new Uint8Array(16);
const keyView = new DataView(keyBytes.buffer);

/** Of the content and the row's key. */
function checksum(key: number, first: number, content: Uint8Array): number {
  keyView.setFloat64(0, key, true);
  keyView.setFloat64(8, first, true);
  return crc32(keyBytes, crc32(content));
}
