/** Metric names → what computes them and how they are written in an answer. */
import { findMetric, METRICS, type Metric } from "../metrics/registry.ts";
import { PERCENTILES_KEPT } from "./limits.ts";

/** A metric, and how its number is introduced in an answer. */
export interface LabelledMetric {
  readonly metric: Metric;
  /** `"count":` */
  readonly label: string;
}

/** Finds metrics by name without parsing a percentile twice. */
export class LabelledMetrics {
  readonly #named = new Map<string, LabelledMetric>(METRICS.map((metric) => [metric.name, labelled(metric)]));
  /** Names that clients choose: bounded. */
  readonly #percentiles = new Map<string, LabelledMetric>();

  find(name: string): LabelledMetric | undefined {
    const known = this.#named.get(name) ?? this.#percentiles.get(name);
    if (known !== undefined) return known;
    const metric = findMetric(name);
    if (metric === undefined) return undefined;
    if (this.#percentiles.size >= PERCENTILES_KEPT) this.#percentiles.clear();
    const made = labelled(metric);
    this.#percentiles.set(name, made);
    return made;
  }
}

function labelled(metric: Metric): LabelledMetric {
  return { metric, label: `${JSON.stringify(metric.name)}:` };
}
