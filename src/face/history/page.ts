/** History: how sensors were, from ten years to ten seconds. It draws what the address says; what is done on it changes the address. */

import type { LiveChange } from "../../core/live-event.ts";
import { ApiError } from "../api.ts";
import { element, setText } from "../dom.ts";
import type { LiveEvent } from "../live.ts";
import type { Context, Mounted, Page } from "../page.ts";
import { Controls, emptyOf, windowState } from "./controls.ts";
import { Devices } from "./devices.ts";
import { Due } from "./due.ts";
import { type Board, type Drag, followGestures } from "./gestures.ts";
import { legendOf } from "./legend.ts";
import { Panels } from "./panels.ts";
import { bucketAt, filesOf, hasNumbers, isIn, nameOf, type Picture, Pictures, type Wanted } from "./picture.ts";
import { meansOf, placeTip, sentenceOf, tableOf, tooltipOf } from "./readout.ts";
import { Selection } from "./selection.ts";
import { moveMsOf, panned, type Span, wholeSeconds, zoomed } from "./span.ts";
import { spanText } from "./ticks.ts";
import { FIRST_RANGE, isMoving, moves, rangeOfSpan, readView, type View, writeView } from "./view.ts";

/** Sensors of a first visit. */
const FIRST_SENSORS = 3;

/** A change of the past is drawn after this, ms: what comes meanwhile is drawn with it. */
const PAST_MS = 250;

/** After a request that was not answered the next is sent, ms. */
const AGAIN_MS = 3000;

/** Keys, wheel and fingers rest for so long before numbers are asked for, ms. */
const SETTLE_MS = 220;

/** A bar says that numbers are on their way, from so late on that most of them never show it, ms. */
const LOADING_MS = 200;

/** The hidden table is made anew while a window moves, ms: whoever hears it loses the place then. */
const TABLE_MS = 60_000;

/** What may have changed where nobody said what. */
const ANYTHING: LiveChange = { cause: "late", from: 0, toExclusive: Number.POSITIVE_INFINITY };

const KEYS = "Plus and minus zoom, arrows move, zero leads back, Shift with arrows reads one bucket after the other.";

class History implements Mounted, Board {
  readonly root: HTMLElement;
  readonly #context: Context;
  readonly #pictures: Pictures;
  readonly #panels: Panels;
  readonly #controls: Controls;
  readonly #selection: Selection;
  readonly #devices: Devices;
  readonly #caption = element("p", { id: "shown" });
  readonly #legend = element("p", { class: "legend" });
  readonly #fault = element("p", { class: "fault", role: "alert" });
  readonly #empty = element("div", { class: "empty", hidden: true });
  readonly #tip = element("div", { class: "tip", hidden: true });
  readonly #table = element("div", { class: "unseen" });
  readonly #files = element("p", { class: "files" });
  readonly #back = element("button", { class: "quiet", onclick: () => this.home() });
  readonly #figure: HTMLElement;
  readonly #ends: (() => void)[];
  #view: View = readView(new URLSearchParams());
  /** The view as it was asked for last: the list of devices has a part of the address of its own. */
  #key = "";
  #picture: Picture | null = null;
  /** What is seen while the numbers for it are on their way; null: the picture's. */
  #moving: Span | null = null;
  #hair: number | null = null;
  /** Where the pointer was last. */
  #looked: Parameters<Board["inspect"]> = [null, 0, 0];
  /** Numbers are to be asked for again. */
  readonly #again = new Due(() => {
    if (!document.hidden && this.#moving === null && !this.#context.live.isHeld) void this.#load(false);
  });
  #settling: ReturnType<typeof setTimeout> | undefined;
  /** No sensor is known yet. */
  #isWaiting = false;
  #tableMs = Number.NEGATIVE_INFINITY;

  constructor(root: HTMLElement, context: Context) {
    const { api, time, about, live, theme } = context;
    this.#context = context;
    this.#pictures = new Pictures(api);
    this.#panels = new Panels(time.zone, theme);
    const change = (changes: Partial<View>) =>
      this.#change("sensors" in changes ? { device: "", ...changes } : changes);
    this.#controls = new Controls({
      zone: time.zone,
      change,
      bounds: () => this.#panels.bounds,
      names: () => live.rows.keys(),
    });
    this.#selection = new Selection({ api, zone: time.zone, token: about.token, change, announce: context.announce });
    this.#devices = new Devices(context, () => {
      this.#figure.scrollIntoView({ block: "nearest" });
      this.root.focus({ preventScroll: true });
    });
    this.root = element(
      "div",
      { class: "board", tabindex: 0, role: "group", "aria-label": `Charts. ${KEYS}` },
      this.#panels.root,
      this.#tip,
    );
    this.#figure = element(
      "figure",
      { "aria-labelledby": "shown" },
      element("figcaption", {}, this.#caption, this.#legend),
      this.root,
      this.#table,
    );
    root.append(
      element("h1", { class: "unseen" }, "History"),
      this.#controls.window,
      this.#fault,
      element("div", { class: "tools" }, this.#controls.sensors, this.#buttons()),
      this.#devices.ways,
      this.#controls.display,
      this.#figure,
      this.#empty,
      this.#files,
      this.#selection.root,
      this.#devices.root,
    );
    const resized = new ResizeObserver(() => this.#panels.resize());
    resized.observe(this.#panels.root);
    const seen = () => this.#again.within(0);
    document.addEventListener("visibilitychange", seen);
    this.#ends = [
      () => resized.disconnect(),
      () => document.removeEventListener("visibilitychange", seen),
      theme.onChange(() => this.#redraw()),
      followGestures(this),
      live.subscribe((event) => this.#heard(event)),
      () => this.#devices.close(),
    ];
  }

  update(params: URLSearchParams): void {
    this.#view = readView(params);
    this.#devices.update(this.#sensors);
    const key = JSON.stringify(this.#view);
    if (key === this.#key && !this.#isWaiting) return;
    this.#key = key;
    clearTimeout(this.#settling);
    this.#context.live.say(windowState(this.#view));
    this.#controls.update(this.#view, this.#sensors);
    setText(this.#back, moves(this.#view.home ?? FIRST_RANGE) ? "Back to live" : "Back");
    this.#back.style.visibility = this.#view.home === null ? "hidden" : "";
    void this.#load(true);
  }

  unmount(): void {
    for (const end of this.#ends) end();
    this.#context.live.say("");
    this.#again.stop();
    clearTimeout(this.#settling);
    this.#pictures.stop();
    this.#panels.destroy();
  }

  // The board: what gestures do.

  plots(): readonly HTMLElement[] {
    return this.#panels.plots;
  }

  span(): Span {
    return this.#moving ?? this.#picture?.span ?? { start: this.now() - 3_600_000, end: this.now() };
  }

  now(): number {
    return this.#context.time.now();
  }

  drag(): Drag {
    return this.#controls.drag;
  }

  inspect(ms: number | null, plot: number, y: number): void {
    this.#looked = [ms, plot, y];
    const bucket = ms === null || this.#picture === null ? null : bucketAt(this.#picture, ms);
    this.#hair = bucket === null ? null : ms;
    this.#context.live.say(
      this.#hair === null ? windowState(this.#view) : "the window stands still while you look at it",
    );
    this.#tip.hidden = bucket === null;
    if (this.#picture === null) return;
    this.#panels.setHair(this.#hair, meansOf(this.#picture, bucket));
    if (bucket === null) {
      this.#again.within(PAST_MS);
      return;
    }
    this.#tip.replaceChildren(...tooltipOf(this.#picture, plot, bucket, this.#context.time.zone));
    const { start, end } = this.span();
    placeTip(this.#tip, this.#panels.plots[plot], ((this.#hair ?? start) - start) / (end - start), y);
  }

  step(by: -1 | 1): void {
    const { now: { edges } = { edges: [] }, span } = this.#picture ?? {};
    if (this.#picture === null || span === undefined) return;
    const at = this.#hair === null ? null : bucketAt(this.#picture, this.#hair);
    const last = edges.length - 2;
    const bucket = at === null ? (by < 0 ? last : 0) : Math.min(last, Math.max(0, at + by));
    this.inspect((edges[bucket] + edges[bucket + 1]) / 2, 0, 0);
    this.#context.announce(sentenceOf(this.#picture, bucket, this.#context.time.zone));
  }

  mark(span: Span | null, drag: Drag): void {
    if (span === null) this.#panels.setBox(this.#view.selection, "select");
    else this.#panels.setBox(span, drag === "select" ? "select" : "zoom");
  }

  marked(span: Span, drag: Drag): void {
    if (drag === "select") this.#select(wholeSeconds(span));
    else {
      this.move(zoomed(span, 1, (span.start + span.end) / 2, this.now()));
      this.#arrive();
    }
  }

  move(span: Span): void {
    this.#moving = span;
    this.#context.live.say(windowState({ ...this.#view, home: this.#view.range }));
    this.#tip.hidden = true;
    this.#panels.setHair(null, []);
    this.#panels.setSpan(span);
    this.#panels.setBox(this.#view.selection, "select");
  }

  settle(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#arrive(), SETTLE_MS);
  }

  home(): void {
    this.#moving = null;
    this.#change({ range: this.#view.home ?? this.#view.range, home: null, selection: null });
    if (this.#picture !== null) this.#panels.setSpan(this.#picture.span);
  }

  /** What was moved to becomes the address. */
  #arrive(): void {
    if (this.#moving === null) return;
    const { range, home } = this.#view;
    this.#change({ range: rangeOfSpan(wholeSeconds(this.#moving)), home: home ?? range });
  }

  /** What moves with the clock would move away below the selection. */
  #select(selection: Span): void {
    const { range, home } = this.#view;
    const stays = isMoving(this.#view) ? { range: rangeOfSpan(wholeSeconds(this.span())), home: home ?? range } : {};
    this.#change({ selection, ...stays });
    this.#selection.root.scrollIntoView({ block: "nearest" });
  }

  #change(changes: Partial<View>): void {
    this.#context.url.set(writeView({ ...this.#view, ...changes }), "push");
  }

  #buttons(): HTMLElement {
    const middle = ({ start, end }: Span) => (start + end) / 2;
    const zoom = (factor: number) => () => this.#by(zoomed(this.span(), factor, middle(this.span()), this.now()));
    const pan = (share: number) => () => this.#by(panned(this.span(), share, this.now()));
    const button = (text: string, label: string, onclick: () => void) =>
      element("button", { class: "quiet", "aria-label": label, title: label, onclick }, text);
    return element(
      "div",
      { class: "buttons" },
      button("‹", "Earlier", pan(-0.5)),
      button("›", "Later", pan(0.5)),
      button("−", "Zoom out", zoom(2)),
      button("+", "Zoom in", zoom(0.5)),
      button("Select all", "Select all that is shown", () => this.#select(wholeSeconds(this.span()))),
      this.#back,
    );
  }

  #by(span: Span): void {
    this.move(span);
    this.settle();
  }

  get #sensors(): readonly string[] {
    const { sensors, device } = this.#view;
    const first = device === "" ? FIRST_SENSORS : 1;
    return sensors.length > 0 ? sensors : [...this.#context.live.rows.keys()].slice(0, first);
  }

  /** @param isChosen else, where someone looks at what moves, it is asked for as it stands */
  #wanted(isChosen: boolean): Wanted {
    const { device, range, percentiles, shift, asOf } = this.#view;
    const held = isChosen || this.#hair === null || !isMoving(this.#view) ? null : this.#picture;
    const points = Math.min(1000, Math.max(100, Math.ceil(this.root.clientWidth / 200) * 100));
    const metrics = ["mean", "min", "max", ...percentiles];
    const asked = held === null ? range : rangeOfSpan(held.span);
    return { sensors: this.#sensors, device, metrics, range: asked, points, shift, asOf };
  }

  /** @param isChosen somebody waits for it, and is told when it is there */
  async #load(isChosen: boolean): Promise<void> {
    this.#again.stop();
    const wanted = this.#wanted(isChosen);
    this.#isWaiting = wanted.sensors.length === 0;
    if (this.#isWaiting) {
      if (this.#context.live.known !== null) this.#showEmpty();
      return;
    }
    const moving = this.#moving;
    const loading = setTimeout(() => this.#setLoading(true), LOADING_MS);
    try {
      const picture = await this.#pictures.load(wanted, wanted.asOf === "" && !moves(wanted.range));
      if (picture === null) return;
      // Who moved on meanwhile keeps what is seen, until it has settled.
      if (this.#moving === moving) this.#moving = null;
      this.#draw(picture, isChosen);
      setText(this.#fault, "");
      this.#controls.isRefused = false;
      if (isMoving(this.#view)) this.#again.within(moveMsOf(picture.span));
    } catch (error) {
      setText(this.#fault, error instanceof Error ? error.message : String(error));
      const isNone = error instanceof ApiError && ["no-device-series", "revision-gone"].includes(error.code);
      if (isNone) this.#clear();
      this.#figure.hidden = this.#picture === null;
      if (isNone) return;
      if (!(error instanceof ApiError) || error.status !== 400) this.#again.within(AGAIN_MS);
      else this.#controls.isRefused = !/^Cannot|in asOf/.test(error.message); // then it is not about the window
    } finally {
      clearTimeout(loading);
      this.#setLoading(false);
    }
  }

  /** What was drawn is not what is asked for. */
  #clear(): void {
    this.#picture = null;
    for (const part of [this.#empty, this.#selection.root]) part.hidden = true;
    this.#files.replaceChildren();
  }

  #setLoading(isLoading: boolean): void {
    this.#figure.setAttribute("aria-busy", String(isLoading));
  }

  /** What changed in the window is drawn again: the newest readings as the window moves, the past at once. */
  #heard({ snapshot, resumed, sensors }: LiveEvent): void {
    if (this.#isWaiting && sensors.length > 0) this.update(this.#context.url.params);
    if (this.#picture === null || this.#view.asOf !== "") return;
    for (const { sensor, changes } of sensors) {
      for (const { cause, from, toExclusive } of !snapshot || resumed ? changes : [ANYTHING]) {
        const span = { start: from, end: toExclusive };
        this.#pictures.forget(sensor, span);
        if (!isIn(this.#picture, sensor, span)) continue;
        const isTail = cause === "reading" && moves(this.#view.range);
        if (!isTail) this.#tableMs = Number.NEGATIVE_INFINITY;
        this.#again.within(isTail ? moveMsOf(this.#picture.span) : PAST_MS);
      }
    }
  }

  #draw(picture: Picture, isChosen: boolean): void {
    const { zone } = this.#context.time;
    const { wanted, now, span } = picture;
    this.#picture = picture;
    this.#empty.hidden = true;
    this.#figure.hidden = false;
    this.#panels.show(picture, this.#view.y);
    if (this.#moving !== null) this.#panels.setSpan(this.#moving);
    this.#panels.setBox(this.#view.selection, "select");
    const buckets = `${now.edges.length - 1} buckets of ${now.step}`;
    const names = wanted.sensors.map((sensor) => nameOf(wanted, sensor)).join(", ");
    const then = wanted.asOf === "" ? "" : `, as it was at ${wanted.asOf}`;
    setText(this.#caption, `${names}: ${spanText(span, zone)}, ${buckets}, ${zone.name}${then}`);
    this.#legend.replaceChildren(...legendOf(wanted));
    this.#files.replaceChildren(...filesOf("What is shown: ", picture, null));
    this.#selection.update(this.#view, picture);
    if (isChosen || performance.now() - this.#tableMs > TABLE_MS) {
      this.#tableMs = performance.now();
      this.#table.replaceChildren(tableOf(picture, zone));
    }
    if (wanted.sensors.every((sensor) => !hasNumbers(picture, sensor))) this.#showEmpty();
    if (isChosen) this.#context.announce(`${buckets} are shown`);
    if (this.#hair !== null && this.#moving === null) this.inspect(...this.#looked);
  }

  #redraw(): void {
    this.#panels.destroy();
    if (this.#picture !== null) this.#draw(this.#picture, false);
  }

  #showEmpty(): void {
    const hasSensors = this.#sensors.length > 0;
    this.#empty.hidden = false;
    this.#figure.hidden = !hasSensors;
    const all = () => this.#change({ range: { from: "", to: "", toExclusive: "" }, home: null, selection: null });
    this.#empty.replaceChildren(...emptyOf(hasSensors, all));
  }
}

/** The page, for pages.ts. */
export const page: Page = { mount: (root, context) => new History(root, context) };
