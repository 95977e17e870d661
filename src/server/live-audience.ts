/** The clients of the live stream, and which sensors they watch. */
import type { LiveClient } from "./live-client.ts";

/** A set of clients that knows what is watched by any of them. */
export class LiveAudience {
  /** Sensors of clients that ask for no certain ones. */
  readonly shown: ReadonlySet<string>;
  readonly #clients = new Set<LiveClient>();
  /** How many clients ask for a certain sensor. */
  readonly #asked = new Map<string, number>();
  /** Clients that ask for no certain ones. */
  #all = 0;

  constructor(shown: ReadonlySet<string>) {
    this.shown = shown;
  }

  get size(): number {
    return this.#clients.size;
  }

  [Symbol.iterator](): Iterator<LiveClient> {
    return this.#clients[Symbol.iterator]();
  }

  add(client: LiveClient): void {
    this.#clients.add(client);
    if (client.sensors === null) this.#all++;
    else for (const sensor of client.sensors) this.#asked.set(sensor, (this.#asked.get(sensor) ?? 0) + 1);
  }

  /** @returns whether it was one of them */
  remove(client: LiveClient): boolean {
    if (!this.#clients.delete(client)) return false;
    if (client.sensors === null) this.#all--;
    for (const sensor of client.sensors ?? []) {
      const others = (this.#asked.get(sensor) ?? 0) - 1;
      if (others > 0) this.#asked.set(sensor, others);
      else this.#asked.delete(sensor);
    }
    return true;
  }

  clear(): void {
    this.#clients.clear();
    this.#asked.clear();
    this.#all = 0;
  }

  watches(sensor: string): boolean {
    return (this.#all > 0 && this.shown.has(sensor)) || this.#asked.has(sensor);
  }

  /** Sensors that are watched; some of them twice. */
  *watched(): Generator<string> {
    if (this.#all > 0) yield* this.shown;
    yield* this.#asked.keys();
  }

  /** Sensors that a client is shown. */
  sensorsOf(client: LiveClient): ReadonlySet<string> {
    return client.sensors ?? this.shown;
  }
}
