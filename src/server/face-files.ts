/** The files of the page at `/`: modules of src/face/ and what they import of src/core/, without types, and the chart library. */
import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { brotliCompress, constants, gzip } from "node:zlib";
import { assert } from "../core/errors.ts";
import { threadEnvironment } from "../runtime/compiled-code.ts";

/** The folder that holds the rooms: `src/` of a checkout, or what was emitted from it. */
const ROOMS = new URL("../", import.meta.url);

/** A checkout has TypeScript beside this file; a package what was emitted, which is served as it is. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf("."));

/** What the browser is given of the chart library: its small build, which is no module. */
const CHART = "uplot.js";
const CHART_STYLE = "uplot.css";

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** Where a page wants the modules named that the first page needs: else a browser learns of them one after the other. */
const PRELOADS = "<!-- preloads -->";

/** Where the browser begins, by the name under which a page is found: the frame, and the page that is shown when none is named; the API's. */
const PAGES = {
  "index.html": { file: "face/index.html", entries: ["face/app.js", "face/now/page.js"] },
  "docs.html": { file: "face/docs/docs.html", entries: ["face/docs/app.js"] },
};

/** Specifiers of a module; types come from nowhere. Not a list of texts such as `["from", "to"]`. */
const IMPORT = /((?<!["'.\w])(?:from\s*|import\s*\(?\s*))"(\.[^"]+|uplot)"/g;
const TYPES_IMPORT = /^(?:import|export) type [^;]*;$/gm;

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);

/** Codings that a file is kept in. */
export type Coding = "br" | "gzip" | "identity";

/** One file as it is served. What is made of it is made when it is first asked for, and kept. */
export class FaceFile {
  readonly type: string;
  readonly #text: () => string | Promise<string>;
  #made: Promise<{ readonly bytes: Buffer; readonly etag: string }> | null = null;
  readonly #coded = new Map<Coding, Promise<Buffer>>();

  constructor(path: string, text: () => string | Promise<string>) {
    this.type = TYPES[path.slice(path.lastIndexOf(".") + 1)];
    this.#text = text;
  }

  /** Names its content. */
  async etag(): Promise<string> {
    return (await this.#make()).etag;
  }

  /** Compressed beside the event loop. */
  coded(coding: Coding): Promise<Buffer> {
    let coded = this.#coded.get(coding);
    if (coded === undefined) {
      coded = this.#code(coding);
      this.#coded.set(coding, coded);
    }
    return coded;
  }

  #make(): Promise<{ readonly bytes: Buffer; readonly etag: string }> {
    this.#made ??= Promise.resolve(this.#text()).then((text) => {
      const bytes = Buffer.from(text);
      return { bytes, etag: `"${hash("sha256", bytes, "base64url").slice(0, 22)}"` };
    });
    return this.#made;
  }

  async #code(coding: Coding): Promise<Buffer> {
    const { bytes } = await this.#make();
    if (coding === "br") return compressBrotli(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
    return coding === "gzip" ? compressGzip(bytes, { level: 9 }) : bytes;
  }
}

/**
 * Every file by its path below `/page/`; `index.html` and `docs.html` are the pages themselves. They are there after some milliseconds, while
 * the modules of a checkout still lose their types.
 */
export function readFaceFiles(): ReadonlyMap<string, FaceFile> {
  const face = readdirSync(new URL("face/", ROOMS), { recursive: true, encoding: "utf8" }).map(
    (name) => `face/${name}`,
  );
  const isModule = (name: string) => name.endsWith(EXTENSION) && !name.endsWith(".d.ts");
  const sources = readModules(face.filter(isModule).map((name) => name.slice(0, -EXTENSION.length)));
  const made = EXTENSION === ".ts" ? strip([...sources.values()]) : Promise.resolve([...sources.values()]);
  made.catch(() => {}); // whoever asks for a module is told
  const files = new Map<string, FaceFile>();
  [...sources.keys()].forEach((path, i) => {
    files.set(path, new FaceFile(path, async () => (await made)[i]));
  });
  const add = (path: string, text: string) => files.set(path, new FaceFile(path, () => text));
  for (const path of face) if (path.endsWith(".css")) add(path, readFileSync(new URL(path, ROOMS), "utf8"));
  addChart(add);
  for (const [name, { file, entries }] of Object.entries(PAGES)) {
    const page = readFileSync(new URL(file, ROOMS), "utf8");
    assert(page.includes(PRELOADS), () => `${file} must hold ${PRELOADS}`);
    add(name, page.replace(PRELOADS, preloads(entries, sources)));
  }
  return files;
}

/** Modules and those that they import, by their path, still with types. @param names without extension */
function readModules(names: readonly string[]): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  const reached = new Set(names);
  for (const name of reached) {
    const source = readFileSync(new URL(name + EXTENSION, ROOMS), "utf8").replace(TYPES_IMPORT, "");
    const served = source.replace(IMPORT, (_, before, specifier) => `${before}"${asServed(specifier, name)}"`);
    sources.set(`${name}.js`, served);
    for (const path of importsOf(`${name}.js`, served)) if (path !== CHART) reached.add(path.slice(0, -".js".length));
  }
  return sources;
}

/** A specifier as a browser resolves it: it knows no packages, and no TypeScript. */
function asServed(specifier: string, name: string): string {
  if (specifier === "uplot") return "../".repeat(name.split("/").length - 1) + CHART;
  return specifier.replace(/\.ts$/, ".js");
}

/** Paths of the modules that a module imports, at once or later. */
function importsOf(path: string, text: string, later = true): string[] {
  const found = [...text.matchAll(IMPORT)].filter(([, before]) => later || !before.includes("("));
  return found.map(([, , specifier]) => new URL(specifier, `file:///${path}`).pathname.slice(1));
}

function preloads(entries: readonly string[], sources: ReadonlyMap<string, string>): string {
  const reached = new Set(entries);
  for (const path of reached) for (const next of importsOf(path, sources.get(path) ?? "", false)) reached.add(next);
  return [...reached].map((path) => `<link rel="modulepreload" href="page/${path}">`).join("\n    ");
}

function addChart(add: (path: string, text: string) => void): void {
  const require = createRequire(import.meta.url);
  const folder = new URL("dist/", pathToFileURL(require.resolve("uplot/package.json")));
  add(CHART, `${readFileSync(new URL("uPlot.iife.min.js", folder), "utf8")}\nexport default uPlot;\n`);
  add(CHART_STYLE, readFileSync(new URL("uPlot.min.css", folder), "utf8"));
}

/** The texts of TypeScript modules without types, in a thread of its own. */
function strip(texts: readonly string[]): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./face-strip.ts", import.meta.url), {
      env: threadEnvironment(),
      workerData: texts,
      stderr: true, // Node warns that its stripper is experimental; package.json pins the version
    });
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}
