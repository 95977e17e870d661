/** The files of the page at `/`: modules of src/face/ and what they import of src/core/, joined and without types, beside HTML and style sheets. */
import { hash } from "node:crypto";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { gzip } from "node:zlib";
import { threadEnvironment } from "../runtime/compiled-code.ts";
import type { MadeFile } from "./face-thread.ts";

const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

const compressGzip = promisify(gzip);

/** Codings that a file is kept in. */
export type Coding = "br" | "gzip" | "identity";

/** One file as it is served. */
export class FaceFile {
  readonly type: string;
  /** Names its content. */
  readonly etag: string;
  readonly #bytes: Buffer;
  readonly #brotli: Buffer;
  #gzip: Promise<Buffer> | null = null;

  constructor([path, text, brotli]: MadeFile) {
    this.type = TYPES[path.slice(path.lastIndexOf(".") + 1)];
    this.#bytes = Buffer.from(text);
    this.#brotli = Buffer.from(brotli, "base64");
    this.etag = `"${hash("sha256", this.#bytes, "base64url").slice(0, 22)}"`;
  }

  /** Few take gzip alone: it is made, beside the event loop, when it is first asked for, and kept. */
  async coded(coding: Coding): Promise<Buffer> {
    if (coding === "br") return this.#brotli;
    if (coding === "identity") return this.#bytes;
    this.#gzip ??= compressGzip(this.#bytes, { level: 9 });
    return this.#gzip;
  }
}

let made: Promise<ReadonlyMap<string, FaceFile>> | null = null;

/**
 * Every file by its path below `/page/`; `index.html` and `docs.html` are the pages themselves. They are made once, in a thread of its own;
 * who asks when that failed has it tried again.
 */
export function readFaceFiles(): Promise<ReadonlyMap<string, FaceFile>> {
  made ??= makeFaceFiles().catch((error: unknown) => {
    made = null;
    throw error;
  });
  return made;
}

function makeFaceFiles(): Promise<ReadonlyMap<string, FaceFile>> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./face-thread.ts", import.meta.url), {
      env: threadEnvironment(),
      stderr: true, // Node warns that its stripper of types is experimental; package.json pins the version
    });
    worker.once("message", (files: readonly MadeFile[]) => {
      resolve(new Map(files.map((file) => [file[0], new FaceFile(file)])));
    });
    worker.once("error", reject);
  });
}
