/** A tile a number: what it is now, how it moved in this visit while the page was looked at, and what it is measured against. */
import { countText, NOTHING, plural, rateText } from "../../core/figures.ts";
import { drawing, element, setText } from "../dom.ts";

/** What was known at one time. */
interface Sample {
  /** By the browser's monotonic clock, ms. */
  readonly at: number;
  /** As `GET /metrics` names them, without `tidemark_` and `_total`; of the sensors in the stream `received` and `lag` are sums. */
  readonly counters: ReadonlyMap<string, number>;
}

/** Time between two samples, ms. */
export const SAMPLE_MS = 2000;

/** Samples that are kept: six minutes. */
const SAMPLES_MAX = 180;

/** A rate is taken over so many samples, so that it stands still enough to be read. */
const RATE_SAMPLES = 5;

/** The samples of the visit, oldest first. */
export class Samples {
  readonly #samples: Sample[] = [];

  add(sample: Sample): void {
    const uptime = (of: Sample | undefined) => of?.counters.get("process_uptime_seconds") ?? 0;
    if (uptime(sample) < uptime(this.#samples.at(-1))) this.#samples.length = 0; // another process: it counts anew
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
  }

  /** The newest value; null before the first sample, and where the server does not know it. */
  newest(name: string): number | null {
    return this.#samples.at(-1)?.counters.get(name) ?? null;
  }

  /** A gauge over time; the newest is last, and what is not known yet null. */
  gauge(name: string): (number | null)[] {
    return padded(this.#samples.map(({ counters }) => counters.get(name) ?? null));
  }

  /** How fast a counter grew, a second. */
  rate(name: string): (number | null)[] {
    return padded(
      this.#samples.map((sample, i) => {
        const before = this.#samples[Math.max(0, i - RATE_SAMPLES)];
        const [from, to] = [before.counters.get(name), sample.counters.get(name)];
        if (before === sample || from === undefined || to === undefined) return null;
        return ((to - from) / (sample.at - before.at)) * 1000;
      }),
    );
  }
}

function padded(values: (number | null)[]): (number | null)[] {
  return [...Array(SAMPLES_MAX - values.length).fill(null), ...values];
}

/** Of the drawings, in their own units. */
const HEIGHT = 40;

interface Tile {
  readonly title: string;
  /** What its line shows. */
  readonly values: (samples: Samples) => readonly (number | null)[];
  readonly text: (value: number) => string;
  /** Under the number. */
  readonly detail: (of: (name: string) => number) => string;
}

const perMinute = (values: readonly (number | null)[]) => values.map((value) => value && value * 60);

const TILES: readonly Tile[] = [
  {
    title: "Readings taken in",
    values: (samples) => samples.rate("received"),
    text: (rate) => `${rateText(rate)}/s`,
    detail: (of) => `${countText(of("received"))} in all, of ${plural(of("sensors"), "sensor")}`,
  },
  {
    title: "Waiting in the log",
    values: (samples) => samples.gauge("lag"),
    text: countText,
    detail: (of) => (of("lag") === 0 ? "every record is taken in" : "records that are not taken in yet"),
  },
  {
    title: "Commits",
    values: (samples) => perMinute(samples.rate("commits")),
    text: (rate) => `${rateText(rate)}/min`,
    detail: (of) => `${countText(of("commits"))} since the start, ${bytesText(of("commit_bytes"))} written`,
  },
  {
    title: "Free disk",
    values: (samples) => samples.gauge("disk_free_bytes"),
    text: bytesText,
    detail: (of) => {
      const log = of("log_bytes");
      return `history ${bytesText(of("history_bytes"))}${log > 0 ? `, log ${bytesText(log)}` : ""}`;
    },
  },
  {
    title: "Memory",
    values: (samples) => samples.gauge("process_resident_memory_bytes"),
    text: bytesText,
    detail: () => "of the whole process",
  },
  {
    title: "Processor",
    values: (samples) => samples.rate("process_cpu_seconds").map((value) => value && value * 100),
    text: (percent) => `${percent.toFixed(percent < 10 ? 1 : 0)}%`,
    detail: () => "of one core",
  },
  {
    title: "Connections",
    values: (samples) => samples.gauge("connections_open"),
    text: countText,
    detail: (of) => `of at most ${countText(of("connections_most"))}; ${countText(of("connections_refused"))} refused`,
  },
  {
    title: "Live streams",
    values: (samples) => samples.gauge("live_clients"),
    text: countText,
    detail: (of) =>
      `${countText(of("live_frames_dropped"))} frames merged for slow readers, ${countText(of("live_clients_refused"))} refused`,
  },
];

/** All of them, in the document once. */
export class Tiles {
  readonly root: HTMLElement;
  readonly #draw: readonly ((samples: Samples) => void)[];

  constructor() {
    const made = TILES.map(tileOf);
    this.root = element("ul", { class: "tiles" }, ...made.map(({ root }) => root));
    this.#draw = made.map(({ draw }) => draw);
  }

  draw(samples: Samples): void {
    for (const draw of this.#draw) draw(samples);
  }
}

function tileOf({ title, values, text, detail }: Tile): { root: HTMLElement; draw: (samples: Samples) => void } {
  const figure = element("p", { class: "figure" });
  const line = drawing("path");
  const below = element("p", { class: "detail" });
  const box = { viewBox: `0 0 ${SAMPLES_MAX - 1} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
  const root = element("li", {}, element("h2", {}, title), figure, drawing("svg", box, line), below);
  const draw = (samples: Samples) => {
    const drawn = values(samples);
    const value = drawn.at(-1) ?? null;
    setText(figure, value === null ? NOTHING : text(value));
    setText(
      below,
      detail((name) => samples.newest(name) ?? 0),
    );
    line.setAttribute("d", areaOf(drawn));
  };
  return { root, draw };
}

/** The area under the values, which ends at the right. From zero: a change looks as large as it is. */
function areaOf(values: readonly (number | null)[]): string {
  const start = values.findIndex((value) => value !== null);
  if (start === -1) return "";
  const most = Math.max(...values.map(Number), Number.MIN_VALUE);
  const points = values
    .slice(start)
    .map((value, i) => `L${start + i} ${HEIGHT - (Number(value) / most) * (HEIGHT - 2)}`);
  return `M${start} ${HEIGHT}${points.join("")}V${HEIGHT}`;
}

/** 1234567 → "1.23 MB". */
function bytesText(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  const size = bytes / 1000 ** power;
  return `${power === 0 ? size : size.toPrecision(3)} ${["B", "kB", "MB", "GB", "TB"][power]}`;
}
