/** What is asked and answered, whether over HTTP (connect.ts) or within the process (../embedded.ts). */
import type { MetricName } from "../metrics/registry.ts";

/** A metric's name, or any percentile. */
export type MetricAsked = MetricName | `p${number}`;

/** A moment as docs/HTTP.md has it ("2020-01-13 15:12", "now-1h", "yesterday"), or epoch ms, or a Date. */
export type Moment = string | number | Date;

/** A window of time; without `from` since the first reading, without an end until now. Both bounds belong to it, `toExclusive` does not. */
export interface Bounds {
  /** Of this device of the sensors alone. */
  readonly device?: string | undefined;
  readonly from?: Moment | undefined;
  readonly to?: Moment | undefined;
  readonly toExclusive?: Moment | undefined;
  /** The answer as it was then: as of the last commit until the end of that moment. */
  readonly asOf?: Moment | undefined;
  /** Of times that name none; otherwise the server's. */
  readonly timezone?: string | undefined;
}

/** Which metrics of which sensors. */
export type Asked = Readonly<Record<string, readonly MetricAsked[]>>;

/** A number for each of them; null where there is no answer, as of a mean without readings. */
export type Computed<Q extends Asked> = {
  readonly [Sensor in keyof Q]: { readonly [Metric in Q[Sensor][number]]: number | null };
};

/** Which buckets of which sensors: at most `points` of them, or one every `every`. */
export interface SeriesQuestion<M extends MetricAsked> extends Bounds {
  readonly sensors: string | readonly string[];
  /** mean, min and max if not given. */
  readonly metrics?: readonly M[] | undefined;
  readonly points?: number | undefined;
  readonly every?: string | undefined;
  /** The same buckets so much earlier: "1d", "1w". */
  readonly shift?: string | undefined;
}

/** Numbers in buckets. */
export interface Series<M extends string> {
  readonly step: string;
  readonly timezone: string;
  /** Epoch ms, one more than buckets. */
  readonly edges: readonly number[];
  /** By sensor, by metric: a number a bucket; null where a bucket has no answer. */
  readonly series: Readonly<Record<string, Readonly<Record<M, readonly (number | null)[]>>>>;
}

/** Which devices of `computeByDevice`: those behind `after` by name, or the `top` with the largest first metric. */
export interface DevicesAsked {
  readonly after?: string | undefined;
  /** 100 if not given, 1,000 at most. */
  readonly limit?: number | undefined;
  readonly top?: number | undefined;
}

/** Metrics of each device by itself. */
export interface ComputedByDevice<Q extends Asked> {
  readonly result: { readonly [Sensor in keyof Q]: Readonly<Record<string, Computed<Q>[Sensor]>> };
  /** The devices in their order, by sensor; `next` is the `after` of those that follow, null at the end. */
  readonly devices: {
    readonly [Sensor in keyof Q]: {
      readonly names: readonly string[];
      readonly next: string | null;
      readonly withoutSeries: number;
    };
  };
}

/** A value of a sensor, and who measured it when (docs/formats/payload.md). With `id`, or `device`, `boot` and `sequence`, it is counted once however often it comes. */
export interface Reading {
  readonly value: number;
  readonly time?: Moment | undefined;
  readonly device?: string | undefined;
  readonly boot?: string | undefined;
  readonly sequence?: number | undefined;
  readonly id?: string | undefined;
}

/** A moment as JSON and queries have it. */
export function momentText(moment: Moment): string | number {
  return moment instanceof Date ? moment.getTime() : moment;
}

/** The body of `POST /compute/metrics`. */
export function computeBody(asked: Asked, { from, to, toExclusive }: Bounds): string {
  const bounds = Object.entries({ from, to, toExclusive }).flatMap(([name, bound]) =>
    bound === undefined ? [] : [[name, momentText(bound)]],
  );
  return JSON.stringify({ ...asked, ...Object.fromEntries(bounds) });
}

/** The parameters of `GET /series`, those that are given. */
export function seriesParameters(question: SeriesQuestion<MetricAsked>): Record<string, string> {
  const { sensors, metrics, device, from, to, toExclusive, asOf, points, every, timezone, shift } = question;
  const names = { sensor: [sensors].flat().join(","), metrics: metrics?.join(","), device };
  const given = { ...names, points, every, timezone, shift };
  const times = Object.entries({ from, to, toExclusive, asOf }).map(([name, moment]) => [
    name,
    moment === undefined ? undefined : momentText(moment),
  ]);
  const all = [...Object.entries(given), ...times].filter(([, value]) => value !== undefined);
  return Object.fromEntries(all.map(([name, value]) => [name, String(value)]));
}
