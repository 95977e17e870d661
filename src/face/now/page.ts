/** Page "Now": a card for each sensor, which moves the moment a reading arrives; before the first reading how to send one. */

import type { LiveSensor } from "../../core/live-event.ts";
import { element, setText } from "../dom.ts";
import type { LiveEvent } from "../live.ts";
import type { Context, Mounted, Page } from "../page.ts";
import type { Span } from "./card.ts";
import { firstRun } from "./first-run.ts";
import { CardList } from "./list.ts";
import { listed, SORTS, sortOf } from "./order.ts";

/** The page. */
export const page: Page = { mount: (root, context) => new Now(root, context) };

class Now implements Mounted {
  readonly #context: Context;
  readonly #list: CardList;
  readonly #search = element("input", {
    type: "search",
    id: "search",
    placeholder: "Find sensors",
    "aria-label": "Find sensors",
  });
  readonly #sort: HTMLSelectElement;
  readonly #span: HTMLSelectElement;
  readonly #count = element("p", { class: "found" });
  readonly #bar: HTMLElement;
  readonly #empty = element("p", { class: "empty" });
  readonly #first: ReturnType<typeof firstRun>;
  readonly #unsubscribe: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #isFirstDrawn = false;
  /** Sensors that the order was made of. */
  #known = new Set<string>();
  /** Figures have changed since the order was made. */
  #stale = true;

  constructor(root: HTMLElement, context: Context) {
    this.#context = context;
    const { live, time, url } = context;
    this.#list = new CardList(live.rows, time);
    const option = ([value, text]: readonly [string, string]) => element("option", { value }, text);
    this.#sort = element("select", { "aria-label": "Sorted by" }, ...Object.entries(SORTS).map(option));
    this.#span = element(
      "select",
      { "aria-label": "Numbers of" },
      option(["all", "of all readings"]),
      option(["minute", "of the last minute"]),
    );
    this.#search.addEventListener("input", () => url.set({ find: this.#search.value || null }, "replace"));
    this.#sort.addEventListener("change", () => url.set({ sort: unless(this.#sort.value, "name") }, "push"));
    this.#span.addEventListener("change", () => url.set({ of: unless(this.#span.value, "all") }, "push"));
    this.#bar = element("div", { class: "bar", role: "search" }, this.#search, this.#sort, this.#span, this.#count);
    this.#first = firstRun(context);
    root.append(element("h1", { class: "unseen" }, "Now"), this.#bar, this.#first.root, this.#list.root, this.#empty);
    this.#unsubscribe = live.subscribe((event) => this.#take(event));
    this.#timer = setInterval(() => this.#tick(), 1000);
  }

  update(params: URLSearchParams): void {
    const find = params.get("find") ?? "";
    if (this.#search.value !== find) this.#search.value = find;
    this.#sort.value = sortOf(params.get("sort"));
    this.#span.value = spanOf(params);
    this.#draw();
  }

  unmount(): void {
    this.#unsubscribe();
    clearInterval(this.#timer);
    this.#list.close();
  }

  #take({ snapshot, sensors }: LiveEvent): void {
    const isNew = ({ sensor }: LiveSensor) => !this.#known.has(sensor);
    if (snapshot || !this.#first.root.hidden || sensors.some(isNew)) {
      this.#draw();
      return;
    }
    this.#stale = true;
    this.#list.changed(sensors);
  }

  /** Sorted figures move: the order follows once a second, unless somebody is about to click. */
  #tick(): void {
    this.#list.tick();
    if (this.#stale && this.#sort.value !== "name" && !this.#list.isInUse) this.#draw();
  }

  #draw(): void {
    const { live, url } = this.#context;
    const { params } = url;
    this.#stale = false;
    this.#known = new Set(live.rows.keys());
    const { known, rows } = live;
    const isFirst = known?.sensors.every(({ received }) => received === 0) === true;
    const find = params.get("find") ?? "";
    const order = isFirst ? [] : listed(rows.values(), find, sortOf(params.get("sort")));
    this.#first.root.hidden = !isFirst;
    if (isFirst) this.#first.update(params); // once the stream has told which sensors there are
    this.#bar.hidden = isFirst || known === null;
    this.#list.show(order, spanOf(params));
    if (order.length > 0 && !this.#isFirstDrawn) performance.mark("first-value");
    this.#isFirstDrawn ||= order.length > 0;
    this.#empty.hidden = isFirst || order.length > 0;
    setText(this.#empty, known !== null ? `No sensor is called “${find}”.` : `Waiting for ${location.host} …`);
    const shown = order.length === rows.size ? `${rows.size}` : `${order.length} of ${rows.size}`;
    const left = (known?.sensorsTotal ?? 0) - rows.size;
    const more = left > 0 ? `, ${left} more are not in the stream` : "";
    setText(this.#count, `${shown} ${rows.size === 1 ? "sensor" : "sensors"}${more}`);
  }
}

function spanOf(params: URLSearchParams): Span {
  return params.get("of") === "minute" ? "minute" : "all";
}

function unless(value: string, usual: string): string | null {
  return value === usual ? null : value;
}
