/** tidemark's own counters as text: OpenMetrics 1.0, or by default Prometheus' text format 0.0.4. */

import type { Sliced } from "../core/slices.ts";

/** Counters only grow while the process runs. */
type FamilyKind = "counter" | "gauge" | "info";

/** One sample of a family. */
export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Samples of one name. */
export interface Family {
  /** With its unit as last word; a counter's `_total` is added. */
  readonly name: string;
  readonly kind: FamilyKind;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** Samples written before it is asked whether others may run: some 0.1 ms. */
const SAMPLES_AT_ONCE = 256;

/** Media types. */
export const OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * The families as text. Formats: github.com/prometheus/OpenMetrics, specification 1.0; prometheus.io/docs, "Exposition formats".
 * @param openMetrics the former, where the name of a counter's family lacks `_total` and the text ends with `# EOF`
 */
export function* expose(families: Iterable<Family>, openMetrics: boolean): Sliced<Buffer> {
  const pieces: Buffer[] = [];
  let text = "";
  for (const { name, kind, help, samples } of families) {
    const sampleName = sampleNameOf(name, kind);
    const familyName = openMetrics ? name : sampleName;
    const type = kind === "info" && !openMetrics ? "gauge" : kind;
    text += `# HELP ${familyName} ${help}\n# TYPE ${familyName} ${type}\n`;
    for (const [i, { value, labels }] of samples.entries()) {
      if (i % SAMPLES_AT_ONCE === 0) {
        pieces.push(Buffer.from(text)); // of a text of all of them the bytes would be made in one go
        text = "";
        yield;
      }
      text += `${sampleName}${labelsText(labels)} ${numberText(value)}\n`;
    }
  }
  pieces.push(Buffer.from(openMetrics ? text + "# EOF\n" : text));
  return Buffer.concat(pieces);
}

/** Samples without labels, by their names. */
export function plainSamples(families: readonly Family[]): Readonly<Record<string, number>> {
  const plain = families.flatMap(({ name, kind, samples }) =>
    samples
      .filter(({ labels }) => labels === undefined)
      .map(({ value }): [string, number] => [sampleNameOf(name, kind), value]),
  );
  return Object.fromEntries(plain);
}

function sampleNameOf(name: string, kind: FamilyKind): string {
  return kind === "counter" ? `${name}_total` : kind === "info" ? `${name}_info` : name;
}

function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  if (labels === undefined) return "";
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return `{${pairs.join(",")}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
