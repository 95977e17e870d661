/** One of the lists, a page of it at a time: loads it, and releases or discards what is chosen of it. */
import { countText } from "../../core/figures.ts";
import { confirmed } from "../confirm.ts";
import { element, setText } from "../dom.ts";
import type { Context } from "../page.ts";
import { type Column, tableOf } from "../table.ts";
import type { Item, Kind } from "./kinds.ts";

/** Items of a page. */
const ITEMS = 50;

/** The list follows what comes in, but not faster than people read, ms. */
const FOLLOW_MS = 1000;

/** Devices that are offered of those chosen. */
const DEVICES_MAX = 5;

interface Part {
  readonly items: readonly Item[];
  readonly next: number | null;
}

/** Body of a request, and what people call that. */
interface Scope {
  readonly body: object;
  readonly words: string;
}

/** The list; one for each time that it is shown. */
export class UncountedList {
  readonly root = element("div", { class: "list" });
  readonly #context: Context;
  readonly #kind: Kind;
  readonly #sensor: string | null;
  readonly #after: string | null;
  readonly #ended = new AbortController();
  readonly #rows = element("div");
  readonly #which = element("select", { "aria-label": "Which" });
  readonly #release: HTMLButtonElement;
  readonly #discard: HTMLButtonElement;
  readonly #said = element("p", { class: "said" });
  readonly #bar: HTMLElement;
  readonly #chosen = new Map<number, Item>();
  #scopes: readonly Scope[] = [];
  #totals = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isBusy = false;

  constructor(context: Context, kind: Kind, sensor: string | null, after: string | null) {
    this.#context = context;
    this.#kind = kind;
    this.#sensor = sensor;
    this.#after = after;
    const { verb } = kind.release;
    this.#release = element("button", { class: "plain", onclick: () => this.#act("release", verb) }, verb);
    this.#discard = element("button", { class: "plain", onclick: () => this.#act("discard", "Discard") }, "Discard");
    this.#bar = element("div", { class: "acts" }, this.#which, this.#release, this.#discard);
    this.#which.addEventListener("change", () => this.#enable());
    this.root.append(this.#bar, this.#said, this.#rows);
    this.#bar.hidden = true;
    const unsubscribe = context.live.subscribe(() => this.#follow());
    this.#ended.signal.addEventListener("abort", () => {
      unsubscribe();
      clearTimeout(this.#timer);
    });
    this.#load();
  }

  close(): void {
    this.#ended.abort();
  }

  /** Loads anew when totals say that something was added or taken away, unless somebody is choosing. */
  #follow(): void {
    let sum = "";
    for (const { sensor, quarantined, released, rejected } of this.#context.live.rows.values()) {
      if (this.#sensor !== null && sensor !== this.#sensor) continue;
      sum += this.#kind.path === "quarantine" ? `${quarantined} ${released},` : `${rejected},`;
    }
    if (sum === this.#totals) return;
    const isFirst = this.#totals === "";
    this.#totals = sum;
    if (isFirst || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#chosen.size === 0 && !this.#isBusy) this.#load();
      else this.#totals = "changed";
    }, FOLLOW_MS);
  }

  async #load(): Promise<void> {
    const asked = new URLSearchParams({ limit: String(ITEMS) });
    if (this.#sensor !== null) asked.set("sensor", this.#sensor);
    if (this.#after !== null) asked.set("after", this.#after);
    const { signal } = this.#ended;
    try {
      this.#show(await this.#context.api.json<Part>(`${this.#kind.path}?${asked}`, { signal }));
    } catch (error) {
      if (!signal.aborted) this.#showFault(error);
    }
  }

  #show({ items, next }: Part): void {
    const { url, time } = this.#context;
    this.#chosen.clear();
    this.#bar.hidden = items.length === 0;
    if (items.length === 0) {
      const isFirst = this.#after === null;
      const back = element(
        "button",
        { class: "plain", onclick: () => url.set({ after: null }, "push") },
        "To the first page",
      );
      const words = isFirst ? this.#kind.empty : "Nothing follows.";
      this.#rows.replaceChildren(element("div", { class: "empty" }, element("p", {}, words), isFirst ? null : back));
      return;
    }
    const all = element("input", { type: "checkbox", "aria-label": "Choose all of this page" });
    const box: Column<Item> = {
      title: "",
      cell: (item) =>
        element("input", {
          type: "checkbox",
          "aria-label": `Choose ${item.sensor}, number ${item.id}`,
          value: item.id,
        }),
    };
    const table = tableOf(this.#kind.title, [box, ...this.#kind.columns(time)] as Column<Item>[], items);
    table.querySelector("th")?.append(all);
    const boxes = [...table.querySelectorAll<HTMLInputElement>("td input")];
    table.addEventListener("change", ({ target }) => {
      if (target === all) for (const one of boxes) one.checked = all.checked;
      this.#chosen.clear();
      items.forEach((item, i) => {
        if (boxes[i].checked) this.#chosen.set(item.id, item);
      });
      all.checked = this.#chosen.size === items.length;
      all.indeterminate = this.#chosen.size > 0 && !all.checked;
      this.#offer();
    });
    const turn = (words: string, after: string | null) =>
      element("button", { class: "plain", onclick: () => url.set({ after }, "push") }, words);
    const turns = [
      this.#after === null ? null : turn("First page", null),
      next === null ? null : turn("Next page", String(next)),
    ];
    this.#rows.replaceChildren(table, element("div", { class: "turns" }, ...turns));
    this.#offer();
  }

  /** What the buttons may be for. */
  #offer(): void {
    const { noun } = this.#kind;
    const chosen = [...this.#chosen.values()];
    const sensor = this.#sensor === null ? {} : { sensor: this.#sensor };
    const of = this.#sensor === null ? "" : ` of ${this.#sensor}`;
    const devices = [...new Set(chosen.flatMap(({ device }) => device ?? []))].slice(0, DEVICES_MAX);
    this.#scopes = [
      { words: noun(chosen.length), body: { ids: chosen.map(({ id }) => id) } },
      ...devices.map((device) => ({ words: `all of device ${device}${of && `,${of}`}`, body: { device, ...sensor } })),
      { words: `all${of}`, body: this.#sensor === null ? { all: true } : sensor },
    ];
    const isAll = this.#which.selectedIndex > 0 && chosen.length === 0;
    this.#which.replaceChildren(
      ...this.#scopes.map(({ words }, i) =>
        element("option", { value: i }, i === 0 ? `${chosen.length === 0 ? "none" : words} chosen` : words),
      ),
    );
    this.#which.selectedIndex = isAll ? this.#scopes.length - 1 : 0;
    this.#enable();
  }

  #enable(): void {
    const isNone = this.#isBusy || (this.#which.selectedIndex === 0 && this.#chosen.size === 0);
    this.#release.disabled = isNone;
    this.#discard.disabled = isNone;
  }

  async #act(what: "release" | "discard", verb: string): Promise<void> {
    const { words, body } = this.#scopes[this.#which.selectedIndex];
    const { release, path } = this.#kind;
    const forgotten = "Forgotten for good: they can never be counted.";
    const listed = "ids" in body ? words : `${words}, as listed now`;
    if (!(await confirmed(`${verb} ${listed}?`, what === "release" ? release.consequence : forgotten, verb))) return;
    this.#isBusy = true;
    this.#enable();
    this.#say(`${verb} …`);
    try {
      const done = await this.#context.api.json<{ released?: number; discarded?: number }>(`${path}/${what}`, {
        method: "POST",
        body,
      });
      const count = countText(done.released ?? done.discarded ?? 0);
      this.#say(what === "release" ? release.done(count) : `${count} discarded.`);
      this.#which.selectedIndex = 0;
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error), "fault");
    }
    this.#isBusy = false;
    await this.#load();
  }

  #say(sentence: string, kind = ""): void {
    this.#said.className = `said ${kind}`;
    setText(this.#said, sentence);
    this.#context.announce(sentence);
  }

  #showFault(error: unknown): void {
    const again = element("button", { class: "plain", onclick: () => this.#load() }, "Try again");
    const words = error instanceof Error ? error.message : String(error);
    this.#bar.hidden = true;
    this.#rows.replaceChildren(
      element("div", { class: "empty" }, element("p", { class: "fault", role: "alert" }, words), again),
    );
  }
}
