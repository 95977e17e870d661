/** One sensor on one line, for files and pipes: key=value, full precision. */
import type { LiveRow } from "./live-event.ts";

/** What a line tells; two equal ones are one. */
export function plainLine(row: LiveRow): string {
  const { minute } = row;
  const fields: readonly (readonly [string, number | null])[] = [
    ["count", row.count],
    ["mean", row.mean],
    ["min", row.min],
    ["max", row.max],
    ["last", row.last],
    ["minute.count", minute.count],
    ["minute.mean", minute.mean],
    ["minute.min", minute.min],
    ["minute.max", minute.max],
    ["late", row.late],
    ["duplicates", row.duplicates],
    ["quarantined", row.quarantined],
    ["rejected", row.rejected],
  ];
  return `${row.sensor} ${fields.map(([name, value]) => `${name}=${value}`).join(" ")}`;
}
