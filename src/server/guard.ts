/** Who may come in: every request except the probes passes here first. */
import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TidemarkError } from "../core/errors.ts";
import { isLoopbackAddress } from "./loopback.ts";

/** Names by which a client on this machine calls it. */
const LOOPBACK_HOST = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i;

const BEARER = /^Bearer +(\S+) *$/i;

/** @returns why the request may not come in; null when it may */
export type Guard = (request: IncomingMessage) => TidemarkError | null;

/** With a token: whoever has it; others are "not-authorized". */
export function tokenGuard(token: string): Guard {
  const wanted = digest(token);
  return (request) => {
    const header = request.headers.authorization;
    const given = header === undefined ? undefined : BEARER.exec(header)?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), wanted)) return null;
    const was = header === undefined ? "none" : given === undefined ? "no bearer token" : "another token";
    const what = `Cannot serve ${request.method} ${request.url}`;
    return new TidemarkError("not-authorized", `${what}: expected "Authorization: Bearer TOKEN", was ${was}`);
  };
}

/** Digests have one length, so that comparing them takes the same time whatever was given. */
function digest(text: string): Buffer {
  return hash("sha256", text, "buffer");
}

/**
 * Without a token: any program, but no page of another site that a browser on this machine has open. Such a page could send
 * readings (its `Origin` tells it apart), or read answers under a name of its own that it points at 127.0.0.1 (DNS rebinding;
 * `Host` then is that name): they are "origin-refused".
 * @param anyHost whether other names may lead here, as behind a proxy
 */
export function siteGuard(anyHost: boolean): Guard {
  return (request) => {
    const { origin, host } = request.headers;
    if (origin !== undefined && host !== undefined && origin.slice(origin.indexOf("://") + 3) !== host) {
      const what = `Cannot serve ${request.method} ${request.url} to ${origin}`;
      return new TidemarkError(
        "origin-refused",
        `${what}: expected the origin http://${host} or a client with a token`,
      );
    }
    if (anyHost || host === undefined || LOOPBACK_HOST.test(host)) return null;
    if (!isLoopbackAddress(request.socket.localAddress ?? "")) return null;
    const what = `Cannot serve ${request.method} ${request.url} as ${host}`;
    const wanted = "expected Host localhost, or a server with --token or --allow-anonymous";
    return new TidemarkError("origin-refused", `${what}: ${wanted}`);
  };
}
