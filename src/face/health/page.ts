/** Page "Health": whether readings are taken in and why not, tidemark's own numbers as they move, and what needs somebody. */
import { ageText } from "../../core/figures.ts";
import { printable } from "../../core/printable.ts";
import { ApiError } from "../api.ts";
import { element, setText } from "../dom.ts";
import type { Context, Mounted, Page } from "../page.ts";
import { type AlertShown, alertTable } from "./alerts.ts";
import { SAMPLE_MS, Samples, Tiles } from "./tiles.ts";
import { type SensorHealth, troubleTable } from "./trouble.ts";

/** Kept for the visit. */
const samples = new Samples();

/** The page. */
export const page: Page = { mount: (root, context) => new Health(root, context) };

/** Sensors that are looked at; the list is as long as an answer may be. */
const SENSORS_MAX = 1000;

/** Sensors are asked for with each so many samples: a look at all of them costs more. */
const SENSORS_EVERY = 5;

/** What `GET /readyz` means. */
interface Verdict {
  readonly mode: "good" | "warn" | "bad";
  readonly word: string;
  readonly lines: readonly string[];
}

class Health implements Mounted {
  readonly #context: Context;
  readonly #verdict = element("div", { class: "verdict", role: "status" });
  readonly #facts = element("p", { class: "facts" });
  readonly #tiles = new Tiles();
  readonly #trouble = element("div");
  readonly #alerts = element("div");
  /** Events of alerts that were told when the list was asked for. */
  #told: number | undefined = -1;
  readonly #ended = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #asked = 0;
  #isAsking = false;

  constructor(root: HTMLElement, context: Context) {
    this.#context = context;
    root.append(
      element("div", { class: "head" }, element("h1", {}, "Health"), this.#facts),
      this.#verdict,
      this.#alerts,
      this.#tiles.root,
      element("h2", { class: "look" }, "What needs a look"),
      this.#trouble,
    );
    this.#tiles.draw(samples);
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS);
    this.#look();
  }

  update(): void {}

  unmount(): void {
    clearInterval(this.#timer);
    this.#ended.abort();
  }

  /** Asks for everything, unless nobody looks or the last answer is not there yet. */
  async #look(): Promise<void> {
    if (this.#isAsking || document.hidden) return;
    this.#isAsking = true;
    try {
      await this.#ask();
    } catch (error) {
      if (this.#ended.signal.aborted) return;
      this.#show({ mode: "bad", word: "Not known", lines: [error instanceof Error ? error.message : String(error)] });
    } finally {
      this.#isAsking = false;
    }
  }

  async #ask(): Promise<void> {
    const { api, live, time, about } = this.#context;
    const { signal } = this.#ended;
    const [verdict, metrics] = await Promise.all([
      this.#readiness(),
      api.json<Record<string, number>>("metrics", { accept: "application/json", signal }),
    ]);
    const counters = new Map(
      Object.entries(metrics).map(([name, value]) => [name.replace(/^tidemark_/, "").replace(/_total$/, ""), value]),
    );
    const rows = [...live.rows.values()];
    counters.set(
      "received",
      rows.reduce((sum, { received }) => sum + received, 0),
    );
    counters.set(
      "lag",
      rows.reduce((sum, { lag }) => sum + lag, 0),
    );
    samples.add({ at: performance.now(), counters });
    const isNews = this.#show(verdict);
    await this.#showAlerts(live.known?.alerts?.told);
    this.#tiles.draw(samples);
    const uptime = (counters.get("process_uptime_seconds") ?? 0) * 1000;
    setText(this.#facts, `tidemark ${about.version}, up ${ageText(uptime)}`);
    if (!isNews && ++this.#asked % SENSORS_EVERY !== 0) return;
    const sensors = await api.json<{ items: readonly SensorHealth[] }>(`sensors?limit=${SENSORS_MAX}`, { signal });
    const table = troubleTable(sensors.items, time);
    this.#trouble.replaceChildren(
      table ?? element("p", { class: "nothing" }, "Nothing. Every partition is read; see also Not counted."),
    );
  }

  /** Asks for the list when something was told since. */
  async #showAlerts(told: number | undefined): Promise<void> {
    if (told === this.#told) return;
    const { api, time } = this.#context;
    const { signal } = this.#ended;
    const { items } = await api.json<{ items: readonly AlertShown[] }>("alerts?limit=8", { signal });
    this.#told = told;
    const table = alertTable(items, time);
    this.#alerts.replaceChildren(...(table === null ? [] : [element("h2", { class: "look" }, "Alerts"), table]));
  }

  async #readiness(): Promise<Verdict> {
    try {
      const { notices = [] } = await this.#context.api.json<{ notices?: readonly string[] }>("readyz", {
        signal: this.#ended.signal,
      });
      if (notices.length > 0) return { mode: "warn", word: "Readings are taken in, but", lines: notices };
      return { mode: "good", word: "All is well", lines: ["Readings are taken in, and answers hold all of them."] };
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 503) throw error;
      if (error.code === "catching-up") return { mode: "warn", word: "Catching up", lines: [error.message] };
      return { mode: "bad", word: "Not ready", lines: [error.message] };
    }
  }

  /** Only what differs is put in anew, as it is read aloud. @returns whether it differs */
  #show({ mode, word, lines }: Verdict): boolean {
    const text = [mode, word, ...lines].join("\n");
    if (this.#verdict.dataset["text"] === text) return false;
    this.#verdict.dataset["text"] = text;
    this.#verdict.dataset["mode"] = mode;
    const said = lines.map((line) => element("p", {}, printable(line)));
    this.#verdict.replaceChildren(element("strong", {}, word), ...said);
    return true;
  }
}
