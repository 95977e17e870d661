/** All numbers of an answer of `GET /series`, added up: whoever answers the same has the same. */
export function sumOfSeries(json: string): number {
  const { series } = JSON.parse(json) as { series: Record<string, Record<string, (number | null)[]>> };
  const numbers = Object.values(series).flatMap((metrics) => Object.values(metrics).flat());
  return numbers.reduce<number>((sum, number) => sum + (number ?? 0), 0);
}
