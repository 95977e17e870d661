/** A connection to a broker that is made again whenever it is lost: what it delivers, and what keeps it from it. */
import { randomInt } from "node:crypto";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";
import type { Clock } from "../../core/clock.ts";
import { messageOf } from "../../core/errors.ts";
import type { Sender } from "./message-queue.ts";
import type { MqttSettings } from "./mqtt-settings.ts";
import { type Packet, PacketReader } from "./packet-bytes.ts";
import {
  acknowledgements,
  CONNACK,
  connectPacket,
  DISCONNECT,
  DISCONNECT_PACKET,
  type Level,
  PINGREQ_PACKET,
  PINGRESP,
  PUBLISH,
  type Publish,
  readConnack,
  readPublish,
  readSuback,
  SUBACK,
  subscribePacket,
  V5,
  V311,
} from "./packets.ts";

/** A broker that was not heard of for one and a half of this is gone, s. */
const KEEP_ALIVE_SECONDS = 30;

/** Time for a connection to be made and greeted, ms. */
const CONNECT_MS_MAX = 10_000;

/** Between two tries, ms: twice as long after each, at random between half of it and all. */
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 30_000;

/** A connection that lasted so long was a good one: the next try is a first one, ms. */
const GOOD_MS = 10_000;

/** How long a broker of version 5 keeps messages for us while we are gone, s: a week. */
const SESSION_SECONDS = 604_800;

/** Reasons of both versions (3.2.2.3; 5.0, 2.4). */
const REASONS: Readonly<Record<number, string>> = {
  1: "it does not speak this version of MQTT",
  2: "it does not take this client id",
  3: "it is not available",
  4: "user or password are wrong",
  5: "it does not let us in",
  132: "it does not speak this version of MQTT",
  133: "it does not take this client id",
  134: "user or password are wrong",
  135: "it does not let us in",
  136: "it is not available",
  137: "it is busy",
  139: "it shuts down",
  142: "another client took over, as it has the same client id",
  149: "a packet was too large",
  151: "a quota is exceeded",
};

/** What brokers of before version 5 answer to it: 3.1.1 has 1 for it, and those that do not know it take it for damaged. */
const OLD_BROKER: ReadonlySet<number> = new Set([1, 128, 129, 130, 132]);

/** What is subscribed to, and as whom. */
export interface Subscribing {
  readonly settings: MqttSettings;
  readonly clientId: string;
  readonly filters: readonly string[];
  readonly qos: 0 | 1;
  /** Whether the broker forgets us when we are gone. */
  readonly isClean: boolean;
  readonly wantsRetained: boolean;
  readonly clock: Clock;
  /** Called with each message, in order. @param sender whom to acknowledge it to: the connection that brought it, until that is lost */
  readonly onMessage: (message: Publish, sender: Sender) => void;
  /** Called when a connection is over: what it brought and was not acknowledged comes again. */
  readonly onLost: (sender: Sender) => void;
  /** Called when `trouble` is another; of tries that fail one after the other once. */
  readonly onTrouble: (trouble: string | null) => void;
}

/**
 *     connecting ─CONNACK─▶ greeted ─SUBACK─▶ subscribed ─lost─▶ waiting ─▶ connecting …      close(): from any state to closed
 */
export class Connection {
  readonly #subscribing: Subscribing;
  #level: Level;
  #socket: Socket | null = null;
  #timer: NodeJS.Timeout | undefined;
  #pinging: NodeJS.Timeout | undefined;
  #failures = 0;
  #subscribedAt = 0;
  #heardAt = 0;
  #isPaused = false;
  #isClosed = false;
  #isTold = false;
  /** Whether it was asked to let us in, and has said nothing yet. */
  #isUnanswered = false;
  /** Why nothing comes; null: it is subscribed. */
  trouble: string | null = "not connected yet";

  constructor(subscribing: Subscribing) {
    this.#subscribing = subscribing;
    this.#level = subscribing.settings.level ?? V5;
    this.#connect();
  }

  #connect(): void {
    const { settings, clock, clientId, isClean } = this.#subscribing;
    const { host, port, isTls, ca, user, password, receiveMaximum } = settings;
    const trust = ca === null ? {} : { ca: [...rootCertificates, ca] };
    const named = isIP(host) === 0 ? { servername: host } : {}; // an address is none (RFC 6066, 3)
    const socket = isTls ? connectTls({ host, port, ...named, ...trust }) : connectPlain({ host, port });
    const reader = new PacketReader();
    // Messages of a connection that is over are not acknowledged on another: the broker sends them again.
    const sender: Sender = {
      acknowledge: (messages) => {
        if (this.#socket === socket) socket.write(acknowledgements(messages));
      },
    };
    this.#socket = socket;
    this.#subscribedAt = 0;
    this.#isUnanswered = false;
    this.#timer = setTimeout(() => socket.destroy(new Error("no answer within 10 s")), CONNECT_MS_MAX);
    let reason = "it closed the connection";
    socket.once(isTls ? "secureConnect" : "connect", () => {
      socket.setNoDelay(true);
      this.#isUnanswered = true;
      socket.write(
        connectPacket({
          level: this.#level,
          clientId,
          user,
          password,
          keepAliveSeconds: KEEP_ALIVE_SECONDS,
          isClean,
          sessionSeconds: isClean ? 0 : SESSION_SECONDS,
          receiveMaximum,
        }),
      );
    });
    socket.on("data", (chunk) => {
      this.#heardAt = clock.steady();
      try {
        reader.push(chunk);
        for (let packet = reader.next(); packet !== null; packet = reader.next()) {
          const refusal = this.#take(packet, socket, sender);
          if (refusal === null) continue;
          reason = refusal;
          socket.destroy();
          return;
        }
      } catch (error) {
        reason = `what it sends is no MQTT: ${messageOf(error)}`;
        socket.destroy();
      }
    });
    socket.on("error", (error) => {
      reason = messageOf(error) || ("code" in error ? String(error.code) : "the connection failed");
    });
    socket.on("close", () => this.#lost(reason, sender));
  }

  /** @returns why the connection must end; null: it goes on */
  #take(packet: Packet, socket: Socket, sender: Sender): string | null {
    const { filters, qos, wantsRetained, settings, onMessage, clock } = this.#subscribing;
    switch (packet.type) {
      case PUBLISH:
        onMessage(readPublish(packet, this.#level), sender);
        return null;
      case CONNACK: {
        const { code } = readConnack(packet);
        this.#isUnanswered = false;
        const isOld = OLD_BROKER.has(code) && this.#level === V5 && settings.level === null;
        if (isOld) this.#level = V311;
        if (code !== 0) return REASONS[code] ?? `it refuses (code ${code})`;
        socket.write(subscribePacket(this.#level, filters, qos, wantsRetained));
        return null;
      }
      case SUBACK: {
        const refused = readSuback(packet, this.#level).findIndex((code) => code >= 128);
        if (refused >= 0) return `it does not let us subscribe to ${filters[refused]}`;
        clearTimeout(this.#timer);
        this.#subscribedAt = clock.steady();
        this.#tell(null);
        this.#pinging = setInterval(() => this.#ping(socket), (KEEP_ALIVE_SECONDS * 1000) / 2);
        return null;
      }
      case DISCONNECT: {
        const code = packet.body[0] ?? 0;
        return REASONS[code] ?? `it ends the connection (code ${code})`;
      }
      case PINGRESP:
        return null;
      default:
        return `it sends packets that it should not (type ${packet.type})`;
    }
  }

  #ping(socket: Socket): void {
    const silentMs = this.#subscribing.clock.steady() - this.#heardAt;
    if (silentMs > KEEP_ALIVE_SECONDS * 1500 && !this.#isPaused) socket.destroy(new Error("it is silent"));
    else socket.write(PINGREQ_PACKET);
  }

  #tell(trouble: string | null): void {
    const isNews = trouble === null || this.trouble === null || !this.#isTold;
    this.trouble = trouble;
    this.#isTold = true;
    if (isNews) this.#subscribing.onTrouble(trouble);
  }

  #lost(reason: string, sender: Sender): void {
    const { settings, clock, onLost } = this.#subscribing;
    clearTimeout(this.#timer);
    clearInterval(this.#pinging);
    this.#socket = null;
    this.#isPaused = false;
    if (this.#isClosed) return;
    const wasGood = this.#subscribedAt > 0 && clock.steady() - this.#subscribedAt >= GOOD_MS;
    this.#failures = wasGood ? 0 : this.#failures + 1;
    // Some brokers of before version 5 end the connection without a word: then the other one is tried, by turns.
    if (this.#isUnanswered && settings.level === null) this.#level = this.#level === V5 ? V311 : V5;
    this.#tell(`no connection to ${settings.shown}: ${reason}`);
    onLost(sender);
    const wait = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(this.#failures, 20));
    this.#timer = setTimeout(() => this.#connect(), randomInt(Math.ceil(wait / 2), wait + 1));
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket?.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#heardAt = this.#subscribing.clock.steady();
    this.#socket?.resume();
  }

  /** Says goodbye; the session stays. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#pinging);
    const socket = this.#socket;
    if (socket === null) return;
    socket.end(DISCONNECT_PACKET);
    setTimeout(() => socket.destroy(), 1000).unref();
  }
}
