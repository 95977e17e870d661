/** The form that sends a request of one operation, and shows what comes back. */
import { element, setText } from "../dom.ts";
import { AnswerView } from "./answer-view.ts";
import { jsonLines } from "./json-lines.ts";
import type { Example, Media, Parameter, Route } from "./openapi.ts";
import { curlLine, type Filled, formOf, isEndless, prepare } from "./request.ts";

/** The form, filled in by the first example. */
export function tryForm(route: Route): HTMLElement {
  const { parameters = [], requestBody } = route.operation;
  const content = Object.entries(requestBody?.content ?? {});
  const examples = examplesOf(parameters, content);
  const inputs = new Map(parameters.map((parameter) => [parameter.name, inputOf(parameter)]));
  const body = element("textarea", { id: "try-body", spellcheck: "false", rows: 8, autocapitalize: "off" });
  const type = element(
    "select",
    { id: "try-type", "aria-label": "Media type of the body" },
    ...content.map(([name]) => element("option", {}, name)),
  );
  const example = element(
    "select",
    { id: "try-example" },
    ...[...examples].map(([name, summary]) => element("option", { value: name }, summary)),
  );
  const line = element("code");
  const send = element("button", { class: "primary" }, isEndless(route) ? "Listen" : "Send");
  const answer = new AnswerView();

  const filled = (): Filled => {
    const values = new Map([...inputs].map(([name, input]) => [name, input.value]));
    return {
      route,
      values,
      body: content.length === 0 ? null : body.value,
      type: content.length === 0 ? null : type.value,
    };
  };
  const draw = () => setText(line, curlLine(filled(), document.baseURI.replace(/[^/]*$/, "")));
  const fill = (name: string) => {
    for (const parameter of parameters) {
      const input = inputs.get(parameter.name);
      if (input !== undefined) input.value = shown(parameter.examples?.[name]?.value);
    }
    for (const [media, { examples }] of content) {
      const value = examples?.[name]?.value;
      if (value === undefined) continue;
      type.value = media;
      body.value = bodyText(value, media);
      body.rows = Math.min(16, Math.max(4, body.value.split("\n").length + 1));
    }
    draw();
  };
  example.addEventListener("change", () => fill(example.value));

  const submit = (event: Event) => {
    event.preventDefault();
    const { path, headers } = prepare(filled());
    const sent = content.length === 0 ? {} : { body: body.value };
    void answer.show(path, { method: route.method, headers, ...sent });
  };
  const form = element(
    "form",
    { onsubmit: submit, oninput: draw, onchange: draw },
    ...(examples.size < 2
      ? []
      : [element("div", { class: "field wide" }, element("label", { for: "try-example" }, "Example"), example)]),
    ...parameters.map((parameter) =>
      labelled(`try-${parameter.name}`, parameter.name, inputs.get(parameter.name) ?? null, parameter.required),
    ),
    content.length === 0
      ? null
      : element(
          "div",
          { class: "field wide" },
          element("div", { class: "pair" }, element("label", { for: "try-body" }, "Body"), type),
          body,
        ),
    element("div", { class: "send wide" }, send, answer.stop),
  );
  fill([...examples.keys()][0] ?? "");
  return element(
    "section",
    { class: "try", "aria-label": "Try it" },
    element("h2", {}, "Try it"),
    form,
    element(
      "div",
      { class: "paste" },
      element("pre", { tabindex: 0, "aria-label": "The same for a terminal" }, line),
      copyButton(line),
    ),
    answer.root,
  );
}

/** Every example, by its name. */
function examplesOf(parameters: readonly Parameter[], content: readonly [string, Media][]): Map<string, string> {
  const found = new Map<string, string>();
  const all: readonly { readonly examples?: Readonly<Record<string, Example>> }[] = [
    ...content.map(([, media]) => media),
    ...parameters,
  ];
  for (const { examples = {} } of all) {
    for (const [name, { summary }] of Object.entries(examples)) if (!found.has(name)) found.set(name, summary ?? name);
  }
  return found;
}

/** An example as it is sent. */
function bodyText(value: unknown, type: string): string {
  if (typeof value === "string") return value;
  if (type !== "application/x-www-form-urlencoded") return jsonLines(value);
  return formOf(value as object);
}

function shown(value: unknown): string {
  if (value === undefined) return "";
  return Array.isArray(value) ? value.join(",") : String(value);
}

function inputOf({ name, schema }: Parameter): HTMLInputElement | HTMLSelectElement {
  const id = `try-${name}`;
  if (schema.enum === undefined) return element("input", { id, autocomplete: "off", spellcheck: "false" });
  const choices = ["", ...schema.enum.map(String)];
  return element(
    "select",
    { id },
    ...choices.map((choice) => element("option", { value: choice }, choice === "" ? "–" : choice)),
  );
}

function labelled(id: string, name: string, input: HTMLElement | null, isRequired = false): HTMLElement {
  const mark = isRequired ? element("span", { class: "required" }, "required") : null;
  return element("div", { class: "field" }, element("label", { for: id }, name, mark), input);
}

function copyButton(code: HTMLElement): HTMLElement {
  const copy = element("button", { class: "quiet", type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      setText(copy, "Copied");
    } catch {
      getSelection()?.selectAllChildren(code); // a page that came without TLS from another machine has no clipboard
    }
  });
  return copy;
}
