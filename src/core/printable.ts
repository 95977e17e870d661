/** Foreign text (device names, records, answers) → text that a terminal or a page only shows, never obeys. */

/** C0 and C1 controls, line and paragraph separators, and marks that reorder what is written (Unicode Bidi_Control). */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** Every control character becomes its escape: "\u001b". */
export function printable(text: string): string {
  return text.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
