/** The fronts of one partition: how far it has come with each sensor's readings. */

/** By the number of the sensor: the newest event time that the partition brought, ms, none taken for newer than its record's timestamp. */
export class Fronts {
  readonly #newest = new Map<number, number>();
  readonly #changed = new Set<number>();

  /** -Infinity before the sensor's first reading. */
  of(series: number): number {
    return this.#newest.get(series) ?? Number.NEGATIVE_INFINITY;
  }

  get isEmpty(): boolean {
    return this.#newest.size === 0;
  }

  /** As it is stored. */
  restore(series: number, ms: number): void {
    this.#newest.set(series, ms);
  }

  advance(series: number, ms: number): void {
    if (ms <= this.of(series)) return;
    this.#newest.set(series, ms);
    this.#changed.add(series);
  }

  /** The fronts, of all sensors or of those that differ from what is stored. */
  *list(which: "all" | "changed"): Generator<readonly [series: number, ms: number]> {
    for (const series of which === "all" ? this.#newest.keys() : this.#changed) yield [series, this.of(series)];
  }

  committed(): void {
    this.#changed.clear();
  }
}
