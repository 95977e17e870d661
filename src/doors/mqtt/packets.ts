/** Packets of MQTT 3.1.1 and 5 (OASIS, mqtt-v3.1.1-os and mqtt-v5.0-os), as far as a client that only receives needs them. */

/** Protocol levels, as CONNECT names them. */
export const V311 = 4;
export const V5 = 5;

/** One of them. */
export type Level = typeof V311 | typeof V5;

/** Types of packets that a broker sends, section 2.1.2. */
export const CONNACK = 2;
export const PUBLISH = 3;
export const PUBACK = 4;
export const SUBACK = 9;
export const PINGRESP = 13;
export const DISCONNECT = 14;

/** A packet as it came. */
export interface Packet {
  readonly type: number;
  readonly flags: number;
  /** Behind the fixed header; a view. Cut where the packet is larger than any message that is read. */
  readonly body: Buffer;
  readonly isCut: boolean;
}

/** A message as a broker delivers it. */
export interface Publish {
  readonly topic: string;
  readonly body: Buffer;
  /** null: quality of service 0, of which there is no acknowledgement. */
  readonly packetId: number | null;
  readonly isRetained: boolean;
  readonly isCut: boolean;
}

/** Bytes that are no MQTT. */
export class PacketFault extends Error {}

/** Packets up to here are read whole: what a door takes, and its topic. */
export const PACKET_BYTES_MAX = 4_194_304 + 70_000;

/** Of larger ones the start, which holds topic and packet id; the rest is dropped as it comes, so that no message can fill the memory. */
const CUT_BYTES = 131_072;

/** Cuts a stream of bytes into packets. */
export class PacketReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** Of a packet that is too large, still to be dropped. */
  #dropping = 0;

  push(chunk: Buffer): void {
    const rest = chunk.subarray(Math.min(this.#dropping, chunk.length));
    this.#dropping -= chunk.length - rest.length;
    this.#bytes = this.#bytes.length === 0 ? rest : Buffer.concat([this.#bytes, rest]);
  }

  /** The next whole packet; null: more bytes are needed. @throws PacketFault */
  next(): Packet | null {
    const bytes = this.#bytes;
    const length = varint(bytes, 1);
    if (length === null) return null;
    const start = 1 + length.size;
    const isCut = length.value > PACKET_BYTES_MAX;
    const end = start + (isCut ? CUT_BYTES : length.value);
    if (bytes.length < end) return null;
    const whole = start + length.value;
    this.#dropping = Math.max(0, whole - bytes.length);
    this.#bytes = bytes.subarray(Math.min(whole, bytes.length));
    return { type: bytes[0] >> 4, flags: bytes[0] & 15, body: bytes.subarray(start, end), isCut };
  }
}

/** A variable byte integer, section 1.5.5; null where it is not whole. @throws PacketFault */
function varint(bytes: Buffer, at: number): { readonly value: number; readonly size: number } | null {
  let value = 0;
  for (let size = 1; size <= 4; size++) {
    const byte = bytes[at + size - 1];
    if (byte === undefined) return null;
    value += (byte & 127) * 128 ** (size - 1);
    if (byte < 128) return { value, size };
  }
  throw new PacketFault("expected a length of at most four bytes");
}

/** Reads a PUBLISH, section 3.3. @throws PacketFault */
export function readPublish({ flags, body, isCut }: Packet, level: Level): Publish {
  const qos = (flags >> 1) & 3;
  if (body.length < 2 || qos > 1) throw new PacketFault("expected a PUBLISH of quality of service 0 or 1");
  const topicEnd = 2 + body.readUInt16BE(0);
  let at = topicEnd + (qos === 0 ? 0 : 2);
  const properties = level === V5 ? varint(body, at) : { value: 0, size: 0 };
  if (properties === null || at + properties.size + properties.value > body.length) {
    throw new PacketFault("expected a whole PUBLISH");
  }
  at += properties.size + properties.value;
  return {
    topic: body.toString("utf8", 2, topicEnd),
    body: body.subarray(at),
    packetId: qos === 0 ? null : body.readUInt16BE(topicEnd),
    isRetained: (flags & 1) === 1,
    isCut,
  };
}

/** What a CONNACK says, section 3.2: 0 is welcome. */
export function readConnack({ body }: Packet): { readonly code: number; readonly isKnown: boolean } {
  if (body.length < 2) throw new PacketFault("expected a whole CONNACK");
  return { code: body[1], isKnown: (body[0] & 1) === 1 };
}

/** The codes of a SUBACK, a filter each, section 3.9; 128 and more are refusals. */
export function readSuback({ body }: Packet, level: Level): readonly number[] {
  const properties = level === V5 ? varint(body, 2) : { value: 0, size: 0 };
  if (properties === null) throw new PacketFault("expected a whole SUBACK");
  return [...body.subarray(2 + properties.size + properties.value)];
}

/** Who connects, and how. */
export interface Connecting {
  readonly level: Level;
  readonly clientId: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly keepAliveSeconds: number;
  /** Whether the broker forgets us when we are gone. */
  readonly isClean: boolean;
  /** Of version 5: how long it remembers us, s; and how many messages may wait for our acknowledgement. */
  readonly sessionSeconds: number;
  readonly receiveMaximum: number;
}

/** CONNECT, section 3.1. */
export function connectPacket(connecting: Connecting): Buffer {
  const { level, clientId, user, password, keepAliveSeconds, isClean, sessionSeconds, receiveMaximum } = connecting;
  const flags = (user === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40) | (isClean ? 0x02 : 0);
  const properties = Buffer.alloc(13);
  properties[0] = 0x11; // session expiry interval
  properties.writeUInt32BE(sessionSeconds, 1);
  properties[5] = 0x21; // receive maximum
  properties.writeUInt16BE(receiveMaximum, 6);
  properties[8] = 0x27; // maximum packet size
  properties.writeUInt32BE(PACKET_BYTES_MAX, 9);
  return packet(0x10, [
    text("MQTT"),
    Buffer.from([level, flags, keepAliveSeconds >> 8, keepAliveSeconds & 255]),
    ...(level === V5 ? [Buffer.from([properties.length]), properties] : []),
    text(clientId),
    ...(user === undefined ? [] : [text(user)]),
    ...(password === undefined ? [] : [text(password)]),
  ]);
}

/** SUBSCRIBE, section 3.8. @param wantsRetained of version 5: whether what the broker keeps is sent now */
export function subscribePacket(level: Level, filters: readonly string[], qos: 0 | 1, wantsRetained: boolean): Buffer {
  const options = qos | (level === V5 && !wantsRetained ? 0x20 : 0);
  return packet(0x82, [
    Buffer.from([0, 1]),
    ...(level === V5 ? [Buffer.from([0])] : []),
    ...filters.flatMap((filter) => [text(filter), Buffer.from([options])]),
  ]);
}

/** A PUBACK for each, section 3.4. */
export function pubackPackets(packetIds: readonly number[]): Buffer {
  const bytes = Buffer.alloc(packetIds.length * 4);
  for (const [i, id] of packetIds.entries()) {
    bytes[i * 4] = 0x40;
    bytes[i * 4 + 1] = 2;
    bytes.writeUInt16BE(id, i * 4 + 2);
  }
  return bytes;
}

/** A PUBLISH of quality of service 1, section 3.3. */
export function publishPacket(level: Level, topic: string, body: Buffer, packetId: number): Buffer {
  const id = Buffer.from([packetId >> 8, packetId & 255]);
  return packet(0x32, [text(topic), id, ...(level === V5 ? [Buffer.from([0])] : []), body]);
}

/** What a PUBACK says, section 3.4: of 128 on the message was not taken. An id that is none: it is no PUBACK. */
export function readPuback(body: Buffer): { readonly id: number; readonly code: number } {
  return { id: body.length < 2 ? -1 : body.readUInt16BE(0), code: body[2] ?? 0 };
}

/** PINGREQ, section 3.12. */
export const PINGREQ_PACKET = Buffer.from([0xc0, 0]);

/** DISCONNECT, section 3.14. */
export const DISCONNECT_PACKET = Buffer.from([0xe0, 0]);

function text(of: string): Buffer {
  const bytes = Buffer.from(of);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function packet(first: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  for (let left = body.length; ; left = Math.floor(left / 128)) {
    length.push(left >= 128 ? (left % 128) | 128 : left);
    if (left < 128) break;
  }
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}
