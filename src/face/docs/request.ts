/** A request as people filled it in → what is fetched, and the line for a terminal that does the same. Pure; test/face/docs.test.ts runs the line. */
import type { Parameter, Route } from "./openapi.ts";

/** What was filled in. */
export interface Filled {
  readonly route: Route;
  /** By name; empty ones are not sent. */
  readonly values: ReadonlyMap<string, string>;
  readonly body: string | null;
  readonly type: string | null;
}

/** What is fetched. */
export interface Prepared {
  /** Below the page's own base. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Path, query and headers. */
export function prepare({ route, values, type }: Filled): Prepared {
  let path = route.path.slice(1);
  const query: string[] = [];
  const headers: Record<string, string> = {};
  for (const parameter of route.operation.parameters ?? []) {
    const { name } = parameter;
    const value = values.get(name) ?? "";
    if (parameter.in === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value === "") continue;
    else if (parameter.in === "query") query.push(`${encodeURIComponent(name)}=${inQuery(parameter, value)}`);
    else headers[name] = value;
  }
  if (type !== null) headers["Content-Type"] = type;
  return { path: query.length === 0 ? path : `${path}?${query.join("&")}`, headers };
}

/** A form with these fields. */
export function formOf(fields: object): string {
  return Object.entries(fields)
    .map(([name, value]) => `${coded(name)}=${coded(String(value)).replaceAll("%2C", ",")}`)
    .join("&");
}

/** Characters that mean nothing in a query stay as people wrote them. */
function coded(text: string): string {
  return encodeURIComponent(text).replace(/%(3A|2F|40)/g, decodeURIComponent);
}

function inQuery({ explode }: Parameter, value: string): string {
  return explode === false ? coded(value).replaceAll("%2C", ",") : coded(value);
}

/** The same for curl. @param base of the page */
export function curlLine(filled: Filled, base: string): string {
  const { route, body } = filled;
  const { path, headers } = prepare(filled);
  const words = ["curl"];
  if (route.method !== "GET" && !(route.method === "POST" && body !== null)) words.push("--request", route.method);
  if (isEndless(route)) words.push("--no-buffer");
  if (route.guarded) words.push("--header", '"Authorization: Bearer $TIDEMARK_TOKEN"');
  for (const [name, value] of Object.entries(headers)) words.push("--header", quoted(`${name}: ${value}`));
  if (body !== null) words.push("--data-binary", quoted(body));
  words.push(quoted(base + path));
  return words.join(" ");
}

/** Whether its answer ends only when somebody stops it. */
export function isEndless({ operation }: Route): boolean {
  return Object.keys(operation.responses["200"]?.content ?? {}).includes("text/event-stream");
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
