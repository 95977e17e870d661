/**
 * Bins: values that share the top bits of their doubles (sign, exponent, leading mantissa bits; IEEE 754-2019, section 3.4).
 * A bin is known by how many low bits it drops and by its *edge*, the end towards zero, which has these bits cleared.
 */
import { BINS_MAX } from "../core/limits.ts";

/** Bits of a double. */
export const VALUE_BITS = 64;
/** Fewest dropped bits but none: edges then have 51 bits and a sign, integers that doubles and zigzag varints hold. 2^-40 of an octave. */
export const DROPPED_MIN = 12;
/** All of the mantissa: the exponents of both signs are fewer than the bins. */
export const DROPPED_MAX = 52;

const floats = new Float64Array(2);
const words = new Int32Array(floats.buffer);
/** Neighbours by their highest bit that differs. */
const differing = new Uint32Array(64);

/** Keeps, by `&`, of a double's high word what is above its `dropped` low bits. */
export const highMask = (dropped: number): number => (dropped > 32 ? -1 << (dropped - 32) : -1);
/** The same for the low word. */
export const lowMask = (dropped: number): number => (dropped >= 32 ? 0 : -1 << dropped);

/** The bits of an edge above the dropped ones as an integer, negative for negative edges: ascends with the edges. Takes `dropped` >= 12. */
export function rankOf(edge: number, dropped: number): number {
  floats[0] = edge;
  const high = words[1] & 0x7fffffff;
  const magnitude = dropped >= 32 ? high >>> (dropped - 32) : high * 2 ** (32 - dropped) + ((words[0] >>> dropped) | 0);
  return edge < 0 ? -magnitude : magnitude;
}

/** The edge of that rank. */
export function edgeAt(rank: number, dropped: number): number {
  const magnitude = Math.abs(rank);
  if (dropped >= 32) {
    words[0] = 0;
    words[1] = magnitude << (dropped - 32);
  } else {
    const high = Math.floor(magnitude / 2 ** (32 - dropped));
    words[1] = high;
    words[0] = (magnitude - high * 2 ** (32 - dropped)) << dropped;
  }
  return rank < 0 ? -floats[0] : floats[0];
}

/** Writes the edges of the bins that values lie in. */
export function edgesInto(edges: Float64Array, values: Float64Array, dropped: number): void {
  const high = highMask(dropped);
  const low = lowMask(dropped);
  for (let i = 0; i < values.length; i++) {
    floats[0] = values[i];
    words[0] &= low;
    words[1] &= high;
    edges[i] = floats[0];
  }
}

/** The end of an edge's bin away from zero, which belongs to the next bin. */
export function farEdge(edge: number, dropped: number): number {
  return edge === 0 ? 0 : edgeAt(rankOf(edge, dropped) + (edge < 0 ? -1 : 1), dropped);
}

/**
 * The fewest low bits to drop so that the values fall into at most `BINS_MAX` bins: 0, or at least `DROPPED_MIN`.
 * Equal prefixes are neighbours among sorted values, so each pair says from how many dropped bits on it is one.
 * @param keys ascending, distinct
 */
export function fewestDropped(keys: Float64Array): number {
  if (keys.length <= BINS_MAX) return 0;
  differing.fill(0);
  for (let i = 1; i < keys.length; i++) {
    floats[0] = keys[i - 1];
    floats[1] = keys[i];
    const high = words[1] ^ words[3];
    differing[high !== 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(words[0] ^ words[2])]++;
  }
  let bins = 1;
  let dropped = 64;
  while (bins + differing[dropped - 1] <= BINS_MAX) bins += differing[--dropped];
  return Math.max(dropped, DROPPED_MIN);
}

/** How many low bits are 0 in all of the keys. */
export function commonZeros(keys: Float64Array): number {
  let low = 0;
  let high = 0;
  for (let i = 0; i < keys.length; i++) {
    floats[0] = keys[i];
    low |= words[0];
    high |= words[1];
  }
  return low !== 0 ? 31 - Math.clz32(low & -low) : high !== 0 ? 63 - Math.clz32(high & -high) : 64;
}
