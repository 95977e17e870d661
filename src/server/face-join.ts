/**
 * Modules → the few files that a browser is given of them. A module is a function that is called once, in the order in which they import each
 * other: `const face_history_page=(()=>{` begins `face/history/page`, so that a line of a stack trace leads to its module.
 */
import { assert } from "../core/errors.ts";
import { squeezed } from "./face-squeeze.ts";

/** The only ways in which the page's modules import, when they are loaded or later, and export. */
const IMPORT = /^import \{([^}]*)\} from "([^"]+)";$/gm;
const LATER = /\bimport\("([^"]+)"\)/g;
const EXPORT = /^export (?=(?:async )?(?:function|class|const) ([\w$]+))/gm;
const OTHER = /^(?:import|export)\b.*/m;

/** Modules without types by their names, as `face/history/page`: each after those that it imports. */
type Modules = ReadonlyMap<string, string>;

/**
 * The files by their names: `app.js` with the frame and the first page, one for each other page, and `docs.js` for the page of the API.
 * What several pages share is in `app.js`, from which they import.
 * @param read a module without types
 */
export function joined(read: (name: string) => string): ReadonlyMap<string, string> {
  const first = ["face/now/page", "face/app"]; // the frame looks for its page when all is there
  const own = reach(first, read);
  const pages = [...own].flatMap(([name, text]) => specifiers(LATER, name, text).filter((page) => !own.has(page)));
  const reached = pages.map((page) => reach([page], read));
  const shared = reached.flatMap((modules, i) =>
    [...modules.keys()].filter((name) => reached.some((others, j) => i !== j && others.has(name))),
  );
  const app = reach([...shared, ...first], read);
  const wanted = new Set<string>();
  const files = new Map<string, string>();
  pages.forEach((page, i) => {
    const modules = new Map([...reached[i]].filter(([name]) => !app.has(name)));
    const others = [...modules]
      .flatMap(([name, text]) => specifiers(IMPORT, name, text))
      .filter((name) => app.has(name));
    for (const name of others) wanted.add(name);
    const imports = `import {${[...new Set(others)].map(constant)}} from "./app.js";\n`;
    const exports = `export const {${exportsOf(modules.get(page) ?? "")}}=${constant(page)};`;
    files.set(fileOf(page), squeezed(imports + bodies(modules) + exports));
  });
  files.set("app.js", squeezed(`${bodies(app)}export {${[...wanted].map(constant)}};`));
  files.set("docs.js", squeezed(bodies(reach(["face/docs/app"], read))));
  return files;
}

/** Modules and those that they import. */
function reach(names: readonly string[], read: (name: string) => string): Modules {
  const found = new Map<string, string>();
  const add = (name: string): void => {
    if (found.has(name)) return;
    const text = read(name);
    for (const next of specifiers(IMPORT, name, text)) add(next);
    found.set(name, text);
  };
  for (const name of names) add(name);
  return found;
}

/** Names of modules that one imports. */
function specifiers(pattern: RegExp, name: string, text: string): string[] {
  return [...text.matchAll(pattern)].map((found) => resolved(found.at(-1) ?? "", name));
}

/** A specifier of a module, as a name. */
function resolved(specifier: string, name: string): string {
  return new URL(specifier, `file:///${name}`).pathname.slice(1).replace(/\.[jt]s$/, "");
}

function bodies(modules: Modules): string {
  return [...modules].map(([name, text]) => body(name, text, modules)).join("");
}

function body(name: string, text: string, beside: Modules): string {
  const inner = text
    .replace(
      IMPORT,
      (_, names: string, from: string) => `const {${names.replaceAll(" as ", ":")}}=${constant(resolved(from, name))};`,
    )
    .replace(LATER, (_, from: string) => {
      const page = resolved(from, name);
      return beside.has(page) ? `Promise.resolve(${constant(page)})` : `import("./${fileOf(page)}")`;
    })
    .replace(EXPORT, "");
  const other = OTHER.exec(inner)?.[0];
  assert(other === undefined, () => `${name} must import and export by names, which cannot be joined: ${other}`);
  return `const ${constant(name)}=(()=>{${inner}\nreturn{${exportsOf(text)}};})();\n`;
}

function exportsOf(text: string): string[] {
  return [...text.matchAll(EXPORT)].map(([, exported]) => exported);
}

/** What a module is within a file. */
function constant(name: string): string {
  return name.replace(/\W/g, "_");
}

/** The file of a page: `face/history/page` is in `history.js`. */
function fileOf(page: string): string {
  return `${page.split("/").at(-2)}.js`;
}
