/** The files of the page at `/`: modules of src/face/ and what they import of src/core/, joined and without types, beside HTML and style sheets. */
import { hash } from "node:crypto";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { brotliCompress, constants, gzip } from "node:zlib";
import { threadEnvironment } from "../runtime/compiled-code.ts";

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);

/** Codings that a file is kept in. */
export type Coding = "br" | "gzip" | "identity";

/** One file as it is served. It is compressed when it is first asked for, and kept. */
export class FaceFile {
  readonly type: string;
  /** Names its content. */
  readonly etag: string;
  readonly #bytes: Buffer;
  readonly #coded = new Map<Coding, Promise<Buffer>>();

  constructor(path: string, text: string) {
    this.type = TYPES[path.slice(path.lastIndexOf(".") + 1)];
    this.#bytes = Buffer.from(text);
    this.etag = `"${hash("sha256", this.#bytes, "base64url").slice(0, 22)}"`;
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

  async #code(coding: Coding): Promise<Buffer> {
    const bytes = this.#bytes;
    if (coding === "br") return compressBrotli(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
    return coding === "gzip" ? compressGzip(bytes, { level: 9 }) : bytes;
  }
}

/** Every file by its path below `/page/`, made in a thread of its own; `index.html` and `docs.html` are the pages themselves. */
export function readFaceFiles(): Promise<ReadonlyMap<string, FaceFile>> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./face-thread.ts", import.meta.url), {
      env: threadEnvironment(),
      stderr: true, // Node warns that its stripper of types is experimental; package.json pins the version
    });
    worker.once("message", (made: readonly (readonly [path: string, text: string])[]) => {
      resolve(new Map(made.map(([path, text]) => [path, new FaceFile(path, text)])));
    });
    worker.once("error", reject);
  });
}
