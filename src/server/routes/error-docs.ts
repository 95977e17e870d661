/** `GET /docs/ERRORS.md`: what the `type` of a problem links to. */
import { readFile } from "node:fs/promises";
import type { FastifyInstance } from "fastify";
import { TidemarkError } from "../../core/errors.ts";
import { ERROR_DOCS_PATH } from "../problem.ts";
import { describe, TEXT } from "../route-schema.ts";

const FILE = new URL("../../../docs/ERRORS.md", import.meta.url);

const SCHEMA = describe({
  group: "Operation",
  summary: "The page of all errors that problems link to, as Markdown",
  otherwise: { "text/markdown": TEXT },
  role: null,
  errors: ["not-found"],
});

/** Adds the route. */
export function registerErrorDocs(scope: FastifyInstance): void {
  scope.get(ERROR_DOCS_PATH, { schema: SCHEMA }, async (_request, reply) => {
    const text = await readFile(FILE, "utf8").catch((cause: unknown) => {
      throw new TidemarkError("not-found", "Cannot show docs/ERRORS.md: this installation was made without it", cause);
    });
    return reply.type("text/markdown; charset=utf-8").send(text);
  });
}
