/** Tables that are lists of cards where there is no room for columns. */
import { type Child, element } from "./dom.ts";

/** A column: its title, and what a row has in it. */
export interface Column<T> {
  readonly title: string;
  readonly cell: (row: T) => Child;
  /** Of numbers: they end where the column does. */
  readonly isNumber?: boolean;
}

/** A table. @param caption what it shows, for those who hear it */
export function tableOf<T>(caption: string, columns: readonly Column<T>[], rows: readonly T[]): HTMLElement {
  const heads = columns.map(({ title, isNumber }) =>
    element("th", { scope: "col", class: isNumber ? "number" : null }, title),
  );
  const lines = rows.map((row) =>
    element(
      "tr",
      { role: "row" },
      ...columns.map(({ title, cell, isNumber }) =>
        element("td", { role: "cell", "data-title": title, class: isNumber ? "number" : null }, cell(row)),
      ),
    ),
  );
  return element(
    "table",
    { class: "rows", role: "table" },
    element("caption", { class: "unseen" }, caption),
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...lines),
  );
}
