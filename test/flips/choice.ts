/** Which bits are flipped: one of each byte, or some at random. */
import { Seeded } from "../oracle/seeded.ts";
import type { Flip } from "./trial.ts";
import type { FileBytes } from "./workers.ts";

/** Each byte of which the number is `part` in `parts`, or so many at random. */
export type Choice = { readonly part: number; readonly parts: number } | { readonly random: number };

/** Of each byte one bit, drawn by the seed; at random every second byte is of a file drawn without regard to its size. */
export function* flipsOf(files: readonly FileBytes[], choice: Choice, seed: number): Generator<Flip, undefined> {
  const random = new Seeded(seed);
  if ("parts" in choice) {
    let number = 0;
    for (const { file, bytes } of files) {
      for (let at = 0; at < bytes; at++) {
        const bit = random.int(0, 7);
        if (number++ % choice.parts === choice.part) yield { file, at, bit };
      }
    }
    return undefined;
  }
  const filled = files.filter(({ bytes }) => bytes > 0);
  const all = filled.reduce((sum, { bytes }) => sum + bytes, 0);
  for (let i = 0; i < choice.random; i++) {
    let at = random.int(0, all - 1);
    const drawn = filled.find(({ bytes }) => {
      at -= bytes;
      return at < 0;
    });
    const { file, bytes } = i % 2 === 0 && drawn !== undefined ? drawn : random.pick(filled);
    yield { file, at: random.int(0, bytes - 1), bit: random.int(0, 7) };
  }
  return undefined;
}
