/** `GET /doors`, `GET /unrouted`: what came in and was mapped, what could not be, and what no map is for. */
import type { FastifyInstance } from "fastify";
import { formatMs } from "../../core/time.ts";
import type { DoorConnections, DoorCounts, DoorProblem, DoorView } from "../../doors/door-counts.ts";
import type { Unrouted, UnroutedItem } from "../../doors/mapping/unrouted.ts";
import { sendFresh } from "../fresh-answer.ts";
import { describe, NATURAL, objectOf, type Schema, TEXT, TEXT_OR_NULL, TIME } from "../route-schema.ts";

const DOORS_PATH = "/doors";
const UNROUTED_PATH = "/unrouted";

const COUNTS = {
  messages: { ...NATURAL, description: "that came" },
  readings: { ...NATURAL, description: "that are durable in the log" },
  passed: { ...NATURAL, description: "values and messages that are no reading, and need not be" },
  refused: { ...NATURAL, description: "what should have been a reading and is none" },
  repeats: NATURAL,
  unchanged: NATURAL,
  retained: { ...NATURAL, description: "messages that a broker kept for new subscribers" },
  unrouted: { ...NATURAL, description: "messages that no map is for" },
  tooLarge: { ...NATURAL, description: "messages larger than any that is read, of those above" },
} satisfies Record<keyof DoorCounts, Schema>;

const CONNECTIONS = {
  open: NATURAL,
  most: NATURAL,
  refused: { ...NATURAL, description: "not let in as there were too many" },
  cut: { ...NATURAL, description: "ended from here: no token, no MQTT, silence" },
} satisfies Record<keyof DoorConnections, Schema>;

const PROBLEM_OF_DOOR = objectOf({
  map: TEXT,
  code: TEXT,
  count: NATURAL,
  reason: { ...TEXT, description: "of the last one" },
  topic: TEXT,
  payload: TEXT,
  last: TIME,
} satisfies Record<Exclude<keyof DoorProblem, "lastMs"> | "last", Schema>);

const DOORS = describe({
  group: "Uncounted",
  summary: "What came through each door, and what of it could not be read, with the last payload",
  answer: objectOf({
    items: {
      type: "array",
      items: objectOf({
        name: TEXT,
        trouble: { ...TEXT_OR_NULL, description: "what keeps it from taking anything in" },
        counts: objectOf(COUNTS),
        connections: {
          ...objectOf(CONNECTIONS),
          type: ["object", "null"],
          description: "of a door that listens itself",
        },
        problems: { type: "array", items: PROBLEM_OF_DOOR },
        passedOver: {
          type: "array",
          items: PROBLEM_OF_DOOR,
          description: "messages that a map knows and found no reading in, by map",
        },
      }),
    },
  }),
  errors: [],
});

const UNROUTED = describe({
  group: "Uncounted",
  summary: "Messages that no map is for, by the shape of their topic, each with a map that would fit",
  answer: objectOf({
    items: {
      type: "array",
      items: objectOf({
        door: TEXT,
        topic: { ...TEXT, description: "`+` is any level" },
        count: NATURAL,
        last: objectOf({ topic: TEXT, time: TIME, payload: TEXT, cut: { type: "boolean" } }),
        map: { type: ["object", "null"], description: "for `map` in the configuration file" },
      } satisfies Record<keyof UnroutedItem, Schema>),
    },
    dropped: { ...NATURAL, description: "messages whose topic is no more in the list" },
  }),
  errors: [],
});

/** What the routes show. */
export interface DoorsOptions {
  readonly views: () => readonly DoorView[];
  readonly unrouted: Unrouted;
}

/** Adds both routes. */
export function registerDoors(scope: FastifyInstance, doors: DoorsOptions): void {
  scope.get(DOORS_PATH, { schema: DOORS }, (_request, reply) => {
    const items = doors.views().map((door) => {
      const { name, trouble, counts, connections } = door;
      const problems = door.problems().map(shown);
      return { name, trouble, counts, connections, problems, passedOver: door.passedOver().map(shown) };
    });
    return sendFresh(reply, { items });
  });
  scope.get(UNROUTED_PATH, { schema: UNROUTED }, (_request, reply) => {
    const { unrouted } = doors;
    return sendFresh(reply, { items: unrouted.list(), dropped: unrouted.dropped });
  });
}

function shown({ lastMs, ...problem }: Readonly<DoorProblem>): object {
  return { ...problem, last: formatMs(lastMs) };
}
