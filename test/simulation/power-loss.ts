/**
 * What a power loss leaves of files, by the journal of disk.c: what was written since a file's last sync is there or not, sector by sector. Names are there
 * up to some point, as file systems with a journal of their own have it: made, changed and removed in the order in which that was done, at least up to what
 * a synced file, or its directory, needs.
 */
import { existsSync, readFileSync } from "node:fs";

/** Kinds of entries, as disk.c has them. */
export const WRITE = 1;
export const TRUNCATE = 2;
export const SYNC = 4;
export const OPEN = 8;
export const UNLINK = 16;
export const RENAME = 32;
const LINK = 64;
const SYNC_NAMES = 128;

const ENTRY_BYTES = 64;

/** The smallest piece that a disk writes as a whole. */
const SECTOR = 512;

interface Change {
  readonly isTruncate: boolean;
  readonly offset: number;
  readonly oldSize: number;
  readonly old: Buffer;
  readonly bytes: Buffer;
}

interface File {
  /** Since its last sync, in their order. */
  changes: Change[];
  /** As it was when its name went; null: it has one. */
  content: Buffer | null;
}

/** What happened to names; `from` goes, `to` comes, what it stood for goes. */
interface NameChange {
  readonly file: File;
  readonly from: string | null;
  readonly to: string | null;
  readonly replaced: File | null;
}

/** What is left: of each path what it is now, null where it is gone. */
export interface Left {
  readonly files: ReadonlyMap<string, Buffer | null>;
  /** Sectors and changes of size that were lost, and changes of names. */
  readonly lost: number;
}

/** @param isKept asked for each sector, and for each change of a name until one is not @param areNamesLost otherwise names are as they are */
export function leftAfter(journal: Buffer, isKept: () => boolean, areNamesLost: boolean): Left {
  const disk = new JournalledFiles();
  disk.read(journal);
  return disk.lose(isKept, areNamesLost);
}

class JournalledFiles {
  readonly #files = new Map<bigint, File>();
  readonly #names = new Map<string, File>();
  readonly #changes: NameChange[] = [];
  /** So many of them are on the disk. */
  #synced = 0;
  /** In the order in which they were first heard of. */
  readonly #paths = new Set<string>();

  read(journal: Buffer): void {
    for (let at = 0; at + ENTRY_BYTES <= journal.length; ) {
      const [kind, isNew] = [journal.readUInt32LE(at), journal.readUInt32LE(at + 4) === 1];
      const [inode, replaced] = [journal.readBigUInt64LE(at + 8), journal.readBigUInt64LE(at + 48)];
      const [offset, length, oldSize, oldLength, bodyBytes] = [16, 24, 32, 40, 56].map((field) =>
        Number(journal.readBigUInt64LE(at + field)),
      );
      const body = journal.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + bodyBytes);
      at += ENTRY_BYTES + bodyBytes;
      if (kind === WRITE || kind === TRUNCATE) {
        const [old, bytes] = [body.subarray(0, oldLength), body.subarray(oldLength)];
        this.#file(inode).changes.push({ isTruncate: kind === TRUNCATE, offset, oldSize, old, bytes });
      } else if (kind === SYNC) this.#sync(this.#file(inode));
      else if (kind === SYNC_NAMES) this.#synced = this.#changes.length;
      else {
        const hasTwo = kind === RENAME || kind === LINK;
        const first = body.toString("utf8", 0, hasTwo ? offset : length);
        const to = hasTwo ? body.toString("utf8", offset, offset + length) : first;
        const old = body.subarray(body.length - oldLength);
        if (kind === OPEN) this.#open(inode, first, isNew);
        else if (kind === UNLINK)
          this.#change({ file: this.#named(inode, first), from: first, to: null, replaced: null }, old);
        else {
          const other = replaced === 0n ? null : this.#named(replaced, to);
          const file = this.#named(inode, first);
          this.#change({ file, from: kind === RENAME ? first : null, to, replaced: other }, old);
        }
      }
    }
  }

  #file(inode: bigint): File {
    let file = this.#files.get(inode);
    if (file === undefined) this.#files.set(inode, (file = { changes: [], content: null }));
    return file;
  }

  /** It may not have been opened since the journal began. */
  #named(inode: bigint, path: string): File {
    const file = this.#file(inode);
    this.#names.set(path, file);
    this.#paths.add(path);
    return file;
  }

  #open(inode: bigint, path: string, isNew: boolean): void {
    if (isNew) this.#files.delete(inode); // the number of one that is gone
    const file = this.#file(inode);
    if (isNew) this.#change({ file, from: null, to: path, replaced: null });
    else this.#named(inode, path);
  }

  #sync(file: File): void {
    file.changes = [];
    const last = this.#changes.findLastIndex((change) => change.file === file);
    this.#synced = Math.max(this.#synced, last + 1);
  }

  /** @param old what the file holds whose name goes */
  #change(change: NameChange, old: Buffer = Buffer.alloc(0)): void {
    const { file, from, to, replaced } = change;
    this.#changes.push(change);
    if (from !== null) this.#names.delete(from);
    if (to !== null) {
      this.#names.set(to, file);
      this.#paths.add(to);
    }
    const gone = to === null ? file : replaced;
    if (gone === null || [...this.#names.values()].includes(gone)) return;
    gone.content = old;
    for (const [inode, known] of this.#files) if (known === gone) this.#files.delete(inode);
  }

  lose(isKept: () => boolean, areNamesLost: boolean): Left {
    const now = new Map(this.#names);
    let kept = areNamesLost ? this.#synced : this.#changes.length;
    while (kept < this.#changes.length && isKept()) kept++;
    for (const { file, from, to, replaced } of this.#changes.slice(kept).toReversed()) {
      if (to !== null) {
        this.#names.delete(to);
        if (replaced !== null) this.#names.set(to, replaced);
      }
      if (from !== null) this.#names.set(from, file);
    }
    const contents = new Map<File, Buffer | null>();
    for (const [path, file] of now) contents.set(file, file.content ?? (existsSync(path) ? readFileSync(path) : null));
    const files = new Map<string, Buffer | null>();
    let lost = this.#changes.length - kept;
    for (const path of this.#paths) {
      const file = this.#names.get(path);
      if (file === undefined) {
        if (now.has(path)) files.set(path, null);
        continue;
      }
      const before = contents.get(file) ?? file.content;
      if (before === null || before === undefined || (file.changes.length === 0 && now.get(path) === file)) continue;
      let content = before;
      for (const change of file.changes.toReversed()) content = undone(content, change);
      for (const change of file.changes) {
        const { content: next, lost: more } = redone(content, change, isKept);
        content = next;
        lost += more;
      }
      file.changes = []; // it may have another name
      contents.set(file, content);
      files.set(path, content);
    }
    return { files, lost };
  }
}

function sized(content: Buffer, size: number): Buffer {
  return content.length >= size
    ? content.subarray(0, size)
    : Buffer.concat([content, Buffer.alloc(size - content.length)]);
}

function undone(content: Buffer, { offset, oldSize, old }: Change): Buffer {
  const now = Buffer.from(sized(content, oldSize));
  old.copy(now, offset);
  return now;
}

function redone(content: Buffer, change: Change, isKept: () => boolean): { content: Buffer; lost: number } {
  const { isTruncate, offset, bytes } = change;
  if (isTruncate) return isKept() ? { content: sized(content, offset), lost: 0 } : { content, lost: 1 };
  let now = content;
  let lost = 0;
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + SECTOR - ((offset + from) % SECTOR));
    if (isKept()) {
      if (now.length < offset + to) now = sized(now, offset + to);
      bytes.copy(now, offset + from, from, to);
    } else lost++;
    from = to;
  }
  return { content: now, lost };
}
