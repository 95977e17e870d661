/**
 * Makes a log anew from what is whole in a damaged one: each batch has a checksum of its own, so it can be told without the trees that led to it. What
 * is not there any more is noted as lost, so that offsets go on and readers pass over it as a gap that is counted.
 */
import { closeSync, existsSync, linkSync, openSync, readSync, renameSync, rmSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { TidemarkError } from "../../core/errors.ts";
import { Records } from "../../core/records.ts";
import { type PageCheck, sumsPath } from "../../store/page-check.ts";
import { placeAside, setAside } from "../../store/set-aside.ts";
import { type Column, type Pages, recordsOf } from "../../store/sqlite-records.ts";
import { WalFile } from "../../store/wal-file.ts";
import { BatchHeader, decodeBatch, readBatchHeader } from "../record-batch.ts";
import type { TopicWords } from "./log-ends.ts";
import { openForWriting, PAGE_BYTES } from "./log-file.ts";

/** Of a log that is being made, and of one that is whole and only has to take its place. */
const UNFINISHED = ".unfinished";
const FINISHED = ".salvaged";

/** Batches of one transaction: some megabytes. */
const BATCHES_AT_ONCE = 256;

/** A batch that is whole, and the page where it was found. */
interface Found {
  readonly base: number;
  readonly next: number;
  readonly page: number;
}

/** Makes the log anew in its place; the damaged one is set aside. @returns where, with its sentence */
export function salvage(path: string, check: PageCheck, words: readonly TopicWords[]): string {
  const file = openSync(path, existsSync(path) ? "r" : "w+");
  try {
    const pages = wholePages(file, check, check.walLost ? new Map() : pagesInWal(path));
    const batches = new Map<number, Found[]>();
    const topics = new Map(words.map((topic) => [topic.number, topic]));
    for (let page = 1; page <= check.pages; page++) {
      for (const { rowid, columns } of recordsOf(page, pages)) {
        const topic = topicOf(rowid, columns);
        if (topic !== null) topics.set(topic.number, topicOfBoth(topic, topics.get(topic.number)));
        const batch = batchOf(columns);
        if (batch === null) continue;
        const found = batches.get(batch.topic) ?? [];
        if (found.length === 0) batches.set(batch.topic, found);
        found.push({ base: batch.base, next: batch.next, page });
      }
    }
    write(`${path}${UNFINISHED}`, topics, batches, pages);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}${UNFINISHED}`, `${path}${FINISHED}`);
  return finishSalvage(path) ?? path;
}

/** Puts a log that was made anew in its place, now or after a crash. @returns where the damaged one is; null: there was none to be put there */
export function finishSalvage(path: string): string | null {
  if (!existsSync(`${path}${FINISHED}`)) return null;
  // The log that lies beside the old file is not of the new one.
  setAside(`${path}-wal`);
  rmSync(`${path}-shm`, { force: true });
  rmSync(sumsPath(path), { force: true });
  const aside = placeAside(path);
  if (existsSync(path)) linkSync(path, aside);
  renameSync(`${path}${FINISHED}`, path);
  return aside;
}

/** What the write-ahead log has in place of the file's. */
function pagesInWal(path: string): Map<number, Uint8Array> {
  const pages = new Map<number, Uint8Array>();
  new WalFile(`${path}-wal`, PAGE_BYTES).read((page, bytes) => pages.set(page, Uint8Array.from(bytes)));
  return pages;
}

/** The pages that are what was written. */
function wholePages(file: number, { damaged, found, pages }: PageCheck, inWal: ReadonlyMap<number, Uint8Array>): Pages {
  const isDamaged = new Set(damaged);
  const bytes = new Uint8Array(PAGE_BYTES);
  return (page) => {
    if (page > pages || isDamaged.has(page)) return null;
    const put = inWal.get(page) ?? found.get(page);
    if (put !== undefined) return put;
    return readSync(file, bytes, 0, PAGE_BYTES, (page - 1) * PAGE_BYTES) === PAGE_BYTES ? bytes : null;
  };
}

/** A row of the table of topics: its number is the rowid. */
function topicOf(rowid: number | null, columns: readonly Column[]): TopicWords | null {
  const [none, name, id, first, packed] = columns;
  if (rowid === null || columns.length !== 5 || none !== null || typeof name !== "string" || typeof id !== "string") {
    return null;
  }
  if (typeof first !== "number" || typeof packed !== "number") return null;
  return { number: rowid, name, id, first, end: first };
}

function topicOfBoth(row: TopicWords, words: TopicWords | undefined): TopicWords {
  if (words === undefined) return row;
  return { ...row, first: Math.max(row.first, words.first), end: Math.max(row.end, words.end) };
}

const header = new BatchHeader();
const records = new Records();

/** A row of the table of batches whose content is whole and what its key says. */
function batchOf(columns: readonly Column[]) {
  const [topic, base, next, time, bytes] = columns;
  if (columns.length !== 5 || !(bytes instanceof Uint8Array) || typeof topic !== "number" || topic === 0) return null;
  if (typeof base !== "number" || typeof next !== "number" || typeof time !== "number") return null;
  try {
    if (!readBatchHeader(bytes, 0, bytes.length, header) || header.end !== bytes.length) return null;
    if (header.baseOffset !== base || header.nextOffset !== next) return null;
    decodeBatch(bytes, 0, bytes.length, base, records);
  } catch (error) {
    if (error instanceof TidemarkError) return null;
    throw error;
  }
  return { topic, base, next, time, bytes };
}

function write(
  path: string,
  topics: ReadonlyMap<number, TopicWords>,
  batches: ReadonlyMap<number, Found[]>,
  pages: Pages,
): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  const db = openForWriting(path);
  try {
    for (const topic of topics.values()) {
      const chain = chainOf(batches.get(topic.number) ?? [], topic.first);
      writeTopic(db, topic, chain);
      for (let at = 0; at < chain.length; at += BATCHES_AT_ONCE) {
        copyBatches(db, topic.number, chain.slice(at, at + BATCHES_AT_ONCE), pages);
      }
    }
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    db.close();
  }
}

/** Batches that follow each other, the longest at each place: a packed one stands beside those that it is made of. */
function chainOf(batches: Found[], first: number): Found[] {
  batches.sort((a, b) => a.base - b.base || b.next - a.next);
  const chain: Found[] = [];
  let at = first;
  for (const batch of batches) {
    if (batch.base < at) continue;
    chain.push(batch);
    at = batch.next;
  }
  return chain;
}

function writeTopic(db: DatabaseSync, { number, name, id, first, end }: TopicWords, chain: readonly Found[]): void {
  db.exec("BEGIN");
  db.prepare("INSERT INTO topic (number, name, id, first, packed) VALUES (?, ?, ?, ?, ?)").run(
    number,
    name,
    id,
    first,
    chain.at(-1)?.next ?? first,
  );
  const lost = db.prepare("INSERT INTO lost (topic, start, next) VALUES (?, ?, ?)");
  let at = first;
  for (const { base, next } of [...chain, { base: end, next: end }]) {
    if (base > at) lost.run(number, at, base);
    at = next;
  }
  db.exec("COMMIT");
}

function copyBatches(db: DatabaseSync, topic: number, chain: readonly Found[], pages: Pages): void {
  const insert = db.prepare("INSERT INTO batch (topic, base, next, time, bytes) VALUES (?, ?, ?, ?, ?)");
  db.exec("BEGIN");
  for (const { base, next, page } of chain) {
    for (const { columns } of recordsOf(page, pages)) {
      const [ofTopic, ofBase, ofNext, time, bytes] = columns;
      if (columns.length !== 5 || ofTopic !== topic || ofBase !== base || ofNext !== next) continue;
      insert.run(topic, base, next, time, bytes);
      break;
    }
  }
  db.exec("COMMIT");
}
