/** Exact numbers of one bucket, beside the pointer, and of all buckets, as a table for whoever does not see the chart. */
import type { Zone } from "../../core/zone.ts";
import { element } from "../dom.ts";
import { nameOf, type Picture } from "./picture.ts";
import { exactText } from "./selection.ts";
import { spanText } from "./ticks.ts";

/** Rows of the table: a screen reader is through them in minutes. All of them are a download away. */
const ROWS_MAX = 60;

/** Between the pointer and what stands beside it. */
const GAP_PX = 14;

function numberAt({ now }: Picture, sensor: string, metric: string, bucket: number): string {
  return exactText(now.series[sensor][metric][bucket]);
}

function spanAt({ now: { edges } }: Picture, bucket: number, zone: Zone): string {
  return spanText({ start: edges[bucket], end: edges[bucket + 1] }, zone);
}

/** What stands beside the pointer: when, and all numbers of the sensor under it. */
export function tooltipOf(picture: Picture, index: number, bucket: number, zone: Zone): Node[] {
  const { sensors, metrics, shift } = picture.wanted;
  const sensor = sensors[index];
  const name = nameOf(picture.wanted, sensor);
  const rows: [string, string][] = metrics.map((metric) => [metric, numberAt(picture, sensor, metric, bucket)]);
  if (picture.earlier !== null)
    rows.push([`mean ${shift} before`, exactText(picture.earlier.series[sensor]["mean"][bucket])]);
  const isEmpty = rows.every(([, text]) => text === "–");
  return [
    element("p", {}, spanAt(picture, bucket, zone)),
    element("strong", {}, isEmpty ? `${name}: no readings` : name),
    element(
      "dl",
      {},
      ...(isEmpty ? [] : rows).flatMap(([metric, text]) => [element("dt", {}, metric), element("dd", {}, text)]),
    ),
  ];
}

/** Moves it to where it hides little of the plot, and none of it is cut. @param share of the plot's width @param y of the pointer; 0: none */
export function placeTip(tip: HTMLElement, plot: HTMLElement, share: number, y: number): void {
  const board = tip.parentElement?.getBoundingClientRect() ?? new DOMRect();
  const over = plot.getBoundingClientRect();
  const x = over.left - board.left + share * over.width;
  const before = x - tip.offsetWidth - GAP_PX;
  const left = x + GAP_PX + tip.offsetWidth > board.width ? Math.max(0, before) : x + GAP_PX;
  const top = (y === 0 ? over.top : y) - board.top + GAP_PX;
  tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}

/** What stands at each panel: its mean in the bucket. */
export function meansOf(picture: Picture, bucket: number | null): string[] {
  return picture.wanted.sensors.map((sensor) => (bucket === null ? "" : numberAt(picture, sensor, "mean", bucket)));
}

/** One sentence for whoever hears the page. */
export function sentenceOf(picture: Picture, bucket: number, zone: Zone): string {
  const means = meansOf(picture, bucket).map(
    (text, i) => `${nameOf(picture.wanted, picture.wanted.sensors[i])} ${text === "–" ? "nothing" : text}`,
  );
  return `${spanAt(picture, bucket, zone)}: ${means.join(", ")}`;
}

/** The newest buckets, a row each. */
export function tableOf(picture: Picture, zone: Zone): HTMLTableElement {
  const { sensors, metrics } = picture.wanted;
  const buckets = picture.now.edges.length - 1;
  const first = Math.max(0, buckets - ROWS_MAX);
  const columns = sensors.flatMap((sensor) => metrics.map((metric): [string, string] => [sensor, metric]));
  const caption = `${first === 0 ? `All ${buckets}` : `The newest ${ROWS_MAX} of ${buckets}`} buckets of ${picture.now.step}`;
  const rows = Array.from({ length: buckets - first }, (_, i) => {
    const bucket = buckets - 1 - i;
    const cells = columns.map(([sensor, metric]) => element("td", {}, numberAt(picture, sensor, metric, bucket)));
    return element("tr", {}, element("th", { scope: "row" }, spanAt(picture, bucket, zone)), ...cells);
  });
  const heads = columns.map(([sensor, metric]) =>
    element("th", { scope: "col" }, `${nameOf(picture.wanted, sensor)} ${metric}`),
  );
  return element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "bucket"), ...heads)),
    element("tbody", {}, ...rows),
  );
}
