/** What of a sensor needs somebody: partitions that stand still, devices that are stuck, keys and ids that are probably meant otherwise. */
import { countText } from "../../core/figures.ts";
import { printable } from "../../core/printable.ts";
import { element } from "../dom.ts";
import type { ServerTime } from "../server-time.ts";
import { type Column, tableOf } from "../table.ts";

/** Of a sensor, as `GET /sensors` has it. */
export interface SensorHealth {
  readonly sensor: string;
  readonly stuckDevices: number;
  readonly standstills: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly waiting: number;
    readonly since: string;
    readonly detail: string;
    readonly resumeAt: number | null;
  }[];
  readonly unreadKeys: readonly { readonly count: number; readonly hint: string }[];
  readonly repeatedIds: readonly { readonly count: number; readonly hint: string }[];
}

interface Trouble {
  readonly sensor: string;
  readonly what: string;
  readonly since: string | null;
  readonly next: string | HTMLElement | null;
}

/** A table of all of it; null: there is nothing. */
export function troubleTable(sensors: readonly SensorHealth[], time: ServerTime): HTMLElement | null {
  const rows = sensors.flatMap(troubleOf);
  if (rows.length === 0) return null;
  const columns: readonly Column<Trouble>[] = [
    { title: "Sensor", cell: ({ sensor }) => sensor },
    { title: "What", cell: ({ what }) => printable(what) },
    { title: "Since", cell: ({ since }) => (since === null ? "" : time.moment(Date.parse(since))) },
    { title: "What to do", cell: ({ next }) => next ?? "" },
  ];
  return tableOf("What needs a look", columns, rows);
}

function troubleOf({ sensor, standstills, stuckDevices, unreadKeys, repeatedIds }: SensorHealth): Trouble[] {
  const hints = [...unreadKeys, ...repeatedIds].map(({ count, hint }) => {
    return { sensor, what: `${hint} (${countText(count)}×)`, since: null, next: "Tell the senders" };
  });
  const still = standstills.map(({ topic, partition, offset, waiting, since, detail, resumeAt }) => {
    const where = `Partition ${partition} of ${topic} stands still at offset ${offset}, ${countText(waiting)} records wait: ${detail}`;
    const skip =
      resumeAt === null ? null : element("code", {}, `tidemark skip ${sensor} ${partition} --to ${resumeAt}`);
    return { sensor, what: where, since, next: skip ?? "It goes on by itself, or the log has to be mended" };
  });
  const stuck = {
    sensor,
    what: `${countText(stuckDevices)} ${stuckDevices === 1 ? "device sends" : "devices send"} nothing new`,
    since: null,
    next: "See why their readings are sent again and again",
  };
  return [...still, ...(stuckDevices > 0 ? [stuck] : []), ...hints];
}
