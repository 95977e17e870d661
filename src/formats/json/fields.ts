/** The fields of a JSON payload by their keys, and the shape of an object: where its variable parts are. */

/** Fields; `time`/`ts` and `sequence`/`seq` are one each. */
export const UNKNOWN = 0;
export const VALUE = 1;
export const TIME = 2;
export const DEVICE = 3;
export const BOOT = 4;
export const ID = 5;
export const SEQUENCE = 6;

/** The bits of a shape's kind: which field, whether its value is a text, and whether one that is not all ASCII. */
export const FIELD = 7;
export const TEXT = 8;
export const WIDE = 16;

/** Fields of one shape; an object with more is not learned (the scanner stays as fast as it is). */
export const SHAPE_FIELDS_MAX = 16;

const BOOT_WORD = wordOf("boot");
const TIME_WORD = wordOf("time");
const VALU_WORD = wordOf("valu");
const DEVI_WORD = wordOf("devi");
const SEQU_WORD = wordOf("sequ");
const ENCE_WORD = wordOf("ence");

/** Which field the key bytes[start, end) names. */
export function fieldOf(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start];
  const length = end - start;
  if (length < 4) {
    const second = bytes[start + 1];
    if (length === 2) {
      if (first === 116 && second === 115) return TIME; // ts
      return first === 105 && second === 100 ? ID : UNKNOWN; // id
    }
    return length === 3 && first === 115 && second === 101 && bytes[start + 2] === 113 ? SEQUENCE : UNKNOWN; // seq
  }
  const word = wordAt(bytes, start);
  switch (length) {
    case 4:
      if (word === TIME_WORD) return TIME;
      return word === BOOT_WORD ? BOOT : UNKNOWN;
    case 5:
      return word === VALU_WORD && bytes[start + 4] === 101 ? VALUE : UNKNOWN; // e
    case 6:
      return word === DEVI_WORD && bytes[start + 4] === 99 && bytes[start + 5] === 101 ? DEVICE : UNKNOWN; // ce
    case 8:
      return word === SEQU_WORD && wordAt(bytes, start + 4) === ENCE_WORD ? SEQUENCE : UNKNOWN;
    default:
      return UNKNOWN;
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function wordOf(text: string): number {
  return wordAt(Buffer.from(text, "latin1"), 0);
}

/** The variable parts of one object, in order: numbers, and texts without their quotes. Everything else is its literal part. */
export class Shape {
  /** A field, plus TEXT and WIDE. */
  readonly kind = new Uint8Array(SHAPE_FIELDS_MAX);
  readonly start = new Int32Array(SHAPE_FIELDS_MAX);
  readonly end = new Int32Array(SHAPE_FIELDS_MAX);
  /** Past SHAPE_FIELDS_MAX when there were more than fit. */
  count = 0;

  add(kind: number, start: number, end: number): void {
    const index = this.count++;
    if (index >= SHAPE_FIELDS_MAX) return;
    this.kind[index] = kind;
    this.start[index] = start;
    this.end[index] = end;
  }
}
