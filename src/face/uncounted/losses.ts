/** What no list has, only totals: conflicts, duplicates, and what the log lost. */
import { countText } from "../../core/figures.ts";
import type { LiveSensor } from "../../core/live-event.ts";
import { element } from "../dom.ts";
import { hrefOf } from "../router.ts";
import { type Column, tableOf } from "../table.ts";

/** Totals that may need an explanation, and it. */
const TOTALS: readonly (readonly [of: keyof LiveSensor, title: string, meaning: string])[] = [
  ["conflicts", "Conflicts", "Duplicates that came with another value than the first one: the first is counted."],
  ["duplicates", "Duplicates", "Readings that came again, conflicts among them: they are counted once."],
  ["gapRecords", "Gaps", "Records that the log dropped before they were read, or that were skipped."],
  ["cutRecords", "Cut", "Records that the log lost after they were read: what was counted of them stays."],
  ["expired", "Expired", "Counted readings that are older than the history is kept: they are in no window any more."],
  [
    "deleted",
    "Deleted",
    "Counted readings that corrections took out: in no window until that is undone (tidemark corrections).",
  ],
  ["quarantineDropped", "Held back, not listed", "The list of readings held back was full when they came."],
  ["rejectionsDropped", "Rejected, not listed", "The oldest rejected records make room for new ones."],
];

/** Shows the sensors that have any of it. */
export function losses(rows: Iterable<LiveSensor>): HTMLElement[] {
  const number = (value: LiveSensor[keyof LiveSensor]) => (typeof value === "number" ? value : 0);
  const shown = [...rows].filter((row) => TOTALS.some(([of]) => number(row[of]) > 0));
  const there = TOTALS.filter(([of]) => shown.some((row) => number(row[of]) > 0));
  if (shown.length === 0)
    return [element("div", { class: "empty" }, element("p", {}, "Nothing came twice, and nothing was lost."))];
  const sensor: Column<LiveSensor> = {
    title: "Sensor",
    cell: (row) => element("a", { href: hrefOf("history", { sensor: row.sensor }) }, row.sensor),
  };
  const columns = there.map(([of, title]): Column<LiveSensor> => {
    return { title, isNumber: true, cell: (row) => countText(number(row[of])) };
  });
  const meanings = there.map(([, title, meaning]) =>
    element("div", {}, element("dt", {}, title), element("dd", {}, meaning)),
  );
  return [
    tableOf("Conflicts and losses", [sensor, ...columns], shown),
    element("dl", { class: "meanings" }, ...meanings),
  ];
}
