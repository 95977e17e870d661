/** Payloads as producers of every kind write them, and as nobody should: for the differential tests of src/formats. */
import { Random } from "../../src/core/random.ts";

const SPACES = [" ", "\n", "\t", "\r\n", "  "];
const NAMES = [
  "",
  "a",
  "temperature-1",
  "t-42",
  "Küche",
  "設備-7",
  "x".repeat(40),
  "🌡 north",
  "0d4f7c2a91be",
  "a b",
  "~",
];
const UNKNOWN_KEYS = [
  "unit",
  "rssi",
  "meta",
  "Value",
  "valu",
  "values",
  "devic",
  "sequences",
  "t",
  "tss",
  "é",
  "__proto__",
  "",
];
const ODD_NUMBERS = [
  ..."0 -0 0.0 1e5 1E+5 -1.5e-3 1e150 1.0000000000000001e150 1e151 1e-140 9.9e-141 1e-400 0e-400 0.000e9 1e999 -1e999".split(
    " ",
  ),
  ..."9007199254740991 9007199254740992 9007199254740993 123456789012345 1234567890123456 0.1234567890123456".split(
    " ",
  ),
  ..."0.30000000000000004 2.2250738585072014e-308 5e-324 1.7976931348623157e308 123456789.123456 1234567891.5".split(
    " ",
  ),
  ..."01 -01 00 1. .5 +1 - 1e 1e+ 0x10 1_0 -.5 NaN Infinity 0.1e1 1.0 100000000000000000000000 4.35 0.1 1e22 1e23 -5".split(
    " ",
  ),
  `1${"0".repeat(30)}`,
  `0.${"0".repeat(30)}1`,
  `${"9".repeat(400)}`,
  `1${"0".repeat(200)}e-190`,
  "9".repeat(17),
  "0." + "3".repeat(25),
];
const ODD_VALUES = [
  "null",
  "true",
  "false",
  "{}",
  "[]",
  '"42"',
  '" 42"',
  '"x"',
  '""',
  '"1e5"',
  '{"value":1}',
  "[1]",
  "nul",
  "tru",
  '"\\u0034"',
  '"21.5"',
  '"-0"',
  '"-7"',
  '"007"',
  '"5."',
  '".5"',
  '"+5"',
  '"1e-400"',
  '"9007199254740991"',
  '"9007199254740993"',
  '"12345678901234567890.25"',
  `"0.${"0".repeat(400)}1"`,
  `"${"9".repeat(200)}"`,
];
const TIMES = [
  '"2025-11-24T03:53:08.123Z"',
  '"2025-11-24T03:53:08Z"',
  '"2025-11-24 03:53:08"',
  '"2025-11-24"',
  '"2025-11-24T03:53"',
  '"2025-11-24T03:53:08.123456+02:00"',
  '"2025-11-24T03:53:08,5-0330"',
  '"2025-11-24T03:53:08+01"',
  '"2025-10-26 02:30"',
  '"2025-03-30 02:30"',
  '"2024-02-29"',
  '"2025-02-29"',
  '"2025-13-01"',
  '"2025-00-10"',
  '"2025-11-24T24:00"',
  '"2016-12-31T23:59:60Z"',
  '"0000-01-01"',
  '"0001-01-01T00:00+01:00"',
  '"9999-12-31T23:59:59-01:00"',
  '"2025-11-24T03:53:08.Z"',
  '"2025-11-24T3:53"',
  '"yesterday"',
  '"1763934000123"',
  '"1763934000"',
  '"12345"',
  '""',
  '"2025-11-24T03:53Z "',
  '"2025-11-24t03:53Z"',
  '"2025-11-24T03:53z"',
  '"2025\\u002d11-24"',
  '"2025-11-24 03:53:08 UTC"',
  '"2025-11-24 03:53:08 +0100"',
  '"20251124T035308Z"',
  '"2025-11"',
  '"2025-W48-1T03"',
  '"2025-328"',
  '"20251124"',
  '"2025-11-24T03:53:08+01:00[Europe/Berlin]"',
  '"2025-11-24T03:53:08[Asia/Tokyo]"',
  '"2025-11-24T03:53:08+05:00[Asia/Tokyo]"',
  '"2025-11-24T03:53:08[Mars/Phobos]"',
  '"1763934000s"',
  '"1763934000.125s"',
  '"now"',
  "1763934000.125",
  "1763934000.1239996",
  '"20200113151200"',
  '"202001131512"',
  '"20200113151260"',
  '"20201313151200"',
  '"1578928320.5"',
  '"1578928320000.5"',
  '"1578928320000000"',
  '"1578928320000000000"',
  "20200113151200",
  "202001131512",
  "202001131512.5",
  "219912312359",
  "220001010000",
  "20200113151200123",
  "1578928320000000",
  "-1578928320000000",
  "1578928320000000000",
  "1e15",
  "1e16",
  "1e18",
  "1e19",
  "1763934000123",
  "1763934000123.9",
  "1763934000",
  "-1763934000",
  "-1763934000123",
  "0",
  "999999999",
  "10000000000",
  "1e12",
  "1.763934e12",
  "253402300799999",
  "253402300799999.5",
  "253402300800000",
  "-62135596800000",
  "-62135596800000.5",
  "0763934000123",
  "1e999",
  "true",
  "null",
  "[]",
];

const NESTED = [
  "true",
  "null",
  '{"a":[1,{"b":"}\\""}]}',
  '"\\u00b0C"',
  '"°C"',
  "[ ]",
  "{ }",
  '{"a":1,"b" : [2, 3],"c":{"d":null,"value":5}}',
  '[[],[{}],{"x":false}]',
];
const BROKEN_NESTED = [
  '{"a":1,5}',
  '{"a":1,}',
  "[1,]",
  "[,1]",
  '["a":1]',
  '{"a" 1}',
  '{"a":1 "b":2}',
  "[1 2]",
  "{1:2}",
  "[1}",
  '{"a":1]',
  "[01]",
  "[+1]",
  "[.5]",
  '["\\x"]',
  '["\\u12g4"]',
  '["a\tb"]',
  "[tru]",
  "[nulll]",
  "[-]",
  `${"[".repeat(70)}${"]".repeat(70)}`,
  `${'{"a":'.repeat(64)}1${"}".repeat(64)}`,
];

/** One way to write objects: its keys in an order, spaced in a way. The same producer writes the same shape again and again. */
export interface Producer {
  readonly keys: readonly string[];
  readonly afterColon: string;
  readonly afterComma: string;
  readonly around: string;
  readonly timeStyle: "epoch" | "iso" | "local" | "odd";
  /** Numbers stand in quotes. */
  readonly quotes: boolean;
  readonly names: readonly string[];
}

export class Payloads {
  readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  producer(): Producer {
    const { random } = this;
    const pool = [
      "value",
      "value",
      "device",
      "boot",
      "id",
      random.chance(0.5) ? "seq" : "sequence",
      random.chance(0.5) ? "ts" : "time",
    ];
    for (let extra = random.integer(0, 2); extra > 0; extra--) pool.push(random.pick(UNKNOWN_KEYS));
    const keys: string[] = [];
    while (pool.length > 0) {
      const [key] = pool.splice(random.integer(0, pool.length - 1), 1);
      if (key === "value" ? !keys.includes(key) : random.chance(0.6)) keys.push(key);
    }
    const space = (): string => (random.chance(0.3) ? random.pick(SPACES) : "");
    return {
      keys,
      afterColon: space(),
      afterComma: space(),
      around: random.chance(0.1) ? random.pick(SPACES) : "",
      timeStyle: random.pick(["epoch", "epoch", "iso", "local", "odd"] as const),
      quotes: random.chance(0.2),
      names: random.chance(0.5) ? ["t-1", "t-22", "t-333"] : NAMES,
    };
  }

  /** An object of a producer; `oddity` is the chance of something unusual in each field. */
  object(producer: Producer, oddity: number): string {
    const { random } = this;
    let keys = producer.keys;
    if (random.chance(oddity / 4)) keys = keys.filter(() => random.chance(0.8));
    if (random.chance(oddity / 4))
      keys = [...keys, random.pick(["value", "device", "seq", "sequence", "time", "ts", "id", "boot", "x"])];
    const fields = keys.map((key) => {
      const spelled = random.chance(oddity / 20) ? this.escaped(key) : JSON.stringify(key);
      return `${spelled}${random.chance(oddity / 20) ? random.pick(SPACES) : ""}:${producer.afterColon}${this.value(producer, key, oddity)}`;
    });
    const { around } = producer;
    return `${around}{${around}${fields.join(`${around},${producer.afterComma}`)}${around}}${around}`;
  }

  value(producer: Producer, key: string, oddity: number): string {
    const { random } = this;
    if (random.chance(oddity / 4)) return random.pick(ODD_VALUES);
    switch (key) {
      case "value":
        return random.chance(oddity) ? random.pick(ODD_NUMBERS) : this.quoted(producer, this.number());
      case "seq":
      case "sequence":
        return random.chance(oddity)
          ? random.pick([...ODD_NUMBERS, "1.0", "1e3", '"5"'])
          : this.quoted(producer, String(random.integer(0, 10 ** random.integer(1, 15))));
      case "ts":
      case "time":
        return random.chance(oddity) ? random.pick(TIMES) : this.time(producer.timeStyle);
      case "device":
      case "boot":
      case "id":
        if (random.chance(oddity / 2)) return random.pick(ODD_NUMBERS);
        return random.chance(oddity) ? this.oddText() : JSON.stringify(random.pick(producer.names));
      default:
        if (random.chance(oddity)) return random.pick(BROKEN_NESTED);
        return random.pick([JSON.stringify(random.pick(producer.names)), this.number(), ...NESTED]);
    }
  }

  quoted(producer: Producer, number: string): string {
    return producer.quotes ? `"${number}"` : number;
  }

  /** Several readings in one record, or nearly: lists, objects one after the other, lines. */
  several(producer: Producer, oddity: number): string {
    const { random } = this;
    const space = (): string => (random.chance(0.3) ? random.pick(SPACES) : "");
    const count = random.pick([0, 1, 2, 2, 3, 3, 5, 9]);
    const objects = Array.from({ length: count }, () => {
      const text = random.chance(oddity / 3) ? this.bare() : this.object(producer, oddity);
      return random.chance(oddity / 4) ? text.slice(0, random.integer(0, text.length)) : text;
    });
    const list = (items: readonly string[]): string => `[${space()}${items.join(`${space()},${space()}`)}${space()}]`;
    switch (random.integer(0, 5)) {
      case 0:
        return list(objects);
      case 1:
        return objects.join(space());
      case 2:
        return objects.map((text) => text.replaceAll(/[\r\n]/g, " ")).join(random.pick(["\n", "\r\n", "\n\n", " \n"]));
      case 3:
        return objects.map((text) => text.replaceAll(",", ",\n")).join(random.pick(["\n", "", "\n\n"]));
      case 4:
        return `${objects.slice(0, 1).join("")}\n${list(objects.slice(1))}`;
      default:
        return Array.from({ length: count }, () => (random.chance(oddity) ? this.bare() : this.number())).join("\n");
    }
  }

  /** What programs and editors put around a payload. */
  wrapped(text: string): string {
    const { random } = this;
    const before = random.pick(["", "\ufeff", "\ufeff\r\n", "\n\ufeff", " \v", "\ufeff\ufeff"]);
    return before + text + random.pick(["", "\0", "\0\0\n", "\n\0 ", "\r\n", "\f"]);
  }

  number(): string {
    const { random } = this;
    switch (random.integer(0, 6)) {
      case 0:
        return String(random.integer(-9, 100));
      case 1:
        return (random.next() * 10 ** random.integer(0, 12) - 1).toFixed(random.integer(0, 9));
      case 2:
        return String(random.next() * 10 ** random.integer(-12, 18));
      case 3:
        return (random.next() * 1000 - 500).toExponential(random.integer(0, 20));
      case 4:
        return `${random.integer(0, 99)}.${String(random.integer(0, 999_999_999)).padStart(random.integer(1, 20), "0")}`;
      default:
        return String(random.integer(0, 1000) / 10);
    }
  }

  time(style: Producer["timeStyle"]): string {
    const { random } = this;
    const ms = 1_600_000_000_000 + Math.floor(random.next() * 4e11);
    const iso = new Date(ms).toISOString();
    if (style === "epoch") return String(ms);
    if (style === "iso") return `"${iso}"`;
    if (style === "local") return `"${iso.slice(0, 19).replace("T", " ")}"`;
    return random.chance(0.5)
      ? `${ms}.${random.integer(0, 99)}`
      : `"${iso.slice(0, 23)}${random.pick(["+02:00", "-0330", "z", ""])}"`;
  }

  escaped(text: string): string {
    return `"${[...text].map((c) => (this.random.chance(0.4) ? `\\u${(c.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}` : c)).join("")}"`;
  }

  oddText(): string {
    const { random } = this;
    return random.pick([
      this.escaped(random.pick(["t-1", "x", "Küche"])),
      `"${"x".repeat(random.integer(250, 260))}"`,
      `"${"é".repeat(random.integer(125, 131))}"`,
      `"${"i".repeat(random.integer(1020, 1028))}"`,
      '"a\\nb"',
      '"\\ud800"',
      '"\\"',
      '"a\tb"',
      '"\\ud83c\\udf21"',
      '"\u007f"',
      '"\ufeffx"',
      '"\\/"',
      '"\\x"',
    ]);
  }

  /** A value that is no object, or hardly. */
  bare(): string {
    const { random } = this;
    const text = random.pick([
      this.number(),
      this.number(),
      random.pick(ODD_NUMBERS),
      random.pick(ODD_VALUES),
      String(random.integer(0, 99999)),
      "nan",
      "inf",
      "-Infinity",
      "-inf",
      "abc",
      "+",
      "-",
      ".",
      "e5",
      "5 5",
      "1,5",
      '"',
      "'42'",
      '"42" ',
      "[1",
      "\ufeff42",
      "٣",
      "--1",
      "+-1",
      "1e5.5",
    ]);
    return random.chance(0.2)
      ? random.pick([" ", "\n", "\t", "\v", "\f", "\r\n", "\u00a0"]) + text + random.pick(["", " ", "\n"])
      : text;
  }

  /** Damage: a byte flipped, put in, taken out, a tail cut off, or bytes that are no UTF-8. */
  mutated(bytes: Buffer): Buffer {
    const { random } = this;
    if (bytes.length === 0) return bytes;
    const at = random.integer(0, bytes.length - 1);
    switch (random.integer(0, 4)) {
      case 0: {
        const copy = Buffer.from(bytes);
        copy[at] ^= 1 << random.integer(0, 7);
        return copy;
      }
      case 1:
        return bytes.subarray(0, at);
      case 2:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
      case 3:
        return Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(random.pick(['"', "\\", "0", "-", ".", "e", " ", ",", "{", "}", "9", "\0", "\n"])),
          bytes.subarray(at),
        ]);
      default: {
        const bad = random.pick([
          [0xff],
          [0xc3],
          [0xe2, 0x82],
          [0xed, 0xa0, 0x80],
          [0xf8, 0x88],
          [0xc0, 0x80],
          [0xf4, 0x90, 0x80, 0x80],
          [0x80],
        ]);
        return Buffer.concat([bytes.subarray(0, at), Buffer.from(bad), bytes.subarray(at)]);
      }
    }
  }
}
