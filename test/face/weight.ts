/** `node test/face/weight.ts`: what the page weighs, each file compressed as it is served. */
import { readFaceFiles } from "../../src/server/face-files.ts";

/** Files of the API's page, which has a budget of its own. */
const DOCS = /^(?:face\/docs\/|docs\.html$)/;

/** One file of the page. */
export interface Weight {
  readonly path: string;
  readonly bytes: number;
  /** Loaded before the first value is seen; else with another page. */
  readonly isFirst: boolean;
}

/** All files but those of `/docs`, the heaviest first. */
export async function readWeights(): Promise<Weight[]> {
  const files = readFaceFiles();
  const index = (await files.get("index.html")?.coded("identity"))?.toString() ?? "";
  const first = new Set([
    "index.html",
    ...[...index.matchAll(/(?:href|src)="page\/([^"]+)"/g)].map(([, path]) => path),
  ]);
  const own = [...files].filter(([path]) => !DOCS.test(path));
  const weights = own.map(async ([path, file]) => {
    return { path, bytes: (await file.coded("br")).length, isFirst: first.has(path) };
  });
  return (await Promise.all(weights)).sort((a, b) => b.bytes - a.bytes);
}

/** Of some files. */
export function bytesOf(weights: readonly Weight[]): number {
  return weights.reduce((sum, { bytes }) => sum + bytes, 0);
}

if (import.meta.main) {
  const weights = await readWeights();
  const line = (bytes: number, text: string) => console.log(`${String(bytes).padStart(6)} ${text}`);
  for (const { path, bytes, isFirst } of weights) line(bytes, `${isFirst ? "*" : " "} ${path}`);
  const first = weights.filter(({ isFirst }) => isFirst);
  const chart = weights.filter(({ path }) => path.startsWith("uplot."));
  line(bytesOf(first), `* before the first value, in ${first.length} files`);
  line(bytesOf(chart), "  the chart library");
  line(bytesOf(weights), `  all pages with it, in ${weights.length} files`);
}
