/** Publishes messages to a broker, quality of service 1, one after the other. */
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";
import { messageOf } from "../../core/errors.ts";
import type { MqttSettings } from "./mqtt-settings.ts";
import { PacketReader } from "./packet-bytes.ts";
import {
  CONNACK,
  connectPacket,
  DISCONNECT_PACKET,
  type Level,
  PUBACK,
  publishPacket,
  readConnack,
  readPuback,
  V5,
  V311,
} from "./packets.ts";

/** Time for each answer of the broker, ms. */
const ANSWER_MS_MAX = 10_000;

/** A connection without work is closed after this, ms: it has no keep-alive, as a broker that is gone is found by the next message. */
const IDLE_MS = 30_000;

/** Codes of a CONNACK of "another version, please" (3.1.1, 3.2.2.3; 5.0, 2.4). */
const OTHER_VERSION: readonly number[] = [1, 132];

/** Made once; connects when there is something to publish. */
export class Publisher {
  readonly #settings: MqttSettings;
  readonly #clientId: string;
  #level: Level;
  #socket: Socket | null = null;
  #reader = new PacketReader();
  #packetId = 0;
  #idle: NodeJS.Timeout | undefined;
  /** What the broker's next packet, or the end of the connection, is told to. */
  #waiting: PromiseWithResolvers<{ readonly type: number; readonly body: Buffer }> | null = null;

  constructor(settings: MqttSettings, clientId: string) {
    this.#settings = settings;
    this.#clientId = clientId;
    this.#level = settings.level ?? V5;
  }

  /** One at a time. Resolves when the broker has it; it may have it, too, when this rejects. @throws Error that says why */
  async publish(topic: string, body: Buffer): Promise<void> {
    clearTimeout(this.#idle);
    try {
      const socket = this.#socket ?? (await this.#connect());
      this.#packetId = (this.#packetId % 65_535) + 1;
      const acknowledged = this.#answer(socket);
      socket.write(publishPacket(this.#level, topic, body, this.#packetId));
      const packet = await acknowledged;
      const { id, code } = readPuback(packet.type === PUBACK ? packet.body : Buffer.alloc(0));
      if (id !== this.#packetId) throw new Error(`it answers with a packet of type ${packet.type}`);
      if (code >= 128) throw new Error(`it does not take the message (code ${code})`);
      this.#idle = setTimeout(() => this.close(), IDLE_MS).unref();
    } catch (error) {
      this.#socket?.destroy();
      this.#socket = null;
      throw new Error(`no delivery to ${this.#settings.shown}: ${messageOf(error)}`, { cause: error });
    }
  }

  async #connect(): Promise<Socket> {
    const { host, port, isTls, ca, user, password } = this.#settings;
    const trust = ca === null ? {} : { ca: [...rootCertificates, ca] };
    const named = isIP(host) === 0 ? { servername: host } : {}; // an address is none (RFC 6066, 3)
    const socket = isTls ? connectTls({ host, port, ...named, ...trust }) : connectPlain({ host, port });
    /** Only while it is the one that is spoken on. */
    const fail = (error: Error) => {
      if (this.#socket === socket) this.#waiting?.reject(error);
    };
    this.#socket = socket;
    this.#reader = new PacketReader();
    socket.on("data", (chunk) => {
      try {
        this.#reader.push(chunk);
        for (let packet = this.#reader.next(); packet !== null; packet = this.#reader.next())
          this.#waiting?.resolve(packet);
      } catch (error) {
        socket.destroy(new Error(messageOf(error)));
      }
    });
    socket.on("error", fail);
    socket.on("close", () => {
      fail(new Error("it closed the connection"));
      if (this.#socket === socket) this.#socket = null;
    });
    const welcomed = this.#answer(socket);
    socket.once(isTls ? "secureConnect" : "connect", () => {
      socket.setNoDelay(true);
      const own = { level: this.#level, clientId: this.#clientId, user, password };
      socket.write(connectPacket({ ...own, keepAliveSeconds: 0, isClean: true, sessionSeconds: 0, receiveMaximum: 1 }));
    });
    const packet = await welcomed;
    const { code } = packet.type === CONNACK ? readConnack({ ...packet, flags: 0, isCut: false }) : { code: -1 };
    if (code === 0) return socket;
    socket.destroy();
    if (!OTHER_VERSION.includes(code) || this.#level === V311 || this.#settings.level !== null) {
      throw new Error(`it does not let us in (code ${code})`);
    }
    this.#level = V311;
    return this.#connect();
  }

  #answer(socket: Socket): Promise<{ readonly type: number; readonly body: Buffer }> {
    const waiting = Promise.withResolvers<{ readonly type: number; readonly body: Buffer }>();
    const late = () => waiting.reject(new Error(`no answer within ${ANSWER_MS_MAX / 1000} s`));
    const timer = setTimeout(late, ANSWER_MS_MAX);
    this.#waiting = waiting;
    socket.ref();
    return waiting.promise.finally(() => clearTimeout(timer));
  }

  /** Says goodbye. */
  close(): void {
    clearTimeout(this.#idle);
    const socket = this.#socket;
    this.#socket = null;
    this.#waiting?.reject(new Error("it is closing"));
    socket?.end(DISCONNECT_PACKET);
    socket?.unref();
  }
}
