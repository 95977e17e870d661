/** Texts for a browser without what only people read: comments, indentation, spaces that separate nothing. Names and statements' lines stay. */

const SPACE_OR_COMMENT = /(?:\s+|\/\/.*|\/\*[\s\S]*?\*\/)+/y;
const STRING = /"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'/y;
/** Up to the end of a template, or to an expression in it. */
const TEMPLATE = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y;
const REGULAR_EXPRESSION = /\/(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const WORD = /[\w$#]+/y;

/** After these a slash begins a regular expression; after all else it divides. */
const OPERAND_FOLLOWS = /^(?:|[(,=:[!&|?{;+*%~^<>-]|return|typeof|case|in|of|void|await|yield|throw)$/;

/** After these a line ends where it did; elsewhere the text goes on as if it had not. */
const STATEMENT_ENDS = /^[;{}]$/;

/** A module without types → the same module. It relies on semicolons, as the formatter sets them. */
export function squeezed(text: string): string {
  const pieces: string[] = [];
  let at = 0;
  let before = "";
  /** Open braces of each template's expression that is being read. */
  const open: number[] = [];
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? null;
    if (found !== null) at += found.length;
    return found;
  };
  while (at < text.length) {
    const space = take(SPACE_OR_COMMENT);
    const mark = text[at] ?? "";
    if (space !== null) {
      if (STATEMENT_ENDS.test(before) && space.includes("\n")) pieces.push("\n");
      else if (isNeeded(before.at(-1) ?? "", mark)) pieces.push(" ");
    }
    let piece = take(STRING) ?? take(WORD);
    if (piece === null && mark === "/" && OPERAND_FOLLOWS.test(before)) piece = take(REGULAR_EXPRESSION);
    if (piece === null) {
      piece = mark;
      at++;
      const last = open.length - 1;
      const resumes = mark === "}" && open[last] === 0;
      if (mark === "`" || resumes) {
        if (resumes) open.pop();
        const rest = take(TEMPLATE) ?? "";
        if (rest.endsWith("${")) open.push(0);
        piece += rest;
      } else if (last >= 0 && mark === "{") open[last] += 1;
      else if (last >= 0 && mark === "}") open[last] -= 1;
    }
    pieces.push(piece);
    before = piece;
  }
  return pieces.join("");
}

/** Between two words, and between signs that would become another one. */
function isNeeded(before: string, after: string): boolean {
  return /[\w$#]/.test(before) ? /[\w$#]/.test(after) : before === after && /[+-]/.test(before);
}

/** A style sheet → the same style sheet. */
export function squeezedStyle(text: string): string {
  const lines = text.replace(/\/\*[\s\S]*?\*\//g, "").split("\n");
  const short = lines.map((line) =>
    line
      .trim()
      .replace(/^([\w-]+): /, "$1:")
      .replace(/ \{$/, "{"),
  );
  return short.filter((line) => line !== "").join("\n");
}
