/** What is drawn: answers of `GET /series`, asked for again only where something in them has changed. */
import type { Api } from "../api.ts";
import { element } from "../dom.ts";
import type { Span } from "./span.ts";
import { type Range, rangeOfSpan } from "./view.ts";

/** An answer of `GET /series`. */
export interface Series {
  /** As `every` takes it. */
  readonly step: string;
  /** Epoch ms, one more than buckets. */
  readonly edges: readonly number[];
  readonly series: Readonly<Record<string, Readonly<Record<string, readonly (number | null)[]>>>>;
}

/** What to draw. */
export interface Wanted {
  readonly sensors: readonly string[];
  /** Of the one sensor; "": all devices. */
  readonly device: string;
  readonly metrics: readonly string[];
  readonly range: Range;
  readonly points: number;
  readonly shift: string;
  /** As it was at this moment; "": as it is. */
  readonly asOf: string;
}

/** What was drawn: nobody changes it. */
export interface Picture {
  readonly wanted: Wanted;
  readonly now: Series;
  /** The same buckets so much earlier; null: nothing is compared. */
  readonly earlier: Series | null;
  readonly span: Span;
}

/** Pictures that the back button finds at once: some hundred KB. */
const KEPT_MAX = 12;

/** Loads pictures; the newest wish wins. */
export class Pictures {
  readonly #api: Api;
  readonly #kept = new Map<string, Picture>();
  #abort = new AbortController();

  constructor(api: Api) {
    this.#api = api;
  }

  /** @param keep whether the same wish means the same picture later @returns null when another wish came meanwhile @throws ApiError */
  async load(wanted: Wanted, keep: boolean): Promise<Picture | null> {
    this.stop();
    const { signal } = (this.#abort = new AbortController());
    const key = JSON.stringify(wanted);
    const kept = this.#kept.get(key);
    if (keep && kept !== undefined) return kept;
    const paths = ["", wanted.shift].slice(0, wanted.shift === "" ? 1 : 2).map((shift) => pathOf(wanted, shift));
    try {
      const [now, earlier = null] = await Promise.all(paths.map((path) => this.#api.json<Series>(path, { signal })));
      const picture = { wanted, now, earlier, span: { start: now.edges[0], end: now.edges[now.edges.length - 1] } };
      if (keep) this.#keep(key, picture);
      return picture;
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  /** Forgets pictures of a sensor that a change is in. @param span null: any may have changed */
  forget(sensor: string, span: Span | null): void {
    for (const [key, picture] of this.#kept) if (isIn(picture, sensor, span)) this.#kept.delete(key);
  }

  /** Ends what is under way. */
  stop(): void {
    this.#abort.abort();
  }

  #keep(key: string, picture: Picture): void {
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < KEPT_MAX) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(key, picture);
  }
}

/** Whether a change of a sensor, in a span, is in a picture. */
export function isIn({ wanted, span, earlier }: Picture, sensor: string, changed: Span | null): boolean {
  if (!wanted.sensors.includes(sensor)) return false;
  const touches = ({ start, end }: Span) => changed === null || (changed.start < end && start < changed.end);
  return (
    touches(span) ||
    (earlier !== null && touches({ start: earlier.edges[0], end: earlier.edges[earlier.edges.length - 1] }))
  );
}

function pathOf(wanted: Wanted, shift: string): string {
  const { range, points } = wanted;
  return `series?${new URLSearchParams([...pairsOf(wanted, range), ["points", `${points}`], ["shift", shift]].filter(isSet))}`;
}

/** A sensor's name, and that of the device whose numbers alone are shown. */
export function nameOf({ device }: Wanted, sensor: string): string {
  return device === "" ? sensor : `${sensor}, device ${device}`;
}

/** Links to a picture's numbers as files. */
export function filesOf(words: string, picture: Picture, within: Span | null): (Node | string)[] {
  const { sensors, device } = picture.wanted;
  const name = [...sensors, device].filter(Boolean).join("-");
  const links = (["csv", "json"] as const).flatMap((format) => [
    element("a", { href: downloadOf(picture, within, format), download: `${name}.${format}` }, format.toUpperCase()),
    " ",
  ]);
  return [words, ...links];
}

/** The address of a picture's numbers as a file: the same buckets, whatever the clock says by then. */
function downloadOf({ wanted, now, span }: Picture, within: Span | null, format: "csv" | "json"): string {
  const pairs = pairsOf(wanted, rangeOfSpan(within ?? span));
  return `series?${new URLSearchParams([...pairs, ["every", now.step], ["format", format]].filter(isSet))}`;
}

function pairsOf({ sensors, device, metrics, asOf }: Wanted, range: Range): string[][] {
  return [
    ["sensor", sensors.join(",")],
    ["device", device],
    ["metrics", metrics.join(",")],
    ["asOf", asOf],
    ...Object.entries<string>({ ...range }),
  ];
}

function isSet([, value]: readonly string[]): boolean {
  return value !== "";
}

/** The bucket that holds a moment; null outside of all. */
export function bucketAt({ now: { edges } }: Picture, ms: number): number | null {
  let [low, high] = [0, edges.length - 1];
  if (!(ms >= edges[low] && ms < edges[high])) return null;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (edges[middle] <= ms) low = middle;
    else high = middle;
  }
  return low;
}

/** Whether a sensor has any number in a picture. */
export function hasNumbers({ now }: Picture, sensor: string): boolean {
  return Object.values(now.series[sensor] ?? {}).some((numbers) => numbers.some((number) => number !== null));
}
