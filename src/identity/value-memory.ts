/** The values of recent identities, to recognise a *conflict*: a duplicate with another value. */

/** Neighbouring identities: of those that lie side by side the rest tells which. */
const NEIGHBOURS = 2 ** 20;

const floats = new Float64Array(1);
const words = new Int32Array(floats.buffer);

/** A direct-mapped table: a new identity overwrites one of the same hash. Not stored: after a restart it fills anew. */
export class ValueMemory {
  /** A tag and the hash of a value each, side by side. */
  readonly #pairs: Int32Array;
  readonly #mask: number;

  /** @param remembered identities, a power of two, at most `NEIGHBOURS` */
  constructor(remembered: number) {
    this.#pairs = new Int32Array(2 * remembered);
    this.#mask = remembered - 1;
  }

  /** Remembers the value that was counted. @param scope the boot (or sensor) that the identity belongs to */
  put(scope: number, identity: number, value: number): void {
    const at = 2 * (place(scope, identity) & this.#mask);
    this.#pairs[at] = tagOf(scope, identity);
    this.#pairs[at + 1] = hashOf(value);
  }

  /** True when the identity's first value is remembered and differs. */
  conflicts(scope: number, identity: number, value: number): boolean {
    const at = 2 * (place(scope, identity) & this.#mask);
    return this.#pairs[at] === tagOf(scope, identity) && this.#pairs[at + 1] !== hashOf(value);
  }
}

/** Neighbouring sequences lie side by side. */
function place(scope: number, identity: number): number {
  return (Math.imul(scope, 0x9e3779b1) + (identity % NEIGHBOURS)) & (NEIGHBOURS - 1);
}

/** Never 0, which is the free place. */
function tagOf(scope: number, identity: number): number {
  const high = Math.floor(identity / NEIGHBOURS);
  return (Math.imul(scope ^ Math.imul(high | 0, 0x85ebca6b), 0xc2b2ae35) ^ Math.imul(identity | 0, 0x27d4eb2f)) | 1;
}

/** 32 bits of a number. */
export function hashOf(value: number): number {
  floats[0] = value;
  return words[0] ^ Math.imul(words[1], 0x9e3779b1);
}
