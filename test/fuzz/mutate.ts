/** Inputs out of other inputs: bytes changed, cut, repeated, spliced, numbers set to what overflows, words of the target's language put in. */
import type { Seeded } from "../oracle/seeded.ts";

/** An input grows to this at most, bytes, and a few to more: large ones are slow, and find little. */
const BYTES_MAX = 2048;
const LARGE_BYTES_MAX = 65_536;
const LARGE_SHARE = 0.01;
const CHANGES_MAX = 6;

const ODD_INTEGERS = [0n, 1n, -1n, 127n, 128n, 255n, 32_767n, 65_535n, 2_147_483_647n, -2_147_483_648n, 4_294_967_295n];
const ODD_LONGS = [2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 40n];

type Change = (bytes: Buffer, random: Seeded, others: readonly Uint8Array[], words: readonly Uint8Array[]) => Buffer;

function place(bytes: Buffer, random: Seeded): number {
  return random.int(0, Math.max(0, bytes.length - 1));
}

function spliced(bytes: Buffer, at: number, removed: number, put: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)]);
}

/** Writes an integer of 1, 2, 4 or 8 bytes, either end first. */
function integer(bytes: Buffer, random: Seeded): Buffer {
  const size = random.pick([1, 2, 4, 4, 8]);
  if (bytes.length < size) return bytes;
  const value = BigInt.asUintN(
    size * 8,
    size === 8 ? random.pick([...ODD_INTEGERS, ...ODD_LONGS]) : random.pick(ODD_INTEGERS),
  );
  const digits = Buffer.from(value.toString(16).padStart(size * 2, "0"), "hex");
  if (random.chance(0.3)) digits.reverse();
  const changed = Buffer.from(bytes);
  changed.set(digits, random.int(0, bytes.length - size));
  return changed;
}

const CHANGES: readonly Change[] = [
  (bytes, random) => {
    const changed = Buffer.from(bytes);
    if (changed.length > 0) changed[place(bytes, random)] ^= 1 << random.int(0, 7);
    return changed;
  },
  (bytes, random) => {
    const changed = Buffer.from(bytes);
    if (changed.length > 0) changed[place(bytes, random)] = random.int(0, 255);
    return changed;
  },
  integer,
  integer,
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, random) => spliced(bytes, place(bytes, random), Math.ceil(random.scale(1, 64)), new Uint8Array(0)),
  (bytes, random) => {
    const from = place(bytes, random);
    const part = bytes.subarray(from, from + Math.ceil(random.scale(1, 256)));
    const times = Math.ceil(random.scale(1, 200));
    return spliced(bytes, place(bytes, random), 0, Buffer.concat(Array.from({ length: times }, () => part)));
  },
  (bytes, random, others) => {
    const other = random.pick(others);
    const from = random.int(0, other.length);
    return spliced(
      bytes,
      place(bytes, random),
      random.int(0, 32),
      other.subarray(from, from + Math.ceil(random.scale(1, 512))),
    );
  },
  (bytes, random, _others, words) =>
    words.length === 0 ? bytes : spliced(bytes, place(bytes, random), random.pick([0, 0, 1, 4]), random.pick(words)),
];

/** @param others what parts may come from @param words of the target's language */
export function mutated(
  input: Uint8Array,
  random: Seeded,
  others: readonly Uint8Array[],
  words: readonly Uint8Array[],
): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let left = Math.ceil(random.scale(1, CHANGES_MAX)); left > 0; left--) {
    bytes = random.pick(CHANGES)(bytes, random, others, words);
  }
  return bytes.subarray(0, random.chance(LARGE_SHARE) ? LARGE_BYTES_MAX : BYTES_MAX);
}

/** The smallest input found that still fails: parts are taken out, then bytes made plain, while `fails` says so. */
export async function minimised(
  input: Uint8Array,
  fails: (smaller: Uint8Array) => Promise<boolean>,
  triesMax = 300,
): Promise<Uint8Array> {
  let smallest: Buffer = Buffer.from(input);
  let tries = 0;
  for (
    let size = Math.ceil(smallest.length / 2);
    size >= 1 && tries < triesMax;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < smallest.length && tries < triesMax; ) {
      const smaller = spliced(smallest, at, size, new Uint8Array(0));
      tries++;
      if (smaller.length < smallest.length && (await fails(smaller))) smallest = smaller;
      else at += size;
    }
  }
  return smallest;
}
