/** A listener for MQTT clients, for people without a broker: it receives, and nobody can subscribe. The same rules as of the client (message-queue.ts). */
import { createServer, type Server, type Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import type { Clock } from "../../core/clock.ts";
import { plural } from "../../core/figures.ts";
import { networkOf } from "../../core/loopback.ts";
import type { OnNotice } from "../../core/notice.ts";
import type { DoorConnections } from "../door-counts.ts";
import { type ListenAddress, listenOnAll } from "../listening.ts";
import { type DoorOptions, MappedDoor, TOPIC_CODES } from "../mapped-door.ts";
import type { Connect, Refusal } from "./listener-packets.ts";
import { type Admission, ListenerSession, type SessionHost } from "./listener-session.ts";
import { MessageQueue } from "./message-queue.ts";
import type { Publish } from "./packets.ts";

/** Connections at one time: some 20 KB each, 70 with TLS. Past it new ones are cut, and counted. */
const CONNECTIONS_MAX = 4096;

/** Connections at one time from one address (of IPv6: from one /64): a quarter of all is left to others. Past it as past all. */
const CONNECTIONS_PER_ADDRESS_MAX = 3072;

/** Bytes of packets that have come in part, all clients together: a message of the largest size from eight of them at once. Past it the client that sends is let go, and counted. */
const PARTIAL_BYTES_MAX = 33_554_432;

/** How often time limits are looked at, ms. */
const CHECK_MS = 2000;

/** Time for a handshake of TLS, ms. Past it the connection is cut. */
const HANDSHAKE_MS_MAX = 10_000;

/** Why clients are gone or not let in that is no trouble: they go on elsewhere, or come again. */
const USUAL: ReadonlySet<Refusal> = new Set<Refusal>(["taken-over", "closing"]);

/** A certificate with its chain, and its key, as PEM. */
export interface ListenerTls {
  readonly cert: string;
  readonly key: string;
}

/** Where it listens, and whom it lets in. */
export interface ListenerSettings extends ListenAddress {
  /** null: plain. */
  readonly tls: ListenerTls | null;
  /** @param password what stands for a token; undefined: there is none */
  admit(socket: Socket, password: string | undefined): Admission;
}

/** The door. */
export class ListenerDoor extends MappedDoor implements SessionHost {
  readonly clock: Clock;
  readonly #onNotice: OnNotice;
  readonly #queue: MessageQueue;
  readonly #sessions = new Set<ListenerSession>();
  readonly #byClientId = new Map<string, ListenerSession>();
  readonly #byAddress = new Map<string, number>();
  #settings: ListenerSettings | null = null;
  #servers: Server[] = [];
  #checks: NodeJS.Timeout | undefined;
  #open = 0;
  #partialBytes = 0;
  #assigned = 0;
  #refused = 0;
  #cut = 0;

  constructor(options: DoorOptions, onBug: (error: unknown) => void, onNotice: OnNotice) {
    super("mqtt-listener", options, TOPIC_CODES);
    this.clock = options.clock;
    this.#onNotice = onNotice;
    this.#queue = new MessageQueue({
      door: this,
      onFull: (isFull) => {
        for (const session of this.#sessions) isFull ? session.pause() : session.resume();
      },
      onBug,
    });
  }

  /** Listens. @returns the port @throws TidemarkError "port-in-use" | "address-unusable" */
  async open(settings: ListenerSettings): Promise<number> {
    this.#settings = settings;
    const { servers, addresses } = await listenOnAll(settings, "--mqtt-listen", () => this.#createServer(settings.tls));
    this.#servers = servers;
    this.#checks = setInterval(() => {
      for (const session of this.#sessions) session.check();
    }, CHECK_MS).unref();
    const { length } = this.maps.mappers;
    const shown = addresses.map(({ address, port }) => `${address.includes(":") ? `[${address}]` : address}:${port}`);
    const what = plural(length, "map");
    this.#onNotice(
      `mqtt-listener: listening on ${settings.tls === null ? "mqtt" : "mqtts"}://${shown.join(", ")}, ${what}`,
      "door-open",
    );
    return addresses[0].port;
  }

  #createServer(tls: ListenerTls | null): Server {
    if (tls === null) return createServer((socket) => this.#connected(socket));
    const { createServer: createTls } = process.getBuiltinModule("node:tls");
    const options = { ...tls, minVersion: "TLSv1.2", handshakeTimeout: HANDSHAKE_MS_MAX } as const;
    const server = createTls(options, (socket) => this.#start(socket));
    const [handshake] = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (raw: Socket) => {
      raw.on("error", () => raw.destroy());
      if (this.#mayConnect(raw)) handshake.call(server, raw);
    });
    return server;
  }

  /** New connections are shown this one; those that there are go on with what they know. */
  renewTls(tls: ListenerTls): void {
    for (const server of this.#servers) if (isTls(server)) server.setSecureContext({ ...tls, minVersion: "TLSv1.2" });
  }

  #connected(socket: Socket): void {
    if (this.#mayConnect(socket)) this.#start(socket);
  }

  /** Counts a connection until it is closed. @returns false: there are too many, and it is cut */
  #mayConnect(socket: Socket): boolean {
    const address = networkOf(socket.remoteAddress ?? "");
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#open >= CONNECTIONS_MAX || ofAddress >= CONNECTIONS_PER_ADDRESS_MAX) {
      this.#refused++;
      socket.destroy();
      return false;
    }
    this.#open++;
    this.#byAddress.set(address, ofAddress + 1);
    socket.once("close", () => {
      this.#open--;
      const left = (this.#byAddress.get(address) ?? 0) - 1;
      if (left > 0) this.#byAddress.set(address, left);
      else this.#byAddress.delete(address);
    });
    return true;
  }

  #start(socket: Socket): void {
    const session = new ListenerSession(socket, this);
    this.#sessions.add(session);
    if (this.#queue.isFull) session.pause();
  }

  admit(socket: Socket, password: string | undefined): Admission {
    return this.#settings?.admit(socket, password) ?? { refusal: "closing" };
  }

  /** One connection a client id: the one before is over (section 3.1.4). */
  opened(session: ListenerSession, { clientId }: Connect): string | null {
    const name = clientId === "" ? `tidemark-${++this.#assigned}` : clientId;
    this.#byClientId.get(name)?.end("taken-over");
    session.clientId = name;
    this.#byClientId.set(name, session);
    return clientId === "" ? name : null;
  }

  came(message: Publish, session: ListenerSession): void {
    this.#queue.came(message, session);
  }

  closed(session: ListenerSession, isClean: boolean): void {
    this.#sessions.delete(session);
    const { clientId } = session;
    if (clientId !== null && this.#byClientId.get(clientId) === session) this.#byClientId.delete(clientId);
    if (!isClean) this.#queue.lost(session);
  }

  refused(refusal: Refusal, address: string, detail: string): void {
    if (USUAL.has(refusal)) return;
    this.#cut++;
    this.noteProblem("connections", refusal, `${address}: ${detail}`);
  }

  waits(bytes: number): boolean {
    this.#partialBytes += bytes;
    return bytes <= 0 || this.#partialBytes <= PARTIAL_BYTES_MAX;
  }

  override get connections(): DoorConnections {
    return { open: this.#open, most: CONNECTIONS_MAX, refused: this.#refused, cut: this.#cut };
  }

  override get trouble(): string | null {
    return this.#queue.trouble;
  }

  /** Takes in nothing more; what is on its way into the log is acknowledged first. */
  async close(): Promise<void> {
    clearInterval(this.#checks);
    const servers = this.#servers;
    this.#servers = [];
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    await this.#queue.close();
    for (const session of this.#sessions) session.end("closing");
    await Promise.all(closed);
  }
}

function isTls(server: Server): server is TlsServer {
  return "setSecureContext" in server;
}
