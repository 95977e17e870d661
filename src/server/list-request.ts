/** Parameters of lists, and bodies that name their items. */
import type { Chosen } from "../engine/engine.ts";
import { IDS_MAX, LIST_ITEMS, LIST_ITEMS_MAX } from "./limits.ts";
import { RequestError } from "./problem.ts";
import { NATURAL, objectOf, type Schema, TEXT } from "./route-schema.ts";

/** The requested part of a list. */
export interface PartQuery {
  /** The last item of the part before. */
  readonly after?: number;
  readonly limit?: number;
}

/** The parameters of every list. */
export const PART_PARAMETERS = {
  after: { ...NATURAL, description: "`next` of the part before" },
  limit: { type: "integer", minimum: 1, maximum: LIST_ITEMS_MAX, description: `at most so many items (${LIST_ITEMS})` },
} as const satisfies Record<string, Schema>;

/** … and of those that can be asked for one sensor. */
export const SENSOR_PARAMETER: Schema = { ...TEXT, description: "only this sensor's" };

/** The body that says which items are meant. */
export const CHOICE: Schema = objectOf(
  {
    ids: { type: "array", minItems: 1, maxItems: IDS_MAX, items: { ...NATURAL, maximum: Number.MAX_SAFE_INTEGER } },
    all: { const: true },
    sensor: SENSOR_PARAMETER,
    device: { ...TEXT, description: "only this device's; refused records are of none" },
  },
  ["ids", "all", "sensor", "device"],
);

/** A body that CHOICE describes. */
export interface ChoiceBody {
  readonly ids?: readonly number[];
  readonly all?: true;
  readonly sensor?: string;
  readonly device?: string;
}

/** A body that was validated → the items that it means. @throws RequestError when it means them in two ways, or in none */
export function choiceOf({ ids, all, sensor, device }: ChoiceBody): Chosen {
  const isNarrow = sensor !== undefined || device !== undefined;
  if ([ids !== undefined, all !== undefined, isNarrow].filter(Boolean).length !== 1) {
    const wanted = 'expected one of {"ids":[…]}, {"all":true} and {"sensor":…,"device":…}, the latter with one or both';
    throw new RequestError(400, `Cannot read the request: ${wanted}`);
  }
  return ids ?? { ...(sensor === undefined ? {} : { sensor }), ...(device === undefined ? {} : { device }) };
}

/** A part of a list of these items. @param more what the answer has beside them */
export function partOf(item: Schema, more: Readonly<Record<string, Schema>> = {}): Schema {
  const next = {
    type: ["integer", "null"],
    description: "pass it as `after` for the part that follows; null at the end",
  };
  return objectOf({ items: { type: "array", items: item }, next, ...more });
}

/** A validated query → the part to list. */
export function partAsked({ after, limit = LIST_ITEMS }: PartQuery): {
  readonly after?: number;
  readonly limit: number;
} {
  return after === undefined ? { limit } : { limit, after };
}
