/** Parameters of lists, and bodies that name their items. */
import type { Chosen } from "../engine/engine.ts";
import { IDS_MAX, LIST_ITEMS, LIST_ITEMS_MAX } from "./limits.ts";
import { NATURAL, objectOf, type Schema, TEXT } from "./route-schema.ts";
import { QUERY_NATURAL_MAX } from "./validation.ts";

/** The requested part of a list. */
export interface PartQuery {
  /** The last item of the part before. */
  readonly after?: number;
  readonly limit?: number;
}

/** The parameters of every list. */
export const PART_PARAMETERS = {
  after: { ...NATURAL, maximum: QUERY_NATURAL_MAX, description: "`next` of the part before" },
  limit: { type: "integer", minimum: 1, maximum: LIST_ITEMS_MAX, description: `at most so many items (${LIST_ITEMS})` },
} as const satisfies Record<string, Schema>;

/** … and of those that can be asked for one sensor. */
export const SENSOR_PARAMETER: Schema = { ...TEXT, description: "only this sensor's" };

const CHOICES = {
  ids: { type: "array", minItems: 1, maxItems: IDS_MAX, items: { ...NATURAL, maximum: Number.MAX_SAFE_INTEGER } },
  all: { const: true },
  sensor: SENSOR_PARAMETER,
};

/** The body that says which refused records are meant: they are of no device. */
export const CHOICE: Schema = {
  ...objectOf(CHOICES, Object.keys(CHOICES)),
  description: 'one of {"ids":[…]}, {"all":true} and {"sensor":…}',
  oneOf: ["ids", "all", "sensor"].map((name) => ({ required: [name] })),
};

/** … which readings. */
export const CHOICE_OF_READINGS: Schema = {
  ...objectOf({ ...CHOICES, device: { ...TEXT, description: "only this device's" } }, [
    ...Object.keys(CHOICES),
    "device",
  ]),
  description: 'one of {"ids":[…]}, {"all":true} and {"sensor":…,"device":…}, the latter with one or both',
  oneOf: [
    ...["ids", "all"].map((name) => ({ required: [name] })),
    { anyOf: ["sensor", "device"].map((name) => ({ required: [name] })) },
  ],
};

/** A body that they describe. */
export interface ChoiceBody {
  readonly ids?: readonly number[];
  readonly all?: true;
  readonly sensor?: string;
  readonly device?: string;
}

/** A body that was validated → the items that it means. */
export function choiceOf({ ids, sensor, device }: ChoiceBody): Chosen {
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
