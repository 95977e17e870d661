/** Distributions as versions before 2,048 bins wrote them: exact counts up to 1,024 distinct values, then bins of a fixed width. Read only. */
import type { ByteReader } from "../core/bytes.ts";
import { POWERS_OF_TEN } from "./decimals.ts";
import { edgeAt } from "./value-bits.ts";

/** Tags below are theirs: 0–6 decimals with that many places, 7 doubles, 8 the sketch. */
export const OLD_TAGS = 9;
const TAG_DOUBLES = 7;

/** Their sketch kept the top 18 bits of each value. */
export const OLD_SKETCH_DROPPED = 64 - 18;

/** Reads what follows the tag. @param each gets every value, or edge of the sketch, and how often it came */
export function readOld(from: ByteReader, tag: number, each: (value: number, times: number) => void): void {
  const length = from.varint();
  let code = 0;
  for (let i = 0; i < length; i++) {
    if (tag === TAG_DOUBLES) {
      const value = from.f64();
      each(value, from.varint());
      continue;
    }
    code += from.signed();
    each(tag < TAG_DOUBLES ? code / POWERS_OF_TEN[tag] : edgeAt(code, OLD_SKETCH_DROPPED), from.varint());
  }
}
