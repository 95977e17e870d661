/** What there is to know of one operation, beside the form that tries it. */
import { element } from "../dom.ts";
import { type Answer, type Description, type Media, type Parameter, type Route, resolved, words } from "./openapi.ts";
import { inside } from "./schema-view.ts";
import { tryForm } from "./try.ts";
import { inline, pathNodes, prose } from "./words.ts";

/** The operation, in an element of its own. */
export function operationView(description: Description, route: Route): HTMLElement {
  const { method, path, operation, guarded } = route;
  const { parameters = [], requestBody, responses } = operation;
  const title = element(
    "h1",
    { id: "operation", tabindex: -1 },
    element("span", { class: `method ${method.toLowerCase()}` }, method),
    " ",
    ...pathNodes(path),
  );
  return element(
    "div",
    { class: "operation" },
    element(
      "section",
      { class: "facts", "aria-labelledby": "operation" },
      title,
      element("p", { class: "lead" }, `${operation.summary}.`),
      ...prose(operation.description ?? ""),
      guarded ? element("p", { class: "note" }, "Wants the token, or a session of this browser.") : null,
      ...part("Parameters", parameters.length === 0 ? null : parameterList(description, parameters)),
      ...part("Body", requestBody === undefined ? null : contentView(description, requestBody.content)),
      ...part("Answers", answersView(description, responses)),
    ),
    tryForm(route),
  );
}

function part(title: string, content: HTMLElement | null): HTMLElement[] {
  return content === null ? [] : [element("h2", {}, title), content];
}

function parameterList(description: Description, parameters: readonly Parameter[]): HTMLElement {
  const rows = parameters.map((parameter) => {
    const { name, schema, required } = parameter;
    const text = parameter.description ?? resolved(description, schema).description;
    const more = inside(description, schema);
    return element(
      "li",
      {},
      element("code", { class: "key" }, name),
      element(
        "span",
        { class: "type" },
        `${words(schema)}${parameter.in === "query" ? "" : `, in the ${parameter.in}`}`,
      ),
      required ? element("span", { class: "required" }, "required") : null,
      text === undefined ? null : element("p", {}, ...inline(text)),
      more === null ? null : element("details", {}, element("summary", {}, "What is inside"), more),
    );
  });
  return element("ul", { class: "fields" }, ...rows);
}

function contentView(description: Description, content: Readonly<Record<string, Media>>): HTMLElement {
  const rows = Object.entries(content).map(([type, { schema }]) => {
    const text = resolved(description, schema).description;
    return element(
      "li",
      {},
      element("code", { class: "key" }, type),
      element("span", { class: "type" }, words(schema)),
      text === undefined ? null : element("p", {}, ...inline(text)),
      inside(description, schema),
    );
  });
  return element("ul", { class: "fields" }, ...rows);
}

function answersView(description: Description, responses: Readonly<Record<string, Answer>>): HTMLElement {
  const rows = Object.entries(responses).map(([status, given]) => {
    const answer = resolved(description, given);
    const isGood = status.startsWith("2");
    const headers = Object.entries(answer.headers ?? {}).map(([name, { description = "" }]) =>
      element("li", {}, element("code", { class: "key" }, name), element("span", { class: "type" }, description)),
    );
    return element(
      "details",
      { class: isGood ? "answer good" : "answer bad", open: isGood },
      element("summary", {}, element("strong", {}, status), " ", ...inline(isGood ? "OK" : answer.description)),
      headers.length === 0 ? null : element("ul", { class: "fields" }, ...headers),
      isGood ? contentView(description, answer.content ?? {}) : element("p", {}, problemText(answer)),
    );
  });
  return element("div", { class: "answers" }, ...rows);
}

function problemText({ content = {} }: Answer): string {
  return Object.keys(content)[0] === "application/problem+json"
    ? "A problem (RFC 9457): its detail says what was wrong and what was expected."
    : "The form of a 200, with nothing but errors in it.";
}
