/** `node test/face/weight.ts`: what the page weighs, each file compressed as it is served. */
import { readFaceFiles } from "../../src/server/face-files.ts";

/** All pages may weigh so much, compressed as a browser on this machine takes them: the page's budget. */
export const BYTES_MAX = 50 * 1024;

/** The part of it that is loaded before the first value is seen. */
export const FIRST_BYTES_MAX = 20_000;

/** Files of the API's page, which has a budget of its own. */
const DOCS = /^(?:face\/docs\/|docs\.)/;

/** One file of the page; bytes as Chromium receives them, and as one does that takes no brotli. */
export interface Weight {
  readonly path: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** Loaded before the first value is seen; else with another page. */
  readonly isFirst: boolean;
}

/** All files but those of `/docs`, the heaviest first. */
export async function readWeights(): Promise<Weight[]> {
  const files = await readFaceFiles();
  const index = (await files.get("index.html")?.coded("identity"))?.toString() ?? "";
  const first = new Set([
    "index.html",
    ...[...index.matchAll(/(?:href|src)="page\/([^"]+)"/g)].map(([, path]) => path),
  ]);
  const own = [...files].filter(([path]) => !DOCS.test(path));
  const weights = own.map(async ([path, file]) => {
    const [br, gzip] = await Promise.all([file.coded("br"), file.coded("gzip")]);
    return { path, bytes: br.length, gzipBytes: gzip.length, isFirst: first.has(path) };
  });
  return (await Promise.all(weights)).sort((a, b) => b.bytes - a.bytes);
}

/** Of some files. */
export function bytesOf(weights: readonly Weight[]): number {
  return weights.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What the pages weigh and may weigh, in words. */
export function weightText(weights: readonly Weight[]): string {
  const first = bytesOf(weights.filter(({ isFirst }) => isFirst));
  const parts = weights.map(({ path, bytes }) => `${path} ${bytes}`).join(", ");
  return `all pages: ${bytesOf(weights)} bytes of at most ${BYTES_MAX}, ${first} of at most ${FIRST_BYTES_MAX} before the first value: ${parts}`;
}

if (import.meta.main) {
  const weights = await readWeights();
  const line = (bytes: number, gzipBytes: number, text: string) =>
    console.log(`${String(bytes).padStart(6)} ${String(gzipBytes).padStart(6)} ${text}`);
  const all = (some: readonly Weight[], text: string) =>
    line(
      bytesOf(some),
      some.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0),
      text,
    );
  console.log("brotli   gzip");
  for (const { path, bytes, gzipBytes, isFirst } of weights) line(bytes, gzipBytes, `${isFirst ? "*" : " "} ${path}`);
  const first = weights.filter(({ isFirst }) => isFirst);
  all(first, `* before the first value, in ${first.length} files`);
  all(weights, `  all pages, in ${weights.length} files`);
}
