/** Sensors and metrics as Graphite's tree of names: `plant.hall.mean` is the metric `mean` of the sensor `plant.hall`. */
import type { SensorDirectory } from "../../engine/directory.ts";
import { findMetric, METRICS, type Metric } from "../../metrics/registry.ts";

/** Percentiles that are listed; others are found by their name. */
const PERCENTILES_LISTED = ["p1", "p5", "p25", "p75", "p90", "p95", "p99"];

/** Metrics that are listed. */
const METRICS_LISTED: readonly string[] = [...METRICS.map(({ name }) => name), ...PERCENTILES_LISTED];

/** Names within one pair of braces, all pairs of a node together: a dashboard's variable has some dozens. Past it nothing is found. */
const ALTERNATIVES_MAX = 256;

/** A line of a chart. */
export interface Line {
  readonly sensor: string;
  readonly metric: Metric;
}

/** Whether a path means several. */
export function isGlob(path: string): boolean {
  return /[*?{]/.test(path);
}

/** What a path means; a `*` is one part between dots, or some of it. */
export function linesOf(path: string, sensors: SensorDirectory): Line[] {
  const nodes = nodesOf(path);
  const lines: Line[] = [];
  const patterns = nodes.map(alternativesOf);
  for (const { name } of isGlob(path) ? sensors.list() : namedBy(nodes, sensors)) {
    const own = name.split(".");
    if (own.length >= nodes.length || !own.every((node, i) => isMeant(node, patterns[i]))) continue;
    const wanted = nodes.slice(own.length).join(".");
    const metrics = isGlob(wanted)
      ? METRICS_LISTED.filter((metric) => isMeant(metric, alternativesOf(wanted)))
      : [wanted];
    for (const metric of metrics) {
      const found = findMetric(metric);
      if (found !== undefined) lines.push({ sensor: name, metric: found });
    }
  }
  return lines;
}

/** The sensors that a path without wildcards begins with. */
function namedBy(nodes: readonly string[], sensors: SensorDirectory): { readonly name: string }[] {
  return nodes.flatMap((_, i) => sensors.find(nodes.slice(0, i).join(".")) ?? []);
}

/** A node of the tree. */
export interface Found {
  /** Its last part. */
  readonly text: string;
  /** All of it. */
  readonly id: string;
  /** It has values, and nothing below it. */
  readonly isLeaf: boolean;
}

/** What there is at the depth of a query, as Graphite's `/metrics/find` has it; each once. */
export function find(query: string, sensors: SensorDirectory): Found[] {
  const nodes = nodesOf(query);
  const patterns = nodes.map(alternativesOf);
  const found = new Map<string, Found>();
  const add = (parts: readonly string[], isLeaf: boolean) => {
    const id = parts.join(".");
    if (!found.has(id)) found.set(id, { text: parts[parts.length - 1], id, isLeaf });
  };
  for (const { name } of sensors.list()) {
    const own = name.split(".");
    if (own.length < nodes.length - 1) continue;
    const met = own.slice(0, nodes.length);
    if (!met.every((node, i) => isMeant(node, patterns[i]))) continue;
    if (own.length >= nodes.length) add(met, false);
    else {
      const last = patterns[nodes.length - 1];
      for (const metric of METRICS_LISTED) if (isMeant(metric, last)) add([...own, metric], true);
    }
  }
  return [...found.values()];
}

/** The parts between dots that stand outside of braces. */
function nodesOf(path: string): string[] {
  const nodes = [""];
  let braces = 0;
  for (const letter of path) {
    if (letter === "{") braces++;
    if (letter === "}") braces--;
    if (letter === "." && braces === 0) nodes.push("");
    else nodes[nodes.length - 1] += letter;
  }
  return nodes;
}

/** `{a,b}x` → `ax`, `bx`. */
function alternativesOf(node: string): string[] {
  let made = [""];
  for (const [index, part] of node.split(/[{}]/).entries()) {
    const choices = index % 2 === 1 ? part.split(",") : [part];
    if (made.length * choices.length > ALTERNATIVES_MAX) return [];
    made = made.flatMap((before) => choices.map((choice) => before + choice));
  }
  return made;
}

function isMeant(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matches(name, pattern));
}

/** `*` is any text, `?` one letter. Goes back to the last `*` only: in time |name| × |pattern|. */
function matches(name: string, pattern: string): boolean {
  let [n, p, star, mark] = [0, 0, -1, 0];
  while (n < name.length) {
    if (p < pattern.length && (pattern[p] === "?" || (pattern[p] !== "*" && pattern[p] === name[n]))) {
      n++;
      p++;
    } else if (pattern[p] === "*") {
      star = p++;
      mark = n;
    } else if (star === -1) return false;
    else {
      p = star + 1;
      n = ++mark;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
