/** One sensor's card. It is made once, and shows other sensors as the list is scrolled. */
import { ageText, countText, decimalsOf, NOTHING, rateText, shortText } from "../../core/figures.ts";
import type { LiveSensor } from "../../core/live-event.ts";
import { drawing, element, setText } from "../dom.ts";
import { hrefOf } from "../router.ts";
import type { ServerTime } from "../server-time.ts";
import { SPARK_HEIGHT, sparkPaths } from "./spark.ts";

/** Some readings that were not plainly counted, or came late. */
interface Badge {
  readonly count: (row: LiveSensor) => number;
  readonly one: string;
  readonly many: string;
  readonly meaning: string;
  /** The address where they are listed. */
  readonly href?: (sensor: string) => string;
  /** It may grow without anything being odd. */
  readonly isPlain?: boolean;
}

/** A kind of the page "Not counted". */
function listed(kind: string): (sensor: string) => string {
  return (sensor) => hrefOf("uncounted", { kind, sensor });
}

const BADGES: readonly Badge[] = [
  {
    count: ({ devices }) => (devices > 1 ? devices : 0),
    one: "device",
    many: "devices",
    meaning: "each with numbers of its own",
    href: (sensor) => hrefOf("history", { sensor, devices: sensor }),
    isPlain: true,
  },
  { count: ({ late }) => late, one: "late", many: "late", meaning: "counted, over a minute after newer ones" },
  {
    count: ({ duplicates }) => duplicates,
    one: "duplicate",
    many: "duplicates",
    meaning: "came again, and counted once",
    href: listed("other"),
  },
  {
    count: (row) => row.quarantined,
    one: "held back",
    many: "held back",
    meaning: "of a wrong clock",
    href: listed("held"),
  },
  { count: (row) => row.rejected, one: "rejected", many: "rejected", meaning: "no readings", href: listed("rejected") },
  {
    count: ({ gapRecords, cutRecords }) => gapRecords + cutRecords,
    one: "lost",
    many: "lost",
    meaning: "the log dropped them",
    href: listed("other"),
  },
];

/** A badge is marked for so long after it has grown, ms: long enough to be seen. */
const FRESH_MS = 10_000;

/** Which readings the four numbers are of. */
export type Span = "all" | "minute";

/** A card of the list. */
export class Card {
  readonly root: HTMLLIElement;
  readonly #link = element("a", { class: "name" });
  readonly #age = element("span", { class: "age" });
  readonly #pulse = element("i", { class: "pulse", "aria-hidden": "true" });
  readonly #value = element("p", { class: "value" });
  readonly #line = drawing("path", { class: "line" });
  readonly #area = drawing("path", { class: "area" });
  readonly #end = drawing("path", { class: "end" });
  readonly #facts = {
    min: element("dd"),
    mean: element("dd"),
    max: element("dd"),
    count: element("dd"),
    rate: element("dd"),
    "complete until": element("dd"),
  };
  readonly #badges = BADGES.map(({ meaning, href }) => element(href === undefined ? "span" : "a", { title: meaning }));
  readonly #time: ServerTime;
  /** When each badge last grew, by the browser's monotonic clock. */
  #grewAt: number[] = [];
  /** Decimals of its values so far: figures that move keep their form. */
  #decimals = 0;
  #row: LiveSensor | null = null;

  constructor(time: ServerTime) {
    this.#time = time;
    const facts = Object.entries(this.#facts).map(([term, value]) =>
      element("div", {}, element("dt", {}, term), value),
    );
    const spark = {
      class: "spark",
      viewBox: `0 0 59 ${SPARK_HEIGHT}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    };
    this.root = element(
      "li",
      { class: "card" },
      element("div", { class: "top" }, this.#link, this.#age, this.#pulse),
      this.#value,
      drawing("svg", spark, this.#area, this.#line, this.#end),
      element("dl", {}, ...facts),
      element("ul", { class: "badges" }, ...this.#badges.map((badge) => element("li", {}, badge))),
    );
  }

  /** The sensor that it shows; "" when none. */
  get sensor(): string {
    return this.#row?.sensor ?? "";
  }

  /** The link that leads to the sensor's history. */
  get link(): HTMLAnchorElement {
    return this.#link;
  }

  /** Shows a sensor as it is now. */
  show(row: LiveSensor, span: Span): void {
    const before = this.#row?.sensor === row.sensor ? this.#row : null;
    this.#row = row;
    if (before === null) {
      this.#grewAt = BADGES.map(() => -Infinity);
      this.#decimals = 0;
      setText(this.#link, row.sensor);
      this.#link.href = hrefOf("history", { sensor: row.sensor });
      this.#link.title = row.sensor;
      BADGES.forEach(({ href }, i) => {
        if (href !== undefined) this.#badges[i].setAttribute("href", href(row.sensor));
      });
    } else if (row.received > before.received) this.#beat();
    const { count, mean, min, max } = span === "all" ? row : row.minute;
    for (const value of [row.last, min, max]) {
      if (value !== null) this.#decimals = Math.max(this.#decimals, decimalsOf(value));
    }
    const facts = this.#facts;
    setFigure(this.#value, row.last, this.#decimals);
    setFigure(facts.min, min, this.#decimals);
    setFigure(facts.mean, mean);
    setFigure(facts.max, max, this.#decimals);
    setText(facts.count, countText(count));
    setText(facts.rate, `${rateText(row.rate)}/s`);
    setText(facts["complete until"], row.completeUntil === null ? NOTHING : this.#time.moment(row.completeUntil));
    const { line, area, end } = sparkPaths(row.spark);
    this.#line.setAttribute("d", line);
    this.#area.setAttribute("d", area);
    this.#end.setAttribute("d", end);
    BADGES.forEach(({ count, one, many, isPlain }, i) => {
      const now = count(row);
      (this.#badges[i].parentElement ?? this.#badges[i]).hidden = now === 0;
      setText(this.#badges[i], `${countText(now)} ${now === 1 ? one : many}`);
      if (before !== null && now > count(before) && !isPlain) this.#grewAt[i] = performance.now();
    });
    this.tick();
  }

  /** What changes as time passes. */
  tick(): void {
    const row = this.#row;
    if (row === null) return;
    setText(this.#age, ageText(row.lastTime === null ? null : this.#time.now() - row.lastTime));
    this.root.classList.toggle("still", row.minute.count === 0);
    const now = performance.now();
    this.#badges.forEach((badge, i) => {
      badge.classList.toggle("fresh", now - this.#grewAt[i] < FRESH_MS);
    });
  }

  /** Begins the pulse anew. */
  #beat(): void {
    for (const animation of this.#pulse.getAnimations()) animation.cancel();
    this.#pulse.classList.remove("beat");
    void this.#pulse.offsetWidth; // the browser has to see it without, before it sees it with
    this.#pulse.classList.add("beat");
  }
}

/** A figure as people read it; all of it where somebody points at it. */
function setFigure(node: HTMLElement, value: number | null, decimals?: number): void {
  setText(node, shortText(value, decimals));
  node.title = value === null ? "" : String(value);
}
