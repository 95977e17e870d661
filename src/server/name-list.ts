/** A parameter of several names. */
import { type Schema, TEXT } from "./route-schema.ts";

/** Repeated, or several with commas between them. */
export type NameList = string | readonly string[];

/** What validates it. */
export const NAME_LIST: Schema = { anyOf: [TEXT, { type: "array", items: TEXT }] };

/** Its names, each once. */
export function namesOf(parameter: NameList): string[] {
  const texts = typeof parameter === "string" ? [parameter] : parameter;
  const names = texts.flatMap((text) => text.split(",")).map((name) => name.trim());
  return [...new Set(names.filter((name) => name !== ""))];
}
