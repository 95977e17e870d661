/** Access control: every request except the probes passes here first. */
import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TidemarkError } from "../core/errors.ts";
import { isLoopbackAddress } from "./loopback.ts";
import type { Sessions } from "./sessions.ts";

/** Names by which a client on this machine calls it. */
const LOOPBACK_HOST = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i;

const BEARER = /^Bearer +(\S+) *$/i;

/** @returns why the request may not come in; null when it may */
export type Guard = (request: IncomingMessage) => TidemarkError | null;

/** With a token: clients that send it, and browsers that bring a session of it; others are "not-authorized". */
export function tokenGuard(token: string, sessions: Sessions, publicUrls: readonly string[]): Guard {
  return (request) => {
    const header = request.headers.authorization;
    if (header === undefined && sessions.isOf(request)) return originFault(request, publicUrls, true);
    const given = header === undefined ? undefined : BEARER.exec(header)?.[1];
    if (given !== undefined && isToken(given, token)) return null;
    const was = header === undefined ? "none" : given === undefined ? "no bearer token" : "another token";
    const what = `Cannot serve ${request.method} ${request.url}`;
    return new TidemarkError("not-authorized", `${what}: expected "Authorization: Bearer TOKEN", was ${was}`);
  };
}

/** In a time that does not tell how alike they are. */
export function isToken(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token));
}

/**
 * Why a request may not act for the person whose browser sent it: a cookie comes also from pages of other sites, and of other ports of this
 * host. A browser names the page's origin in every request but those that only read, whose answers such a page cannot see.
 * @param isNeeded an origin must be there where something is changed
 */
export function originFault(
  request: IncomingMessage,
  publicUrls: readonly string[],
  isNeeded: boolean,
): TidemarkError | null {
  const { origin, host } = request.headers;
  if (origin === undefined) {
    if (!isNeeded || request.method === "GET" || request.method === "HEAD") return null;
    return refusal(
      request,
      "without an Origin",
      "expected one, as every browser sends it, or the token instead of a cookie",
    );
  }
  if (publicUrls.includes(origin) || (host !== undefined && hostOf(origin) === host)) return null;
  return refusal(request, `to ${origin}`, `expected the origin http://${host ?? "localhost"} or one of --public-url`);
}

/** Digests have one length, so that comparing them takes the same time whatever was given. */
function digest(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

/** Beside programs on this machine, and pages that it serves itself. */
export interface Admitted {
  /** Other names may lead here, as behind a proxy. */
  readonly anyHost: boolean;
  /** Where browsers find this server, as `https://tidemark.example`: a proxy there passes their requests on. */
  readonly publicUrls: readonly string[];
  /** Origins of other sites' pages that may come in. */
  readonly corsOrigins: readonly string[];
}

/**
 * Without a token: any program, but no page of another site that a browser on this machine has open. Such a page could send
 * readings (its `Origin` tells it apart), or read answers under a name of its own that it points at 127.0.0.1 (DNS rebinding;
 * `Host` then is that name): they are "origin-refused". A request without `Host` is a program's unless a browser has left its marks.
 */
export function siteGuard({ anyHost, publicUrls, corsOrigins }: Admitted): Guard {
  const origins = new Set([...publicUrls, ...corsOrigins]);
  const hosts = new Set(publicUrls.map(hostOf));
  return (request) => {
    const { origin, host, referer } = request.headers;
    if (origin !== undefined && !origins.has(origin) && (host === undefined || hostOf(origin) !== host)) {
      const wanted = `expected the origin http://${host ?? "localhost"}, one of --public-url or --cors-origin, or a client with a token`;
      return refusal(request, `to ${origin}`, wanted);
    }
    if (host === undefined) {
      if (origin === undefined && referer === undefined && request.headers["sec-fetch-site"] === undefined) return null;
      return refusal(request, "without a Host", "expected one, as every browser sends it");
    }
    if (anyHost || LOOPBACK_HOST.test(host) || hosts.has(host)) return null;
    if (!isLoopbackAddress(request.socket.localAddress ?? "")) return null;
    return refusal(
      request,
      `as ${host}`,
      "expected Host localhost, or a server with --public-url, --token or --allow-anonymous",
    );
  };
}

function refusal({ method, url }: IncomingMessage, how: string, wanted: string): TidemarkError {
  return new TidemarkError("origin-refused", `Cannot serve ${method} ${url} ${how}: ${wanted}`);
}

/** `https://tidemark.example:8443` → `tidemark.example:8443` */
function hostOf(origin: string): string {
  return origin.slice(origin.indexOf("://") + 3);
}
