/** Messages that no map is for, by the shape of their topic: how many, the last one, and a map that would fit. */
import { formatMs } from "../../core/time.ts";
import { shownPayload } from "../shown-payload.ts";
import { payloadOf } from "./payload.ts";
import { type Suggested, suggestMap } from "./suggest.ts";

/** Shapes of topics: a house has some dozen. Past it the one that was heard least lately is dropped, and counted. */
const SHAPES_MAX = 200;

/** Of the last payload, bytes: a suggestion needs all of it. Longer ones are cut, and have none. */
const PAYLOAD_BYTES_MAX = 16_384;

/** Characters of a payload that are shown. */
const SHOWN_MAX = 2000;

/** A level that names one of many: a number, an address, an id. */
const VARIABLE = /^\d+$|\d{4}|[0-9a-f]{6}/i;

interface Entry {
  readonly door: string;
  count: number;
  topic: string;
  body: Buffer;
  length: number;
  type: string | undefined;
  lastMs: number;
}

/** One of the list, as it is shown. */
export interface UnroutedItem {
  readonly door: string;
  /** Topics of this shape; `+` is any level. */
  readonly topic: string;
  readonly count: number;
  readonly last: { readonly topic: string; readonly time: string; readonly payload: string; readonly cut: boolean };
  /** Ready for the configuration file; null: nothing in it looks like a reading. */
  readonly map: Suggested | null;
}

/** The bounded list; kept in memory. */
export class Unrouted {
  readonly #entries = new Map<string, Entry>();
  /** Messages whose shape is no more in the list. */
  dropped = 0;

  /** @param topic of HTTP the name that it was sent to */
  note(door: string, topic: string, body: Uint8Array, type: string | undefined, nowMs: number): void {
    const shape = `${door}\n${shapeOf(topic)}`;
    const before = this.#entries.get(shape);
    this.#entries.delete(shape);
    this.#entries.set(shape, {
      door,
      count: (before?.count ?? 0) + 1,
      topic,
      body: Buffer.from(body.subarray(0, PAYLOAD_BYTES_MAX)),
      length: body.length,
      type,
      lastMs: nowMs,
    });
    if (this.#entries.size <= SHAPES_MAX) return;
    const [oldest] = this.#entries;
    this.dropped += oldest[1].count;
    this.#entries.delete(oldest[0]);
  }

  /** The newest first. */
  list(): UnroutedItem[] {
    return [...this.#entries.values()].reverse().map((entry) => {
      const { door, count, topic, body, length, type, lastMs } = entry;
      const isCut = length > body.length;
      const text = body.toString("utf8");
      const payload = payloadOf(body, type);
      const map =
        isCut || payload.kind !== "value" ? null : suggestMap(door === HTTP_DOOR ? null : topic, payload, lastMs);
      return {
        door,
        topic: shapeOf(topic),
        count,
        last: {
          topic,
          time: formatMs(lastMs),
          payload: shownPayload(text, SHOWN_MAX),
          cut: isCut || text.length > SHOWN_MAX,
        },
        map: map !== null && door === HTTP_DOOR ? { name: topic, ...map } : map,
      };
    });
  }
}

/** The door of mapped HTTP: its messages have no topic, but the name of a map. */
export const HTTP_DOOR = "in";

function shapeOf(topic: string): string {
  return topic
    .split("/")
    .map((level) => (VARIABLE.test(level) ? "+" : level))
    .join("/");
}
