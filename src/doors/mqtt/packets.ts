/**
 * Packets of MQTT 3.1.1 and 5 (OASIS, mqtt-v3.1.1-os and mqtt-v5.0-os): what both sides of a connection read, and what a client that only
 * receives needs besides. What a listener needs besides is in listener-packets.ts.
 */

import { ALIAS_INVALID, Fields, PACKET_BYTES_MAX, type Packet, PacketFault, USER_PROPERTY } from "./packet-bytes.ts";

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

/** A message as it is delivered. */
export interface Publish {
  readonly topic: string;
  readonly body: Buffer;
  /** Of quality of service 0 there is no acknowledgement, and `packetId` is null. */
  readonly qos: 0 | 1 | 2;
  readonly packetId: number | null;
  readonly isRetained: boolean;
  readonly isCut: boolean;
}

/** What a PUBLISH may have: format, expiry, content type, response topic, correlation, subscription, topic alias, pairs. */
const OF_PUBLISH: ReadonlySet<number> = new Set([1, 2, 3, 8, 9, 11, 35, USER_PROPERTY]);
const TOPIC_ALIAS = 35;

/** Reads a PUBLISH, section 3.3. @throws PacketFault */
export function readPublish({ flags, body, isCut }: Packet, level: Level): Publish {
  const qos = (flags >> 1) & 3;
  if (qos === 3 || (qos === 0 && (flags & 8) !== 0))
    throw new PacketFault(`expected flags of a PUBLISH, were ${flags}`);
  const fields = new Fields(body);
  const topic = fields.text();
  const packetId = qos === 0 ? null : fields.u16();
  if (packetId === 0) throw new PacketFault("expected a packet id from 1 on, was 0");
  if (level === V5) {
    const properties = fields.properties(OF_PUBLISH);
    if (properties.has(TOPIC_ALIAS))
      throw new PacketFault("expected no topic alias, as none was offered", ALIAS_INVALID);
  }
  if (topic === "" || /[#+]/.test(topic)) {
    throw new PacketFault(`expected a topic without wildcards, was ${JSON.stringify(topic.slice(0, 80))}`);
  }
  return {
    topic,
    body: fields.rest(),
    qos: qos === 0 ? 0 : qos === 1 ? 1 : 2,
    packetId,
    isRetained: (flags & 1) === 1,
    isCut,
  };
}

/** What a CONNACK says, section 3.2: 0 is welcome. */
export function readConnack({ body }: Packet): { readonly code: number; readonly isKnown: boolean } {
  if (body.length < 2) throw new PacketFault("expected a whole CONNACK");
  return { code: body[1], isKnown: (body[0] & 1) === 1 };
}

/** What a SUBACK may have: a reason, pairs. */
const OF_ACKNOWLEDGEMENT: ReadonlySet<number> = new Set([31, USER_PROPERTY]);

/** The codes of a SUBACK, a filter each, section 3.9; 128 and more are refusals. */
export function readSuback({ body }: Packet, level: Level): readonly number[] {
  const fields = new Fields(body, 2);
  if (level === V5) fields.properties(OF_ACKNOWLEDGEMENT);
  return [...fields.rest()];
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
    textField("MQTT"),
    Buffer.from([level, flags, keepAliveSeconds >> 8, keepAliveSeconds & 255]),
    ...(level === V5 ? [Buffer.from([properties.length]), properties] : []),
    textField(clientId),
    ...(user === undefined ? [] : [textField(user)]),
    ...(password === undefined ? [] : [textField(password)]),
  ]);
}

/** SUBSCRIBE, section 3.8. @param wantsRetained of version 5: whether what the broker keeps is sent now */
export function subscribePacket(level: Level, filters: readonly string[], qos: 0 | 1, wantsRetained: boolean): Buffer {
  const options = qos | (level === V5 && !wantsRetained ? 0x20 : 0);
  return packet(0x82, [
    Buffer.from([0, 1]),
    ...(level === V5 ? [Buffer.from([0])] : []),
    ...filters.flatMap((filter) => [textField(filter), Buffer.from([options])]),
  ]);
}

/** What acknowledges each: PUBACK (section 3.4), or PUBREC (3.5) of quality of service 2; nothing of 0. */
export function acknowledgements(messages: readonly Publish[]): Buffer {
  const bytes = Buffer.allocUnsafe(messages.length * 4);
  let at = 0;
  for (const { qos, packetId } of messages) {
    if (packetId === null) continue;
    bytes[at] = qos === 2 ? 0x50 : 0x40;
    bytes[at + 1] = 2;
    bytes.writeUInt16BE(packetId, at + 2);
    at += 4;
  }
  return bytes.subarray(0, at);
}

/** A PUBLISH of quality of service 1, section 3.3. */
export function publishPacket(level: Level, topic: string, body: Buffer, packetId: number): Buffer {
  const id = Buffer.from([packetId >> 8, packetId & 255]);
  return packet(0x32, [textField(topic), id, ...(level === V5 ? [Buffer.from([0])] : []), body]);
}

/** What a PUBACK says, section 3.4: of 128 on the message was not taken. An id that is none: it is no PUBACK. */
export function readPuback(body: Buffer): { readonly id: number; readonly code: number } {
  return { id: body.length < 2 ? -1 : body.readUInt16BE(0), code: body[2] ?? 0 };
}

/** PINGREQ, section 3.12. */
export const PINGREQ_PACKET = Buffer.from([0xc0, 0]);

/** DISCONNECT, section 3.14. */
export const DISCONNECT_PACKET = Buffer.from([0xe0, 0]);

/** A text behind its length, section 1.5.4. */
export function textField(of: string): Buffer {
  const bytes = Buffer.from(of);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A packet of these parts. @param first type and flags */
export function packet(first: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length: number[] = [];
  for (let left = body.length; ; left = Math.floor(left / 128)) {
    length.push(left >= 128 ? (left % 128) | 128 : left);
    if (left < 128) break;
  }
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}
