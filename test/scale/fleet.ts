/** A fleet of devices as a column source: JSON with device, boot, sequence, value and time; sequences lost for good, arrival shuffled, some sent twice. */
import { ABSENT, type Records } from "../../src/core/records.ts";
import { BATCH_ROWS, type ColumnSource } from "./column-log.ts";

/** Rounds (a reading of every device) that are shuffled among each other. */
const SHUFFLED_ROUNDS = 16;
/** Bytes of a record at most. */
const RECORD_BYTES = 112;

export interface FleetOptions {
  readonly topic: string;
  readonly devices: number;
  /** Places of readings, lost ones included: devices × rounds. Rounded up to whole shuffles. */
  readonly readings: number;
  /** One in so many is never sent, and of the others one in so many is sent again: at once, or a copy of one of any age. */
  readonly lostOneIn: number;
  readonly resentOneIn: number;
  readonly startMs: number;
  /** Between two readings of a device, ms. */
  readonly intervalMs: number;
}

/** Records by number → (device, sequence), without remembering any: a permutation of each shuffled block, and a hash that says what is lost. */
export class Fleet implements ColumnSource {
  readonly topic: string;
  readonly records: number;
  readonly #options: FleetOptions;
  readonly #blockPlaces: number;
  readonly #stride: number;
  readonly #bytes = new Uint8Array(BATCH_ROWS * RECORD_BYTES);
  /** Records so far, by what must become of them; of a reader that reads once and in order. */
  counted = 0;
  duplicates = 0;
  #place = 0;
  /** Resends that wait to be written before the next place. */
  #again: number[] = [];

  constructor(options: FleetOptions) {
    this.#options = options;
    this.topic = options.topic;
    this.records = options.readings;
    this.#blockPlaces = options.devices * SHUFFLED_ROUNDS;
    this.#stride = coprime(Math.floor(this.#blockPlaces * 0.618), this.#blockPlaces);
  }

  /** The place in the order of devices and rounds that the n-th place of arrival stands for. */
  #shuffled(n: number): number {
    const block = Math.floor(n / this.#blockPlaces);
    const within = n - block * this.#blockPlaces;
    // Factors of up to 21 and 22 bits at the sizes used: the product is exact.
    return block * this.#blockPlaces + ((within * this.#stride) % this.#blockPlaces);
  }

  #isLost(place: number): boolean {
    return mix(place) % this.#options.lostOneIn === 0;
  }

  #next(): number {
    const again = this.#again.pop();
    if (again !== undefined) {
      this.duplicates++;
      return again;
    }
    let place = this.#shuffled(this.#place++);
    while (this.#isLost(place)) place = this.#shuffled(this.#place++);
    this.counted++;
    const draw = mix(place ^ 0x5bd1e995);
    if (draw % this.#options.resentOneIn === 0) {
      // Half are sent again at once, half are a copy of some earlier arrival.
      const older = this.#shuffled(Math.floor((mix(draw) / 4294967296) * (this.#place - 1)));
      this.#again.push((draw & 64) === 0 || this.#isLost(older) ? place : older);
    }
    return place;
  }

  fill(into: Records, _from: number, rows: number): void {
    const { devices, startMs, intervalMs } = this.#options;
    const bytes = this.#bytes;
    let at = 0;
    for (let i = 0; i < rows; i++) {
      const place = this.#next();
      const round = Math.floor(place / devices);
      const device = place - round * devices;
      const time = startMs + round * intervalMs + Math.floor((device * intervalMs) / devices);
      into.valueStart[i] = at;
      at = text(bytes, at, '{"device":"device-');
      at = digits(bytes, at, device);
      at = text(bytes, at, '","boot":"b1","sequence":');
      at = digits(bytes, at, round);
      at = text(bytes, at, ',"value":');
      at = digits(bytes, at, mix(place) % 1009);
      at = text(bytes, at, ',"time":');
      at = digits(bytes, at, time);
      bytes[at++] = 125;
      into.valueEnd[i] = at;
      into.keyStart[i] = ABSENT;
      into.keyEnd[i] = ABSENT;
      into.timestamp[i] = time;
    }
    into.data = bytes;
    into.appendTime = false;
  }
}

/** A hash of 32 bits (the finalizer of MurmurHash3, Appleby 2011). */
function mix(n: number): number {
  let h = (n ^ Math.floor(n / 4294967296)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function coprime(from: number, to: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let candidate = from;
  while (divisor(candidate, to) !== 1) candidate++;
  return candidate;
}

function text(bytes: Uint8Array, at: number, ascii: string): number {
  for (let i = 0; i < ascii.length; i++) bytes[at + i] = ascii.charCodeAt(i);
  return at + ascii.length;
}

function digits(bytes: Uint8Array, at: number, number: number): number {
  let length = 1;
  for (let bound = 10; number >= bound; bound *= 10) length++;
  let rest = number;
  for (let i = at + length - 1; i >= at; i--) {
    const tenth = Math.floor(rest / 10);
    bytes[i] = 48 + rest - tenth * 10;
    rest = tenth;
  }
  return at + length;
}
