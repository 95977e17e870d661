/** The virtual list: of hundreds of cards only those that can be seen, and some around them, are in the document. */

import type { LiveSensor } from "../../core/live-event.ts";
import { element } from "../dom.ts";
import type { ServerTime } from "../server-time.ts";
import { Card, type Span } from "./card.ts";

/** Least width of a card, its height, and the space between two, CSS pixels: style.css has the same height. */
const WIDTH_MIN = 272;
const HEIGHT = 246;
const GAP = 14;

/** Rows of cards kept above and below what can be seen: the next ones are there before the eye, or the tab key, is. */
const ROWS_AROUND = 2;

const KEYS: Readonly<Record<string, (columns: number) => number>> = {
  ArrowRight: () => 1,
  ArrowLeft: () => -1,
  ArrowDown: (columns) => columns,
  ArrowUp: (columns) => -columns,
};

/** A list of cards over rows that somebody else keeps. */
export class CardList {
  readonly root = element("ul", { class: "cards", "aria-label": "Sensors" });
  readonly #rows: ReadonlyMap<string, LiveSensor>;
  readonly #time: ServerTime;
  readonly #cards = new Map<string, Card>();
  readonly #spare: Card[] = [];
  readonly #resized = new ResizeObserver(() => this.#place());
  readonly #scrolled = () => this.#place();
  #order: readonly string[] = [];
  #places = new Map<string, number>();
  #span: Span = "all";
  #columns = 1;

  constructor(rows: ReadonlyMap<string, LiveSensor>, time: ServerTime) {
    this.#rows = rows;
    this.#time = time;
    this.#resized.observe(this.root);
    addEventListener("scroll", this.#scrolled, { passive: true });
    this.root.addEventListener("keydown", (event) => this.#key(event));
    this.root.addEventListener("focusin", this.#scrolled);
  }

  /** Shows these sensors in this order. */
  show(order: readonly string[], span: Span): void {
    this.#order = order;
    this.#places = new Map(order.map((sensor, i) => [sensor, i]));
    this.#span = span;
    this.#place();
    for (const [sensor, card] of this.#cards) this.#fill(card, sensor);
  }

  /** Shows rows that changed, where they can be seen. */
  changed(rows: readonly LiveSensor[]): void {
    for (const row of rows) this.#cards.get(row.sensor)?.show(row, this.#span);
  }

  /** What changes as time passes. */
  tick(): void {
    for (const card of this.#cards.values()) card.tick();
  }

  close(): void {
    this.#resized.disconnect();
    removeEventListener("scroll", this.#scrolled);
  }

  /** Whether somebody points at the cards, or has the keyboard in them: then they keep their places. */
  get isInUse(): boolean {
    return this.root.matches(":hover, :focus-within");
  }

  #place(): void {
    const width = this.root.clientWidth;
    if (width === 0) return;
    this.#columns = Math.max(1, Math.floor((width + GAP) / (WIDTH_MIN + GAP)));
    const step = HEIGHT + GAP;
    const rowCount = Math.ceil(this.#order.length / this.#columns);
    this.root.style.height = `${Math.max(0, rowCount * step - GAP)}px`;
    const above = -this.root.getBoundingClientRect().top;
    const firstRow = Math.max(0, Math.floor(above / step) - ROWS_AROUND);
    const endRow = Math.min(rowCount, Math.ceil((above + innerHeight) / step) + ROWS_AROUND);
    const visible = new Set(this.#order.slice(firstRow * this.#columns, endRow * this.#columns));
    // Where the keyboard is, and may go next before the browser has scrolled: else it would fall back to the top.
    const place = this.#places.get(this.#focused() ?? "");
    if (place !== undefined) {
      const around = ROWS_AROUND * this.#columns;
      for (const sensor of this.#order.slice(Math.max(0, place - around), place + around + 1)) visible.add(sensor);
    }
    for (const [sensor, card] of this.#cards) {
      if (visible.has(sensor)) continue;
      this.#cards.delete(sensor);
      card.root.remove();
      this.#spare.push(card);
    }
    const cardWidth = (width - (this.#columns - 1) * GAP) / this.#columns;
    for (const sensor of visible) this.#put(sensor, cardWidth, step);
    this.#sort();
  }

  #put(sensor: string, width: number, step: number): void {
    let card = this.#cards.get(sensor);
    if (card === undefined) {
      card = this.#spare.pop() ?? new Card(this.#time);
      this.#cards.set(sensor, card);
      this.#fill(card, sensor);
      this.root.append(card.root);
    }
    const place = this.#places.get(sensor) ?? 0;
    const { style } = card.root;
    style.width = `${width}px`;
    style.transform = `translate(${(place % this.#columns) * (width + GAP)}px, ${Math.floor(place / this.#columns) * step}px)`;
    card.root.setAttribute("aria-posinset", String(place + 1));
    card.root.setAttribute("aria-setsize", String(this.#order.length));
  }

  /** Keeps the order of the document that of the eye, for the keyboard; nodes that are in order are not touched. */
  #sort(): void {
    const sorted = [...this.#cards.keys()].sort((a, b) => (this.#places.get(a) ?? 0) - (this.#places.get(b) ?? 0));
    const focused = this.#focused();
    let next: ChildNode | null = this.root.firstChild;
    for (const sensor of sorted) {
      const node = this.#cards.get(sensor)?.root;
      if (node === undefined) continue;
      if (node === next) next = next.nextSibling;
      else if (sensor !== focused) this.root.insertBefore(node, next); // moving it would take the focus from it
    }
  }

  #fill(card: Card, sensor: string): void {
    const row = this.#rows.get(sensor);
    if (row !== undefined) card.show(row, this.#span);
  }

  #focused(): string | null {
    const item = document.activeElement?.closest(".card");
    for (const [sensor, card] of this.#cards) if (card.root === item) return sensor;
    return null;
  }

  /** Arrow keys go from card to card, Home and End to the first and the last. */
  #key(event: KeyboardEvent): void {
    const from = this.#places.get(this.#focused() ?? "");
    if (from === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = this.#order.length - 1;
    const step = KEYS[event.key]?.(this.#columns);
    const to = step !== undefined ? from + step : event.key === "Home" ? 0 : event.key === "End" ? last : -1;
    if (to < 0 || to > last) return;
    event.preventDefault();
    const top = this.root.offsetTop + Math.floor(to / this.#columns) * (HEIGHT + GAP);
    if (!this.#cards.has(this.#order[to])) scrollTo({ top: top - innerHeight / 2 });
    this.#place();
    const link = this.#cards.get(this.#order[to])?.link;
    link?.focus({ preventScroll: true });
    link?.closest("li")?.scrollIntoView({ block: "nearest" });
  }
}
