/**
 * Reads the records of a SQLite file page by page, without its trees (sqlite.org/fileformat2.html, sections 1.6 and 2.1): what is whole in a file of
 * which some pages are not. A page that was freed may still hold records from before; the caller knows which are worth anything.
 */

/** A column. */
export type Column = number | string | Uint8Array | null;

/** What a page begins with: a leaf or an inner node of an index (a table without rowid is one), a leaf of a table. */
const INDEX_LEAF = 0x0a;
const INDEX_INNER = 0x02;
const TABLE_LEAF = 0x0d;

/** The first page has the header of the file before its own. */
const FILE_HEADER_BYTES = 100;

/** The pages of a file: null for one that is damaged. Bytes are valid until the next is asked for. */
export type Pages = (page: number) => Uint8Array | null;

const text = new TextDecoder();

/** A page whose form is not what SQLite writes. */
class Malformed extends Error {}

/**
 * Every record on a page, with its rowid in a table; nothing of a page that holds none, or is damaged. A record that goes on in pages that are damaged is
 * left out.
 */
export function recordsOf(page: number, pages: Pages): { readonly rowid: number | null; readonly columns: Column[] }[] {
  const read = pages(page);
  if (read === null) return [];
  const bytes = Uint8Array.from(read);
  const header = page === 1 ? FILE_HEADER_BYTES : 0;
  const kind = bytes[header];
  if (kind !== INDEX_LEAF && kind !== INDEX_INNER && kind !== TABLE_LEAF) return [];
  const view = new DataView(bytes.buffer);
  const cells = view.getUint16(header + 3);
  const pointers = header + (kind === INDEX_INNER ? 12 : 8);
  const records = [];
  for (let i = 0; i < cells && pointers + 2 * i + 2 <= bytes.length; i++) {
    try {
      const at = view.getUint16(pointers + 2 * i);
      records.push(readCell(new Cursor(bytes, at + (kind === INDEX_INNER ? 4 : 0)), kind, pages));
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
    }
  }
  return records;
}

function readCell(cursor: Cursor, kind: number, pages: Pages): { rowid: number | null; columns: Column[] } {
  const length = cursor.varint();
  const rowid = kind === TABLE_LEAF ? cursor.varint() : null;
  return { rowid, columns: columnsOf(payloadOf(cursor, length, kind, pages)) };
}

/** What is in the cell, and in the pages where it goes on. */
function payloadOf(cursor: Cursor, length: number, kind: number, pages: Pages): Uint8Array {
  const usable = cursor.bytes.length;
  const most = kind === TABLE_LEAF ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23;
  if (length <= most) return cursor.take(length);
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const fitting = least + ((length - least) % (usable - 4));
  const payload = new Uint8Array(checked(length, length <= 2 ** 30));
  const local = fitting <= most ? fitting : least;
  payload.set(cursor.take(local));
  let next = cursor.uint32();
  for (let at = local; at < length; ) {
    const page = next === 0 ? null : pages(next);
    if (page === null) throw new Malformed();
    const part = page.subarray(4, 4 + Math.min(length - at, usable - 4));
    payload.set(part, at);
    at += part.length;
    next = new Cursor(page, 0).uint32();
  }
  return payload;
}

/** The columns of a record (section 2.1). */
function columnsOf(payload: Uint8Array): Column[] {
  const head = new Cursor(payload, 0);
  const end = head.varint();
  const body = new Cursor(payload, end);
  const columns: Column[] = [];
  while (head.at < end) columns.push(columnOf(head.varint(), body));
  return columns;
}

function columnOf(type: number, body: Cursor): Column {
  if (type === 0) return null;
  if (type >= 1 && type <= 6) return body.integer([1, 2, 3, 4, 6, 8][type - 1]);
  if (type === 7) return body.double();
  if (type === 8 || type === 9) return type - 8;
  if (type < 12) throw new Malformed();
  const bytes = body.take(Math.floor((type - 12) / 2));
  return type % 2 === 0 ? bytes : text.decode(bytes);
}

function checked<T>(value: T, isRight: boolean): T {
  if (!isRight) throw new Malformed();
  return value;
}

/** A place in some bytes; going past their end is Malformed. */
class Cursor {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  take(length: number): Uint8Array {
    if (this.at + length > this.bytes.length) throw new Malformed();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** SQLite's: big-endian, 7 bits a byte. */
  varint(): number {
    let value = 0;
    for (let i = 0; i < 8; i++) {
      const [byte] = this.take(1);
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) return checked(value, Number.isSafeInteger(value));
    }
    throw new Malformed();
  }

  uint32(): number {
    return this.integer(4) >>> 0;
  }

  /** Signed, big-endian. */
  integer(length: number): number {
    const bytes = this.take(length);
    let value = bytes[0] < 0x80 ? 0 : -1;
    for (const byte of bytes) value = value * 256 + byte;
    return checked(value, Number.isSafeInteger(value));
  }

  double(): number {
    const bytes = this.take(8);
    return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0);
  }
}
