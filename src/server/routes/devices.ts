/** `GET /devices`: the devices of a sensor. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import { isSimulatorName } from "../../core/simulator-name.ts";
import { formatMs } from "../../core/time.ts";
import { namesShown } from "../../engine/directory.ts";
import type { DeviceNumber, DeviceStatus, Engine } from "../../engine/engine.ts";
import { sendFresh } from "../fresh-answer.ts";
import { LIST_ITEMS, LIST_ITEMS_MAX } from "../limits.ts";
import {
  describe,
  NATURAL,
  objectOf,
  queryOf,
  type Schema,
  TEXT,
  TEXT_OR_NULL,
  TIME_OR_NULL,
} from "../route-schema.ts";

/** What a list can be sorted by besides names: the largest first. */
const NUMBERS = [
  "lastHeard",
  "lastTime",
  "lastValue",
  "readings",
  "duplicates",
  "conflicts",
  "late",
  "heldBack",
] as const satisfies readonly DeviceNumber[];

/** What is odd about a device. */
const FLAGS = ["stuck", "held-back", "conflicts", "simulated"] as const;

const DEVICE = objectOf({
  device: { ...TEXT, description: "empty: readings that name none" },
  flags: { type: "array", items: { enum: FLAGS }, description: "what is odd about it" },
  lastHeard: { ...TIME_OR_NULL, description: "when it last sent anything" },
  firstTime: TIME_OR_NULL,
  lastTime: TIME_OR_NULL,
  lastValue: { type: ["number", "null"] },
  readings: { ...NATURAL, description: "counted ones" },
  duplicates: NATURAL,
  conflicts: NATURAL,
  late: NATURAL,
  heldBack: NATURAL,
  isWhole: { type: "boolean", description: "false: what earlier versions counted of it is not in these numbers" },
  isStuck: { type: "boolean", description: "100 duplicates in a row and nothing new" },
  hasSeries: { type: "boolean", description: "whether questions can name it" },
  since: { ...TIME_OR_NULL, description: "its series lacks what was taken in before; null: nothing" },
} satisfies Record<keyof DeviceStatus | "flags", Schema>);

interface DevicesQuery {
  readonly sensor?: string;
  readonly sort?: "name" | DeviceNumber;
  readonly after?: string;
  readonly limit?: number;
}

const SCHEMA = describe({
  group: "Sensors",
  summary: "The devices of a sensor: how much each sent, when it was last heard, and what is odd",
  details:
    "The first devices of a sensor (`device-series`, 1,000) have a series of their own, so that questions can name them: " +
    "`POST /compute/metrics?device=…` or `?by=device`, and the same of `GET /series`. The others are counted here and in the sensor's answers.",
  query: queryOf({
    sensor: { ...TEXT, description: "one of `GET /sensors`" },
    sort: { enum: ["name", ...NUMBERS], description: "by name, or by a number, the largest first (name)" },
    after: { ...TEXT, description: "`next` of the part before" },
    limit: { type: "integer", minimum: 1, maximum: LIST_ITEMS_MAX, description: `at most so many (${LIST_ITEMS})` },
  }),
  required: ["sensor"],
  answer: objectOf({
    items: { type: "array", items: DEVICE },
    next: { ...TEXT_OR_NULL, description: "pass it as `after` for the part that follows; null at the end" },
    devices: NATURAL,
    withSeries: { ...NATURAL, description: "devices that have a series of their own" },
  }),
  errors: ["not-found"],
  examples: {
    latest: { summary: "Those heard from last", parameters: { sensor: "temperature", sort: "lastHeard", limit: 5 } },
  },
});

/** Adds the route. */
export function registerDevices(scope: FastifyInstance, engine: Engine): void {
  scope.get("/devices", { schema: SCHEMA }, async ({ query }: FastifyRequest<{ Querystring: DevicesQuery }>, reply) => {
    const { sensor = "", sort = "name", after, limit = LIST_ITEMS } = query;
    if (engine.sensors.find(sensor) === undefined) {
      const text = `Cannot list devices of "${sensor}": expected one of ${namesShown(engine.sensors)}`;
      throw new TidemarkError("not-found", text);
    }
    // One more, which says whether any follow.
    const part = { sensor, ...(after === undefined ? {} : { after }), limit: limit + 1 };
    const found = sort === "name" ? engine.devices(part) : await engine.rankDevices({ ...part, by: sort });
    const { devices, deviceSeries } = engine.status(sensor);
    const items = found.slice(0, limit);
    const next = found.length > limit ? items[limit - 1].device : null;
    return sendFresh(reply, { items: items.map(shown), next, devices, withSeries: deviceSeries });
  });
}

function shown(device: DeviceStatus): object {
  const { lastHeard, firstTime, lastTime, since } = device;
  const is = { stuck: device.isStuck, "held-back": device.heldBack > 0, conflicts: device.conflicts > 0 };
  const flags = { ...is, simulated: isSimulatorName(Buffer.from(device.device)) };
  return {
    ...device,
    flags: FLAGS.filter((flag) => flags[flag]),
    lastHeard: timeText(lastHeard),
    firstTime: timeText(firstTime),
    lastTime: timeText(lastTime),
    since: timeText(since),
  };
}

function timeText(ms: number | null): string | null {
  return ms === null ? null : formatMs(ms);
}
