/** The window that was selected: what `POST /compute/metrics` answers for it, to the last digit, and how to ask for the same elsewhere. */
import type { Zone } from "../../core/zone.ts";
import type { Api } from "../api.ts";
import { element, setText } from "../dom.ts";
import { filesOf, nameOf, type Picture, type Wanted } from "./picture.ts";
import type { Span } from "./span.ts";
import { spanText } from "./ticks.ts";
import { momentText, type View } from "./view.ts";

type Numbers = Readonly<Record<string, number | null>>;

interface Answer {
  readonly result: Readonly<Record<string, Numbers>>;
  readonly errors: readonly string[];
}

/** What the part needs of the page. */
export interface Selecting {
  readonly api: Api;
  readonly zone: Zone;
  /** Whether a request needs the token. */
  readonly token: boolean;
  change(changes: Partial<View>): void;
  announce(sentence: string): void;
}

/** The part of the page below the charts. */
export class Selection {
  readonly root = element("section", { class: "selection", "aria-labelledby": "selected", hidden: true });
  readonly #host: Selecting;
  readonly #span = element("p", { class: "soft" });
  readonly #asked = element("input", { autocomplete: "off", spellcheck: "false" });
  readonly #fault = element("p", { class: "fault", role: "alert" });
  readonly #table = element("div", {
    class: "scroll",
    tabindex: 0,
    role: "group",
    "aria-label": "Numbers of the selection",
  });
  readonly #code = element("code");
  readonly #copy = element("button", { class: "quiet", type: "button" }, "Copy");
  readonly #files = element("p", { class: "files" });
  #shown = "";
  #abort = new AbortController();

  constructor(host: Selecting) {
    this.#host = host;
    const ask = (event: Event) => {
      event.preventDefault();
      host.change({ asked: this.#asked.value.split(/[\s,]+/).filter((name) => name !== "") });
    };
    const pre = element("pre", { tabindex: 0, "aria-label": "The same as a command" }, this.#code);
    this.#copy.addEventListener("click", () => this.#copyCode());
    this.root.append(
      element("h2", { id: "selected" }, "Selection"),
      this.#span,
      element(
        "form",
        { onsubmit: ask },
        element("label", {}, "Metrics ", this.#asked),
        element("button", { class: "quiet" }, "Compute"),
      ),
      this.#fault,
      this.#table,
      element("div", { class: "command" }, pre, this.#copy),
      host.token ? element("p", { class: "soft" }, "TIDEMARK_TOKEN holds the token of this server.") : "",
      this.#files,
    );
  }

  /** Shows a view's selection, as it is now. @param picture what is drawn above */
  update({ selection, asked }: View, picture: Picture): void {
    const { sensors, device, asOf } = picture.wanted;
    this.root.hidden = selection === null;
    this.#abort.abort();
    if (selection === null) {
      this.#shown = "";
      return;
    }
    const body = { ...Object.fromEntries(sensors.map((sensor) => [sensor, asked])), ...boundsOf(selection) };
    const seconds = (selection.end - selection.start) / 1000;
    setText(this.#span, `${spanText(selection, this.#host.zone)}, ${seconds.toLocaleString("en-US")} seconds`);
    this.#asked.value = asked.join(", ");
    const parameters = new URLSearchParams(Object.entries({ device, asOf }).filter(([, value]) => value !== ""));
    const path = `compute/metrics${parameters.size > 0 ? `?${parameters}` : ""}`;
    setText(this.#code, curlOf(path, body, this.#host.token));
    this.#files.replaceChildren(...filesOf("The buckets of the selection: ", picture, selection));
    void this.#compute(path, body, picture.wanted);
  }

  async #compute(path: string, body: Readonly<Record<string, unknown>>, wanted: Wanted): Promise<void> {
    const { signal } = (this.#abort = new AbortController());
    const key = path + JSON.stringify(body);
    const isNew = key !== this.#shown;
    this.#shown = key;
    try {
      const { result, errors } = await this.#host.api.json<Answer>(path, { method: "POST", body, signal });
      setText(this.#fault, errors.join("\n"));
      this.#table.replaceChildren(tableOf(result, wanted));
      if (isNew) this.#host.announce("The selection is computed");
    } catch (error) {
      if (signal.aborted) return;
      setText(this.#fault, error instanceof Error ? error.message : String(error));
      if (isNew) this.#table.replaceChildren();
    }
  }

  async #copyCode(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#code.textContent);
      setText(this.#copy, "Copied");
    } catch {
      // Only pages that came encrypted, or from this machine, may write to the clipboard: what is selected can be copied by hand.
      getSelection()?.selectAllChildren(this.#code);
      setText(this.#copy, "Selected: copy it with the keyboard");
    }
    this.#host.announce(this.#copy.textContent);
    setTimeout(() => setText(this.#copy, "Copy"), 2000);
  }
}

function boundsOf({ start, end }: Span): { from: string; toExclusive: string } {
  return { from: momentText(start), toExclusive: momentText(end) };
}

/** A line for a shell of POSIX. */
function curlOf(path: string, body: unknown, token: boolean): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const url = new URL(path, document.baseURI.replace(/#.*/, ""));
  const header = token ? ' --header "Authorization: Bearer $TIDEMARK_TOKEN"' : "";
  return `curl ${quoted(url.href)}${header} --data ${quoted(JSON.stringify(body))}`;
}

/** A row a metric, a column a sensor: as many sensors as fit, and metrics that are added go on below. */
function tableOf(result: Answer["result"], wanted: Wanted): HTMLElement {
  const answered = wanted.sensors.filter((sensor) => result[sensor] !== undefined);
  const metrics = [...new Set(answered.flatMap((sensor) => Object.keys(result[sensor])))];
  return element(
    "table",
    {},
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        element("td"),
        ...answered.map((sensor) => element("th", { scope: "col" }, nameOf(wanted, sensor))),
      ),
    ),
    element(
      "tbody",
      {},
      ...metrics.map((metric) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, metric),
          ...answered.map((sensor) => element("td", {}, exactText(result[sensor][metric]))),
        ),
      ),
    ),
  );
}

/** The shortest text that reads back as the same double: all digits there are. */
export function exactText(number: number | null | undefined): string {
  return number === null || number === undefined ? "–" : String(number);
}
