/** What the live stream has told, and how it stands with the server. */
import type { LiveEvent, LiveRow } from "./live-event.ts";
import type { ConnectionStatus } from "./table.ts";

/** What is known of the server; ages by the process's own monotonic clock. */
export class Known {
  readonly server: string;
  readonly #isMeant: (sensor: string) => boolean;
  readonly #rows = new Map<string, { readonly row: LiveRow; readonly at: number }>();
  trouble: string | null = null;
  sensorsTotal = 0;
  tries = 0;
  #live = false;
  #lostAt = 0;
  #reason = "";

  /** @param isMeant rows of other sensors are left out */
  constructor(url: URL, isMeant: (sensor: string) => boolean) {
    this.#isMeant = isMeant;
    this.server = url.href.replace(/\/$/, "");
  }

  take(event: LiveEvent): void {
    if (event.snapshot) this.#rows.clear();
    const at = performance.now();
    for (const row of event.rows) if (this.#isMeant(row.sensor)) this.#rows.set(row.sensor, { row, at });
    this.trouble = event.trouble;
    this.sensorsTotal = event.sensorsTotal;
    this.#live = true;
    this.tries = 0;
  }

  lose(reason: string): void {
    if (this.#live || this.tries === 0) this.#lostAt = performance.now();
    this.#live = false;
    this.tries++;
    this.#reason = reason === "" ? "no answer" : reason;
  }

  get connection(): ConnectionStatus {
    if (this.#live) return { kind: "live" };
    if (this.tries === 0) return { kind: "connecting" };
    return { kind: "lost", forMs: performance.now() - this.#lostAt, tries: this.tries, reason: this.#reason };
  }

  rows(): LiveRow[] {
    const now = performance.now();
    return [...this.#rows.values()].map(({ row, at }) =>
      row.ageMs === null ? row : { ...row, ageMs: row.ageMs + now - at },
    );
  }
}
