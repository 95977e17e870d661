/** Bytes of a terminal in raw mode → keys: names of those that write nothing, else what they write. */

/** Keys that write nothing. */
export type KeyName = "up" | "down" | "page-up" | "page-down" | "home" | "end" | "enter" | "backspace" | "escape";

/** A key that was pressed. */
export type Key = { readonly name: KeyName } | { readonly text: string };

const ESC = "\x1b";

/** A control sequence (ECMA-48), one of an application keypad, or a character. */
const TOKEN = new RegExp(`${ESC}\\[[0-9;]*[@-~]|${ESC}O[A-Z]|[\\s\\S]`, "gu");

const NAMES: Readonly<Record<string, KeyName>> = {
  "\x1b[A": "up",
  "\x1bOA": "up",
  "\x1b[B": "down",
  "\x1bOB": "down",
  "\x1b[5~": "page-up",
  "\x1b[6~": "page-down",
  "\x1b[H": "home",
  "\x1bOH": "home",
  "\x1b[1~": "home",
  "\x1b[7~": "home",
  "\x1b[F": "end",
  "\x1bOF": "end",
  "\x1b[4~": "end",
  "\x1b[8~": "end",
  "\r": "enter",
  "\n": "enter",
  "\x7f": "backspace",
  "\b": "backspace",
  "\x1b": "escape",
};

/**
 * The keys in the order they were pressed; sequences that mean nothing here are left out.
 * @example
 * ```ts
 * assert.deepEqual(keysOf("a\x1b[5~\x1b[99~"), [{ text: "a" }, { name: "page-up" }]);
 * ```
 */
export function keysOf(text: string): Key[] {
  const keys: Key[] = [];
  for (const [token] of text.matchAll(TOKEN)) {
    const name = NAMES[token];
    if (name !== undefined) keys.push({ name });
    else if (token.length === 1 || !token.startsWith(ESC)) keys.push({ text: token });
  }
  return keys;
}
