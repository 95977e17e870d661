/** Messages that came through a door and were not counted: those that no map is for, with a map that would fit, and those that a map could not read. */
import { ageText, countText } from "../../core/figures.ts";
import { printable } from "../../core/printable.ts";
import { element, setText } from "../dom.ts";
import type { Context } from "../page.ts";
import { type Column, tableOf } from "../table.ts";

/** As often the lists are asked for, ms: what is unrouted makes no event. */
const FOLLOW_MS = 5000;

/** Characters of a payload. */
const SHOWN_MAX = 300;

/** As `GET /unrouted` has it. */
interface Item {
  readonly door: string;
  readonly topic: string;
  readonly count: number;
  readonly last: { readonly topic: string; readonly time: string; readonly payload: string };
  readonly map: object | null;
}

/** As `GET /doors` has it. */
interface Door {
  readonly name: string;
  readonly problems: readonly Problem[];
  readonly passedOver: readonly Problem[];
}

interface Problem {
  readonly map: string;
  readonly code: string;
  readonly count: number;
  readonly reason: string;
  readonly topic: string;
  readonly payload: string;
  readonly last: string;
}

/** Both lists; one for each time that they are shown. */
export class UnroutedLists {
  readonly root = element("div", { class: "list" });
  readonly #context: Context;
  readonly #ended = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #shown = "";

  constructor(context: Context) {
    this.#context = context;
    this.#load();
    this.#timer = setInterval(() => this.#load(), FOLLOW_MS);
  }

  close(): void {
    this.#ended.abort();
    clearInterval(this.#timer);
  }

  async #load(): Promise<void> {
    const { api } = this.#context;
    const { signal } = this.#ended;
    try {
      const [{ items }, { items: doors }] = await Promise.all([
        api.json<{ items: readonly Item[] }>("unrouted", { signal }),
        api.json<{ items: readonly Door[] }>("doors", { signal }),
      ]);
      this.#show(items, doors);
    } catch (error) {
      if (signal.aborted) return;
      const words = error instanceof Error ? error.message : String(error);
      this.#shown = "";
      this.root.replaceChildren(element("p", { class: "fault", role: "alert" }, words));
    }
  }

  /** Only where something changed: a map may be about to be copied. */
  #show(items: readonly Item[], doors: readonly Door[]): void {
    const problems = doors.flatMap(({ problems }) => problems);
    const passed = doors.flatMap(({ passedOver }) => passedOver);
    const text = JSON.stringify([items, problems, passed]);
    if (text === this.#shown) return;
    this.#shown = text;
    const parts = [
      ...(items.length === 0 ? [] : [tableOf("Unrouted", this.#columns(), items)]),
      ...this.#ofMaps("Could not be read", problems),
      ...this.#ofMaps("Known, and nothing in it was read", passed),
    ];
    const none = element("div", { class: "empty" }, element("p", {}, "Every message found its map."));
    this.root.replaceChildren(...(parts.length === 0 ? [none] : parts));
  }

  #ofMaps(title: string, list: readonly Problem[]): HTMLElement[] {
    return list.length === 0 ? [] : [element("h2", {}, title), tableOf(title, this.#problemColumns(), list)];
  }

  #columns(): Column<Item>[] {
    return [
      {
        title: "Topic",
        cell: ({ door, topic }) => element("code", {}, printable(door === "in" ? `/in/${topic}` : topic)),
      },
      { title: "Messages", isNumber: true, cell: ({ count }) => countText(count) },
      { title: "Last", cell: ({ last }) => stacked(payloadCell(last.payload), this.#age(last.time)) },
      {
        title: "A map that would fit",
        cell: ({ map }) => (map === null ? "nothing in it looks like a reading" : this.#map(map)),
      },
    ];
  }

  #problemColumns(): Column<Problem>[] {
    return [
      { title: "Map", cell: ({ map, topic }) => stacked(printable(map), printable(topic)) },
      { title: "Times", isNumber: true, cell: ({ count }) => countText(count) },
      { title: "Why", cell: ({ reason, code }) => element("span", { title: code }, printable(reason)) },
      { title: "Last", cell: ({ payload, last }) => stacked(payloadCell(payload), this.#age(last)) },
    ];
  }

  #age(time: string): string {
    return `${ageText(this.#context.time.now() - Date.parse(time))} ago`;
  }

  #map(map: object): HTMLElement {
    const code = element("code", {}, JSON.stringify(map, null, 1).replaceAll(/\s+/g, " "));
    const copy = element("button", { class: "quiet", type: "button" }, "Copy");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        setText(copy, "Copied");
      } catch {
        getSelection()?.selectAllChildren(code); // no clipboard without TLS from another machine
        setText(copy, "Selected: copy it with the keyboard");
      }
      this.#context.announce(copy.textContent);
    });
    return element("span", { class: "stacked" }, code, copy);
  }
}

function payloadCell(payload: string): HTMLElement {
  const text = printable(payload.replaceAll(/\s+/g, " "));
  return element("code", {}, text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text || "(nothing)");
}

function stacked(fact: string | HTMLElement, more: string): HTMLElement {
  return element("span", { class: "stacked" }, fact, element("small", {}, more));
}
