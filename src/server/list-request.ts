/** What lists are asked for, and which of their items a request is about. */
import { IDS_MAX, PAGE_ITEMS, PAGE_ITEMS_MAX } from "./limits.ts";
import { NATURAL, objectOf, type Schema, TEXT } from "./route-schema.ts";

/** Which part of a list is asked for. */
export interface PartQuery {
  /** The last item of the part before. */
  readonly after?: number;
  readonly limit?: number;
}

/** The parameters of every list. */
export const PART_PARAMETERS = {
  after: { ...NATURAL, description: "`next` of the part before" },
  limit: { type: "integer", minimum: 1, maximum: PAGE_ITEMS_MAX, description: `at most so many items (${PAGE_ITEMS})` },
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

/** A query that was validated → what is listed. */
export function partAsked({ after, limit = PAGE_ITEMS }: PartQuery): {
  readonly after?: number;
  readonly limit: number;
} {
  return after === undefined ? { limit } : { limit, after };
}
