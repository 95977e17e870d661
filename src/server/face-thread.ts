/** A thread that ends by itself: makes the page's files of its modules. Node's stripper of types takes 40 MB, which go with the thread. */
import { readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { parentPort } from "node:worker_threads";
import { joined } from "./face-join.ts";
import { squeezedStyle } from "./face-squeeze.ts";

/** The folder that holds the rooms: `src/` of a checkout, or what was emitted from it. */
const ROOMS = new URL("../", import.meta.url);

/** A checkout has TypeScript beside this file; a package what was emitted. */
const EXTENSION = import.meta.url.slice(import.meta.url.lastIndexOf("."));

const read = (path: string): string => readFileSync(new URL(path, ROOMS), "utf8");

const modules = new Map<string, string>();
const module = (name: string): string => {
  let text = modules.get(name);
  if (text === undefined) {
    text = read(name + EXTENSION);
    if (EXTENSION === ".ts") text = stripTypeScriptTypes(text);
    modules.set(name, text);
  }
  return text;
};

const styles = readdirSync(new URL("face/", ROOMS), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".css"))
  .map((path) => `face/${path}`);
const files: readonly (readonly [path: string, text: string])[] = [
  ["index.html", read("face/index.html")],
  ["docs.html", read("face/docs/docs.html")],
  ...styles.map((path) => [path, squeezedStyle(read(path))] as const),
  ...joined(module),
];
parentPort?.postMessage(files);
