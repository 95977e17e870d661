/** A client of MQTT as plain as can be, on a socket: what it sends and reads is bytes, and shares no code with what is tested. */
import { connect, type Socket } from "node:net";

export interface Answer {
  readonly type: number;
  readonly body: Buffer;
}

function withLength(first: number, body: Buffer): Buffer {
  const length: number[] = [];
  for (let left = body.length; ; left >>= 7) {
    length.push(left > 127 ? (left & 127) | 128 : left);
    if (left <= 127) break;
  }
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

function short(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

export interface Greeting {
  readonly id?: string;
  readonly clean?: boolean;
  readonly password?: string;
  readonly keepAlive?: number;
  /** Of version 5. */
  readonly properties?: Buffer;
  /** Quality of service of a will. */
  readonly will?: number;
}

export function connectBytes(version: number, greeting: Greeting = {}): Buffer {
  const { id = "a", clean = true, password, keepAlive = 30, properties = Buffer.alloc(0), will } = greeting;
  const withWill = will === undefined ? 0 : 4 | (will << 3);
  const flags = (clean ? 2 : 0) | (password === undefined ? 0 : 0xc0) | withWill;
  const own = version === 5 ? [Buffer.from([properties.length]), properties] : [];
  const last = will === undefined ? [] : [...(version === 5 ? [Buffer.from([0])] : []), short("w"), short("gone")];
  const who = password === undefined ? [] : [short("anybody"), short(password)];
  const body = [short("MQTT"), Buffer.from([version, flags, keepAlive >> 8, keepAlive & 255]), ...own, short(id)];
  return withLength(0x10, Buffer.concat([...body, ...last, ...who]));
}

export interface Sent {
  readonly id?: number;
  readonly qos?: number;
  readonly dup?: boolean;
  readonly retain?: boolean;
  readonly properties?: Buffer;
}

export function publishBytes(version: number, topic: string, payload: string | Buffer, sent: Sent = {}): Buffer {
  const { id = 1, qos = 1, dup = false, retain = false, properties = Buffer.alloc(0) } = sent;
  const flags = (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  const named = qos === 0 ? [] : [Buffer.from([id >> 8, id & 255])];
  const own = version === 5 ? [Buffer.from([properties.length]), properties] : [];
  return withLength(0x30 | flags, Buffer.concat([short(topic), ...named, ...own, Buffer.from(payload)]));
}

export function subscribeBytes(version: number, filters: readonly string[], qos = 1): Buffer {
  const own = version === 5 ? [Buffer.from([0])] : [];
  const asked = filters.flatMap((filter) => [short(filter), Buffer.from([qos])]);
  return withLength(0x82, Buffer.concat([Buffer.from([0, 7]), ...own, ...asked]));
}

export class RawClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #bytes: Buffer = Buffer.alloc(0);
  readonly #packets: Answer[] = [];
  #wake: () => void = () => {};
  #isOver = false;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (chunk) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      while (this.#bytes.length >= 2 && this.#bytes.length >= 2 + this.#bytes[1]) {
        const end = 2 + this.#bytes[1]; // no answer is longer than 127 bytes
        this.#packets.push({ type: this.#bytes[0] >> 4, body: this.#bytes.subarray(2, end) });
        this.#bytes = this.#bytes.subarray(end);
      }
      this.#wake();
    });
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on("close", () => {
        this.#isOver = true;
        this.#wake();
        resolve();
      });
    });
  }

  send(...bytes: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  /** The next packets; fewer where the connection ends before. */
  async read(count: number): Promise<Answer[]> {
    while (this.#packets.length < count && !this.#isOver) {
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
    return this.#packets.splice(0, count);
  }

  /** Those that have come and were not read. */
  get waiting(): number {
    return this.#packets.length;
  }
}
