/** One sensor's card. It is made once, and shows other sensors as the list is scrolled. */
import { ageText, countText, meanText, rateText, valueText } from "../../core/figures.ts";
import { drawing, element, setText } from "../dom.ts";
import type { LiveRow, Moments } from "../live.ts";
import { hrefOf } from "../router.ts";
import type { ServerTime } from "../server-time.ts";
import { SPARK_HEIGHT, sparkPath } from "./spark.ts";

/** Readings that were not plainly counted, or came late: which, and what that means. */
const BADGES: readonly (readonly [word: string, count: (row: LiveRow) => number, meaning: string])[] = [
  ["late", (row) => row.late, "counted, though older than the sensor was complete until"],
  ["duplicate", (row) => row.duplicates, "came again, and was counted once"],
  ["held back", (row) => row.quarantined, "in quarantine, as its clock is impossible"],
  ["rejected", (row) => row.rejected, "is no reading"],
  ["lost", (row) => row.gapRecords + row.cutRecords, "the log dropped it"],
];

/** A badge is marked for so long after it has grown, ms: long enough to be seen. */
const FRESH_MS = 10_000;

/** Which readings the four numbers are of. */
export type Span = "all" | "minute";

/** A card of the list. */
export class Card {
  readonly root: HTMLLIElement;
  readonly #link = element("a", { class: "name" });
  readonly #value = element("p", { class: "value" });
  readonly #age = element("dd");
  readonly #rate = element("dd");
  readonly #numbers = { count: element("dd"), mean: element("dd"), min: element("dd"), max: element("dd") };
  readonly #line = drawing("path");
  readonly #pulse = element("i", { class: "pulse", "aria-hidden": "true" });
  readonly #badges: readonly HTMLElement[];
  readonly #complete = element("p", { class: "complete" });
  readonly #time: ServerTime;
  /** When each badge last grew, by the browser's monotonic clock. */
  #grewAt: number[] = [];
  #row: LiveRow | null = null;

  constructor(time: ServerTime) {
    this.#time = time;
    this.#badges = BADGES.map(([, , meaning]) => element("li", { title: meaning }));
    const { count, mean, min, max } = this.#numbers;
    const fact = (term: string, value: Node) => element("div", {}, element("dt", {}, term), value);
    this.root = element(
      "li",
      { class: "card" },
      element("div", { class: "top" }, this.#link, this.#pulse),
      element(
        "div",
        { class: "shown" },
        this.#value,
        drawing(
          "svg",
          { viewBox: `0 0 59 ${SPARK_HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "spark" },
          this.#line,
        ),
      ),
      element("dl", {}, fact("min", min), fact("mean", mean), fact("max", max), fact("count", count)),
      element("dl", {}, fact("rate", this.#rate), fact("age", this.#age)),
      element("ul", { class: "badges" }, ...this.#badges),
      this.#complete,
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
  show(row: LiveRow, span: Span): void {
    const before = this.#row?.sensor === row.sensor ? this.#row : null;
    this.#row = row;
    if (before === null) {
      this.#grewAt = BADGES.map(() => -Infinity);
      setText(this.#link, row.sensor);
      this.#link.href = hrefOf("history", { sensor: row.sensor });
      this.#link.title = row.sensor;
    } else if (row.received > before.received) this.#beat();
    setText(this.#value, valueText(row.last));
    this.#moments(span === "all" ? row : row.minute);
    setText(this.#rate, `${rateText(row.rate)}/s`);
    this.#line.setAttribute("d", sparkPath(row.spark));
    BADGES.forEach(([word, count], i) => {
      const was = before === null ? null : count(before);
      this.#badge(i, word, count(row), was);
    });
    const { completeUntil } = row;
    setText(this.#complete, completeUntil === null ? "" : `complete until ${this.#time.moment(completeUntil)}`);
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

  #moments({ count, mean, min, max }: Moments): void {
    setText(this.#numbers.count, countText(count));
    setText(this.#numbers.mean, meanText(mean));
    setText(this.#numbers.min, valueText(min));
    setText(this.#numbers.max, valueText(max));
  }

  #badge(i: number, word: string, count: number, before: number | null): void {
    this.#badges[i].hidden = count === 0;
    setText(this.#badges[i], `${countText(count)} ${word}`);
    if (before !== null && count > before) this.#grewAt[i] = performance.now();
  }

  /** Begins the pulse anew. */
  #beat(): void {
    for (const animation of this.#pulse.getAnimations()) animation.cancel();
    this.#pulse.classList.remove("beat");
    void this.#pulse.offsetWidth; // the browser has to see it without, before it sees it with
    this.#pulse.classList.add("beat");
  }
}
