/** Where the server listens: addresses → open ports, or one clear line why not. */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";
import { type AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TidemarkError } from "../core/errors.ts";
import { isLoopbackAddress } from "../core/loopback.ts";
import { createServer as createHttpServer } from "../core/node-http.ts";
import { addressesOf, type ListenAddress, listenOnAll } from "../doors/listening.ts";
import { type ConnectionCounts, Connections, dueOn } from "./connections.ts";
import {
  CLOSE_MS_MAX,
  HEADERS_BYTES_MAX,
  HEADERS_MS_MAX,
  IDLE_CONNECTION_MS_MAX,
  REQUEST_MS_MAX,
  SILENT_CONNECTION_MS_MAX,
  TIMEOUTS_CHECK_MS,
} from "./limits.ts";
import { PROBLEM_TYPE, type Problem, problem, problemHeaders } from "./problem.ts";
import { strictFault } from "./strict.ts";
import { createTlsPort, renewTls, type TlsIdentity } from "./tls-port.ts";
import { UsualResponse } from "./usual-headers.ts";

/** Answers one request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** How often newly idle connections are closed during shutdown, ms. */
const CLOSE_CHECK_MS = 20;

/** The open ports of one handler. */
export class Ports {
  readonly #handler: Handler;
  readonly #openToOthers: boolean;
  readonly #connections = new Connections();
  readonly #silentMs: number;
  readonly #tls: TlsIdentity | null;
  #servers: (Server | TlsServer)[] = [];

  /** @param openToOthers whether addresses that other machines reach may be listened on @param tls null: plain HTTP @param silentMs how long nothing may move on a connection within a request or an answer */
  constructor(
    handler: Handler,
    openToOthers: boolean,
    tls: TlsIdentity | null = null,
    silentMs = SILENT_CONNECTION_MS_MAX,
  ) {
    this.#tls = tls;
    this.#silentMs = silentMs;
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
  async open(address: ListenAddress): Promise<readonly AddressInfo[]> {
    const beyond = addressesOf(address).find((host) => !isLoopbackAddress(host));
    if (beyond !== undefined && !this.#openToOthers) {
      const text = `Cannot listen on ${beyond}: other machines reach it; expected --token (or TIDEMARK_TOKEN), or --allow-anonymous`;
      throw new TidemarkError("bind-refused", text);
    }
    const create = () => createPort(this.#handler, this.#connections, this.#tls, this.#silentMs);
    const { servers, addresses } = await listenOnAll(address, "--port", create);
    this.#servers = servers;
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

function createPort(
  handler: Handler,
  connections: Connections,
  tls: TlsIdentity | null,
  silentMs: number,
): Server | TlsServer {
  const server =
    tls === null
      ? createHttpServer({ ...HTTP_OPTIONS, ServerResponse: UsualResponse }, handler).on(
          "connection",
          (socket: Socket) => connections.add(socket),
        )
      : createTlsPort(tls, HTTP_OPTIONS, handler, connections);
  server.maxHeadersCount = 0; // Node would leave out the rest in silence; bytes and strictFault bound them
  server.timeout = silentMs;
  server.on("timeout", (socket: Socket) => {
    const due = dueOn(socket);
    if (due === null || due.headersSent) socket.destroy();
    else refuse(due, problem("too-busy", `Cannot answer within ${silentMs} ms: it may be done later, or not at all`));
  });
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
