/** One client of the listener: what it says, and what it is answered. */
import type { Socket } from "node:net";
import type { Clock } from "../../core/clock.ts";
import {
  CONNECT,
  type Connect,
  completedRelease,
  DETAILS,
  disconnectPacket,
  PINGREQ,
  PINGRESP_PACKET,
  PUBREL,
  type Refusal,
  readConnect,
  refusalOf,
  refusalPacket,
  refusedSubscription,
  SUBSCRIBE,
  UNSUBSCRIBE,
  welcomePacket,
} from "./listener-packets.ts";
import type { Sender } from "./message-queue.ts";
import { PACKET_BYTES_MAX, type Packet, PacketFault, PacketReader } from "./packet-bytes.ts";
import { acknowledgements, DISCONNECT, type Level, PUBLISH, type Publish, readPublish, V5, V311 } from "./packets.ts";

/** Of a CONNECT, bytes: names, a token and a will of some size. Whoever sends more has not said who it is yet. Past it the connection ends. */
const CONNECT_BYTES_MAX = 16_384;

/** Time for a handshake of TLS and a CONNECT, ms. Past it the connection is cut. */
const CONNECT_MS_MAX = 10_000;

/**
 * Messages of a client of version 5 that may wait for their acknowledgement: two batches of the log. One that sends more is no more than
 * slowed down, as all are, by what may wait: the bridge of mosquitto sends again whatever it has, and would never come to an end.
 */
const RECEIVE_MAXIMUM = 1000;

/** Bytes of acknowledgements that a client may leave unread. Past it the connection is cut. */
const UNREAD_BYTES_MAX = 65_536;

/** A client that got its last packet is cut after this, ms. */
const FAREWELL_MS = 1000;

/** Whether one is let in: why not, or until when. */
export type Admission = { readonly refusal: Refusal } | { readonly isValid: () => boolean };

/** What a session asks of its door. */
export interface SessionHost {
  readonly clock: Clock;
  admit(socket: Socket, password: string | undefined): Admission;
  /** It is let in. @returns a client id, where it has none */
  opened(session: ListenerSession, connect: Connect): string | null;
  /** A message of it, to be acknowledged; with so much waiting that nobody may be read, the session is paused. */
  came(message: Publish, session: ListenerSession): void;
  /** It is over. @param isClean it said goodbye: what it brought stays, as it does not come again */
  closed(session: ListenerSession, isClean: boolean): void;
  /** A client is refused, or cut. @param detail what is wrong, in words */
  refused(refusal: Refusal, address: string, detail: string): void;
  /** The bytes that wait in it for the rest of their packet are more or less by that. @returns false: there are too many of all clients */
  waits(bytes: number): boolean;
}

/**
 *     greeting ─CONNECT─▶ open ─DISCONNECT, or the end of the connection─▶ over      end(): from any state to over
 */
export class ListenerSession implements Sender {
  readonly #socket: Socket;
  readonly #host: SessionHost;
  readonly #address: string;
  readonly #reader = new PacketReader({ bytesMax: CONNECT_BYTES_MAX, cuts: false });
  /** null: it has not said. */
  #level: Level | null = null;
  #state: "greeting" | "open" | "over" = "greeting";
  #isValid = () => true;
  #keepAliveMs = 0;
  #heardAt: number;
  #isPaused = false;
  #waitingBytes = 0;
  /** Under this it is known; null: it has not said. */
  clientId: string | null = null;

  constructor(socket: Socket, host: SessionHost) {
    this.#socket = socket;
    this.#host = host;
    this.#address = socket.remoteAddress ?? "somewhere";
    this.#heardAt = host.clock.steady();
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.#over(false));
  }

  #read(chunk: Buffer): void {
    if (this.#state === "over") return;
    this.#heardAt = this.#host.clock.steady();
    this.#reader.push(chunk);
    try {
      for (let packet = this.#reader.next(); packet !== null; packet = this.#reader.next()) {
        const refusal = this.#take(packet);
        if (refusal !== null) this.end(refusal);
        if (refusal !== null || this.#state !== "open") return;
      }
    } catch (error) {
      if (!(error instanceof PacketFault)) throw error;
      this.end(refusalOf(error), error.message);
      return;
    }
    const { waitingBytes } = this.#reader;
    const more = waitingBytes - this.#waitingBytes;
    this.#waitingBytes = waitingBytes;
    if (more !== 0 && !this.#host.waits(more)) this.end("busy");
  }

  /** @returns why the connection must end; null: it goes on */
  #take(packet: Packet): Refusal | null {
    const level = this.#level;
    if (level === null) return packet.type === CONNECT ? this.#greet(readConnect(packet)) : "protocol";
    switch (packet.type) {
      case PUBLISH:
        return this.#takeMessage(readPublish(packet, level));
      case PUBREL:
        return level === V311 ? this.#answer(completedRelease(packet)) : "protocol";
      case SUBSCRIBE:
      case UNSUBSCRIBE:
        return this.#answer(refusedSubscription(packet, level));
      case PINGREQ:
        return packet.flags === 0 && packet.body.length === 0 ? this.#answer(PINGRESP_PACKET) : "malformed";
      case DISCONNECT:
        if (packet.flags !== 0) return "malformed";
        this.#over(true);
        this.#socket.end();
        return null;
      default:
        return "protocol";
    }
  }

  #greet(connect: Connect): Refusal | null {
    this.#level = connect.level;
    if (connect.refusal !== null) return connect.refusal;
    const admission = this.#host.admit(this.#socket, connect.password);
    if ("refusal" in admission) return admission.refusal;
    this.#isValid = admission.isValid;
    this.#keepAliveMs = connect.keepAliveSeconds * 1500; // section 3.1.2.10
    this.#reader.limit = { bytesMax: PACKET_BYTES_MAX, cuts: connect.level === V311 };
    if (this.#keepAliveMs === 0) this.#socket.setKeepAlive(true, 60_000);
    this.#state = "open";
    const assigned = this.#host.opened(this, connect);
    return this.#answer(welcomePacket(connect.level, RECEIVE_MAXIMUM, assigned));
  }

  #takeMessage(message: Publish): Refusal | null {
    if (!this.#isValid()) return "no-token";
    // 3.1.1 has no word for what is not taken: there it is handed over as that says, and told apart by its identity alone.
    if (message.qos === 2 && this.#level === V5) return "qos";
    // What clients publish to be kept is what they say now: nothing was kept here before.
    this.#host.came({ ...message, isRetained: false }, this);
    return null;
  }

  #answer(bytes: Buffer): Refusal | null {
    if (this.#socket.writable) this.#socket.write(bytes);
    return this.#socket.writableLength > UNREAD_BYTES_MAX ? "silent" : null;
  }

  acknowledge(messages: readonly Publish[]): void {
    const bytes = acknowledgements(messages);
    if (bytes.length === 0 || this.#state !== "open") return;
    const refusal = this.#answer(bytes);
    if (refusal !== null) this.end(refusal);
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#heardAt = this.#host.clock.steady();
    this.#socket.resume();
  }

  /** Ends it where its time is over, or its token: called every few seconds. */
  check(): void {
    const silentMs = this.#host.clock.steady() - this.#heardAt;
    if (this.#state === "greeting" && silentMs > CONNECT_MS_MAX) this.end("silent");
    if (this.#state !== "open") return;
    if (!this.#isValid()) this.end("no-token");
    else if (this.#keepAliveMs > 0 && silentMs > this.#keepAliveMs && !this.#isPaused) this.end("silent");
  }

  /** Says why, where the protocol can, and closes the connection. */
  end(refusal: Refusal, detail: string = DETAILS[refusal]): void {
    const said = this.#state === "greeting" ? refusalPacket : disconnectPacket;
    const bytes = this.#level === null ? null : said(this.#level, refusal);
    const wasOver = this.#state === "over";
    if (!wasOver) this.#host.refused(refusal, this.#address, detail);
    this.#over(false);
    if (wasOver || bytes === null || !this.#socket.writable) {
      this.#socket.destroy();
      return;
    }
    this.#socket.end(bytes);
    const cut = setTimeout(() => this.#socket.destroy(), FAREWELL_MS);
    this.#socket.once("close", () => clearTimeout(cut));
    this.#socket.resume(); // what it still sends is read, and dropped
  }

  #over(isClean: boolean): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#host.waits(-this.#waitingBytes);
    this.#waitingBytes = 0;
    this.#host.closed(this, isClean);
  }
}
