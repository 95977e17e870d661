/**
 * A thread that ends by itself: makes the page's files of its modules. Node's stripper of types takes 40 MB, which go with the thread. What was
 * made is kept beside the code that Node has compiled, so that the first page after a start waits for it only where a source has changed.
 */
import { hash } from "node:crypto";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { getCompileCacheDir, stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort, threadId } from "node:worker_threads";
import { brotliCompressSync, constants } from "node:zlib";
import { joined } from "./face-join.ts";
import { squeezedStyle } from "./face-squeeze.ts";

/** A file as it is made: its text, and that compressed, in base64. */
export type MadeFile = readonly [path: string, text: string, brotli: string];

interface Made {
  /** Of the sources. */
  readonly key: string;
  readonly files: readonly MadeFile[];
}

/** The folder that holds the rooms: `src/` of a checkout, or what was emitted from it. */
const ROOMS = fileURLToPath(new URL("../", import.meta.url));

/** A checkout has TypeScript beside this file; a package what was emitted. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf("."));

/** All that a file can be made of, and what makes it, by paths below ROOMS with slashes. */
const SOURCES = new Map(
  ["core", "face", "server"]
    .flatMap((room) =>
      readdirSync(join(ROOMS, room), { recursive: true, encoding: "utf8" }).map((name) => `${room}/${name}`),
    )
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => /\.(?:css|html|[jt]s)$/.test(path) && !path.endsWith(".d.ts"))
    .filter((path) => !path.startsWith("server/") || path.startsWith("server/face-"))
    .sort()
    .map((path) => [path, readFileSync(join(ROOMS, path), "utf8")]),
);

function source(path: string): string {
  const text = SOURCES.get(path);
  if (text === undefined) throw new Error(`Cannot make the page: there is no ${path}`);
  return text;
}

function make(): MadeFile[] {
  const modules = new Map<string, string>();
  const module = (name: string): string => {
    const text =
      modules.get(name) ??
      (EXTENSION === ".ts" ? stripTypeScriptTypes(source(name + EXTENSION)) : source(name + EXTENSION));
    modules.set(name, text);
    return text;
  };
  const styles = [...SOURCES.keys()].filter((path) => path.endsWith(".css"));
  const texts: readonly (readonly [path: string, text: string])[] = [
    ["index.html", source("face/index.html")],
    ["docs.html", source("face/docs/docs.html")],
    ...styles.map((path) => [path, squeezedStyle(source(path))] as const),
    ...joined(module),
  ];
  return texts.map(([path, text]) => {
    const params = { [constants.BROTLI_PARAM_SIZE_HINT]: Buffer.byteLength(text) };
    return [path, text, brotliCompressSync(text, { params }).toString("base64")];
  });
}

/** What was kept, if it is of the same sources. */
function kept(path: string, key: string): readonly MadeFile[] | null {
  try {
    const made: Made = JSON.parse(readFileSync(path, "utf8"));
    return made.key === key ? made.files : null;
  } catch {
    return null; // nothing was, or a process was killed while it wrote
  }
}

function keep(path: string, made: Made): void {
  const unfinished = `${path}.${process.pid}-${threadId}`;
  try {
    writeFileSync(unfinished, JSON.stringify(made));
    renameSync(unfinished, path);
  } catch {
    // Not writable: it is made again at the next start.
  }
}

const key = hash("sha256", JSON.stringify([process.version, ...SOURCES]));
const directory = getCompileCacheDir();
const path = directory === undefined ? null : join(directory, "page.json");
let files = path === null ? null : kept(path, key);
if (files === null) {
  files = make();
  if (path !== null) keep(path, { key, files });
}
parentPort?.postMessage(files);
