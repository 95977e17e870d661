/** Questions per device: `device=` and `by=device`, and which devices are meant. */
import { FirstNamed } from "../core/first-named.ts";
import { Pace } from "../core/slices.ts";
import type { DeviceStatus, Engine } from "../engine/engine.ts";
import type { Past } from "../engine/past.ts";
import { LIST_ITEMS, LIST_ITEMS_MAX } from "./limits.ts";
import { RequestError } from "./problem.ts";
import { NATURAL, objectOf, type Schema, TEXT, TEXT_OR_NULL } from "./route-schema.ts";

/** Devices looked up at one time. */
const DEVICES_AT_ONCE = 500;

/** What a query says of devices; validated. */
export interface DevicesQuery {
  readonly device?: string;
  readonly by?: "device";
  readonly after?: string;
  readonly limit?: number;
  readonly top?: number;
}

const COUNT = { type: "integer", minimum: 1, maximum: LIST_ITEMS_MAX } as const;

/** Its parameters. */
export const DEVICE_PARAMETERS = {
  device: { ...TEXT, description: "of this device alone" },
  by: { enum: ["device"], description: "of each device by itself: an object by device for each sensor" },
  after: { ...TEXT, description: "with `by`: `next` of the part before" },
  limit: { ...COUNT, description: `with \`by\`: at most so many devices, by name (${LIST_ITEMS})` },
  top: { ...COUNT, description: "with `by`: those with the largest first metric, the largest first" },
} as const satisfies Record<string, Schema>;

/** The devices that an answer shows of a sensor. */
export interface DevicesShown {
  /** In the order of the answer. */
  readonly names: readonly string[];
  /** The last of them, where more follow. */
  readonly next: string | null;
  /** Devices that cannot be asked for, as they have no series of their own. */
  readonly withoutSeries: number;
}

/** What it says of them, by sensor. */
export const DEVICES_SHOWN: Schema = {
  type: "object",
  description:
    "only with `by`: by sensor, which devices are shown; JSON objects keep no order of names that are numbers",
  additionalProperties: objectOf({
    names: { type: "array", items: TEXT },
    next: { ...TEXT_OR_NULL, description: "pass it as `after` for the part that follows; null at the end" },
    withoutSeries: { ...NATURAL, description: "devices without a series of their own" },
  } satisfies Record<keyof DevicesShown, Schema>),
};

/** @throws RequestError 400 where parameters contradict each other */
export function requireSense({ device, by, after, limit, top }: DevicesQuery): void {
  if (device !== undefined && by !== undefined) throw refused("device and by together", "one of them");
  if (by === undefined && (after ?? limit ?? top) !== undefined) throw refused("after, limit or top", "by=device");
  if (top !== undefined && (after ?? limit) !== undefined) throw refused("top with after or limit", "top alone");
}

function refused(what: string, expected: string): RequestError {
  return new RequestError(400, `Cannot answer with ${what}: expected ${expected}`);
}

/**
 * Devices of a sensor that have a series: by name, or those of the highest rank. Lets others run in between. O(devices).
 * @param past as of which; null: now @param rank of `top`: null ranks last
 */
export async function devicesAsked(
  engine: Engine,
  past: Past | null,
  sensor: string,
  { after, limit = LIST_ITEMS, top }: DevicesQuery,
  rank: (device: string) => number | null,
): Promise<DevicesShown> {
  const { devices, deviceSeries } = engine.status(sensor);
  const then = past?.devices(sensor) ?? null;
  const withoutSeries = then?.withoutSeries ?? devices - deviceSeries;
  const canBeAsked = ({ device, hasSeries }: DeviceStatus): boolean => hasSeries && (then?.hadSeries(device) ?? true);
  const names: string[] = [];
  if (top === undefined) {
    for await (const known of allDevices(engine, sensor, after)) {
      if (!canBeAsked(known)) continue;
      if (names.length === limit) return { names, next: names[limit - 1], withoutSeries };
      names.push(known.device);
    }
    return { names, next: null, withoutSeries };
  }
  const first = new FirstNamed<string>(top);
  for await (const known of allDevices(engine, sensor)) {
    const { device } = known;
    if (canBeAsked(known)) first.add(rank(device) ?? Number.NEGATIVE_INFINITY, Buffer.from(device), () => device);
  }
  return { names: first.inOrder(), next: null, withoutSeries };
}

/** By the bytes of their names; lets others run in between. */
async function* allDevices(engine: Engine, sensor: string, first?: string): AsyncGenerator<DeviceStatus> {
  let after = first;
  const pace = new Pace();
  for (;;) {
    const part = engine.devices({ sensor, ...(after === undefined ? {} : { after }), limit: DEVICES_AT_ONCE });
    for (const device of part) {
      yield device;
      if (pace.isOver) await pace.rest();
    }
    if (part.length < DEVICES_AT_ONCE) return;
    after = part[part.length - 1].device;
  }
}
