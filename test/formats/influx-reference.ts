/** Line protocol the obvious way, by regular expressions over text: what docs/formats/line-protocol.md says, and nothing of src/. */

export interface ReferenceReading {
  readonly sensor: string;
  readonly device: string;
  /** Measurement, tags and field: what tells series apart. */
  readonly series: string;
  readonly ns: bigint | null;
  readonly value: number;
}

export type ReferenceRow = ReferenceReading | { readonly code: string; readonly line: string };

const LINE = /(?:\\(?!\n)[\s\S]|[^\\ \n]|\\(?=\n|$))*(?: (?:(?<==)"(?:\\[\s\S]|[^"\\])*"|\\(?!\n)[\s\S]|[^\n])*)?/y;
const PREFIX = /^((?:\\[\s\S]|[^\\ ])*) ([\s\S]*)$/;
const FIELD = /((?:\\[\s\S]|[^\\ ,=])+)=("(?:\\[\s\S]|[^"\\])*"|[^", ][^, ]*)(?=[, ]|$)/y;
const BOOLEAN = /^(?:t|T|true|True|TRUE|f|F|false|False|FALSE)$/;
const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;
const NS_OF: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const MS_MIN = -62_135_596_800_000n;
const MS_MAX = 253_402_300_799_999n;

const trimmed = (text: string): string => text.replace(/^[ \t\r\0]+|[ \t\r\0]+$/g, "");
const unescaped = (text: string): string => text.replace(/\\([ ,=])/g, "$1");
const parts = (text: string, sign: string): string[] => {
  const found = [""];
  for (const [piece] of text.matchAll(/\\[\s\S]|[\s\S]/g)) {
    if (piece === sign) found.push("");
    else found[found.length - 1] += piece;
  }
  return found;
};

/** @returns the rows of the lines, and how many values were passed over */
export function influxReference(body: string, precision: string): { rows: ReferenceRow[]; passedOver: number } {
  const rows: ReferenceRow[] = [];
  let passedOver = 0;
  for (let at = 0; at < body.length; ) {
    LINE.lastIndex = at;
    const whole = LINE.exec(body)?.[0] ?? "";
    at += whole.length + 1;
    const line = trimmed(whole);
    if (line === "" || line.startsWith("#")) continue;
    const read = lineOf(line, precision);
    if (typeof read === "string") rows.push({ code: read, line });
    else {
      rows.push(...read.rows);
      passedOver += read.passedOver;
    }
  }
  return { rows, passedOver };
}

function lineOf(line: string, precision: string): string | { rows: ReferenceRow[]; passedOver: number } {
  const [, prefix = "", behind = null] = PREFIX.exec(line) ?? [];
  if (behind === null) return "line-unreadable";
  const [measurement, ...rawTags] = parts(prefix, ",");
  const tags = rawTags.map((tag) => parts(tag, "="));
  if (measurement === "" || tags.some((tag) => tag.length !== 2 || tag.includes(""))) return "line-unreadable";
  if (new Set(tags.map(([key]) => key)).size < tags.length) return "line-unreadable";
  tags.sort(([a], [b]) => (a < b ? -1 : 1));
  const joined = tags.map(([key, value]) => `${key}=${value}`).join(",");
  const named = new Map(tags.map(([key, value]) => [unescaped(key), unescaped(value)]));

  const fields = new Map<string, { value: number; code: string | null }>();
  let passedOver = 0;
  let rest = behind.replace(/^[ \t\r\0]+/, "");
  for (;;) {
    FIELD.lastIndex = 0;
    const found = FIELD.exec(rest);
    if (found === null) return "line-unreadable";
    const [all, key, text] = found;
    rest = rest.slice(all.length);
    if (text.startsWith('"') || BOOLEAN.test(text)) passedOver++;
    else fields.set(key, numberOf(text));
    if (!rest.startsWith(",")) break;
    rest = rest.slice(1);
  }
  const time = rest.replace(/^[ \t\r\0]+/, "");
  if (time !== "" && !/^-?\d+$/.test(time)) return "time-unreadable";
  if (time.replace("-", "").length > 19) return "time-out-of-range";
  const ns = time === "" ? null : BigInt(time) * NS_OF[precision];
  if (ns !== null && (floorMs(ns) < MS_MIN || floorMs(ns) > MS_MAX)) return "time-out-of-range";

  const home = named.has("domain") && named.has("entity_id");
  const base = home ? `${named.get("domain")}.${named.get("entity_id")}` : unescaped(measurement);
  const rows: ReferenceRow[] = [];
  for (const [key, { value, code }] of fields) {
    const sensor = (key === "value" ? base : `${base}_${unescaped(key)}`).replace(/[^a-zA-Z0-9._-]/g, "_");
    const device = joined.replaceAll("\\ ", " ");
    if (code === null) rows.push({ sensor, device, series: `${measurement},${joined} ${key}`, ns, value });
    else rows.push({ code, line });
  }
  return { rows, passedOver };
}

function numberOf(text: string): { value: number; code: string | null } {
  const digits = /^-?\d+i$|^\d+u$/.test(text) ? text.slice(0, -1) : text;
  if (/^[-+]?(?:nan|inf|infinity)$/i.test(text)) return { value: 0, code: "not-finite" };
  if (!NUMBER.test(digits)) return { value: 0, code: "not-a-number" };
  const value = Number(digits) + 0;
  const size = Math.abs(value);
  const isZero = !/[1-9]/.test(digits.replace(/[eE].*$/, ""));
  if (size === Number.POSITIVE_INFINITY) return { value, code: "not-finite" };
  if (size > 1e150) return { value, code: "too-large" };
  if (!isZero && size < 1e-140) return { value, code: "too-small" };
  return { value, code: null };
}

function floorMs(ns: bigint): bigint {
  const ms = ns / 1_000_000n;
  return ns % 1_000_000n < 0n ? ms - 1n : ms;
}
