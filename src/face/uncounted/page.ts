/** Page "Not counted": what was held back, rejected, corrected, came twice or was lost, of which sensor and why; releases, discards and undoes it. */
import { element } from "../dom.ts";
import type { Context, Mounted, Page } from "../page.ts";
import { hrefOf } from "../router.ts";
import { CorrectionList } from "./corrections.ts";
import { KINDS } from "./kinds.ts";
import { UncountedList } from "./list.ts";
import { losses } from "./losses.ts";
import { UnroutedLists } from "./unrouted.ts";

/** The page. */
export const page: Page = { mount: (root, context) => new NotCounted(root, context) };

/** In the address; the other kinds are lists. */
const LOSSES = "other";
const UNROUTED = "unrouted";
const CORRECTIONS = "corrections";

class NotCounted implements Mounted {
  readonly #context: Context;
  readonly #tabs: readonly (readonly [kind: string, link: HTMLAnchorElement])[];
  readonly #sensor = element("select", { "aria-label": "Of which sensor" });
  readonly #explanation = element("p", { class: "explanation" });
  readonly #content = element("div");
  readonly #unsubscribe: () => void;
  #list: UncountedList | UnroutedLists | CorrectionList | null = null;
  #shown = "";

  constructor(root: HTMLElement, context: Context) {
    this.#context = context;
    const { live, url } = context;
    const titles = [
      ...Object.entries(KINDS).map(([kind, { title }]) => [kind, title]),
      [UNROUTED, "Unrouted"],
      [LOSSES, "Conflicts and losses"],
      [CORRECTIONS, "Corrections"],
    ];
    this.#tabs = titles.map(([kind, title]) => [kind, element("a", {}, title)]);
    this.#sensor.addEventListener("change", () => url.set({ sensor: this.#sensor.value || null, after: null }, "push"));
    root.append(
      element("h1", {}, "Not counted"),
      element(
        "div",
        { class: "kinds" },
        element("nav", { "aria-label": "Kinds" }, ...this.#tabs.map(([, link]) => link)),
        this.#sensor,
      ),
      this.#explanation,
      this.#content,
    );
    this.#unsubscribe = live.subscribe(() => this.#refresh());
  }

  update(params: URLSearchParams): void {
    const kind = this.#kind(params);
    const sensor = params.get("sensor");
    for (const [name, link] of this.#tabs) {
      link.href = hrefOf("uncounted", { kind: name, ...(sensor === null ? {} : { sensor }) });
      if (name === kind) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.#shown = "";
    this.#refresh();
    this.#list?.close();
    this.#list = null;
    this.#sensor.hidden = kind === UNROUTED; // its messages are of none
    if (kind === LOSSES) return;
    if (kind === UNROUTED) {
      this.#explanation.textContent =
        "Messages that no map is for. Copy a map into the list “map” of tidemark.config.json, and start the server again.";
      this.#list = new UnroutedLists(this.#context);
      this.#content.replaceChildren(this.#list.root);
      return;
    }
    if (kind === CORRECTIONS) {
      this.#explanation.textContent =
        "Readings that were deleted and sensors that were renamed, by whom and why; the newest first. What is undone is as if it had never been.";
      this.#list = new CorrectionList(this.#context, sensor);
      this.#content.replaceChildren(this.#list.root);
      return;
    }
    this.#explanation.textContent = KINDS[kind].explanation;
    this.#list = new UncountedList(this.#context, KINDS[kind], sensor, params.get("after"));
    this.#content.replaceChildren(this.#list.root);
  }

  unmount(): void {
    this.#list?.close();
    this.#unsubscribe();
  }

  #kind(params: URLSearchParams): string {
    const kind = params.get("kind") ?? "held";
    return [LOSSES, UNROUTED, CORRECTIONS].includes(kind) || Object.hasOwn(KINDS, kind) ? kind : "held";
  }

  /** What follows the stream: the sensors to choose from, and the totals. */
  #refresh(): void {
    const { live, url } = this.#context;
    const sensor = url.params.get("sensor") ?? "";
    const names = [...new Set(["", sensor, ...live.rows.keys()])];
    if (names.length !== this.#sensor.options.length || this.#sensor.value !== sensor) {
      this.#sensor.replaceChildren(
        ...names.map((name) => element("option", { value: name }, name === "" ? "of all sensors" : name)),
      );
      this.#sensor.value = sensor;
    }
    if (this.#kind(url.params) !== LOSSES) return;
    const rows = [...live.rows.values()].filter((row) => sensor === "" || row.sensor === sensor);
    const made = losses(rows);
    const text = made.map(({ textContent }) => textContent).join();
    if (text === this.#shown) return;
    this.#shown = text;
    this.#explanation.textContent =
      "Readings that came more than once, and records that were lost; since the history began.";
    this.#content.replaceChildren(...made);
  }
}
