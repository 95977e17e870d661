/** `GET /`, `/docs` and `/page/…`: the pages that people look at, open to all: they hold no data, and ask for the token that their requests need. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import { type Coding, type FaceFile, readFaceFiles } from "../face-files.ts";

const PAGE_PATH = "/";
const DOCS_PATH = "/docs";
const FILES_PATH = "/page/*";

/** A page that runs nothing but these files, asks nobody else, and is shown inside no other (w3.org/TR/CSP3, w3.org/TR/trusted-types). */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const HEADERS = {
  "Content-Security-Policy": POLICY,
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
  "Cache-Control": "no-cache", // kept, and asked about: the files of two versions do not work together
  Vary: "Accept-Encoding",
};

/** No part of the API. */
const PAGE = { summary: "The page that people look at" };
const DOCS = { summary: "The page of the API: every operation, and a form that tries it" };
const FILE = { summary: "The files of the page" };

/** Adds these routes. The files are made at the first request. */
export function registerFace(scope: FastifyInstance): void {
  const find = async (path: string): Promise<FaceFile> => {
    const file = (await readFaceFiles()).get(path);
    if (file === undefined) throw new TidemarkError("not-found", `Cannot show /page/${path}: there is no such file`);
    return file;
  };
  scope.get(PAGE_PATH, { schema: PAGE }, async (request, reply) => send(request, reply, await find("index.html")));
  scope.get(DOCS_PATH, { schema: DOCS }, async (request, reply) =>
    request.url.endsWith("/") ? reply.redirect("../docs") : send(request, reply, await find("docs.html")),
  );
  scope.get(FILES_PATH, { schema: FILE }, async (request: FastifyRequest<{ Params: { "*": string } }>, reply) =>
    send(request, reply, await find(request.params["*"])),
  );
}

async function send({ headers }: FastifyRequest, reply: FastifyReply, file: FaceFile): Promise<FastifyReply> {
  const { etag } = file;
  reply.headers(HEADERS).header("ETag", etag);
  if (headers["if-none-match"]?.includes(etag)) return reply.code(304).send();
  const coding = codingOf(headers["accept-encoding"] ?? "");
  if (coding !== "identity") reply.header("Content-Encoding", coding);
  return reply.type(file.type).send(await file.coded(coding));
}

/** The smallest that the client takes. A quality of 0 refuses a coding (RFC 9110, 12.5.3). */
function codingOf(accepted: string): Coding {
  const takes = (coding: string) =>
    new RegExp(`\\b${coding}\\b(?!\\s*;\\s*q=0(?:\\.0*)?(?:,|\\s|$))`, "i").test(accepted);
  return takes("br") ? "br" : takes("gzip") ? "gzip" : "identity";
}
