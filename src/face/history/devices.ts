/** The devices of a sensor: a list, a part of it at a time, whose names lead to the device's own history. */
import { ageText, countText, decimalsOf, NOTHING, plural, shortText } from "../../core/figures.ts";
import { element, setText } from "../dom.ts";
import type { Context } from "../page.ts";
import { type Changes, hrefWith } from "../router.ts";
import { type Column, tableOf } from "../table.ts";

/** Devices that are in the page at one time: a sensor may have hundreds of thousands. */
const ITEMS = 50;

/** Ages go on so often, and the list follows what comes in, ms: to sort it the server looks at all devices of the sensor. */
const FOLLOW_MS = 10_000;

/** The list rests for so many times the time that the answer took before it follows: it costs the server a twentieth of that at most. */
const REST = 20;

/** A bar says that the list is on its way, from so late on that most never show it, ms. */
const LOADING_MS = 200;

/** What `GET /devices` sorts by: names as they are, of numbers the largest first. */
const SORTS = {
  name: "name",
  lastTime: "newest reading",
  lastValue: "last value",
  readings: "readings",
  duplicates: "duplicates",
  conflicts: "conflicts",
  late: "late",
  heldBack: "held back",
};

/** Of `GET /devices`. */
interface Device {
  /** "": readings that name none. */
  readonly device: string;
  readonly flags: readonly string[];
  readonly lastTime: string | null;
  readonly lastValue: number | null;
  readonly readings: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly late: number;
  readonly heldBack: number;
  readonly isWhole: boolean;
  readonly hasSeries: boolean;
  readonly since: string | null;
}

interface Part {
  readonly items: readonly Device[];
  readonly next: string | null;
  readonly devices: number;
  readonly withSeries: number;
}

/** The list's part of the address when it is closed. */
const CLOSED: Changes = { devices: null, sort: null, find: null, after: null };

/** What leads to the list, and the list. */
export class Devices {
  /** One line: whose devices there are to choose from, and the way back from one. */
  readonly ways = element("p", { class: "files" });
  readonly root = element("section", { class: "devices", "aria-labelledby": "devices", hidden: true });
  readonly #context: Context;
  readonly #onChosen: () => void;
  readonly #title = element("h2", { id: "devices", tabindex: -1 });
  readonly #counts = element("p", { class: "soft" });
  readonly #find = element("input", { type: "search", autocomplete: "off" });
  readonly #sort = element(
    "select",
    {},
    ...Object.entries(SORTS).map(([value, text]) => element("option", { value }, text)),
  );
  readonly #fault = element("p", { class: "fault", role: "alert" });
  readonly #rows = element("div");
  readonly #ends: readonly (() => void)[];
  #abort = new AbortController();
  #sensors: readonly string[] = [];
  /** Whose list is open; null: none. */
  #sensor: string | null = null;
  /** What was asked for last, and its answer. */
  #path = "";
  #part: Part | null = null;
  #ages: { readonly node: Element; readonly ms: number }[] = [];
  /** The sensor has changed since. */
  #isStale = false;
  /** The list does not follow until then, ms. */
  #restMs = 0;
  /** Somebody opened the list, or turned a page: it is gone to when it is there. */
  #isAwaited = false;

  /** @param onChosen somebody follows a link to a device */
  constructor(context: Context, onChosen: () => void) {
    const { url, live } = context;
    this.#context = context;
    this.#onChosen = onChosen;
    this.#find.addEventListener("input", () => url.set({ find: this.#find.value || null, after: null }, "replace"));
    this.#sort.addEventListener("change", () => url.set({ sort: this.#sort.value, after: null }, "push"));
    const close = () => {
      url.set(CLOSED, "push");
      this.ways.querySelector("a")?.focus();
    };
    const tools = element(
      "div",
      { class: "tools" },
      element("label", {}, "Names that begin with ", this.#find),
      element("label", {}, "Sorted by ", this.#sort),
      element("button", { class: "quiet", onclick: close }, "Close the list"),
    );
    this.root.append(this.#title, this.#counts, tools, this.#fault, this.#rows);
    const timer = setInterval(() => this.#follow(), FOLLOW_MS);
    this.#ends = [
      () => clearInterval(timer),
      () => this.#abort.abort(),
      live.subscribe(({ snapshot, sensors }) => {
        this.#isStale ||= snapshot || sensors.some(({ sensor }) => sensor === this.#sensor);
        if (!this.ways.matches(":focus-within")) this.#offer();
      }),
    ];
  }

  close(): void {
    for (const end of this.#ends) end();
  }

  /** Shows what the address says. @param sensors what is drawn */
  update(sensors: readonly string[]): void {
    const { params } = this.#context.url;
    const sensor = params.get("devices");
    const find = params.get("find") ?? "";
    this.#sensors = sensors;
    this.#offer();
    this.root.hidden = sensor === null;
    if (sensor !== this.#sensor) {
      this.#isAwaited = sensor !== null && (this.#path !== "" || !params.has("device"));
      this.#part = null;
      this.#rows.replaceChildren();
      setText(this.#counts, "");
      setText(this.#title, `Devices of ${sensor}`);
    }
    this.#sensor = sensor;
    const sort = find ? "name" : (params.get("sort") ?? "name");
    this.#find.value = find;
    this.#sort.value = sort;
    this.#sort.disabled = find !== "";
    const query = new URLSearchParams({ sensor: sensor ?? "", sort, limit: `${ITEMS}` });
    const after = params.get("after") ?? (find && justBefore(find));
    if (params.has("after") || find) query.set("after", after);
    const path = sensor === null ? "closed" : `devices?${query}`;
    if (path === this.#path) this.#show();
    else {
      this.#path = path;
      if (sensor !== null) void this.#load(true);
    }
  }

  /** Ages go on; what came in is asked for unless somebody is about to choose. */
  #follow(): void {
    for (const { node, ms } of this.#ages) setText(node, this.#ageOf(ms));
    const isHeld =
      performance.now() < this.#restMs ||
      document.hidden ||
      this.#context.live.isHeld ||
      this.#rows.matches(":hover, :focus-within");
    if (this.#sensor !== null && this.#isStale && !isHeld) void this.#load(false);
  }

  /** @param isChosen somebody waits for it */
  async #load(isChosen: boolean): Promise<void> {
    this.#abort.abort();
    const { signal } = (this.#abort = new AbortController());
    const startMs = performance.now();
    const loading = setTimeout(() => this.root.setAttribute("aria-busy", "true"), LOADING_MS);
    try {
      this.#part = await this.#context.api.json<Part>(this.#path, { signal });
      this.#isStale = false;
      setText(this.#fault, "");
    } catch (error) {
      if (signal.aborted) return;
      setText(this.#fault, error instanceof Error ? error.message : String(error));
      this.#isStale = true;
      this.#part = null;
    } finally {
      clearTimeout(loading);
      if (!signal.aborted) this.root.removeAttribute("aria-busy");
    }
    this.#restMs = performance.now() + REST * (performance.now() - startMs);
    this.#show();
    if (isChosen && this.#part !== null) this.#context.announce(this.#counts.textContent);
    if (this.#isAwaited) {
      this.#isAwaited = false;
      this.#title.scrollIntoView();
      this.#title.focus({ preventScroll: true });
    }
  }

  /** Links for the sensors that are drawn. */
  #offer(): void {
    const { url, live } = this.#context;
    const device = url.params.get("device");
    const lists = this.#sensors.flatMap((sensor) => {
      const count = live.rows.get(sensor)?.devices ?? 0;
      return count === 0 ? [] : [this.#link(`${plural(count, "device")} of ${sensor}`, { ...CLOSED, devices: sensor })];
    });
    const [sensor] = this.#sensors;
    const back = device ? [`Device ${device}`, this.#link(`All of ${sensor}`, { device: null })] : [];
    this.ways.replaceChildren(...[...back, ...lists].flatMap((way, i) => (i === 0 ? [way] : [" · ", way])));
  }

  #link(words: string, changes: Changes): HTMLAnchorElement {
    return element("a", { href: hrefWith("history", this.#context.url.params, changes) }, words);
  }

  /** The part that came last. */
  #show(): void {
    const sensor = this.#sensor;
    this.#ages = [];
    this.#rows.replaceChildren();
    if (this.#part === null || sensor === null) return;
    const { url } = this.#context;
    const { devices, withSeries } = this.#part;
    const find = url.params.get("find") ?? "";
    const items = this.#part.items.filter(({ device }) => device.startsWith(find));
    const next = items.length < this.#part.items.length ? null : this.#part.next;
    const own = withSeries < devices ? `, ${countText(withSeries)} of them with a series of their own` : "";
    setText(this.#counts, plural(devices, "device") + own);
    const turn = (words: string, after: string | null) => {
      const onclick = () => {
        this.#isAwaited = true;
        url.set({ after }, "push");
      };
      return element("button", { class: "plain", onclick }, words);
    };
    const turns = [
      url.params.has("after") ? turn("First page", null) : null,
      next === null ? null : turn("More devices", next),
    ];
    this.#rows.append(
      items.length === 0
        ? element("p", { class: "soft" }, "No devices")
        : tableOf(`Devices of ${sensor}`, this.#columns(sensor), items),
      element("div", { class: "turns" }, ...turns),
    );
  }

  #columns(sensor: string): Column<Device>[] {
    const { url, time } = this.#context;
    const chosen = url.params.get("sensor") === sensor ? url.params.get("device") : null;
    const number = (title: string, of: (device: Device) => number): Column<Device> => ({
      title,
      cell: (row) => (of(row) === 0 ? null : countText(of(row))),
      isNumber: true,
    });
    return [
      {
        title: "Device",
        cell: ({ device }) => {
          if (device === "") return "none named";
          const link = this.#link(device, { sensor, device, y: null });
          if (device === chosen) link.setAttribute("aria-current", "true");
          link.addEventListener("click", this.#onChosen);
          return link;
        },
      },
      {
        title: "Last value",
        cell: ({ lastValue }) =>
          element("span", { title: lastValue }, shortText(lastValue, lastValue === null ? 0 : decimalsOf(lastValue))),
        isNumber: true,
      },
      {
        title: "Age",
        cell: ({ lastTime }) => {
          if (lastTime === null) return NOTHING;
          const ms = Date.parse(lastTime);
          const node = element("span", { title: time.moment(ms) }, this.#ageOf(ms));
          this.#ages.push({ node, ms });
          return node;
        },
        isNumber: true,
      },
      number("Readings", ({ readings }) => readings),
      number("Duplicates", ({ duplicates }) => duplicates),
      number("Late", ({ late }) => late),
      number("Held back", ({ heldBack }) => heldBack),
      { title: "Notes", cell: (row) => notesOf(row, (ms) => time.moment(ms)) || null },
    ];
  }

  #ageOf(ms: number): string {
    return ageText(this.#context.time.now() - ms);
  }
}

/** What is odd about a device, in words; "held-back" has a column. */
function notesOf({ flags, conflicts, isWhole, hasSeries, since }: Device, moment: (ms: number) => string): string {
  return [
    hasSeries ? null : "no series of its own",
    flags.includes("stuck") ? "stuck: repeats itself" : null,
    conflicts === 0 ? null : plural(conflicts, "conflict"),
    flags.includes("simulated") ? "simulated" : null,
    since === null ? null : `series since ${moment(Date.parse(since))}`,
    isWhole ? null : "more was counted before",
  ]
    .filter((note) => note !== null)
    .join(", ");
}

/** A name that only what begins with a text, or comes later, is behind: names have the order of their bytes, as code points have. */
function justBefore(text: string): string {
  const points = [...text];
  const last = points.pop()?.codePointAt(0) ?? 1;
  return points.join("") + String.fromCodePoint(Math.max(0, last - 1), 0x10ffff);
}
