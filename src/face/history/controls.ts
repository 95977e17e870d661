/** What people choose on the page: sensors, window, percentiles, y axis, comparison. It says what was chosen; the page decides. */
import type { Zone } from "../../core/zone.ts";
import { element, setText } from "../dom.ts";
import { hrefOf } from "../router.ts";
import type { Drag } from "./gestures.ts";
import { fieldText } from "./ticks.ts";
import { moves, PERCENTILES_MAX, type Range, SENSORS_MAX, sameRange, type View, type YAxis } from "./view.ts";

/** Windows that people ask for most: what they are called, and their bounds. */
const PRESETS: readonly (readonly [label: string, from: string, to?: string])[] = [
  ["15 min", "-15m"],
  ["1 h", "-1h"],
  ["6 h", "-6h"],
  ["24 h", "-24h"],
  ["7 d", "-7d"],
  ["30 d", "-30d"],
  ["1 y", "-1y"],
  ["10 y", "-10y"],
  ["All", ""],
  ["Today", "today"],
  ["Yesterday", "yesterday", "yesterday"],
  ["This week", "now/w"],
  ["Last week", "now-1w/w", "now-1w/w"],
  ["This month", "now/M"],
  ["This year", "now/y"],
];

const PERCENTILES = ["p5", "p50", "p95", "p99"];

const SHIFTS = {
  "": "nothing",
  "1d": "the day before",
  "1w": "the week before",
  "1mo": "the month before",
  "1y": "the year before",
};

const Y_AXES = { auto: "fitted", zero: "from zero", fixed: "fixed" };

const DRAGS: Readonly<Record<Drag, string>> = { zoom: "zooms", select: "selects", pan: "moves" };

/** What the controls need of the page. */
export interface Chosen {
  readonly zone: Zone;
  change(changes: Partial<View>): void;
  /** Bounds of the y axes as they are now, to fix them. */
  bounds(): [number, number][];
  /** Names to complete. */
  names(): Iterable<string>;
}

/** All of them, in the page. */
export class Controls {
  readonly window: HTMLElement;
  readonly sensors = element("div", { class: "chosen" });
  readonly display: HTMLElement;
  drag: Drag = "zoom";
  readonly #host: Chosen;
  readonly #from = element("input", {
    name: "from",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "first reading",
  });
  readonly #to = element("input", { name: "to", autocomplete: "off", spellcheck: "false", placeholder: "now" });
  readonly #asOf = element("input", {
    name: "asOf",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "now",
    title: "A moment, such as 2026-11-01 09:00: readings that came later are left out, and later corrections",
  });
  readonly #presets: readonly HTMLButtonElement[];
  readonly #chips = element("ul", { class: "chips" });
  readonly #add = element("input", { list: "sensor-names", "aria-label": "Add a sensor", autocomplete: "off" });
  readonly #names = element("datalist", { id: "sensor-names" });
  readonly #summary = element("summary");
  readonly #percentiles: readonly HTMLInputElement[];
  readonly #more = element("input", {
    class: "short",
    placeholder: "p99.9",
    "aria-label": "More percentiles",
    autocomplete: "off",
  });
  readonly #y = choice("y", Y_AXES);
  readonly #bounds = element("span", { class: "bounds" });
  readonly #shift = choice("shift", SHIFTS);
  #view: View | null = null;
  #shown: Range = { from: "", to: "", toExclusive: "" };
  /** Sensors that are shown: those of the address, or the first ones. */
  #current: readonly string[] = [];

  constructor(host: Chosen) {
    this.#host = host;
    this.#presets = PRESETS.map(([label, from, to = ""]) =>
      element("button", { type: "button", onclick: () => host.change(window({ from, to, toExclusive: "" })) }, label),
    );
    const submit = (event: Event) => {
      event.preventDefault();
      const typed = this.#typed();
      const isSame = this.#view !== null && sameRange(typed, this.#view.range);
      host.change({ ...(isSame ? {} : window(typed)), asOf: this.#asOf.value.trim() });
    };
    this.window = element(
      "form",
      { class: "window", onsubmit: submit },
      element("div", { class: "presets", role: "group", "aria-label": "Windows" }, ...this.#presets),
      element(
        "div",
        { class: "exact" },
        element("label", {}, "From ", this.#from),
        element("label", {}, "to ", this.#to),
        element("label", {}, "as of ", this.#asOf),
        element("button", { class: "quiet" }, "Show"),
      ),
    );
    this.#add.addEventListener("change", () => this.#addSensor());
    this.#add.addEventListener("focus", () => {
      this.#names.replaceChildren(...[...host.names()].map((value) => element("option", { value })));
    });
    this.sensors.append(this.#chips, this.#add, this.#names);
    this.#percentiles = PERCENTILES.map((name) => element("input", { type: "checkbox", value: name }));
    for (const input of [...this.#percentiles, this.#more])
      input.addEventListener("change", () => this.#choosePercentiles());
    this.#y.addEventListener("change", () => host.change({ y: this.#axis() }));
    this.#bounds.addEventListener("change", () => host.change({ y: this.#fixed() }));
    this.#shift.addEventListener("change", () => host.change({ shift: this.#shift.value }));
    const drags = choice("drag", DRAGS);
    drags.addEventListener("change", () => {
      this.drag = drags.value as Drag;
    });
    this.display = element(
      "details",
      { class: "display", open: matchMedia("(min-width: 760px)").matches },
      this.#summary,
      element(
        "div",
        {},
        element(
          "fieldset",
          {},
          element("legend", {}, "Percentiles"),
          ...PERCENTILES.map((name, i) => element("label", {}, this.#percentiles[i], name)),
          this.#more,
        ),
        element("label", {}, "Y axis ", this.#y),
        this.#bounds,
        element("label", {}, "Compare with ", this.#shift),
        element("label", {}, "Dragging ", drags),
      ),
    );
  }

  /** Shows a view. @param sensors what it shows */
  update(view: View, sensors: readonly string[]): void {
    this.#view = view;
    this.#current = sensors;
    const { range } = view;
    this.#shown = {
      from: this.#fieldOf(range.from, 0),
      to: range.toExclusive === "" ? range.to : this.#fieldOf(range.toExclusive, -1000),
      toExclusive: "",
    };
    this.#from.value = this.#shown.from;
    this.#to.value = this.#shown.to;
    this.#asOf.value = view.asOf;
    PRESETS.forEach(([, from, to = ""], i) => {
      this.#presets[i].setAttribute("aria-pressed", String(sameRange(range, { from, to, toExclusive: "" })));
    });
    this.#chips.replaceChildren(...sensors.map((sensor, i) => this.#chip(sensor, i)));
    this.#add.placeholder =
      sensors.length < SENSORS_MAX
        ? `Add a sensor (${sensors.length} of ${SENSORS_MAX})`
        : `${SENSORS_MAX} of ${SENSORS_MAX} sensors`;
    this.#add.disabled = sensors.length >= SENSORS_MAX;
    for (const input of this.#percentiles) {
      input.checked = view.percentiles.includes(input.value);
      input.disabled = !input.checked && view.percentiles.length >= PERCENTILES_MAX;
    }
    this.#more.value = view.percentiles.filter((name) => !PERCENTILES.includes(name)).join(" ");
    this.#y.value = view.y.mode;
    this.#shift.value = view.shift in SHIFTS ? view.shift : "";
    this.#showBounds(view.y);
    const compared =
      view.shift === "" ? [] : [`compared with ${SHIFTS[view.shift as keyof typeof SHIFTS] ?? view.shift}`];
    setText(
      this.#summary,
      ["Mean, min to max", ...view.percentiles, `y axis ${Y_AXES[view.y.mode]}`, ...compared].join(" · "),
    );
  }

  /** Marks the bounds as what the server did not understand. */
  set isRefused(isRefused: boolean) {
    for (const input of [this.#from, this.#to]) {
      if (isRefused) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  }

  /** What a bound of the address looks like in its field: times of zooms are shown in the server's zone, to their last second. */
  #fieldOf(bound: string, addMs: number): string {
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(bound)
      ? fieldText(Date.parse(bound) + addMs, this.#host.zone)
      : bound;
  }

  /** What was not touched stays as it was. */
  #typed(): Range {
    const [from, to] = [this.#from.value.trim(), this.#to.value.trim()];
    const before = this.#view?.range ?? this.#shown;
    const end = to === this.#shown.to ? { to: before.to, toExclusive: before.toExclusive } : { to, toExclusive: "" };
    return { from: from === this.#shown.from ? before.from : from, ...end };
  }

  #chip(sensor: string, index: number): HTMLElement {
    const remove = () =>
      this.#host.change({ sensors: this.#current.filter((other) => other !== sensor), y: { mode: "auto" } });
    const button = element("button", { type: "button", "aria-label": `Remove ${sensor}`, onclick: remove }, "×");
    return element("li", { class: `series-${index + 1}` }, sensor, this.#current.length > 1 ? button : null);
  }

  #addSensor(): void {
    const sensor = this.#add.value.trim();
    this.#add.value = "";
    if (sensor === "" || this.#current.includes(sensor)) return;
    this.#host.change({ sensors: [...this.#current, sensor].slice(0, SENSORS_MAX), y: { mode: "auto" } });
  }

  #choosePercentiles(): void {
    const ticked = this.#percentiles.filter(({ checked }) => checked).map(({ value }) => value);
    const more = this.#more.value.split(/[\s,]+/).filter((name) => name !== "");
    const percentiles = [...ticked, ...more.map((name) => (/^\d/.test(name) ? `p${name}` : name))];
    this.#host.change({ percentiles: [...new Set(percentiles)].slice(0, PERCENTILES_MAX) });
  }

  #axis(): YAxis {
    const mode = this.#y.value as YAxis["mode"];
    const bounds = this.#host.bounds();
    return mode === "fixed" ? { mode, bounds: bounds.length === 0 ? [[0, 100]] : bounds } : { mode };
  }

  /** Two fields a sensor. */
  #showBounds(y: YAxis): void {
    const fixed = y.mode === "fixed" ? y.bounds : [];
    const fields = fixed.slice(0, this.#current.length).map((bounds, i) => {
      const field = (k: 0 | 1) =>
        element("input", {
          class: "short",
          type: "number",
          step: "any",
          value: bounds[k],
          "aria-label": `${this.#current[i]}, y axis ${k === 0 ? "from" : "to"}`,
        });
      return element("span", { class: `series-${i + 1}` }, field(0), "–", field(1));
    });
    this.#bounds.replaceChildren(...fields);
  }

  #fixed(): YAxis {
    const numbers = [...this.#bounds.querySelectorAll("input")].map(({ valueAsNumber }) => valueAsNumber);
    const bounds = numbers.flatMap((low, i): [number, number][] => (i % 2 === 0 ? [[low, numbers[i + 1]]] : []));
    return bounds.every(([low, high]) => low < high) ? { mode: "fixed", bounds } : (this.#view?.y ?? { mode: "auto" });
  }
}

/** What changes with the window: nothing is zoomed or selected any more. */
function window(range: Range): Partial<View> {
  return { range, home: null, selection: null };
}

function choice(name: string, options: Readonly<Record<string, string>>): HTMLSelectElement {
  return element(
    "select",
    { name },
    ...Object.entries(options).map(([value, text]) => element("option", { value }, text)),
  );
}

/** What the page says of its window: whether it moves with the clock, and why not. */
export function windowState(view: View): string {
  if (view.selection !== null) return "the window stands still while something is selected";
  if (view.home !== null) return "the window stands still while you look closer";
  if (view.asOf !== "") return "the window shows what was known at an earlier moment";
  return moves(view.range) ? "" : "the window has two fixed ends";
}

/** There is nothing to draw: what may be done about it. @param hasSensors some were asked for; else none has sent anything @param onAll all readings are wanted */
export function emptyOf(hasSensors: boolean, onAll: () => void): HTMLElement[] {
  return [
    element("p", {}, hasSensors ? "Nothing was measured in this window." : "No sensor has sent a reading yet."),
    hasSensors
      ? element("button", { class: "primary", onclick: onAll }, "Show all readings")
      : element("a", { href: hrefOf("now") }, "How to send the first one"),
  ];
}
