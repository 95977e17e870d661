/** Readings that a transmitter sends several times on purpose, or again and again while nothing changes: taken once, where the map says so. */
import type { MapSpec } from "./map-spec.ts";
import type { Mapped } from "./mapper.ts";

/** Sensors of devices whose last reading is remembered: some 20 MB. Past it those that were heard least lately are forgotten, and their next reading is taken. */
const REMEMBERED_MAX = 100_000;

interface Last {
  readonly value: number;
  readonly ms: number;
  /** Whether it is in the log yet; null: it is. */
  durable: Promise<void> | null;
}

/**
 * Remembers the last reading of each sensor and device. It is memory of the process: a repeat that comes after a restart is a reading.
 * What is left out rests on what it repeats, so it is acknowledged with it, and forgotten with it where the log does not take it.
 */
export class Repeats {
  readonly #last = new Map<string, Last>();

  /** Judges one message's readings. @returns those to take, and what the others wait for */
  sift(spec: MapSpec, readings: readonly Mapped[], arrivalMs: number): Sifted {
    const sifted: Sifted = { taken: [], repeats: 0, unchanged: 0, waits: [], made: [] };
    if (spec.repeatsMs === null && !spec.changed) return { ...sifted, taken: [...readings] };
    for (const reading of readings) {
      const key = `${spec.name}\n${reading.sensor}\n${reading.device}`;
      const last = this.#last.get(key);
      const ms = reading.time ?? arrivalMs;
      const isSame = last !== undefined && last.value === reading.value;
      if (isSame && (spec.changed || Math.abs(ms - last.ms) <= (spec.repeatsMs ?? 0))) {
        if (spec.repeatsMs !== null && Math.abs(ms - last.ms) <= spec.repeatsMs) sifted.repeats++;
        else sifted.unchanged++;
        if (last.durable !== null) sifted.waits.push(last.durable);
        continue;
      }
      const entry: Last = { value: reading.value, ms, durable: null };
      this.#last.delete(key);
      this.#last.set(key, entry);
      if (this.#last.size > REMEMBERED_MAX) {
        const [oldest] = this.#last.keys();
        this.#last.delete(oldest);
      }
      sifted.made.push([key, entry]);
      sifted.taken.push(reading);
    }
    return sifted;
  }

  /** What was taken becomes durable with that promise; if it does not, it was never there. */
  await({ made }: Sifted, durable: Promise<void>): void {
    for (const [, entry] of made) entry.durable = durable;
    if (made.length === 0) return;
    durable.then(
      () => {
        for (const [, entry] of made) entry.durable = null;
      },
      () => {
        for (const [key, entry] of made) if (this.#last.get(key) === entry) this.#last.delete(key);
      },
    );
  }
}

/** Of one message. */
export interface Sifted {
  readonly taken: Mapped[];
  repeats: number;
  unchanged: number;
  /** Readings that are repeated, and not in the log yet. */
  readonly waits: Promise<void>[];
  readonly made: [key: string, entry: Last][];
}
