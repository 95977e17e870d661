/** What every door counts and says of itself: under /doors and /metrics. */
import { shownPayload } from "./shown-payload.ts";

/** Since the start of the process. */
export interface DoorCounts {
  /** What came: messages, requests. */
  messages: number;
  /** What of it is durable in the log. */
  readings: number;
  /** Values and messages that are no reading and need not be one. */
  passed: number;
  /** Readings that should have been: told with their payloads under /doors. */
  refused: number;
  /** Left out as the map says: the same within `repeatsWithin`, … */
  repeats: number;
  /** … and the same value, where only changes are taken. */
  unchanged: number;
  /** Messages that a broker kept for new subscribers. */
  retained: number;
  /** Messages that no map is for. */
  unrouted: number;
  /** Messages that are larger than any that is read, of those above. */
  tooLarge: number;
}

/** Nothing yet. */
export function noCounts(): DoorCounts {
  return {
    ...{ messages: 0, readings: 0, passed: 0, refused: 0, repeats: 0, unchanged: 0, retained: 0, unrouted: 0 },
    tooLarge: 0,
  };
}

/** What was refused, by map and cause. */
export interface DoorProblem {
  readonly map: string;
  readonly code: string;
  count: number;
  /** Of the last one. */
  reason: string;
  topic: string;
  payload: string;
  lastMs: number;
}

/** Connections of a door that listens itself. */
export interface DoorConnections {
  readonly open: number;
  readonly most: number;
  /** Not let in as there were too many. */
  readonly refused: number;
  /** Ended from here: no token, no MQTT, silence, … */
  readonly cut: number;
}

/** A door as others see it. */
export interface DoorView {
  readonly name: string;
  readonly counts: Readonly<DoorCounts>;
  /** The newest first. */
  problems(): readonly Readonly<DoorProblem>[];
  /** Messages that a map knows and found no reading in, by map; the newest first. */
  passedOver(): readonly Readonly<DoorProblem>[];
  /** What keeps it from taking anything in; null: nothing. */
  readonly trouble: string | null;
  /** null: it has none of its own. */
  readonly connections: DoorConnections | null;
}

/** Causes by map: each map has a handful. Past it the one that was met least lately is dropped; the counts go on. */
const PROBLEMS_MAX = 100;

/** Characters of the last payload. */
const PAYLOAD_SHOWN = 1000;

/** A bounded list of them. */
export class DoorProblems {
  readonly #problems = new Map<string, DoorProblem>();

  note(map: string, code: string, reason: string, topic: string, body: Uint8Array, nowMs: number): void {
    const key = `${map}\n${code}`;
    const count = (this.#problems.get(key)?.count ?? 0) + 1;
    const payload = Buffer.from(body.buffer, body.byteOffset, Math.min(body.length, 4 * PAYLOAD_SHOWN));
    this.#problems.delete(key);
    this.#problems.set(key, {
      map,
      code,
      count,
      reason,
      topic,
      payload: shownPayload(payload.toString("utf8"), PAYLOAD_SHOWN),
      lastMs: nowMs,
    });
    if (this.#problems.size <= PROBLEMS_MAX) return;
    const [oldest] = this.#problems.keys();
    this.#problems.delete(oldest);
  }

  list(): DoorProblem[] {
    return [...this.#problems.values()].reverse();
  }
}
