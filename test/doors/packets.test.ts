/** Packets of MQTT: in any cut of the stream, too large ones, and what is none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../src/core/random.ts";
import { withoutCovered } from "../../src/doors/mqtt/mqtt-settings.ts";
import { PACKET_BYTES_MAX, PacketFault, PacketReader } from "../../src/doors/mqtt/packet-bytes.ts";
import {
  acknowledgements,
  connectPacket,
  PUBLISH,
  readPublish,
  readSuback,
  subscribePacket,
  V5,
  V311,
} from "../../src/doors/mqtt/packets.ts";

function publish(topic: string, body: Buffer, id: number | null, level: number, flags = 0): Buffer {
  const parts = [Buffer.from([0, topic.length]), Buffer.from(topic)];
  if (id !== null) parts.push(Buffer.from([id >> 8, id & 255]));
  // Of version 5: a content type, which is passed over.
  if (level === V5) parts.push(Buffer.from([4, 3, 0, 1, 97]));
  const content = Buffer.concat([...parts, body]);
  const length: number[] = [];
  for (let left = content.length; ; left = left >> 7) {
    length.push(left >= 128 ? (left & 127) | 128 : left);
    if (left < 128) break;
  }
  return Buffer.concat([Buffer.from([0x30 | (id === null ? 0 : 2) | flags, ...length]), content]);
}

function all(reader: PacketReader, chunks: readonly Buffer[]) {
  return chunks.flatMap((chunk) => {
    reader.push(chunk);
    const packets = [];
    for (let packet = reader.next(); packet !== null; packet = reader.next()) packets.push(packet);
    return packets;
  });
}

test("messages in any cut of the stream", () => {
  const seed = 7;
  for (const level of [V311, V5] as const) {
    const random = new Random(seed);
    const messages = Array.from({ length: 50 }, (_, i) =>
      Buffer.alloc(random.integer(0, i % 10 === 0 ? 40_000 : 200), i),
    );
    const stream = Buffer.concat(
      messages.map((body, i) => publish(`a/${i}`, body, i % 3 === 0 ? null : i, level, i % 2)),
    );
    const chunks: Buffer[] = [];
    for (let at = 0; at < stream.length; ) {
      const size = random.integer(1, 3000);
      chunks.push(stream.subarray(at, at + size));
      at += size;
    }
    const read = all(new PacketReader(), chunks).map((packet) => readPublish(packet, level));
    assert.deepEqual(
      read.map(({ topic, body, packetId, isRetained }) => [topic, body, packetId, isRetained]),
      messages.map((body, i) => [`a/${i}`, body, i % 3 === 0 ? null : i, i % 2 === 1]),
      `seed ${seed}`,
    );
  }
});

test("a message that is too large is dropped as it comes, and can be acknowledged", () => {
  const big = publish("a/big", Buffer.alloc(PACKET_BYTES_MAX + 1000, 7), 9, V311);
  const next = publish("a/next", Buffer.from("1"), 10, V311);
  const stream = Buffer.concat([big, next]);
  const chunks = Array.from({ length: Math.ceil(stream.length / 65_536) }, (_, i) =>
    stream.subarray(i * 65_536, (i + 1) * 65_536),
  );
  const read = all(new PacketReader(), chunks).map((packet) => readPublish(packet, V311));
  assert.deepEqual(
    read.map(({ topic, packetId, isCut }) => [topic, packetId, isCut]),
    [
      ["a/big", 9, true],
      ["a/next", 10, false],
    ],
  );
  assert.ok(read[0].body.length < 200_000);
});

test("bytes that are no MQTT", () => {
  const reader = new PacketReader();
  reader.push(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1]));
  assert.throws(() => reader.next(), PacketFault);
  const packet = { type: PUBLISH, flags: 2, isCut: false };
  for (const body of [[], [0], [0, 9, 97]]) {
    assert.throws(() => readPublish({ ...packet, body: Buffer.from(body) }, V5), Error);
  }
  for (const [flags, body] of [
    [6, [0, 1, 97, 0, 1]], // quality of service 3
    [8, [0, 1, 97]], // sent again, though nobody waits for it
    [0, [0, 0]],
    [0, [0, 1, 43]],
    [0, [0, 1, 0]],
    [0, [0, 1, 255]],
    [2, [0, 1, 97, 0, 0]],
  ] as const) {
    const wrong = { ...packet, flags, body: Buffer.from(body) };
    assert.throws(() => readPublish(wrong, V311), PacketFault, `${flags} ${body}`);
  }
});

test("what is sent, to the byte", () => {
  const connecting = {
    clientId: "t",
    keepAliveSeconds: 30,
    isClean: false,
    sessionSeconds: 604_800,
    receiveMaximum: 2000,
  };
  assert.equal(
    connectPacket({ ...connecting, level: V311, user: "u", password: "p" }).toString("hex"),
    "101300044d51545404c0001e000174000175000170",
  );
  assert.equal(
    connectPacket({ ...connecting, level: V5, user: undefined, password: undefined }).toString("hex"),
    `101b00044d5154540500001e0d1100093a802107d027${PACKET_BYTES_MAX.toString(16).padStart(8, "0")}000174`,
  );
  assert.equal(subscribePacket(V311, ["a/#"], 1, false).toString("hex"), "820800010003612f2301");
  assert.equal(subscribePacket(V5, ["a/#"], 1, false).toString("hex"), "82090001000003612f2321");
  const message = { topic: "a", body: Buffer.alloc(0), isRetained: false, isCut: false };
  const messages = [
    { ...message, qos: 1, packetId: 1 },
    { ...message, qos: 0, packetId: null },
    { ...message, qos: 2, packetId: 258 },
  ] as const;
  assert.equal(acknowledgements(messages).toString("hex"), "4002000150020102");
  assert.deepEqual(readSuback({ type: 9, flags: 0, body: Buffer.from([0, 1, 0, 1, 128]), isCut: false }, V5), [1, 128]);
});

test("filters that another one covers", () => {
  assert.deepEqual(withoutCovered(["a/+/x", "a/#", "b/+", "b/c", "b/c/d", "a/#"]), ["a/#", "b/+", "b/c/d"]);
  assert.deepEqual(withoutCovered(["a/+", "a/b/#", "#"]), ["#"]);
});
