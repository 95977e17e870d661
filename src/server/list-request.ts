/** Parameters of lists, and bodies that name their items. */
import { IDS_MAX, LIST_ITEMS, LIST_ITEMS_MAX } from "./limits.ts";
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

/** The body that names items. */
export const IDS: Schema = objectOf({
  ids: { type: "array", minItems: 1, maxItems: IDS_MAX, items: { ...NATURAL, maximum: Number.MAX_SAFE_INTEGER } },
});

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
