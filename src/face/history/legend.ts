/** What the lines mean: the same at every panel. */
import { drawing, element } from "../dom.ts";
import { DASHES, EARLIER_DASH } from "./panels.ts";
import type { Wanted } from "./picture.ts";

/** An entry for each kind of line. */
export function legendOf({ metrics, shift }: Wanted): HTMLElement[] {
  const entries = [
    entry("mean", drawing("path", { d: "M0 6h28", class: "mean" })),
    entry("min to max", drawing("path", { d: "M0 0h28v12H0z", class: "band" })),
    ...metrics
      .slice(3)
      .map((name, i) => entry(name, drawing("path", { d: "M0 6h28", "stroke-dasharray": DASHES[i].join(" ") }))),
  ];
  if (shift === "") return entries;
  const path = drawing("path", { d: "M0 6h28", class: "earlier", "stroke-dasharray": EARLIER_DASH.join(" ") });
  return [...entries, entry(`mean ${shift} before`, path)];
}

function entry(name: string, path: SVGElement): HTMLElement {
  return element(
    "span",
    {},
    drawing("svg", { viewBox: "0 0 28 12", width: 28, height: 12, "aria-hidden": "true" }, path),
    name,
  );
}
