/** Bytes of MQTT: a stream cut into packets, and the fields of one (mqtt-v5.0-os, sections 1.5, 2.1 and 2.2). */
import { isUtf8 } from "node:buffer";

/** A packet as it came. */
export interface Packet {
  readonly type: number;
  readonly flags: number;
  /** Behind the fixed header; a view. Cut where the packet is larger than any message that is read. */
  readonly body: Buffer;
  readonly isCut: boolean;
}

/** Bytes that are no MQTT, or that this side of a connection may not be sent. */
export class PacketFault extends Error {
  /** Of version 5, section 2.4. */
  readonly reason: number;

  constructor(message: string, reason: number = MALFORMED) {
    super(message);
    this.reason = reason;
  }
}

/** Reasons of version 5 that a fault may have. */
export const MALFORMED = 0x81;
export const PROTOCOL_ERROR = 0x82;
export const ALIAS_INVALID = 0x94;
const PACKET_TOO_LARGE = 0x95;

/** Packets up to here are read whole: what a door takes, and its topic. */
export const PACKET_BYTES_MAX = 4_194_304 + 70_000;

/** Of larger ones the start, which holds topic and packet id; the rest is dropped as it comes, so that no message can fill the memory. */
const CUT_BYTES = 131_072;

/** What becomes of packets that are larger than `bytesMax`. */
export interface PacketLimit {
  readonly bytesMax: number;
  /** They are cut; else a fault. */
  readonly cuts: boolean;
}

/** Cuts a stream of bytes into packets. A packet that comes in many parts is copied at most twice. */
export class PacketReader {
  limit: PacketLimit;
  /** Unread bytes are from `#start` to `#end`; what was read lies before them and is never written to again. */
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  /** Whether there is room behind `#end` that is ours. */
  #isOwn = false;
  /** Bytes without which there is no whole packet. */
  #needed = 2;
  /** Of a packet that is too large, still to be dropped. */
  #dropping = 0;

  constructor(limit: PacketLimit = { bytesMax: PACKET_BYTES_MAX, cuts: true }) {
    this.limit = limit;
  }

  /** Bytes that wait for the rest of their packet. */
  get waitingBytes(): number {
    return this.#end - this.#start;
  }

  push(chunk: Buffer): void {
    const rest = chunk.subarray(Math.min(this.#dropping, chunk.length));
    this.#dropping -= chunk.length - rest.length;
    if (this.#start === this.#end) {
      this.#bytes = rest;
      this.#start = 0;
      this.#end = rest.length;
      this.#isOwn = false;
      return;
    }
    const length = this.#end - this.#start + rest.length;
    if (!this.#isOwn || this.#end + rest.length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, Math.min(2 * length, this.#needed)));
      this.#bytes.copy(grown, 0, this.#start, this.#end);
      this.#bytes = grown;
      this.#end -= this.#start;
      this.#start = 0;
      this.#isOwn = true;
    }
    rest.copy(this.#bytes, this.#end);
    this.#end += rest.length;
  }

  /** The next whole packet; null: more bytes are needed. @throws PacketFault */
  next(): Packet | null {
    if (this.#end - this.#start < this.#needed) return null;
    const bytes = this.#bytes.subarray(this.#start, this.#end);
    const length = varint(bytes, 1);
    if (length === null) {
      this.#needed = bytes.length + 1;
      return null;
    }
    const { bytesMax, cuts } = this.limit;
    const start = 1 + length.size;
    const isCut = length.value > bytesMax;
    if (isCut && !cuts) {
      throw new PacketFault(`expected a packet of at most ${bytesMax} bytes, was ${length.value}`, PACKET_TOO_LARGE);
    }
    const end = start + (isCut ? Math.min(CUT_BYTES, bytesMax) : length.value);
    if (bytes.length < end) {
      this.#needed = end;
      return null;
    }
    const whole = start + length.value;
    this.#needed = 2;
    this.#dropping = Math.max(0, whole - bytes.length);
    this.#start += Math.min(whole, bytes.length);
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

/** Properties of version 5 by their ids, section 2.2.2.2: what each holds. */
const PROPERTIES: Readonly<Record<number, "byte" | "u16" | "u32" | "varint" | "binary" | "text" | "pair">> = {
  1: "byte",
  2: "u32",
  3: "text",
  8: "text",
  9: "binary",
  11: "varint",
  17: "u32",
  18: "text",
  19: "u16",
  21: "text",
  22: "binary",
  23: "byte",
  24: "u32",
  25: "byte",
  26: "text",
  28: "text",
  31: "text",
  33: "u16",
  34: "u16",
  35: "u16",
  36: "byte",
  37: "byte",
  38: "pair",
  39: "u32",
  40: "byte",
  41: "byte",
  42: "byte",
};

/** The property that may be there several times: a pair of texts. */
export const USER_PROPERTY = 38;

/** Reads the fields of a packet one after the other, section 1.5. All of it @throws PacketFault */
export class Fields {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  get isEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#bytes.length) throw new PacketFault("expected a whole packet, it ends within a field");
    this.#at += size;
    return at;
  }

  byte(): number {
    return this.#bytes[this.#take(1)];
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#take(2));
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  varint(): number {
    const read = varint(this.#bytes, this.#at);
    if (read === null) throw new PacketFault("expected a whole packet, it ends within a length");
    this.#at += read.size;
    return read.value;
  }

  binary(): Buffer {
    const size = this.u16();
    const at = this.#take(size);
    return this.#bytes.subarray(at, at + size);
  }

  /** UTF-8 without the character NUL, section 1.5.4. */
  text(): string {
    const bytes = this.binary();
    if (!isUtf8(bytes) || bytes.includes(0)) throw new PacketFault("expected a text in UTF-8 without NUL");
    return bytes.toString("utf8");
  }

  /** What is behind the fields. */
  rest(): Buffer {
    return this.#bytes.subarray(this.#at);
  }

  /** Numbers by their property's id, 0 for what is none. @param allowed ids that this packet may have */
  properties(allowed: ReadonlySet<number>): ReadonlyMap<number, number> {
    const end = this.varint() + this.#at;
    const found = new Map<number, number>();
    if (end > this.#bytes.length) throw new PacketFault("expected a whole packet, its properties are longer");
    while (this.#at < end) {
      const id = this.varint();
      const kind = PROPERTIES[id];
      if (kind === undefined || !allowed.has(id)) {
        throw new PacketFault(`expected a property that this packet may have, was ${id}`);
      }
      if (found.has(id) && id !== USER_PROPERTY) {
        throw new PacketFault(`expected the property ${id} once`, PROTOCOL_ERROR);
      }
      found.set(id, this.#property(kind));
    }
    if (this.#at !== end) throw new PacketFault("expected properties that end with their length");
    return found;
  }

  #property(kind: (typeof PROPERTIES)[number]): number {
    if (kind === "byte" || kind === "u16" || kind === "u32" || kind === "varint") return this[kind]();
    if (kind === "binary") this.binary();
    else this.text();
    if (kind === "pair") this.text();
    return 0;
  }
}
