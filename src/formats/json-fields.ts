/** The fields of a JSON payload by their keys, and the shape of an object: where its variable parts are. */

/** Fields; `time`/`ts` and `sequence`/`seq` are one each. */
export const UNKNOWN = 0;
export const VALUE = 1;
export const TIME = 2;
export const DEVICE = 3;
export const BOOT = 4;
export const ID = 5;
export const SEQUENCE = 6;

/** Added to a field when its value is a text, in a shape. */
export const TEXT = 8;

/** Fields of one shape; an object with more is not learned (the scanner stays as fast as it is). */
export const SHAPE_FIELDS_MAX = 16;

/** Which field the key bytes[start, end) names. */
export function fieldOf(bytes: Uint8Array, start: number, end: number): number {
  switch (end - start) {
    case 2:
      if (is(bytes, start, "ts")) return TIME;
      return is(bytes, start, "id") ? ID : UNKNOWN;
    case 3:
      return is(bytes, start, "seq") ? SEQUENCE : UNKNOWN;
    case 4:
      if (is(bytes, start, "time")) return TIME;
      return is(bytes, start, "boot") ? BOOT : UNKNOWN;
    case 5:
      return is(bytes, start, "value") ? VALUE : UNKNOWN;
    case 6:
      return is(bytes, start, "device") ? DEVICE : UNKNOWN;
    case 8:
      return is(bytes, start, "sequence") ? SEQUENCE : UNKNOWN;
    default:
      return UNKNOWN;
  }
}

function is(bytes: Uint8Array, start: number, key: string): boolean {
  for (let i = 0; i < key.length; i++) if (bytes[start + i] !== key.charCodeAt(i)) return false;
  return true;
}

/** The variable parts of one object, in order: numbers, and texts without their quotes. Everything else is its literal part. */
export class Shape {
  /** A field, plus TEXT. */
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
