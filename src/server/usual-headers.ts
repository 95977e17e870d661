/** Answers whose header names have their usual capitals: some small clients look for `Content-Length` and know no other spelling. */
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders } from "node:http";
import { ServerResponse } from "../core/node-http.ts";

/** Names whose capitals follow no rule. */
const USUAL = new Map([["www-authenticate", "WWW-Authenticate"]]);

/** `content-length` → `Content-Length`. Only names that the server itself chooses come here: there are few. */
function usualName(name: string): string {
  let usual = USUAL.get(name);
  if (usual === undefined) {
    usual = name.replace(/(?<![^-])[a-z]/g, (letter) => letter.toUpperCase());
    USUAL.set(name, usual);
  }
  return usual;
}

/** Node writes names as they are given, and Fastify gives all of them in lower case. */
export class UsualResponse extends ServerResponse<IncomingMessage> {
  /** @param headers names and values in turn are taken as they are: the caller has written them so */
  override writeHead(
    status: number,
    headers?: string | OutgoingHttpHeaders | OutgoingHttpHeader[],
    more?: OutgoingHttpHeaders | OutgoingHttpHeader[],
  ): this {
    if (typeof headers === "string") return super.writeHead(status, headers, more);
    if (headers === undefined || Array.isArray(headers)) return super.writeHead(status, headers);
    const usual: OutgoingHttpHeaders = {};
    for (const name in headers) usual[usualName(name)] = headers[name];
    return super.writeHead(status, usual);
  }
}
