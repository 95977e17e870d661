/** A thread that ends by itself: the page's modules without their types. Node's stripper takes 40 MB, which go with the thread. */
import { stripTypeScriptTypes } from "node:module";
import { parentPort, workerData } from "node:worker_threads";

/** A comment that has its lines for itself. */
const COMMENT = /^[ \t]*(?:\/\*\*[\s\S]*?\*\/|\/\/.*)[ \t]*$/gm;

/** Lines keep their numbers: what is taken out leaves its line ends. */
function stripped(text: string): string {
  return stripTypeScriptTypes(text).replace(COMMENT, (comment) => comment.replace(/[^\n]+/g, ""));
}

const texts: readonly string[] = workerData;
parentPort?.postMessage(texts.map(stripped));
