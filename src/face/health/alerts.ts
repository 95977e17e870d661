/** The newest alerts, on the page Health. */
import { valueText } from "../../core/figures.ts";
import { printable } from "../../core/printable.ts";
import type { ServerTime } from "../server-time.ts";
import { type Column, tableOf } from "../table.ts";

/** An alert as `GET /alerts` has it. */
export interface AlertShown {
  readonly rule: string;
  readonly sensor: string;
  readonly device: string | null;
  readonly state: "on" | "ended" | "taken-back";
  readonly from: string;
  readonly ended: string | null;
  readonly value: number;
}

const STATES = { on: "on", ended: "ended", "taken-back": "taken back" };

/** A table of them; null: there are none. */
export function alertTable(alerts: readonly AlertShown[], time: ServerTime): HTMLElement | null {
  const columns: readonly Column<AlertShown>[] = [
    { title: "Rule", cell: ({ rule }) => rule },
    { title: "Sensor", cell: ({ sensor, device }) => (device === null ? sensor : `${sensor}, ${printable(device)}`) },
    { title: "Since", cell: ({ from }) => time.moment(Date.parse(from)) },
    { title: "Value", cell: ({ value }) => valueText(value), isNumber: true },
    {
      title: "State",
      cell: ({ state, ended }) => STATES[state] + (ended === null ? "" : ` ${time.moment(Date.parse(ended))}`),
    },
  ];
  return alerts.length === 0 ? null : tableOf("Alerts", columns, alerts);
}
