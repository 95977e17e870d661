/** Where the server listens: addresses → open ports, or one clear line why not. */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";
import { type AddressInfo, Socket } from "node:net";
import { platform } from "node:process";
import type { Duplex } from "node:stream";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { createServer as createHttpServer } from "../core/node-http.ts";
import { type ConnectionCounts, Connections } from "./connections.ts";
import {
  CLOSE_MS_MAX,
  FREE_PORT_TRIES,
  HEADERS_BYTES_MAX,
  HEADERS_MS_MAX,
  IDLE_CONNECTION_MS_MAX,
  REQUEST_MS_MAX,
  SILENT_CONNECTION_MS_MAX,
  TIMEOUTS_CHECK_MS,
} from "./limits.ts";
import { isLoopbackAddress, LOOPBACKS } from "./loopback.ts";
import { PROBLEM_TYPE, type Problem, problem, problemHeaders } from "./problem.ts";
import { strictFault } from "./strict.ts";
import { createTlsPort, renewTls, type TlsIdentity } from "./tls-port.ts";
import { UsualResponse } from "./usual-headers.ts";

/** Answers one request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Addresses and port to listen on. */
export interface ListenAddress {
  /** Addresses or names; undefined: both loopbacks, or the one there is. */
  readonly hosts?: readonly string[] | undefined;
  /** 0: any that is free, the same on all addresses. */
  readonly port: number;
}

/** How often newly idle connections are closed during shutdown, ms. */
const CLOSE_CHECK_MS = 20;

/** Addresses that this machine does not have. */
const MISSING = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EPROTONOSUPPORT"]);

/** The open ports of one handler. */
export class Ports {
  readonly #handler: Handler;
  readonly #openToOthers: boolean;
  readonly #connections = new Connections();
  readonly #tls: TlsIdentity | null;
  #servers: (Server | TlsServer)[] = [];

  /** @param openToOthers whether addresses that other machines reach may be listened on @param tls null: plain HTTP */
  constructor(handler: Handler, openToOthers: boolean, tls: TlsIdentity | null = null) {
    this.#tls = tls;
    this.#handler = (request, response) => {
      const refusal = this.#connections.use(request, response) ?? strictFault(request);
      if (refusal === null) return handler(request, response);
      refuse(response, refusal);
    };
    this.#openToOthers = openToOthers;
  }

  get counts(): ConnectionCounts {
    return this.#connections.counts;
  }

  /**
   * Listens on all the addresses or, when one cannot be had, on none.
   * @throws TidemarkError "port-in-use" | "address-unusable" | "bind-refused"
   */
  async open({ hosts, port }: ListenAddress): Promise<readonly AddressInfo[]> {
    const wanted = (hosts ?? LOOPBACKS).flatMap((host) => (host === "localhost" ? [...LOOPBACKS] : [host]));
    const beyond = wanted.find((host) => !isLoopbackAddress(host));
    if (beyond !== undefined && !this.#openToOthers) {
      const text = `Cannot listen on ${beyond}: other machines reach it; expected --token (or TIDEMARK_TOKEN), or --allow-anonymous`;
      throw new TidemarkError("bind-refused", text);
    }
    for (let tries = 1; ; tries++) {
      try {
        return await this.#openAll([...new Set(wanted)], port);
      } catch (error) {
        await this.close();
        if (port !== 0 || codeOf(error) !== "EADDRINUSE" || tries === FREE_PORT_TRIES) throw named(error, port);
      }
    }
  }

  async #openAll(hosts: readonly string[], port: number): Promise<AddressInfo[]> {
    const addresses: AddressInfo[] = [];
    for (const host of hosts) {
      const server = createPort(this.#handler, this.#connections, this.#tls);
      try {
        addresses.push(await listen(server, host, addresses[0]?.port ?? port));
        this.#servers.push(server);
      } catch (error) {
        // A machine without IPv6 (or, rarely, IPv4) has one loopback only: that is enough for "this machine".
        const other = LOOPBACKS.find((loopback) => loopback !== host);
        const spare = LOOPBACKS.some((loopback) => loopback === host) && hosts.some((name) => name === other);
        const last = host === hosts[hosts.length - 1] && addresses.length === 0;
        if (!spare || last || !MISSING.has(codeOf(error))) throw new ListenError(host, error);
      }
    }
    return addresses;
  }

  /** New connections are shown this certificate. */
  renewTls(identity: TlsIdentity): void {
    for (const server of this.#servers) if ("setSecureContext" in server) renewTls(server, identity);
  }

  /** Takes in no more; what is being answered is answered, then cut after `CLOSE_MS_MAX`. Idempotent. */
  async close(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    this.#connections.destroyUnused();
    // Node closes what is idle now; what is busy now is idle (and kept alive) only once it was answered.
    const idle = setInterval(() => {
      for (const server of servers) server.closeIdleConnections();
    }, CLOSE_CHECK_MS);
    const cut = setTimeout(() => {
      for (const server of servers) server.closeAllConnections();
    }, CLOSE_MS_MAX);
    await Promise.all(closed);
    clearInterval(idle);
    clearTimeout(cut);
  }
}

const HTTP_OPTIONS = {
  joinDuplicateHeaders: true, // a second Host or Authorization is seen, where Node would drop it
  requireHostHeader: false, // small clients leave it out; a browser never does, which the guard sees to
  maxHeaderSize: HEADERS_BYTES_MAX,
  headersTimeout: HEADERS_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  keepAliveTimeout: IDLE_CONNECTION_MS_MAX,
  connectionsCheckingInterval: TIMEOUTS_CHECK_MS,
};

function createPort(handler: Handler, connections: Connections, tls: TlsIdentity | null): Server | TlsServer {
  const server =
    tls === null
      ? createHttpServer({ ...HTTP_OPTIONS, ServerResponse: UsualResponse }, handler).on(
          "connection",
          (socket: Socket) => connections.add(socket),
        )
      : createTlsPort(tls, HTTP_OPTIONS, handler, connections);
  server.maxHeadersCount = 0; // Node would leave out the rest in silence; bytes and strictFault bound them
  server.timeout = SILENT_CONNECTION_MS_MAX;
  // A client that has nothing more to say and shuts its half of the connection still reads: its answers are due.
  Object.assign(server, { httpAllowHalfOpen: true });
  // A client that asks before it sends its body (100-continue) is answered by the route: at once when the body is too large.
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    request.once("resume", () => {
      if (!response.headersSent) response.writeContinue();
    });
    handler(request, response);
  });
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    const was = `was ${JSON.stringify(request.headers.expect)}`;
    refuse(
      response,
      problem("request-invalid", `Cannot meet the request's Expect: expected 100-continue, ${was}`, 417),
    );
  });
  server.on("connect", (_request: IncomingMessage, socket: Duplex) => {
    const answer = problem("request-invalid", "Cannot CONNECT: expected another method, this is no proxy", 501);
    if (socket instanceof Socket) connections.refuse(socket, answer);
  });
  server.on("clientError", (error: Error, socket) => {
    if (socket instanceof Socket) connections.refuseBytes(error, socket);
  });
  return server;
}

function refuse(response: ServerResponse, answer: Problem): void {
  response.setHeader("Connection", "close"); // where its body ends may be in doubt
  const body = JSON.stringify(answer);
  const own = ["Content-Type", PROBLEM_TYPE, "Content-Length", String(Buffer.byteLength(body))];
  response.writeHead(answer.status, [...problemHeaders(answer), ...own]).end(body);
}

class ListenError extends Error {
  readonly host: string;
  override readonly cause: unknown;

  constructor(host: string, cause: unknown) {
    super(messageOf(cause));
    this.host = host;
    this.cause = cause;
  }
}

function listen(server: Server | TlsServer, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      const address = server.address();
      if (address === null || typeof address === "string") reject(new Error("BUG: a port has no address"));
      else resolve(address);
    });
  });
}

function codeOf(error: unknown): string {
  const source = error instanceof ListenError ? error.cause : error;
  return source instanceof Error && "code" in source && typeof source.code === "string" ? source.code : "";
}

function named(error: unknown, port: number): unknown {
  if (!(error instanceof ListenError)) return error;
  const place = `${error.host.includes(":") ? `[${error.host}]` : error.host}:${port}`;
  if (codeOf(error) === "EADDRINUSE") {
    return new TidemarkError("port-in-use", portInUseText(place, port, platform), error.cause);
  }
  const text = `Cannot listen on ${place}: expected an address of this machine and a port it may use, ${error.message}`;
  return new TidemarkError("address-unusable", text, error.cause);
}

/** macOS's AirPlay Receiver holds port 5000 on every Mac unless it is turned off. */
export function portInUseText(place: string, port: number, system: string): string {
  const text = `Cannot listen on ${place}: another process uses the port; expected a free one (--port)`;
  if (system !== "darwin" || port !== 5000) return text;
  return `${text}. On macOS it usually is AirPlay Receiver: turn it off in System Settings, General, AirDrop & Handoff`;
}
