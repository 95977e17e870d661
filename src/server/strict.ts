/** Requests that Node's parser lets pass, and that a proxy in front could understand otherwise (RFC 9112, 3.2, 6.1, 11): none is guessed at. */
import type { IncomingMessage } from "node:http";
import { HEADER_FIELDS_MAX } from "./limits.ts";
import { type Problem, problem } from "./problem.ts";

/** A host and a port as RFC 3986, 3.2.2, has them; two `Host` headers have a comma between them. */
const HOST = /^[A-Za-z0-9._~%!$&'()*+;=:[\]-]*$/;

/** The form of a target for proxies, which servers have to take, too (RFC 9112, 3.2.2). */
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/is;

const SLASH = 0x2f;

/** Why a request is not looked at; null: it is. An absolute target becomes its path, and its host the `Host`, as is required. */
export function strictFault(request: IncomingMessage): Problem | null {
  const { headers, url = "" } = request;
  if (request.httpVersionMajor !== 1) return refused("expected HTTP/1.1", `was ${request.httpVersion}`, 505);
  if (request.rawHeaders.length > 2 * HEADER_FIELDS_MAX) {
    const text = `Cannot read the headers: expected <= ${HEADER_FIELDS_MAX} fields, were ${request.rawHeaders.length / 2}`;
    return problem("request-too-large", text, 431);
  }
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    return refused("expected Transfer-Encoding: chunked, and no other", "was another", 501);
  }
  if (coding !== undefined && request.httpVersionMinor === 0) {
    return refused("expected HTTP/1.1 with Transfer-Encoding", "was HTTP/1.0");
  }
  if (headers.host !== undefined && !HOST.test(headers.host)) {
    return refused("expected one Host, a name or an address", "was another, or several");
  }
  return url.charCodeAt(0) === SLASH ? null : targetFault(request, url);
}

function targetFault(request: IncomingMessage, url: string): Problem | null {
  if (url === "*" && request.method === "OPTIONS") return null;
  const [, authority, path] = ABSOLUTE.exec(url) ?? [];
  if (authority === undefined || authority === "" || !HOST.test(authority)) {
    return refused("expected a target that begins with a slash", "was another");
  }
  request.headers.host = authority;
  request.url = path?.startsWith("/") ? path : `/${path}`;
  return null;
}

function refused(expected: string, was: string, status = 400): Problem {
  return problem("request-invalid", `Cannot read the request: ${expected}, ${was}`, status);
}
