/** Texts of the description as elements: of Markdown they use code and paragraphs. */
import { element } from "../dom.ts";

/** One line: what is between backticks is code. */
export function inline(text: string): Node[] {
  return text.split("`").map((part, i) => (i % 2 === 1 ? element("code", {}, part) : document.createTextNode(part)));
}

/** A path that may be broken before its slashes. */
export function pathNodes(path: string): Node[] {
  return path.split(/(?=\/)/).flatMap((part) => [element("wbr"), document.createTextNode(part)]);
}

/** Paragraphs. */
export function prose(text: string): Node[] {
  return text.split("\n\n").map((paragraph) => element("p", {}, ...inline(paragraph.replaceAll("\n", " "))));
}
