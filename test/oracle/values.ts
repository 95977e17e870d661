/** Values and the texts they are sent as: the number styles of the generator's devices. Part of test/oracle, which imports nothing from src/. */
import type { Seeded } from "./seeded.ts";

/** A number as it is written, in JSON's grammar, and the double nearest to it. */
export interface Written {
  readonly text: string;
  readonly value: number;
}

/** Makes the next value of a device; the case it stands for is counted. */
export type ValueStyle = (random: Seeded, index: number) => Written;

export function written(text: string): Written {
  const value = Number(text);
  return { text, value: value === 0 ? 0 : value };
}

const integers: ValueStyle = (random) => written(String(random.int(0, 100)));

const decimals: ValueStyle = (random) =>
  written(
    random.chance(0.2) ? random.pick(["21.37", "0.1", "0.2", "0.3"]) : (20 + random.int(-500, 500) / 100).toFixed(2),
  );

const tenths: ValueStyle = (random) => written(String(random.int(-50, 400) / 10));

const negatives: ValueStyle = (random) => written(String(-random.int(1, 40_000) / random.pick([1, 8, 1000])));

/** 1e-130 … 1e149, either sign. */
const wide: ValueStyle = (random) => {
  const digits = (1 + random.next() * 8.99).toFixed(random.int(0, 15));
  return written(`${random.chance(0.5) ? "-" : ""}${digits}e${random.int(-130, 148)}`);
};

/** Whole doubles, every one another: around 0, and close together far from it. */
const continuous: ValueStyle = (random) => {
  const at = random.next() - 0.3;
  return written(String(random.pick([at, at * 1000, 1013.25 + at / 10])));
};

/** Sums in which everything large goes away: a naive sum is wrong by far. */
const cancelling: ValueStyle = (random, index) => {
  const large = ["1e16", "9007199254740993", "1e100", "123456789012345680"][Math.floor(index / 3) % 4];
  return written([large, String(random.int(1, 9) / 10), `-${large}`][index % 3]);
};

/** A tiny variation on a large offset: a variance by sums of squares in doubles is wrong by far. */
const offset: ValueStyle = (random) => written((1e9 + random.int(0, 40) * 1e-6).toFixed(6));

/** The ends of what is allowed, zeros, and texts that are hard to round. */
const limits: ValueStyle = (random) =>
  written(
    random.pick([
      "1e150",
      "-1e150",
      "1e-140",
      "-1.0e-140",
      "0",
      "-0",
      "-0.0",
      "0e0",
      "0.0000e-999",
      "9007199254740993",
      "9007199254740992.9999999999",
      "0.1000000000000000055511151231257827021181583404541015625",
      "123456789012345678901234567890",
      "1E+3",
      "1e+2",
      "12345678.9e-4",
      "2.2250738585072014e-100",
      "5e-1",
      "100000000000000000000000",
      "1.7976931348623157e100",
    ]),
  );

const constant: ValueStyle = () => written("42");

export const VALUE_STYLE_NAMES = [
  "integers",
  "decimals",
  "tenths",
  "negatives",
  "wide",
  "continuous",
  "cancelling",
  "offset",
  "limits",
  "constant",
] as const;

export type ValueStyleName = (typeof VALUE_STYLE_NAMES)[number];

export const VALUE_STYLES: Readonly<Record<ValueStyleName, ValueStyle>> = {
  integers,
  decimals,
  tenths,
  negatives,
  wide,
  continuous,
  cancelling,
  offset,
  limits,
  constant,
};

/** The same number as an older producer might print it: a plus, leading zeros, a bare point, spaces around. Bare payloads only. */
export function writeBare({ text }: Written, random: Seeded): string {
  const plain = /^-?\d+$/.test(text);
  const forms = [text, `${text}\n`, ` ${text} `, `\t${text}\r\n`];
  if (!text.startsWith("-")) forms.push(`+${text}`, `00${text}`, `+0${text}`);
  else forms.push(`-0${text.slice(1)}`);
  if (plain) forms.push(`${text}.`, `${text}.0`);
  if (/^-?0\.\d/.test(text)) forms.push(text.replace("0.", "."));
  return random.chance(0.7) ? text : random.pick(forms);
}
