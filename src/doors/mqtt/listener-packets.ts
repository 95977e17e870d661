/** Packets as a listener needs them that only receives: what clients send it, and what it answers. Sections of mqtt-v5.0-os. */
import {
  ALIAS_INVALID,
  Fields,
  MALFORMED,
  PACKET_BYTES_MAX,
  type Packet,
  PacketFault,
  PROTOCOL_ERROR,
} from "./packet-bytes.ts";
import { type Level, packet, textField, V5, V311 } from "./packets.ts";

/** Types of packets that clients send, section 2.1.2. */
export const CONNECT = 1;
export const PUBREL = 6;
export const SUBSCRIBE = 8;
export const UNSUBSCRIBE = 10;
export const PINGREQ = 12;

/** PINGRESP, section 3.13. */
export const PINGRESP_PACKET = Buffer.from([0xd0, 0]);

/** Why a client is not let in, or let in no more. */
export type Refusal =
  | "version"
  | "client-id"
  | "wrong-token"
  | "no-token"
  | "role"
  | "busy"
  | "method"
  | "qos"
  | "silent"
  | "taken-over"
  | "closing"
  | "malformed"
  | "protocol"
  | "alias"
  | "too-large";

/** How each is said in version 5 (2.4), and with a CONNACK of 3.1.1 (3.2.2.3); 0: by the end of the connection alone. */
const REASONS: Readonly<Record<Refusal, readonly [v5: number, v311: number]>> = {
  version: [0x84, 1],
  "client-id": [0x85, 2],
  "wrong-token": [0x86, 4],
  "no-token": [0x87, 5],
  role: [0x87, 5],
  busy: [0x97, 3],
  method: [0x8c, 0],
  qos: [0x9b, 0],
  silent: [0x8d, 0],
  "taken-over": [0x8e, 0],
  closing: [0x8b, 3],
  malformed: [0x81, 0],
  protocol: [0x82, 0],
  alias: [0x94, 0],
  "too-large": [0x95, 0],
};

/** … and to people. */
export const DETAILS: Readonly<Record<Refusal, string>> = {
  version: "expected MQTT 3.1.1 or 5",
  "client-id": "expected a client id, or a clean session",
  "wrong-token": "the password is no token",
  "no-token": "expected a token as the password, was none, or one that is valid no more",
  role: "expected a token of the role write",
  busy: "too many wrong tokens from there, or too many packets in parts from everywhere",
  method: "expected a password, no authentication in steps",
  qos: "expected quality of service 0 or 1",
  silent: "it was silent for longer than it may be, or does not read its acknowledgements",
  "taken-over": "another client came with its client id",
  closing: "the server closes",
  malformed: "what it sends is no MQTT",
  protocol: "a packet that may not come then",
  alias: "expected no topic alias",
  "too-large": "a packet was too large",
};

/** What a fault of the packets is as a refusal. */
export function refusalOf({ reason }: PacketFault): Refusal {
  if (reason === MALFORMED) return "malformed";
  return reason === PROTOCOL_ERROR ? "protocol" : reason === ALIAS_INVALID ? "alias" : "too-large";
}

/** A client that wants to be let in. */
export interface Connect {
  readonly level: Level;
  /** "": it has none. */
  readonly clientId: string;
  readonly isClean: boolean;
  /** 0: it is not measured by that. */
  readonly keepAliveSeconds: number;
  readonly password: string | undefined;
  /** What else it wants that is not to be had. */
  readonly refusal: Refusal | null;
}

/** What a CONNECT may have: session, receive maximum, packet size, aliases, two requests, authentication, pairs; and its will. */
const OF_CONNECT: ReadonlySet<number> = new Set([17, 21, 22, 23, 25, 33, 34, 38, 39]);
const OF_WILL: ReadonlySet<number> = new Set([1, 2, 3, 8, 9, 24, 38]);
const AUTHENTICATION_METHOD = 21;
/** These are 0 or 1, those not 0. */
const SWITCHES = [23, 25];
const POSITIVE = [33, 39];

/** Reads a CONNECT, section 3.1. @throws PacketFault */
export function readConnect({ flags: fixed, body }: Packet): Connect {
  const fields = new Fields(body);
  const name = fields.text();
  const version = fields.byte();
  if (name === "MQIsdp" || (name === "MQTT" && version !== V311 && version !== V5)) {
    const level = (version & 0x7f) > V311 ? V5 : V311; // bridges of mosquitto ask with another bit, and then without
    return { ...UNKNOWN, level, refusal: "version" };
  }
  if (name !== "MQTT") throw new PacketFault("expected the protocol MQTT");
  const level = version === V5 ? V5 : V311;
  const flags = fields.byte();
  const hasWill = (flags & 0x04) !== 0;
  const willQos = (flags >> 3) & 3;
  const isWrong = (flags & 1) !== 0 || willQos === 3 || (!hasWill && (flags & 0x38) !== 0);
  if (fixed !== 0 || isWrong || (level === V311 && (flags & 0xc0) === 0x40)) {
    throw new PacketFault(`expected flags of a CONNECT, were ${flags}`);
  }
  const keepAliveSeconds = fields.u16();
  const properties = level === V5 ? fields.properties(OF_CONNECT) : new Map<number, number>();
  const isBad = SWITCHES.some((id) => (properties.get(id) ?? 0) > 1) || POSITIVE.some((id) => properties.get(id) === 0);
  if (isBad) throw new PacketFault("expected properties of a CONNECT within their bounds", PROTOCOL_ERROR);
  const clientId = fields.text();
  if (hasWill) {
    if (level === V5) fields.properties(OF_WILL);
    fields.text();
    fields.binary();
  }
  if ((flags & 0x80) !== 0) fields.text();
  const password = (flags & 0x40) === 0 ? undefined : fields.binary().toString("utf8");
  if (!fields.isEnd) throw new PacketFault("expected a CONNECT that ends with its fields");
  const isClean = (flags & 0x02) !== 0;
  const refusal = properties.has(AUTHENTICATION_METHOD)
    ? "method"
    : level === V5 && willQos === 2
      ? "qos"
      : level === V311 && clientId === "" && !isClean
        ? "client-id"
        : null;
  return { level, clientId, isClean, keepAliveSeconds, password, refusal };
}

const UNKNOWN = { clientId: "", isClean: true, keepAliveSeconds: 0, password: undefined } as const;

/** CONNACK, section 3.2, of one who is let in: no session, no subscriptions, quality of service up to 1. @param assigned a client id, where it has none */
export function welcomePacket(level: Level, receiveMaximum: number, assigned: string | null): Buffer {
  if (level === V311) return Buffer.from([0x20, 2, 0, 0]);
  const numbers = Buffer.alloc(22);
  numbers[0] = 0x11; // session expiry interval: at once
  numbers[5] = 0x21; // receive maximum
  numbers.writeUInt16BE(receiveMaximum, 6);
  numbers.writeUInt16BE(0x2401, 8); // maximum quality of service: 1
  numbers[10] = 0x27; // maximum packet size
  numbers.writeUInt32BE(PACKET_BYTES_MAX, 11);
  numbers[15] = 0x28; // no wildcards in subscriptions, …
  numbers[17] = 0x29; // no identifiers of them, …
  numbers[19] = 0x2a; // and none that are shared
  const properties = Buffer.concat([
    numbers.subarray(0, 21),
    ...(assigned === null ? [] : [Buffer.from([0x12]), textField(assigned)]),
  ]);
  return packet(0x20, [Buffer.from([0, 0, properties.length]), properties]);
}

/** CONNACK of one who is not let in; null: nothing is said in this version. */
export function refusalPacket(level: Level, refusal: Refusal): Buffer | null {
  const [v5, v311] = REASONS[refusal];
  if (level === V5) return Buffer.from([0x20, 3, 0, v5, 0]);
  return v311 === 0 ? null : Buffer.from([0x20, 2, 0, v311]);
}

/** DISCONNECT, section 3.14; null: a server of 3.1.1 says nothing. */
export function disconnectPacket(level: Level, refusal: Refusal): Buffer | null {
  return level === V5 ? Buffer.from([0xe0, 2, REASONS[refusal][0], 0]) : null;
}

/** What a SUBSCRIBE or UNSUBSCRIBE may have: an identifier, pairs. */
const OF_SUBSCRIBE: ReadonlySet<number> = new Set([11, 38]);
const OF_UNSUBSCRIBE: ReadonlySet<number> = new Set([38]);

/** Valid, and not taken (5: implementation specific error; 3.1.1: failure). */
const NOT_SUBSCRIBED: Readonly<Record<Level, number>> = { [V5]: 0x83, [V311]: 0x80 };
const NO_SUBSCRIPTION = 0x11;

/** Reads a SUBSCRIBE or UNSUBSCRIBE (3.8, 3.10). @returns the SUBACK or UNSUBACK (3.9, 3.11): there are no subscriptions here @throws PacketFault */
export function refusedSubscription({ type, flags, body }: Packet, level: Level): Buffer {
  const isSubscribe = type === SUBSCRIBE;
  if (flags !== 2) throw new PacketFault(`expected flags of a SUBSCRIBE, were ${flags}`);
  const fields = new Fields(body);
  const packetId = fields.u16();
  if (packetId === 0) throw new PacketFault("expected a packet id from 1 on, was 0");
  if (level === V5) fields.properties(isSubscribe ? OF_SUBSCRIBE : OF_UNSUBSCRIBE);
  let filters = 0;
  for (; !fields.isEnd; filters++) {
    if (fields.text() === "") throw new PacketFault("expected a topic filter");
    if (isSubscribe && (fields.byte() & 3) === 3) throw new PacketFault("expected a quality of service of 0 to 2");
  }
  if (filters === 0) throw new PacketFault("expected a topic filter", PROTOCOL_ERROR);
  const codes =
    isSubscribe || level === V5
      ? Buffer.alloc(filters, isSubscribe ? NOT_SUBSCRIBED[level] : NO_SUBSCRIPTION)
      : Buffer.alloc(0);
  const id = Buffer.from([packetId >> 8, packetId & 255]);
  return packet(isSubscribe ? 0x90 : 0xb0, [id, ...(level === V5 ? [Buffer.from([0])] : []), codes]);
}

/** Reads a PUBREL. @returns the PUBCOMP (3.6, 3.7) @throws PacketFault */
export function completedRelease({ flags, body }: Packet): Buffer {
  if (flags !== 2) throw new PacketFault(`expected flags of a PUBREL, were ${flags}`);
  const packetId = new Fields(body).u16();
  if (packetId === 0) throw new PacketFault("expected a packet id from 1 on, was 0");
  return Buffer.from([0x70, 2, packetId >> 8, packetId & 255]);
}
