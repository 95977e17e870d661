/** CSV (RFC 4180) → rows of fields, each with the line that it begins in. Text may be cut anywhere between two calls. */

/** One row. */
export interface CsvRow {
  readonly fields: readonly string[];
  /** From 1 on. */
  readonly line: number;
}

/** A row that is longer has a quote that is never closed. */
const ROW_CHARACTERS_MAX = 1_048_576;

/** Where two stand as often, the first of them: numbers are written with commas, too. */
const DELIMITERS: readonly string[] = [";", "\t", "|", ","];

/** The delimiter that stands most often in a line, outside of quotes; a comma where none does. */
export function delimiterOf(line: string): string {
  const bare = line.replace(/"(?:[^"]|"")*"/g, "");
  const counts = DELIMITERS.map((delimiter) => bare.split(delimiter).length);
  const most = Math.max(...counts);
  return most === 1 ? "," : DELIMITERS[counts.indexOf(most)];
}

/**
 * Reads rows; blank lines are passed over.
 * @example
 * ```ts
 * const csv = new CsvParser(",");
 * assert.deepEqual(csv.push('time,"a ""b"""\r\n1,'), [{ fields: ["time", 'a "b"'], line: 1 }]);
 * assert.deepEqual(csv.end(), [{ fields: ["1", ""], line: 2 }]);
 * ```
 */
export class CsvParser {
  readonly #delimiter: string;
  /** Of a row that has not ended: whole lines, and the last one's beginning. */
  #rest = "";
  /** The line that it begins in. */
  #line = 1;

  constructor(delimiter: string) {
    this.#delimiter = delimiter;
  }

  /** @throws Error when a row is too long */
  push(text: string): CsvRow[] {
    const lines = (this.#rest + text).split("\n");
    const last = lines.pop() ?? "";
    const rows: CsvRow[] = [];
    let open = "";
    let opened = 0;
    for (const line of lines) {
      const row = open === "" ? line : `${open}\n${line}`;
      opened++;
      // Quotes come in pairs, but where a field goes on in the next line.
      if (isOpen(row)) {
        open = row;
        continue;
      }
      this.#take(row, rows);
      this.#line += opened;
      opened = 0;
      open = "";
    }
    this.#rest = open === "" ? last : `${open}\n${last}`;
    if (this.#rest.length > ROW_CHARACTERS_MAX) {
      throw new Error(
        `the row that begins in line ${this.#line} has over ${ROW_CHARACTERS_MAX} characters: is a quote not closed?`,
      );
    }
    return rows;
  }

  /** What has no line end behind it. */
  end(): CsvRow[] {
    const rows: CsvRow[] = [];
    this.#take(this.#rest, rows);
    this.#rest = "";
    return rows;
  }

  #take(text: string, rows: CsvRow[]): void {
    const row = text.endsWith("\r") ? text.slice(0, -1) : text;
    if (row.trim() !== "") rows.push({ fields: this.#fields(row), line: this.#line });
  }

  #fields(row: string): string[] {
    if (!row.includes('"')) return row.split(this.#delimiter).map((field) => field.trim());
    const fields: string[] = [];
    for (let at = 0; at <= row.length; ) {
      const quoted = /^\s*"((?:[^"]|"")*)"\s*/.exec(row.slice(at));
      if (quoted !== null && [this.#delimiter, undefined].includes(row[at + quoted[0].length])) {
        fields.push(quoted[1].replaceAll('""', '"'));
        at += quoted[0].length + 1;
        continue;
      }
      const end = row.indexOf(this.#delimiter, at);
      fields.push(row.slice(at, end === -1 ? row.length : end).trim());
      at = end === -1 ? row.length + 1 : end + 1;
    }
    return fields;
  }
}

function isOpen(row: string): boolean {
  let quotes = 0;
  for (let at = row.indexOf('"'); at !== -1; at = row.indexOf('"', at + 1)) quotes++;
  return quotes % 2 === 1;
}
