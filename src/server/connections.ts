/** The connections of all ports: bounds their number, and sends what is still due on one that fails. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { networkOf } from "../core/loopback.ts";
import {
  CONNECTIONS_MAX,
  CONNECTIONS_PER_ADDRESS_MAX,
  HEADERS_BYTES_MAX,
  REFUSED_CONNECTION_MS_MAX,
  REQUEST_MS_MAX,
  SPARE_CONNECTION_MS_MAX,
  SPARE_CONNECTIONS_MAX,
  SPARE_CONNECTIONS_PER_ADDRESS_MAX,
} from "./limits.ts";
import { PROBLEM_TYPE, type Problem, problem, problemHeaders } from "./problem.ts";
import { UsualResponse } from "./usual-headers.ts";

/** The path that is answered on spare connections too. */
export const LIVEZ_PATH = "/livez";

/** A connection: with TLS *insecure* until its handshake is done; *unused* until its first request, then *used*; *refused* after the last answer that it gets, and soon cut. */
interface Connection {
  used: boolean;
  refused: boolean;
  insecure: boolean;
  socket: Socket;
  readonly address: string;
  /** Over a limit: it gets one answer, soon; null: an ordinary one. */
  readonly spare: { readonly answer: Problem; readonly timer: NodeJS.Timeout } | null;
}

/** How many connections there are, and how many were not let in. */
export interface ConnectionCounts {
  readonly open: number;
  readonly most: number;
  /** Since the start. */
  readonly refused: number;
}

/** How many there are by address. */
class ByAddress {
  readonly #counts = new Map<string, number>();

  of(address: string): number {
    return this.#counts.get(address) ?? 0;
  }

  change(address: string, by: 1 | -1): void {
    const count = this.of(address) + by;
    if (count > 0) this.#counts.set(address, count);
    else this.#counts.delete(address);
  }
}

/** Bounded: past `CONNECTIONS_MAX`, or `CONNECTIONS_PER_ADDRESS_MAX`, some spare connections are answered with the reason (or that the process is alive), and the rest is cut. */
export class Connections {
  readonly #connections = new Map<Socket, Connection>();
  readonly #byAddress = new ByAddress();
  readonly #spareByAddress = new ByAddress();
  #spare = 0;
  #refused = 0;

  get counts(): ConnectionCounts {
    return { open: this.#connections.size - this.#spare, most: CONNECTIONS_MAX, refused: this.#refused };
  }

  /** Lets a new connection in. @param insecure it has a handshake before it */
  add(socket: Socket, insecure = false): void {
    const address = networkOf(socket.remoteAddress ?? "");
    const answer =
      this.#connections.size - this.#spare >= CONNECTIONS_MAX
        ? tooMany(CONNECTIONS_MAX, "at one time")
        : this.#byAddress.of(address) >= CONNECTIONS_PER_ADDRESS_MAX
          ? tooMany(CONNECTIONS_PER_ADDRESS_MAX, "from one address")
          : null;
    const isSpareLeft =
      this.#spare < SPARE_CONNECTIONS_MAX && this.#spareByAddress.of(address) < SPARE_CONNECTIONS_PER_ADDRESS_MAX;
    if (answer !== null && !isSpareLeft) {
      this.#refused++;
      socket.destroy();
      return;
    }
    const refuse = (problem: Problem) => () => this.#refuseSpare(connection, problem);
    const spare = answer && { answer, timer: setTimeout(refuse(answer), SPARE_CONNECTION_MS_MAX) };
    const connection: Connection = { used: false, refused: false, insecure, socket, address, spare };
    if (spare !== null) this.#spare++;
    (spare === null ? this.#byAddress : this.#spareByAddress).change(address, 1);
    this.#connections.set(socket, connection);
    socket.once("close", () => this.#remove(socket));
  }

  /** The handshake of a connection is done: from now on it is known as this one. */
  secured(raw: Socket, secure: Socket): void {
    const connection = this.#connections.get(raw);
    if (connection === undefined) return;
    this.#connections.delete(raw);
    connection.insecure = false;
    connection.socket = secure;
    this.#connections.set(secure, connection);
    secure.once("close", () => this.#remove(secure));
  }

  /** It speaks plain HTTP where TLS is expected: the one answer that it can read. */
  refusePlain(raw: Socket): void {
    end(
      raw,
      problem("request-invalid", "Cannot read the request: expected TLS (https://) on this port, was something else"),
    );
    raw.resume();
  }

  /** Lets a request in; holds nothing of it, as what is kept from request to request is costly to collect. @returns why it is not answered on this connection; null: it is */
  use(request: IncomingMessage, response: UsualResponse): Problem | null {
    const connection = this.#connections.get(request.socket);
    if (connection === undefined) return null; // it was closed meanwhile: no one will see the answer
    connection.used = true;
    if (connection.spare === null) return null;
    clearTimeout(connection.spare.timer);
    response.setHeader("Connection", "close");
    if (request.url === LIVEZ_PATH && request.method === "GET") return null;
    this.#refused++;
    return connection.spare.answer;
  }

  /** Connections without a request so far, as browsers open them in advance: Node does not take them for idle. */
  destroyUnused(): void {
    for (const [socket, { used }] of this.#connections) if (!used) socket.destroy();
  }

  /** The client sent no request, too slowly, or half of one: the error is sent once all earlier answers have been. */
  refuseBytes(error: Error, socket: Socket): void {
    const connection = this.#connections.get(socket);
    const code = "code" in error ? String(error.code) : "";
    if (code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    if (connection === undefined || connection.refused) return;
    this.refuse(socket, problemOfBytes(code));
  }

  /** The last answer on a connection, once all earlier ones have been sent. */
  refuse(socket: Socket, answer: Problem): void {
    const connection = this.#connections.get(socket);
    if (connection !== undefined) connection.refused = true;
    const afterDue = (last: UsualResponse | null): void => {
      const due = dueOn(socket);
      if (due !== null) due.once("close", () => afterDue(due));
      // Bytes after a request without a length were meant as its body; the error says so.
      else if (last !== null && isUnsized(last.req)) cutSoon(socket.end());
      else end(socket, answer);
    };
    afterDue(null);
  }

  #remove(socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    this.#connections.delete(socket);
    const { address, spare } = connection;
    (spare === null ? this.#byAddress : this.#spareByAddress).change(address, -1);
    if (spare === null) return;
    this.#spare--;
    clearTimeout(spare.timer);
  }

  #refuseSpare({ socket, insecure }: Connection, answer: Problem): void {
    this.#refused++;
    if (insecure) return void socket.destroy(); // nothing can be said before the handshake
    end(socket, answer);
  }
}

/**
 * The answer that a connection waits for: Node's own note of it (`_httpMessage`), the next of a pipeline once one is sent. Null when there
 * is none, or only to a request that is not here as a whole: its rest is what could not be read.
 */
export function dueOn(socket: Socket): UsualResponse | null {
  const message: unknown = Reflect.get(socket, "_httpMessage");
  return message instanceof UsualResponse && message.req.complete && !message.destroyed ? message : null;
}

/** The answer when there is no request that Node could answer. */
function end(socket: Socket, answer: Problem): void {
  if (!socket.writable) return;
  const body = JSON.stringify(answer);
  const lines = [
    `HTTP/1.1 ${answer.status} ${answer.title}`,
    "Connection: close",
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const headers = problemHeaders(answer);
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  cutSoon(socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`));
}

/** A client that goes on sending, or never closes its half, keeps no place. */
function cutSoon(socket: Socket): void {
  const cut = setTimeout(() => socket.destroy(), REFUSED_CONNECTION_MS_MAX);
  socket.once("close", () => clearTimeout(cut));
}

function tooMany(most: number, where: string): Problem {
  return problem("too-busy", `Cannot take another connection: expected <= ${most} ${where}, were more`);
}

function isUnsized({ method, headers }: IncomingMessage): boolean {
  const unsized = headers["content-length"] === undefined && headers["transfer-encoding"] === undefined;
  return unsized && method !== "GET" && method !== "HEAD";
}

function problemOfBytes(code: string): Problem {
  switch (code) {
    case "HPE_HEADER_OVERFLOW": {
      const text = `Cannot read the headers: expected <= ${HEADERS_BYTES_MAX} bytes, were more`;
      return problem("request-too-large", text, 431);
    }
    case "ERR_HTTP_REQUEST_TIMEOUT": {
      const text = `Cannot read the request: expected all of it within ${REQUEST_MS_MAX} ms`;
      return problem("request-invalid", text, 408);
    }
    case "HPE_INVALID_EOF_STATE":
      return problem("request-invalid", "Cannot read the request: expected all of it, the connection ended within it");
    case "HPE_INVALID_CONTENT_LENGTH":
    case "HPE_UNEXPECTED_CONTENT_LENGTH":
    case "HPE_INVALID_TRANSFER_ENCODING": {
      const text =
        "Cannot read the request: expected one Content-Length in digits, or Transfer-Encoding: chunked, was another, or both";
      return problem("request-invalid", text);
    }
    default:
      return problem("request-invalid", "Cannot read the request: expected HTTP/1.1, was something else");
  }
}
