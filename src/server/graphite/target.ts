/**
 * The targets of Graphite's render API that are answered: `sensor.metric`, and functions around it. Grammar: graphite.readthedocs.io,
 * "Functions", as Grafana writes it (a path, a number, a text in either quotes, or a function of these).
 */
import { RequestError } from "../problem.ts";

/** Functions within functions; a target of a person has one to three. Past it 400. */
const DEPTH_MAX = 8;

/** What a target may be, for people. */
export const TARGETS_EXPECTED =
  'sensor.metric such as temperature.mean, alias(…,"name"), timeShift(…,"1d") or constantLine(100)';

interface Parameter {
  readonly name: string;
  readonly type: "seriesList" | "string" | "interval" | "float";
  readonly required: true;
  readonly default?: string;
}

const SERIES: Parameter = { name: "seriesList", type: "seriesList", required: true };

const named = (name: string, group: string, description: string, params: readonly Parameter[]) => {
  const list = params.map((param) => param.name).join(", ");
  return { name, function: `${name}(${list})`, description, module: "tidemark", group, params };
};

/** The functions as Graphite's `/functions` lists them: Grafana's editor offers these and no others. */
export const FUNCTIONS = {
  alias: named("alias", "Alias", "Names a line.", [SERIES, { name: "newName", type: "string", required: true }]),
  timeShift: named("timeShift", "Transform", "The same so much earlier: 1d, 1w, 1mon, 1y.", [
    SERIES,
    { name: "timeShift", type: "interval", required: true, default: "1d" },
  ]),
  constantLine: named("constantLine", "Special", "A line at a value.", [
    { name: "value", type: "float", required: true },
  ]),
};

/** What Grafana puts around every target, to tell the answers of its queries apart (its datasource.ts): all of a name, with a word behind it. */
const WHOLE_NAME = "(^.*$)";

/** A target, parsed. */
export type Target =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "alias"; readonly of: Target; readonly name: string }
  | { readonly kind: "rename"; readonly of: Target; readonly form: string }
  | { readonly kind: "shift"; readonly of: Target; readonly by: string };

/** What stands between commas. */
type Argument = Target | { readonly kind: "text"; readonly text: string };

/** @throws RequestError 400 */
export function parseTarget(text: string): Target {
  return new Parser(text).parse();
}

/** @returns an error that names what works */
export function targetRefused(what: string): RequestError {
  return new RequestError(400, `Cannot draw ${what}: expected ${TARGETS_EXPECTED}`);
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Target {
    const target = this.#argument(0);
    this.#skipSpace();
    if (this.#at < this.#text.length || target.kind === "text") throw this.#refused();
    return target;
  }

  #refused(): RequestError {
    return targetRefused(this.#text);
  }

  #argument(depth: number): Argument {
    this.#skipSpace();
    const quote = this.#text[this.#at];
    if (quote === '"' || quote === "'") return { kind: "text", text: this.#quoted(quote) };
    const word = this.#word();
    if (word === "" || depth > DEPTH_MAX) throw this.#refused();
    this.#skipSpace();
    if (this.#text[this.#at] !== "(") return { kind: "path", path: word };
    this.#at++;
    const list: Argument[] = [];
    for (;;) {
      list.push(this.#argument(depth + 1));
      this.#skipSpace();
      const mark = this.#text[this.#at++];
      if (mark === ")") return this.#called(word, list);
      if (mark !== ",") throw this.#refused();
    }
  }

  #called(name: string, [of, first, second, ...more]: readonly Argument[]): Target {
    const isSeries = of !== undefined && of.kind !== "text";
    if (!isSeries || more.length > 0) throw targetRefused(`${name}(…)`);
    if (name === "constantLine" && first === undefined && of.kind === "path" && of.path.trim() !== "") {
      const value = Number(of.path);
      if (Number.isFinite(value)) return { kind: "constant", value };
    }
    if (first?.kind === "text" && second === undefined) {
      if (name === "alias") return { kind: "alias", of, name: first.text };
      if (name === "timeShift") return { kind: "shift", of, by: first.text };
    }
    if (name === "aliasSub" && first?.kind === "text" && second?.kind === "text" && first.text === WHOLE_NAME) {
      return { kind: "rename", of, form: second.text };
    }
    throw targetRefused(`${name}(…)`);
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === " ") this.#at++;
  }

  /** A path, a number or the name of a function. Commas within braces belong to it. */
  #word(): string {
    const start = this.#at;
    for (let braces = 0; this.#at < this.#text.length; this.#at++) {
      const letter = this.#text[this.#at];
      if (letter === "{") braces++;
      else if (letter === "}") braces--;
      else if (letter === "," && braces > 0) continue;
      else if (!/[\w.*?+-]/.test(letter)) break;
    }
    return this.#text.slice(start, this.#at);
  }

  /** A backslash keeps its meaning for whoever reads the text, but before a quote. */
  #quoted(quote: string): string {
    let text = "";
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const letter = this.#text[this.#at];
      if (letter === quote) {
        this.#at++;
        return text;
      }
      if (letter === "\\" && this.#text[this.#at + 1] === quote) this.#at++;
      text += this.#text[this.#at];
    }
    throw this.#refused();
  }
}
