/** Which rows of the live table a person looks at: the filter, the order, how far down. Keys change it. */
import { byName } from "../core/sensor-name.ts";
import { isPattern, matcherOf } from "../core/sensor-pattern.ts";
import type { Key } from "./keys.ts";
import type { LiveRow } from "./live-event.ts";

/** What rows can be sorted by: numbers from the largest on, as that is what one looks for. */
const ORDERS: readonly { readonly name: string; readonly key: ((row: LiveRow) => number) | null }[] = [
  { name: "as added", key: null },
  { name: "name", key: () => 0 },
  { name: "count", key: (row) => row.count },
  { name: "mean", key: (row) => row.mean ?? Number.NEGATIVE_INFINITY },
  { name: "last", key: (row) => row.last ?? Number.NEGATIVE_INFINITY },
  { name: "rate", key: (row) => row.rate },
  { name: "age", key: (row) => row.ageMs ?? Number.POSITIVE_INFINITY },
  { name: "late", key: (row) => row.late },
  { name: "duplicates", key: (row) => row.duplicates },
  { name: "held back", key: (row) => row.quarantined + row.rejected },
];

/** What the keys do, for people. */
export const KEYS: readonly (readonly [key: string, does: string])[] = [
  ["↑ ↓ k j", "a row up or down"],
  ["PgUp PgDn b Space", "a page up or down"],
  ["Home End g G", "to the first or last row"],
  ["/", "filter by name: a part of it, or * and ?"],
  ["Esc", "forget the filter"],
  ["s S", "sort by the next or previous column"],
  ["r", "turn the order round"],
  ["?", "these keys"],
  ["q Ctrl-C", "end"],
];

/** Most characters of a filter: a name has no more. */
const FILTER_MAX = 249;

/** *Browsing* ⇄ *typing* a filter (`/`; Enter and Esc end it); *help* over both (`?`; any key ends it). */
export class Browsing {
  #filter = "";
  #order = 0;
  #isReversed = false;
  #first = 0;
  isTyping = false;
  isHelp = false;
  /** Rows that fit, as they were last drawn. */
  page = 1;

  /** @returns true when the key ends the table */
  press(key: Key): boolean {
    if ("text" in key && (key.text === "\x03" || key.text === "\x04")) return true;
    if (this.isHelp) this.isHelp = false;
    else if (this.isTyping) this.#type(key);
    else if ("text" in key) return this.#command(key.text);
    else this.#move(key.name);
    return false;
  }

  #type(key: Key): void {
    this.#first = 0;
    if ("text" in key) {
      // Control characters write nothing.
      if (key.text >= " ") this.#filter = (this.#filter + key.text).slice(0, FILTER_MAX);
    } else if (key.name === "backspace") this.#filter = [...this.#filter].slice(0, -1).join("");
    else {
      if (key.name === "escape") this.#filter = "";
      this.isTyping = key.name !== "escape" && key.name !== "enter";
    }
  }

  #command(text: string): boolean {
    switch (text) {
      case "q":
      case "Q":
        return true;
      case "?":
      case "h":
        this.isHelp = true;
        break;
      case "/":
        this.isTyping = true;
        break;
      case "s":
      case "S":
        this.#order = (this.#order + (text === "s" ? 1 : ORDERS.length - 1)) % ORDERS.length;
        break;
      case "r":
        this.#isReversed = !this.#isReversed;
        break;
      default:
        this.#move(MOVES[text]);
    }
    return false;
  }

  #move(name: string | undefined): void {
    switch (name) {
      case "up":
        this.#first--;
        break;
      case "down":
        this.#first++;
        break;
      case "page-up":
        this.#first -= this.page;
        break;
      case "page-down":
        this.#first += this.page;
        break;
      case "home":
        this.#first = 0;
        break;
      case "end":
        this.#first = Number.MAX_SAFE_INTEGER;
        break;
      case "escape":
        this.#filter = "";
        break;
    }
  }

  /** The rows that the filter lets pass, in order. */
  chosen(rows: readonly LiveRow[]): readonly LiveRow[] {
    const passes = this.#passes();
    const chosen = rows.filter((row) => passes(row.sensor.toLowerCase()));
    const { key } = ORDERS[this.#order];
    if (key !== null) chosen.sort((a, b) => key(b) - key(a) || byName(a.sensor, b.sensor));
    return this.#isReversed ? chosen.reverse() : chosen;
  }

  #passes(): (name: string) => boolean {
    const filter = this.#filter.toLowerCase();
    // Only letters that a name may have: others mean something in a pattern.
    if (isPattern(filter) && /^[\w.*?-]+$/.test(filter)) return matcherOf([filter]);
    return (name) => name.includes(filter);
  }

  /** The first row to be shown of so many, of which `page` fit: the last page is full. */
  first(count: number, page: number): number {
    this.page = Math.max(1, page);
    this.#first = Math.max(0, Math.min(this.#first, count - this.page));
    return this.#first;
  }

  /** What is not as it is at the start; empty where all is. */
  get status(): string {
    const order =
      this.#order === 0 && !this.#isReversed
        ? ""
        : `by ${ORDERS[this.#order].name}${this.#isReversed ? ", reversed" : ""}`;
    const filter = this.isTyping ? `/${this.#filter}▏` : this.#filter === "" ? "" : `/${this.#filter}`;
    return [order, filter].filter((text) => text !== "").join("  ");
  }
}

const MOVES: Readonly<Record<string, string>> = {
  k: "up",
  j: "down",
  b: "page-up",
  " ": "page-down",
  g: "home",
  G: "end",
};
