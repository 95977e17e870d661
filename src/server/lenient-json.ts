/** The JSON of request bodies: as JSON.parse has it, and trailing commas; nothing else of JSON5. Keys in the order of the text. */
import { messageOf } from "../core/errors.ts";

/** A body that is JSON, or was but for trailing commas. */
export interface ParsedBody {
  /** What JSON.parse made of `text`; keys such as "__proto__" are plain own properties in it. */
  readonly value: unknown;
  /** The text that was accepted: trailing commas are spaces in it. */
  readonly text: string;
}

/** Why a body is none, for people. */
export interface UnreadableBody {
  readonly unreadable: string;
}

const BYTE_ORDER_MARK = 0xfeff;

/**
 * Parses a body. O(n), for any text.
 * @example
 * ```ts
 * const body = parseLenient('{"temperature": ["count",],}');
 * assert.deepEqual("value" in body && body.value, { temperature: ["count"] });
 * ```
 */
export function parseLenient(text: string): ParsedBody | UnreadableBody {
  if (!endsInTrailingComma(text)) {
    try {
      return { value: JSON.parse(text), text };
    } catch {
      // Only texts that JSON.parse refuses are examined further: the usual body stays fast, the accepted language plain.
    }
  }
  const plain = withoutTrailingCommas(text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text);
  try {
    return { value: JSON.parse(plain), text: plain };
  } catch (error) {
    return { unreadable: messageOf(error) };
  }
}

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_LIST = 91;
const BACKSLASH = 92;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}

/** Whether the last bracket comes after a comma, which JSON.parse refuses: an exception costs more than the parsing. */
function endsInTrailingComma(text: string): boolean {
  let last = text.length - 1;
  while (last > 0 && isSpace(text.charCodeAt(last))) last--;
  if (text.charCodeAt(last) !== CLOSE_OBJECT) return false;
  do last--;
  while (last > 0 && isSpace(text.charCodeAt(last)));
  return text.charCodeAt(last) === COMMA;
}

/** The index of the quote that ends the text starting at `at`; the text's length when there is none. */
function endOfString(text: string, at: number): number {
  // Nearly no text has an escape in it: the first quote is its end.
  let i = text.indexOf('"', at + 1);
  if (i < 0) return text.length;
  if (text.charCodeAt(i - 1) !== BACKSLASH) return i;
  i = at + 1;
  while (i < text.length) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    i += code === BACKSLASH ? 2 : 1;
  }
  return text.length;
}

/** Turns each comma between a value and a closing bracket into a space, so that positions in later messages stay right. */
function withoutTrailingCommas(text: string): string {
  let plain = "";
  let copied = 0;
  let comma = -1; // a comma after a value, with only white space since
  let previous = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isSpace(code)) continue;
    if ((code === CLOSE_LIST || code === CLOSE_OBJECT) && comma >= 0) {
      plain += text.slice(copied, comma) + " ";
      copied = comma + 1;
    }
    comma = code === COMMA && endsValue(previous) ? i : -1;
    if (code === QUOTE) i = endOfString(text, i);
    previous = code;
  }
  return plain + text.slice(copied);
}

function endsValue(code: number): boolean {
  return code !== 0 && code !== COMMA && code !== COLON && code !== OPEN_LIST && code !== OPEN_OBJECT;
}

/** The keys of a parsed object in the order in which its text has them: JSON.parse moves those that look like array indexes to the front. */
export function keysInOrder(value: object, text: string): readonly string[] {
  const keys = Object.keys(value);
  const first = keys.length > 1 ? keys[0].charCodeAt(0) : 0;
  return first >= 48 && first <= 57 ? [...new Set(topLevelKeys(text))] : keys;
}

/**
 * How often each key is there in the text of an object, where one is there more than once; JSON.parse keeps the last of them.
 * Null, and cheap, where none is.
 * @param keys those of the parsed object
 */
export function repeatedKeys(keys: readonly string[], text: string): ReadonlyMap<string, number> | null {
  if (topLevelColons(text) === keys.length) return null;
  const times = new Map<string, number>();
  for (const key of topLevelKeys(text)) times.set(key, (times.get(key) ?? 0) + 1);
  return times;
}

function topLevelColons(text: string): number {
  let colons = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === COLON) colons += depth === 1 ? 1 : 0;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) depth++;
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
  }
  return colons;
}

function topLevelKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === OPEN_LIST || code === OPEN_OBJECT) depth++;
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
    else if (code === QUOTE) {
      const end = endOfString(text, i);
      if (depth === 1 && nextCode(text, end + 1) === COLON) keys.push(String(JSON.parse(text.slice(i, end + 1))));
      i = end;
    }
  }
  return keys;
}

function nextCode(text: string, from: number): number {
  let i = from;
  while (i < text.length && isSpace(text.charCodeAt(i))) i++;
  return text.charCodeAt(i);
}

/** How deep lists and objects are nested in the text of one JSON value. */
export function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === OPEN_LIST || code === OPEN_OBJECT) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
  }
  return deepest;
}
