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

/** One file as it is served. */
export class FaceFile {
  readonly type: string;
  readonly etag: string;
  readonly #bytes: Buffer;
  readonly #coded = new Map<Coding, Promise<Buffer>>();

  constructor(path: string, text: string) {
    this.type = TYPES[path.slice(path.lastIndexOf(".") + 1)];
    this.#bytes = Buffer.from(text);
    this.etag = `"${hash("sha256", this.#bytes, "base64url").slice(0, 22)}"`;
  }

  /** Compressed once, beside the event loop. */
  coded(coding: Coding): Promise<Buffer> {
    let coded = this.#coded.get(coding);
    if (coded === undefined) {
      coded = this.#code(coding);
      this.#coded.set(coding, coded);
    }
    return coded;
  }

  #code(coding: Coding): Promise<Buffer> {
    if (coding === "br") {
      return compressBrotli(this.#bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: this.#bytes.length } });
    }
    return coding === "gzip" ? compressGzip(this.#bytes, { level: 9 }) : Promise.resolve(this.#bytes);
  }
}

/** Every file by its path below `/page/`; `index.html` and `docs.html` are the pages themselves. Read and made once: some 0.1 s in a checkout. */
export async function readFaceFiles(): Promise<ReadonlyMap<string, FaceFile>> {
  const texts = new Map<string, string>();
  const face = readdirSync(new URL("face/", ROOMS), { recursive: true, encoding: "utf8" }).map(
    (name) => `face/${name}`,
  );
  for (const name of face) if (/\.(css|html)$/.test(name)) texts.set(name, readFileSync(new URL(name, ROOMS), "utf8"));
  const isModule = (name: string) => name.endsWith(EXTENSION) && !name.endsWith(".d.ts");
  await addModules(
    texts,
    face.filter(isModule).map((name) => name.slice(0, -EXTENSION.length)),
  );
  addChart(texts);
  for (const [name, { file, entries }] of Object.entries(PAGES)) {
    const page = texts.get(file) ?? "";
    assert(page.includes(PRELOADS), () => `${file} must hold ${PRELOADS}`);
    texts.delete(file);
    texts.set(name, page.replace(PRELOADS, preloads(entries, texts)));
  }
  return new Map([...texts].map(([path, text]) => [path, new FaceFile(path, text)]));
}

/** Adds modules, and those that they import. @param names without extension */
async function addModules(texts: Map<string, string>, names: readonly string[]): Promise<void> {
  const sources = new Map<string, string>();
  const reached = new Set(names);
  for (const name of reached) {
    const source = readFileSync(new URL(name + EXTENSION, ROOMS), "utf8").replace(TYPES_IMPORT, "");
    const served = source.replace(IMPORT, (_, before, specifier) => `${before}"${asServed(specifier, name)}"`);
    sources.set(name, served);
    for (const path of importsOf(`${name}.js`, served)) if (path !== CHART) reached.add(path.slice(0, -".js".length));
  }
  const found = EXTENSION === ".ts" ? await strip([...sources.values()]) : [...sources.values()];
  [...sources.keys()].forEach((name, i) => {
    texts.set(`${name}.js`, found[i]);
  });
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

function preloads(entries: readonly string[], texts: ReadonlyMap<string, string>): string {
  const reached = new Set(entries);
  for (const path of reached) for (const next of importsOf(path, texts.get(path) ?? "", false)) reached.add(next);
  return [...reached].map((path) => `<link rel="modulepreload" href="page/${path}">`).join("\n    ");
}

function addChart(texts: Map<string, string>): void {
  const require = createRequire(import.meta.url);
  const folder = new URL("dist/", pathToFileURL(require.resolve("uplot/package.json")));
  texts.set(CHART, `${readFileSync(new URL("uPlot.iife.min.js", folder), "utf8")}\nexport default uPlot;\n`);
  texts.set(CHART_STYLE, readFileSync(new URL("uPlot.min.css", folder), "utf8"));
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
