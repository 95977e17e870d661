/** What lists are asked for, and what shall become of their items: parsed by hand, as a validator of schemas is a tenth of the server's memory. */
import { TidemarkError } from "../core/errors.ts";
import { IDS_MAX, PAGE_ITEMS, PAGE_ITEMS_MAX } from "./limits.ts";

/** Fifteen digits are exact in a double. */
const COUNT = /^[0-9]{1,15}$/;

/** A part of a list. */
export interface PageAsked {
  /** The last item of the part before. */
  readonly after?: number;
  readonly limit: number;
}

/** @throws TidemarkError "request-invalid" */
export function pageAsked(query: unknown): PageAsked {
  const after = countOf(query, "after");
  const limit = countOf(query, "limit") ?? PAGE_ITEMS;
  if (limit < 1 || limit > PAGE_ITEMS_MAX) throw invalid(`limit must be 1 to ${PAGE_ITEMS_MAX}, was ${limit}`);
  return after === undefined ? { limit } : { limit, after };
}

/** A parameter of the query. @throws TidemarkError "request-invalid" when it is there twice */
export function textOf(query: unknown, name: string): string | undefined {
  const value = fieldsOf(query).get(name);
  if (value === undefined || typeof value === "string") return value;
  throw invalid(`${name} must be there once`);
}

/** Each id once. @throws TidemarkError "request-invalid" */
export function idsAsked(body: unknown): number[] {
  const fields = fieldsOf(body);
  const ids: unknown = fields.get("ids");
  if (fields.size !== 1 || !Array.isArray(ids)) throw invalid('expected {"ids":[…]} and nothing else');
  if (ids.length < 1 || ids.length > IDS_MAX) throw invalid(`ids must be 1 to ${IDS_MAX}, were ${ids.length}`);
  const different = new Set<number>();
  for (const id of ids) {
    if (!Number.isSafeInteger(id) || id < 0) throw invalid(`an id must be a natural number, was ${JSON.stringify(id)}`);
    different.add(id);
  }
  return [...different];
}

export function invalid(what: string): TidemarkError {
  return new TidemarkError("request-invalid", `Cannot read the request: ${what}`);
}

function countOf(query: unknown, name: string): number | undefined {
  const text = textOf(query, name);
  if (text === undefined) return undefined;
  if (!COUNT.test(text)) throw invalid(`${name} must be a natural number, was ${JSON.stringify(text)}`);
  return Number(text);
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}
