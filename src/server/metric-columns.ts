/** Metric names → what computes them and how they are written in an answer. */
import { findMetric, METRICS, type Metric } from "../metrics/registry.ts";
import { PERCENTILES_KEPT } from "./limits.ts";

/** One number of an answer. */
export interface Column {
  readonly metric: Metric;
  /** `"count":` */
  readonly label: string;
}

/** Finds metrics by name without parsing a percentile twice. */
export class MetricColumns {
  readonly #named = new Map<string, Column>(METRICS.map((metric) => [metric.name, columnOf(metric)]));
  /** Names that clients choose: bounded. */
  readonly #percentiles = new Map<string, Column>();

  find(name: string): Column | undefined {
    const known = this.#named.get(name) ?? this.#percentiles.get(name);
    if (known !== undefined) return known;
    const metric = findMetric(name);
    if (metric === undefined) return undefined;
    if (this.#percentiles.size >= PERCENTILES_KEPT) this.#percentiles.clear();
    const column = columnOf(metric);
    this.#percentiles.set(name, column);
    return column;
  }
}

function columnOf(metric: Metric): Column {
  return { metric, label: `${JSON.stringify(metric.name)}:` };
}
