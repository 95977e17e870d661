/** The address: which page, and all that was chosen on it. `#/history?sensor=a` is page `history` with `sensor=a`. */

/** What a page sees of the address. */
export interface UrlState {
  readonly params: URLSearchParams;
  /**
   * Changes some parameters. `push` makes a step that the back button undoes; `replace` (while typing, dragging) none.
   * The page is told by `update`.
   */
  set(changes: Changes, how: "push" | "replace"): void;
}

/** An address within the page. */
export function hrefOf(page: string, params: Readonly<Record<string, string>> | URLSearchParams = {}): string {
  const query = new URLSearchParams(params).toString();
  return query === "" ? `#/${page}` : `#/${page}?${query}`;
}

/** Changes of some parameters of an address; null takes one out. */
export type Changes = Readonly<Record<string, string | readonly string[] | null>>;

/** An address with these changes. */
export function hrefWith(page: string, params: URLSearchParams, changes: Changes): string {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const one of value === null ? [] : [value].flat()) next.append(name, one);
  }
  return hrefOf(page, next);
}

/** Follows the address. */
export class Router implements UrlState {
  readonly #first: string;
  readonly #onChange: (page: string, params: URLSearchParams) => void;
  page = "";
  params = new URLSearchParams();

  /** @param first the page of an address that names none */
  constructor(first: string, onChange: (page: string, params: URLSearchParams) => void) {
    this.#first = first;
    this.#onChange = onChange;
    addEventListener("popstate", () => this.read()); // also of links within the page
  }

  /** Reads the address, and tells it. */
  read(): void {
    const { hash } = location;
    const split = hash.includes("?") ? hash.indexOf("?") : hash.length;
    this.page = hash.slice(2, split) || this.#first; // #/
    this.params = new URLSearchParams(hash.slice(split));
    this.#onChange(this.page, this.params);
  }

  set(changes: Changes, how: "push" | "replace"): void {
    const href = hrefWith(this.page, this.params, changes);
    if (href === hrefOf(this.page, this.params)) return;
    if (how === "push") history.pushState(null, "", href);
    else history.replaceState(null, "", href);
    this.read();
  }
}
