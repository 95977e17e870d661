/** What people changed of the past: readings that they deleted and sensors that they renamed, with who, when and why; undoes it. */
import { countText, plural } from "../../core/figures.ts";
import { printable } from "../../core/printable.ts";
import { confirmed } from "../confirm.ts";
import { element, setText } from "../dom.ts";
import type { LiveEvent } from "../live.ts";
import type { Context } from "../page.ts";
import { type Column, tableOf } from "../table.ts";

/** Of the list at one time, and those of them that are shown: the newest. */
const ITEMS = 1000;
const SHOWN = 200;

/** As `GET /corrections` has it. */
interface Item {
  readonly number: number;
  readonly kind: "delete" | "rename";
  readonly sensor: string;
  readonly to: string | null;
  readonly device: string | null;
  readonly from: string | null;
  readonly toExclusive: string | null;
  readonly at: string;
  readonly by: string;
  readonly reason: string;
  readonly undone: { readonly at: string; readonly by: string } | null;
  readonly readings: number;
}

interface Part {
  readonly items: readonly Item[];
  readonly next: number | null;
}

/** The list; one for each time that it is shown. */
export class CorrectionList {
  readonly root = element("div", { class: "list" });
  readonly #context: Context;
  readonly #sensor: string | null;
  readonly #ended = new AbortController();
  readonly #by = element("input", { autocomplete: "name", maxlength: 200 });
  readonly #said = element("p", { class: "said" });
  readonly #rows = element("div");
  readonly #bar = element("div", { class: "acts", hidden: true }, element("label", {}, "Who undoes ", this.#by));

  /** @param sensor null: of all */
  constructor(context: Context, sensor: string | null) {
    this.#context = context;
    this.#sensor = sensor;
    this.root.append(this.#bar, this.#said, this.#rows);
    this.#ended.signal.addEventListener(
      "abort",
      context.live.subscribe((event) => this.#heard(event)),
    );
    this.#load();
  }

  close(): void {
    this.#ended.abort();
  }

  /** A renaming tells all sensors anew. */
  #heard({ snapshot, sensors }: LiveEvent): void {
    const isNews = snapshot || sensors.some(({ changes }) => changes.some(({ cause }) => cause === "corrected"));
    if (isNews) this.#load();
  }

  async #load(): Promise<void> {
    const { signal } = this.#ended;
    const found: Item[] = [];
    try {
      for (let after: number | null = 0; after !== null; ) {
        const path: string = `corrections?limit=${ITEMS}&after=${after}`;
        const part: Part = await this.#context.api.json<Part>(path, { signal });
        found.push(...part.items.filter(({ sensor, to }) => [null, sensor, to].includes(this.#sensor)));
        after = part.next;
      }
      this.#show(found.reverse());
    } catch (error) {
      if (!signal.aborted) this.#say(error instanceof Error ? error.message : String(error), "fault");
    }
  }

  #show(items: readonly Item[]): void {
    this.#bar.hidden = !items.some(({ undone }) => undone === null);
    if (items.length === 0) {
      this.#rows.replaceChildren(element("div", { class: "empty" }, element("p", {}, "Nothing was corrected.")));
      return;
    }
    const more = items.length > SHOWN ? `The newest ${SHOWN} of ${countText(items.length)}.` : "";
    const table = tableOf("Corrections", this.#columns(), items.slice(0, SHOWN));
    this.#rows.replaceChildren(table, element("p", { class: "explanation" }, more));
  }

  #columns(): Column<Item>[] {
    const when = (time: string) => this.#context.time.moment(Date.parse(time));
    return [
      { title: "Number", isNumber: true, cell: ({ number }) => String(number) },
      { title: "What", cell: (item) => stacked(wordsOf(item), this.#rangeOf(item)) },
      {
        title: "Readings",
        isNumber: true,
        cell: ({ kind, undone, readings }) => (kind === "rename" || undone !== null ? "–" : countText(readings)),
      },
      { title: "Who", cell: ({ by, at }) => stacked(printable(by), when(at)) },
      { title: "Why", cell: ({ reason }) => printable(reason) || "–" },
      {
        title: "Undone",
        cell: (item) =>
          item.undone === null ? this.#button(item) : stacked(printable(item.undone.by), when(item.undone.at)),
      },
    ];
  }

  /** The end belongs to it, as people say it. */
  #rangeOf({ from, toExclusive }: Item): string {
    const { time } = this.#context;
    if (from === null || toExclusive === null) return "";
    return `${time.moment(Date.parse(from))} to ${time.moment(Date.parse(toExclusive) - 1000)}`;
  }

  #button(item: Item): HTMLElement {
    const label = `Undo correction ${item.number}`;
    return element("button", { class: "plain", "aria-label": label, onclick: () => this.#undo(item) }, "Undo");
  }

  async #undo(item: Item): Promise<void> {
    const { number, kind, sensor, readings } = item;
    const back =
      kind === "rename"
        ? `The sensor is called ${sensor} again.`
        : `${plural(readings, "reading")} count${readings === 1 ? "s" : ""} again, and answers change with them.`;
    if (!(await confirmed(`Undo correction ${number}?`, back, "Undo"))) return;
    const by = this.#by.value.trim();
    this.#say("Undo …");
    try {
      const body = { number, ...(by === "" ? {} : { by }) };
      await this.#context.api.json("corrections/undo", { method: "POST", body });
      this.#say(`Correction ${number} is undone.`);
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error), "fault");
    }
    await this.#load();
  }

  #say(sentence: string, kind = ""): void {
    this.#said.className = `said ${kind}`;
    setText(this.#said, sentence);
    this.#context.announce(sentence);
  }
}

function wordsOf({ kind, sensor, to, device }: Item): string {
  if (kind === "rename") return `${sensor} renamed to ${to}`;
  return device === null ? `${sensor} deleted` : `${sensor}, device ${printable(device)}, deleted`;
}

function stacked(fact: string, more: string): HTMLElement {
  return element("span", { class: "stacked" }, fact, element("small", {}, more));
}
