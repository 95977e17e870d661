/** A schema as a list that people read: fields, what they are, and what is inside of them. */
import { element } from "../dom.ts";
import { type Description, resolved, type Schema, words } from "./openapi.ts";
import { inline } from "./words.ts";

/** What a schema has inside; null where its words say all. */
export function inside(description: Description, schema: Schema): HTMLElement | null {
  const { properties, items, anyOf, additionalProperties: each } = schema;
  if (schema.$ref !== undefined) return inside(description, resolved(description, schema));
  if (properties !== undefined) {
    const { required = [] } = schema;
    const fields = Object.entries(properties).map(([name, field]) =>
      row(description, name, field, required.includes(name)),
    );
    const others = typeof each === "object" ? [row(description, "any other name", each, false, true)] : [];
    return element("ul", { class: "fields" }, ...fields, ...others);
  }
  if (items !== undefined) return inside(description, items);
  if (typeof each === "object") return inside(description, each);
  if (anyOf?.some((one) => one.const !== undefined && one.description !== undefined)) return choices(anyOf);
  const parts = (anyOf ?? []).filter((one) => inside(description, one) !== null);
  if (parts.length === 0) return null;
  return element("ul", { class: "fields" }, ...parts.map((one) => row(description, words(one), one, false, true)));
}

/** @param isPlain `name` is no key */
function row(
  description: Description,
  name: string,
  schema: Schema,
  isRequired: boolean,
  isPlain = false,
): HTMLLIElement {
  const whole = resolved(description, schema);
  const text = schema.description ?? whole.description;
  const more = inside(description, schema);
  const said = words(schema);
  return element(
    "li",
    {},
    isPlain ? element("em", {}, name) : element("code", { class: "key" }, name),
    said === name ? null : element("span", { class: "type" }, said),
    isRequired ? element("span", { class: "required" }, "required") : null,
    text === undefined ? null : element("p", {}, ...inline(text)),
    more === null ? null : element("details", {}, element("summary", {}, "What is inside"), more),
  );
}

/** Names, each with what it means. */
function choices(all: readonly Schema[]): HTMLElement {
  const lines = all.map(({ const: name, description = "" }) =>
    element(
      "li",
      {},
      element("code", { class: "key" }, typeof name === "string" ? name : "pNN"),
      element("span", { class: "type" }, description),
    ),
  );
  return element("ul", { class: "fields choices" }, ...lines);
}
