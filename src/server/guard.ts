/** Access control: every request except the probes passes here first. */
import type { IncomingMessage } from "node:http";
import { TidemarkError } from "../core/errors.ts";
import { isLoopbackAddress } from "../core/loopback.ts";
import { ROLES, type Role, type Token, type Tokens } from "../core/tokens.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { Sessions } from "./sessions.ts";

/** Names by which a client on this machine calls it. */
const LOOPBACK_HOST = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/i;

const BEARER = /^Bearer +(\S+) *$/i;

/** Tells who may come in. */
export interface Guard {
  /**
   * Why a request may not come in; null when it may.
   * @param role what it is for; null: whatever a token is for
   * @param given a token that the request brings in a way of its own protocol (Basic, `Token …`); absent: it may be in `Authorization: Bearer`, or there is a session
   */
  refusal(request: IncomingMessage, role: Role | null, given?: string): TidemarkError | null;
  /** What a request that may come in may do. */
  roles(request: IncomingMessage): readonly Role[];
}

interface Refused {
  readonly request: IncomingMessage;
  readonly role: Role | null;
  readonly given: string | undefined;
  readonly fault: TidemarkError;
}

/** With tokens: clients that send one, and browsers that bring a session of one; others are "not-authorized". */
export class TokenGuard implements Guard {
  readonly #tokens: Tokens;
  readonly #sessions: Sessions;
  readonly #publicUrls: readonly string[];
  readonly #rate: RateLimit;
  /** Asked about again by the framework, when it was refused in front of it: counted once. */
  #refused: Refused | null = null;

  constructor(tokens: Tokens, sessions: Sessions, publicUrls: readonly string[], rate: RateLimit) {
    this.#tokens = tokens;
    this.#sessions = sessions;
    this.#publicUrls = publicUrls;
    this.#rate = rate;
  }

  refusal(request: IncomingMessage, role: Role | null, given?: string): TidemarkError | null {
    const last = this.#refused;
    if (last?.request === request && last.role === role && last.given === given) return last.fault;
    const fault = this.#fault(request, role, given);
    if (fault !== null) this.#refused = { request, role, given, fault };
    return fault;
  }

  /** The token of this text, for a request that brings it in its body. */
  find(request: IncomingMessage, text: string): Token | TidemarkError {
    const token = this.#tokens.find(text);
    return this.#rate.judge(request, token) ?? token ?? unknown(request, "another token");
  }

  #fault(request: IncomingMessage, role: Role | null, given?: string): TidemarkError | null {
    const header = request.headers.authorization;
    if (given === undefined && header === undefined) {
      const tokens = this.#sessions.of(request);
      if (tokens.length === 0) return unknown(request, "none");
      const fault = originFault(request, this.#publicUrls, true) ?? roleFault(request, role, tokens);
      return fault ?? this.#rate.count(request, tokens);
    }
    const text = given ?? bearerOf(header);
    if (text === undefined) return unknown(request, "no bearer token");
    const token = this.find(request, text);
    return token instanceof TidemarkError
      ? token
      : (roleFault(request, role, [token]) ?? this.#rate.count(request, [token]));
  }

  roles(request: IncomingMessage): readonly Role[] {
    const header = request.headers.authorization;
    if (header === undefined) return rolesOf(this.#sessions.of(request));
    return this.#tokens.find(bearerOf(header) ?? "")?.roles ?? [];
  }
}

function bearerOf(header: string | undefined): string | undefined {
  return BEARER.exec(header ?? "")?.[1];
}

function unknown(request: IncomingMessage, was: string): TidemarkError {
  return new TidemarkError("not-authorized", `${what(request)}: expected "Authorization: Bearer TOKEN", was ${was}`);
}

function roleFault(request: IncomingMessage, role: Role | null, tokens: readonly Token[]): TidemarkError | null {
  if (role === null || tokens.some(({ roles }) => roles.includes(role))) return null;
  const wanted = `expected a token of the role ${role}, was one of ${rolesOf(tokens).join(" and ")}`;
  return new TidemarkError("role-missing", `${what(request)}: ${wanted}`);
}

function rolesOf(tokens: readonly Token[]): Role[] {
  return ROLES.filter((role) => tokens.some(({ roles }) => roles.includes(role)));
}

/** Without the query, which may hold what a client should not have put there. */
function what({ method, url = "" }: IncomingMessage): string {
  return `Cannot serve ${method} ${url.split("?", 1)[0]}`;
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
export function siteGuard({ anyHost, publicUrls, corsOrigins }: Admitted, rate: RateLimit): Guard {
  const origins = new Set([...publicUrls, ...corsOrigins]);
  const hosts = new Set(publicUrls.map(hostOf));
  return {
    roles: () => ROLES,
    refusal(request) {
      const { origin, host, referer } = request.headers;
      if (origin !== undefined && !origins.has(origin) && (host === undefined || hostOf(origin) !== host)) {
        const wanted = `expected the origin http://${host ?? "localhost"}, one of --public-url or --cors-origin, or a client with a token`;
        return refusal(request, `to ${origin}`, wanted);
      }
      if (host === undefined) {
        if (origin === undefined && referer === undefined && request.headers["sec-fetch-site"] === undefined) {
          return rate.count(request, []);
        }
        return refusal(request, "without a Host", "expected one, as every browser sends it");
      }
      if (anyHost || LOOPBACK_HOST.test(host) || hosts.has(host)) return rate.count(request, []);
      if (!isLoopbackAddress(request.socket.localAddress ?? "")) return rate.count(request, []);
      return refusal(
        request,
        `as ${host}`,
        "expected Host localhost, or a server with --public-url, --token or --allow-anonymous",
      );
    },
  };
}

function refusal(request: IncomingMessage, how: string, wanted: string): TidemarkError {
  return new TidemarkError("origin-refused", `${what(request)} ${how}: ${wanted}`);
}

/** `https://tidemark.example:8443` → `tidemark.example:8443` */
function hostOf(origin: string): string {
  return origin.slice(origin.indexOf("://") + 3);
}
