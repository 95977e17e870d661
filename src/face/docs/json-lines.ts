/** JSON for people: an object in lines, a short list in one. Numbers stay as they came: the server writes them as JSON.stringify does. */

/** Longer lists have a line for each item, characters. */
const LINE_MAX = 100;

/** A list without lists and objects in it, in lines: within JSON a text holds no line break. */
const FLAT_LIST = /\[\n\s+([^[\]{}]*)\n\s+\]/g;

/** The text of a value. */
export function jsonLines(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(FLAT_LIST, (whole: string, items: string) => {
    const line = items.replace(/\n\s+/g, " ");
    return line.length <= LINE_MAX ? `[${line}]` : whole;
  });
}
