/** Medians and spread of laps, and laps taken in turn (A B A B), so that a machine's moods meet all contestants alike. */

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Interpolated between neighbours (type 7). NaN without values. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = Float64Array.from(values).sort();
  const h = (sorted.length - 1) * p;
  const low = Math.floor(h);
  if (sorted.length === 0) return Number.NaN;
  return low + 1 < sorted.length ? sorted[low] + (h - low) * (sorted[low + 1] - sorted[low]) : sorted[low];
}

export function spread(values: readonly number[]): { readonly min: number; readonly max: number } {
  return { min: Math.min(...values), max: Math.max(...values) };
}

/** The exponent b of y ≈ a·x^b by least squares over logarithms: how cost grows with size. NaN with fewer than two points. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const logs = points.filter(([x, y]) => x > 0 && y > 0).map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const n = logs.length;
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / n;
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / n;
  let xy = 0;
  let xx = 0;
  for (const [x, y] of logs) {
    xy += (x - meanX) * (y - meanY);
    xx += (x - meanX) ** 2;
  }
  return xx === 0 ? Number.NaN : xy / xx;
}

/** One who runs, and how; `laps` says in how many of the rounds (the slow ones need fewer to be slow). */
export interface Contestant<T> {
  readonly name: string;
  readonly laps?: number;
  run(round: number): Promise<T>;
}

/** Each contestant's results, by name, in the order of its rounds. A contestant that fails is told to `onFailure` and runs no more. */
export async function interleave<T>(
  contestants: readonly Contestant<T>[],
  rounds: number,
  onFailure: (name: string, error: unknown) => void,
): Promise<Map<string, T[]>> {
  const results = new Map<string, T[]>(contestants.map(({ name }) => [name, []]));
  const failed = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, laps = rounds, run } of contestants) {
      if (round >= laps || failed.has(name)) continue;
      try {
        results.get(name)?.push(await run(round));
      } catch (error) {
        failed.add(name);
        onFailure(name, error);
      }
    }
  }
  return results;
}
