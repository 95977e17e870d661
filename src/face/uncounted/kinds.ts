/** The two lists of what was not counted: what their items look like, and what can be done with them. */
import { ageText, countText, plural, valueText } from "../../core/figures.ts";
import { printable } from "../../core/printable.ts";
import { element } from "../dom.ts";
import { hrefOf } from "../router.ts";
import type { ServerTime } from "../server-time.ts";
import type { Column } from "../table.ts";

/** What every item has. */
export interface Item {
  readonly id: number;
  readonly sensor: string;
  readonly device?: string;
}

/** A reading held back, as `GET /quarantine` has it. */
interface Held extends Item {
  readonly device: string;
  readonly boot: string | null;
  readonly sequence: number | null;
  readonly value: number;
  readonly time: string;
  readonly judgedAgainst: string;
  readonly reason: "ahead" | "before-2000";
}

/** A rejected record, as `GET /rejections` has it. */
interface Rejected extends Item {
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly reason: string;
  readonly bytesEncoding: "utf8" | "base64";
  readonly bytes: string;
  readonly length: number;
  readonly cut: boolean;
  readonly arrival: string;
}

/** A list. */
export interface Kind {
  readonly title: string;
  /** Of the list's address. */
  readonly path: "quarantine" | "rejections";
  readonly explanation: string;
  readonly empty: string;
  /** `3 readings`. */
  noun(count: number): string;
  readonly release: { readonly verb: string; readonly consequence: string; done(count: string): string };
  columns(time: ServerTime): readonly Column<never>[];
}

/** Characters of a record that are shown at once. */
const SHOWN_MAX = 160;

/** By their name in the address. */
export const KINDS: Readonly<Record<string, Kind>> = {
  held: {
    title: "Held back",
    path: "quarantine",
    explanation:
      "Readings whose clock is impossible: more than a few minutes ahead when they came, or before the year 2000. A released one is counted at the time that it carries.",
    empty: "No reading is held back.",
    noun: (count) => plural(count, "reading"),
    release: {
      verb: "Release",
      consequence: "Counted at the time that each carries. This cannot be undone.",
      done: (count) => `${count} released: counted now.`,
    },
    columns: (time): Column<Held>[] => [
      sensorColumn,
      {
        title: "Device",
        cell: ({ device, boot, sequence }) =>
          stacked(printable(device), [
            boot === null ? null : `boot ${printable(boot)}`,
            sequence === null ? null : `sequence ${sequence}`,
          ]),
      },
      { title: "Value", isNumber: true, cell: ({ value }) => element("span", { title: value }, valueText(value)) },
      { title: "Its time", cell: (item) => moment(time, item.time) },
      {
        title: "Why",
        cell: (item) => {
          const reference = time.zone.shown(Date.parse(item.judgedAgainst));
          if (item.reason === "before-2000") return stacked("before the year 2000", [`it came ${reference}`]);
          const ahead = ageText(Date.parse(item.time) - Date.parse(item.judgedAgainst));
          return stacked(`${ahead} ahead of the clock`, [`which was ${reference}`]);
        },
      },
    ],
  },
  rejected: {
    title: "Rejected",
    path: "rejections",
    explanation: "Records that are no reading, with the bytes that came. A newer tidemark may be able to read them.",
    empty: "No record was rejected.",
    noun: (count) => plural(count, "record"),
    release: {
      verb: "Read again",
      consequence: "What can be read by now is counted, the rest stays here.",
      done: (count) => `${count} could be read and counted.`,
    },
    columns: (time): Column<Rejected>[] => [
      sensorColumn,
      { title: "Why", cell: ({ reason, code }) => element("span", { title: code }, reason) },
      { title: "Bytes", cell: bytesCell },
      {
        title: "Came",
        cell: ({ arrival, partition, offset }) =>
          stacked(moment(time, arrival), [`partition ${partition}, offset ${countText(offset)}`]),
      },
    ],
  },
};

const sensorColumn: Column<Item> = {
  title: "Sensor",
  cell: ({ sensor }) => element("a", { href: hrefOf("history", { sensor }) }, sensor),
};

function moment(time: ServerTime, text: string): HTMLElement {
  return element("time", { datetime: text }, time.zone.shown(Date.parse(text)));
}

/** A fact, and smaller ones under it. */
function stacked(fact: string | HTMLElement, more: readonly (string | null)[]): HTMLElement {
  const known = more.filter((text) => text !== null).join(", ");
  return element("span", { class: "stacked" }, fact, known === "" ? null : element("small", {}, known));
}

/** Bytes as text that obeys nothing, or in hexadecimal where they are no text. */
function bytesCell({ bytes, bytesEncoding, length, cut }: Rejected): HTMLElement {
  const text = bytesEncoding === "utf8" ? printable(bytes) : hexadecimal(bytes);
  const size = `${plural(length, "byte")}${cut ? ", cut here" : ""}`;
  if (text.length <= SHOWN_MAX) {
    return element(
      "span",
      { class: "stacked" },
      element("code", {}, text === "" ? "(nothing)" : text),
      element("small", {}, size),
    );
  }
  const start = element("code", {}, `${text.slice(0, SHOWN_MAX)}…`);
  return element(
    "details",
    {},
    element("summary", {}, start, " ", element("small", {}, size)),
    element("code", {}, text),
  );
}

function hexadecimal(base64: string): string {
  return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
}
