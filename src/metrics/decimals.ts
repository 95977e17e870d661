/** Values that are short decimals (21.37) as small integers and a power of ten, where that is lossless. */

/** Scales by their number of decimals. */
export const POWERS_OF_TEN = new Float64Array([1, 10, 100, 1e3, 1e4, 1e5, 1e6]);

/** Past this a scaled integer no longer fits a zigzag varint of 52 bits. */
const SCALED_MAX = 2 ** 50;

/**
 * The smallest number of decimal places (0–6) at which every value is `integer / 10^places`, bit for bit.
 * @returns -1 when there is none
 */
export function decimalPlaces(values: Float64Array, length: number): number {
  const first = firstFraction(values, length);
  if (first === length) return 0;
  let places = 0;
  for (let i = first; i < length; i++) {
    while (!isDecimal(values[i], places)) if (++places === POWERS_OF_TEN.length) return -1;
  }
  // A later value may have raised the places past one where an earlier value still divides back exactly.
  for (let i = 0; i < length; i++) if (!isDecimal(values[i], places)) return -1;
  return places;
}

/** The first row that is no integer, or a very large one. */
function firstFraction(values: Float64Array, length: number): number {
  for (let i = 0; i < length; i++) {
    const value = values[i];
    if (value !== Math.floor(value) || !(value < SCALED_MAX && value > -SCALED_MAX)) return i;
  }
  return length;
}

function isDecimal(value: number, places: number): boolean {
  const scaled = Math.round(value * POWERS_OF_TEN[places]);
  return scaled / POWERS_OF_TEN[places] === value && scaled < SCALED_MAX && scaled > -SCALED_MAX;
}
