/** How many cells of a terminal a text takes (Unicode Standard Annex 11), and texts of a given width. */

/** Two cells each: letters of East Asia and their full-width forms, and emoji. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\p{Emoji_Presentation}\u3000-\u303e\u30fb\u30fc\uff01-\uff60\uffe0-\uffe6]/u;
/** … but for the half-width forms. */
const HALF = /[\uff61-\uffdc]/u;
/** None: marks on the letter before, and what is not seen. */
const NONE = /[\p{Mn}\p{Me}\p{Cf}]/u;
const NARROW_ONLY = /^[\x20-\x7e]*$/;

/**
 * Cells of a text without control characters.
 * @example
 * ```ts
 * assert.deepEqual(["cellar", "温室-1", "e\u0301"].map(widthOf), [6, 6, 1]);
 * ```
 */
export function widthOf(text: string): number {
  if (NARROW_ONLY.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += cellsOf(character);
  return width;
}

function cellsOf(character: string): number {
  if (NONE.test(character)) return 0;
  return WIDE.test(character) && !HALF.test(character) ? 2 : 1;
}

/** The text, or its beginning and "…": no wider than `width`. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let left = width - 1;
  let shown = "";
  for (const character of text) {
    left -= cellsOf(character);
    if (left < 0) break;
    shown += character;
  }
  return width < 1 ? "" : `${shown}…`;
}

/** With blanks behind it. */
export function padEnd(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** With blanks before it. */
export function padStart(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - widthOf(text))) + text;
}
