/**
 * The text of a file, CSV or NDJSON → readings, each with an identity: the file's own, or one made of what the row says (device, time, value), so
 * that it counts once however often it is imported. The first line says what the file is.
 */
import { messageOf } from "../../core/errors.ts";
import { type Cell, numberOf, type Times } from "./cells.ts";
import { CsvParser, delimiterOf } from "./csv.ts";
import { type Columns, columnsByPlace, columnsByTitle, FIELDS, type Field, isHeader, type Named } from "./fields.ts";

/** What the user says of the file. */
export interface FileRules {
  readonly times: Times;
  readonly named: Named;
  /** null: to be found. */
  readonly delimiter: string | null;
  /** Of rows that name none. */
  readonly device: string;
}

/** A row as it is to be sent, or why it is not. */
export type Item =
  | { readonly line: number; readonly payload: Uint8Array; readonly timeMs: number }
  | { readonly line: number; readonly fault: string };

/** What the file was found to be. */
export interface Layout {
  readonly kind: "csv" | "ndjson";
  /** Of a CSV. */
  readonly delimiter?: string;
  readonly hasHeader?: boolean;
  /** By field: the title, or the number, of its column; or its key. */
  readonly columns: Readonly<Partial<Record<Field, string>>>;
}

/** Keys of objects where nothing else is said: those that readings have. */
const KEYS: Readonly<Record<Field, readonly string[]>> = {
  value: ["value"],
  time: ["time", "ts"],
  device: ["device"],
  boot: ["boot"],
  sequence: ["sequence", "seq"],
  id: ["id"],
};

/** Longest line, and what is looked at to find out what the file is. */
const LINE_CHARACTERS_MAX = 1_048_576;

const encoder = new TextEncoder();

/** States: nothing is known of the file → CSV or NDJSON, with its first whole line. */
export class FileReader {
  readonly #rules: FileRules;
  #rest = "";
  #line = 0;
  #csv: CsvParser | null = null;
  #columns: Columns = new Map();
  #isDecimalComma = false;
  /** Null before the first line. */
  layout: Layout | null = null;

  constructor(rules: FileRules) {
    this.#rules = rules;
  }

  /** @throws TidemarkError "request-invalid" when it is not clear which column is what; Error when a line is too long */
  push(text: string): Item[] {
    if (this.#csv !== null) return this.#rows(this.#csv.push(text));
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LINE_CHARACTERS_MAX)
      throw new Error(`line ${this.#line + 1} has over ${LINE_CHARACTERS_MAX} characters`);
    const items: Item[] = [];
    while (lines.length > 0) {
      const line = lines.shift() ?? "";
      if (this.layout === null && line.trim() !== "" && !isJson(line)) {
        const csv = this.#open(line);
        const [all, rest] = [["\n".repeat(this.#line) + line, ...lines, this.#rest].join("\n"), items];
        this.#rest = "";
        return [...rest, ...this.#rows(csv.push(all))];
      }
      this.#line++;
      if (line.trim() !== "") items.push(this.#object(line));
    }
    return items;
  }

  /** What has no line end behind it. */
  end(): Item[] {
    if (this.#csv !== null) return this.#rows(this.#csv.end());
    if (this.#rest.trim() === "") return [];
    const items = this.push("\n");
    return this.#csv === null ? items : [...items, ...this.end()];
  }

  #open(line: string): CsvParser {
    const delimiter = this.#rules.delimiter ?? delimiterOf(line);
    this.#isDecimalComma = delimiter !== ",";
    this.#csv = new CsvParser(delimiter);
    this.layout = { kind: "csv", delimiter, columns: {} };
    return this.#csv;
  }

  #rows(rows: readonly { readonly fields: readonly string[]; readonly line: number }[]): Item[] {
    const items: Item[] = [];
    for (const { fields, line } of rows) {
      if (this.#columns.size === 0) {
        const hasHeader = isHeader(fields);
        this.#columns = (hasHeader ? columnsByTitle : columnsByPlace)(fields, this.#rules.named);
        const shown = [...this.#columns].map(([field, at]) => [field, hasHeader ? fields[at] : String(at + 1)]);
        this.layout = { kind: "csv", ...this.layout, hasHeader, columns: Object.fromEntries(shown) };
        if (hasHeader) continue;
      }
      const cells = new Map<Field, string>();
      for (const [field, at] of this.#columns) if (fields[at] !== undefined) cells.set(field, fields[at]);
      items.push(this.#item(line, cells));
    }
    return items;
  }

  #object(text: string): Item {
    const line = this.#line;
    const keysOf = (field: Field) => {
      const named = this.#rules.named.get(field);
      return named === undefined ? KEYS[field] : [named];
    };
    this.layout ??= { kind: "ndjson", columns: Object.fromEntries(FIELDS.map((field) => [field, keysOf(field)[0]])) };
    let fields: ReadonlyMap<string, unknown>;
    try {
      const parsed: unknown = JSON.parse(text);
      if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) throw new Error("it is no object");
      fields = new Map(Object.entries(parsed));
    } catch (error) {
      return { line, fault: `it is no JSON object: ${messageOf(error)}` };
    }
    const cells = new Map<Field, string>();
    for (const field of FIELDS) {
      const key = keysOf(field).find((each) => fields.has(each) && fields.get(each) !== null);
      const value = key === undefined ? undefined : fields.get(key);
      if (value === undefined) continue;
      if (typeof value !== "string" && typeof value !== "number") return { line, fault: `${key} is no number or text` };
      cells.set(field, String(value));
    }
    return this.#item(line, cells);
  }

  #item(line: number, cells: ReadonlyMap<Field, string>): Item {
    const value = numberOf(cells.get("value") ?? "", this.#isDecimalComma);
    if ("fault" in value) return { line, fault: value.fault };
    const time = this.#rules.times.read(cells.get("time") ?? "");
    if ("fault" in time) return { line, fault: time.fault };
    const identity = identityOf(cells, cells.get("device") || this.#rules.device, time.value, value.value);
    if ("fault" in identity) return { line, fault: identity.fault };
    const payload = encoder.encode(JSON.stringify({ ...identity.value, value: value.value, time: time.value }));
    return { line, payload, timeMs: time.value };
  }
}

/** An empty cell is none. */
function identityOf(cells: ReadonlyMap<Field, string>, device: string, timeMs: number, value: number): Cell<object> {
  const boot = cells.get("boot") || undefined;
  const sequence = cells.get("sequence") || undefined;
  const id = cells.get("id") || undefined;
  if (sequence !== undefined && !/^\d{1,16}$/.test(sequence))
    return { fault: `the sequence ${sequence} is no whole number` };
  if (id !== undefined) return { value: { device, id } };
  if (sequence !== undefined)
    return { value: { device, ...(boot === undefined ? {} : { boot }), sequence: Number(sequence) } };
  return { value: { device, id: `${device} ${timeMs} ${value}` } };
}

function isJson(line: string): boolean {
  return line.trimStart().startsWith("{");
}
