/** Elements made without markup: the page's policy lets no text become markup (trusted types). */

const SVG = "http://www.w3.org/2000/svg";

/** Attributes by their names; true sets an empty one, false and null none. Functions listen to events: `onclick`. */
export type Properties = Readonly<Record<string, string | number | boolean | null | ((event: never) => void)>>;

/** What may be inside an element; null is nothing. */
export type Child = Node | string | null;

/** An element with its attributes and what is in it. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), properties, children);
}

/** The same of a drawing. */
export function drawing<K extends keyof SVGElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

/** Sets a text only where it differs: an untouched node costs no layout. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

function filled<E extends Element>(made: E, properties: Properties, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value as EventListener);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}
