/** MQTT: what a broker sends to the client, and what clients send to the listener. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { ManualClock } from "../../../src/core/clock.ts";
import { ListenerSession, type SessionHost } from "../../../src/doors/mqtt/listener-session.ts";
import { PacketFault, PacketReader } from "../../../src/doors/mqtt/packet-bytes.ts";
import {
  CONNACK,
  PUBLISH,
  readConnack,
  readPublish,
  readSuback,
  SUBACK,
  V5,
  V311,
} from "../../../src/doors/mqtt/packets.ts";
import { connectBytes, publishBytes, subscribeBytes } from "../../doors/mqtt-client.ts";
import { never, type Target } from "../target.ts";

const CUTS = [1, 7, 4096];

function chunksOf(input: Uint8Array, size: number): Buffer[] {
  const bytes = Buffer.from(input);
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

const WORDS = ["00044d515454", "0007", "2300", "22", "26000161000162", "0b01", "0300", "ffffff7f", "8080808001"].map(
  (hex) => Buffer.from(hex, "hex"),
);

/** Whatever the cut of the stream, the same is read. */
const broker: Target = {
  name: "mqtt-broker",
  seeds: () => [
    Buffer.concat([Buffer.from("2003000000", "hex"), Buffer.from("9003000101", "hex"), publishBytes(5, "a/b", "1")]),
    Buffer.concat([Buffer.from("20020000", "hex"), publishBytes(4, "a/b", "21.5", { qos: 0, retain: true })]),
  ],
  words: WORDS,
  mayThrow: (error) => error instanceof PacketFault,
  run(input) {
    const read = CUTS.map((size) => {
      const found: unknown[] = [];
      const reader = new PacketReader({ bytesMax: 1000, cuts: true });
      for (const chunk of chunksOf(input, size)) {
        reader.push(chunk);
        for (let packet = reader.next(); packet !== null; packet = reader.next()) {
          for (const level of [V311, V5] as const) {
            if (packet.type === PUBLISH) found.push(said(() => readPublish(packet, level)));
            if (packet.type === SUBACK) found.push(said(() => readSuback(packet, level)));
            if (packet.type === CONNACK) found.push(said(() => readConnack(packet)));
          }
        }
      }
      return found;
    });
    assert.deepEqual(read[1], read[0]);
    assert.deepEqual(read[2], read[0]);
  },
};

function said(read: () => unknown): unknown {
  try {
    return JSON.stringify(read());
  } catch (error) {
    if (error instanceof PacketFault) return error.message;
    throw error;
  }
}

/** As much of a socket as a session needs. */
class Line extends EventEmitter {
  readonly remoteAddress = "127.0.0.1";
  readonly writableLength = 0;
  writable = true;
  readonly written: Buffer[] = [];

  write(bytes: Buffer): void {
    this.written.push(bytes);
  }
  end(bytes?: Buffer): void {
    if (bytes !== undefined) this.written.push(bytes);
    this.destroy();
  }
  destroy(): void {
    this.writable = false;
    this.emit("close");
  }
  setNoDelay(): void {}
  setKeepAlive(): void {}
  pause(): void {}
  resume(): void {}
}

const listener: Target = {
  name: "mqtt-listener",
  seeds: () => [
    Buffer.concat([connectBytes(5), publishBytes(5, "a/b", "1"), subscribeBytes(5, ["a/#"]), Buffer.from([0xe0, 0])]),
    Buffer.concat([connectBytes(4, { id: "", password: "p", will: 1 }), publishBytes(4, "a", "1", { qos: 2 })]),
    Buffer.concat([connectBytes(4), Buffer.from("620200010000c000a2050007000161", "hex")]),
  ],
  words: WORDS,
  mayThrow: never,
  run(input) {
    const outcomes = CUTS.map((size) => {
      const line = new Line();
      let [messages, closed, waiting] = [0, 0, 0];
      const host: SessionHost = {
        clock: new ManualClock(0),
        admit: () => ({ isValid: () => true }),
        opened: (_session, { clientId }) => (clientId === "" ? "tidemark-1" : null),
        came: (message, session) => {
          messages++;
          session.acknowledge([message]);
        },
        closed: () => closed++,
        refused: () => {},
        waits: (bytes) => {
          waiting += bytes;
          return true;
        },
      };
      const session = new ListenerSession(line as unknown as Socket, host);
      for (const chunk of chunksOf(input, size)) line.emit("data", chunk);
      session.end("closing");
      assert.deepEqual([closed, waiting], [1, 0]);
      return { messages, written: Buffer.concat(line.written).toString("hex") };
    });
    assert.deepEqual(outcomes[1], outcomes[0]);
    assert.deepEqual(outcomes[2], outcomes[0]);
  },
};

export const MQTT_TARGETS: readonly Target[] = [broker, listener];
