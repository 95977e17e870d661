/** Readings as bytes, in every way a producer may write them. Part of test/oracle, which imports nothing from src/. */
import { type Device, TIME_STYLES, type TimeStyle } from "./devices.ts";
import { instantsOf, wallClock } from "./local-time.ts";
import type { Seeded } from "./seeded.ts";
import { MINUTE, type Reading, type Tally } from "./sending.ts";
import { type Written, writeBare } from "./values.ts";

/** Fields that mean nothing, each a trap for a parser that looks for names anywhere. */
const UNKNOWN = [
  ["unit", '"°C"'],
  ["meta", '{"value":99,"time":"x","sequence":[1,{"id":"inner"}]}'],
  ["tags", '["}",{"a":null},[],"\\"value\\":5"]'],
  ["note", '"a \\"quoted\\" } , : text\\u00e9"'],
  ["quality", "0.5e-3"],
  ["", "{}"],
] as const;

/** One record's value: `time` is the payload's, null when it has none. `conflict` replaces the value. */
export function renderPayload(
  reading: Reading,
  time: number | null,
  conflict: Written | null,
  zone: string,
  random: Seeded,
  tally: Tally,
): Uint8Array {
  const { device } = reading;
  const number = conflict ?? reading.written;
  if (device.kind.bare === true) {
    if (random.chance(0.02)) return Buffer.from(quoted(number.text, tally));
    const text = writeBare(number, random);
    if (text !== number.text) tally("bare-odd-text");
    return Buffer.from(text);
  }
  const order = random.chance(0.05) ? random.shuffle(device.fieldOrder) : device.fieldOrder;
  const fields = order.flatMap((field) => writeField(field, reading, number, time, zone, random, tally));
  if (random.chance(0.05)) {
    tally("unknown-field");
    fields.splice(random.int(0, fields.length), 0, [...random.pick(UNKNOWN)]);
  }
  if (random.chance(0.01)) {
    tally("key-twice");
    fields.unshift(["value", random.pick(["999", "null", '"x"'])]);
  }
  if (order.join() !== "device,boot,sequence,id,value,time") tally("key-order");
  return Buffer.from(assemble(fields, device, random, tally));
}

type Field = [key: string, text: string];

function writeField(
  field: string,
  reading: Reading,
  number: Written,
  time: number | null,
  zone: string,
  random: Seeded,
  tally: Tally,
): Field[] {
  const { device } = reading;
  const alias = device.aliases !== random.chance(0.02);
  const absent = (name: string): Field[] => {
    if (!random.chance(0.02)) return [];
    tally("null-field");
    return [[name, "null"]];
  };
  switch (field) {
    case "value":
      return [["value", random.chance(0.02) ? quoted(number.text, tally) : number.text]];
    case "device":
      return device.name === null ? absent("device") : [["device", writeName(device.name, device, random)]];
    case "boot":
      return reading.boot === null ? absent("boot") : [["boot", writeName(reading.boot, device, random)]];
    case "id":
      return reading.id === null ? absent("id") : [["id", writeName(reading.id, device, random)]];
    case "sequence": {
      if (reading.sequence === null) return absent(alias ? "seq" : "sequence");
      const text =
        random.chance(0.01) && reading.sequence < 2 ** 50 ? `${reading.sequence}.0` : String(reading.sequence);
      if (alias) tally("alias-seq");
      const shown = !text.includes(".") && random.chance(0.02) ? quoted(text, tally) : text;
      return withAlias("sequence", "seq", shown, alias, "7", random, tally);
    }
    default: {
      if (time === null) return absent(alias ? "ts" : "time");
      const text = writeTime(
        time,
        random.chance(0.05) ? random.pick(TIME_STYLES) : device.timeStyle,
        zone,
        random,
        tally,
      );
      if (alias) tally("alias-ts");
      return withAlias("time", "ts", text, alias, "0", random, tally);
    }
  }
}

/** A number as a text, where it is digits, a minus before them, a point and digits behind; else as it is. */
function quoted(text: string, tally: Tally): string {
  if (!/^-?(0|[1-9][0-9]*)([.][0-9]+)?$/.test(text)) return text;
  tally("number-as-text");
  return `"${text}"`;
}

/** The field under its name or its alias; now and then under both, where the name wins unless it is null. */
function withAlias(
  name: string,
  alias: string,
  text: string,
  useAlias: boolean,
  decoy: string,
  random: Seeded,
  tally: Tally,
): Field[] {
  if (!random.chance(0.02)) return [[useAlias ? alias : name, text]];
  tally("alias-beside-name");
  const main: Field = [name, useAlias ? "null" : text];
  const other: Field = [alias, useAlias ? text : decoy];
  return random.chance(0.5) ? [main, other] : [other, main];
}

function writeName(name: string | number, device: Device, random: Seeded): string {
  if (typeof name === "number") return random.chance(0.3) ? `"${name}"` : String(name);
  const text = JSON.stringify(name);
  if (!device.escapes) return text;
  return text
    .replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .replaceAll("/", "\\/");
}

function writeTime(time: number, style: TimeStyle, zone: string, random: Seeded, tally: Tally): string {
  const text = timeText(time, style, zone, random);
  if (text === null) return String(time);
  tally(style === "isoZ" && !/T.*Z"$/.test(text) ? "time-everyday" : `time-${style}`);
  return text;
}

/** The same moment as other tools write it: by the time itself, so that it costs the generator no chance. */
function everyday(text: string, time: number): string {
  const basic = text.replace(/^(....)-(..)-(..)(.)(..):(..):/, "$1$2$3$4$5$6");
  const forms = [text, text, text, text.toLowerCase(), text.replace("Z", " UTC"), text.replace("Z", " +00:00")];
  forms.push(basic.replace("Z", "+00"), `${text.slice(0, -1)}[UTC]`, time < 0 ? text : `${(time / 1000).toFixed(3)}s`);
  return forms[((Math.floor(time / 1000) % forms.length) + forms.length) % forms.length];
}

/** The time in a style; null where the style cannot say it. */
function timeText(time: number, style: TimeStyle, zone: string, random: Seeded): string | null {
  const iso = (wall: number): string => {
    const text = new Date(wall).toISOString().slice(0, -1);
    const short = text.endsWith(".000") && random.chance(0.7) ? text.slice(0, -4) : text;
    return random.chance(0.1) ? short.replace("T", " ") : short;
  };
  switch (style) {
    case "epoch":
      return String(time);
    case "digits":
      return `"${time}"`;
    case "fractional":
      return `${time}.${random.pick(["0", "25", "75", "999"])}`;
    case "microseconds":
      return `"${new Date(time).toISOString().slice(0, -1)}${random.pick(["000", "456", "999"])}Z"`;
    case "isoZ":
      return `"${everyday(`${iso(time)}Z`, time)}"`;
    case "isoOffset": {
      const minutes = random.pick([60, 120, -300, 330, -210, 845]);
      const sign = minutes < 0 ? "-" : "+";
      const two = (part: number): string => String(Math.floor(part)).padStart(2, "0");
      return `"${iso(time + minutes * MINUTE)}${sign}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}"`;
    }
    case "isoLocal": {
      const wall = wallClock(time, zone);
      return instantsOf(wall, zone).length === 1 ? `"${iso(wall)}"` : null; // an hour that comes twice says too little
    }
  }
}

function assemble(fields: readonly Field[], device: Device, random: Seeded, tally: Tally): string {
  const style = random.chance(0.03) ? random.int(0, 3) : device.whitespace;
  const quote = (key: string): string => {
    if (key.length < 2 || !random.chance(0.003)) return `"${key}"`;
    tally("key-escaped");
    const at = random.int(0, key.length - 1);
    return `"${key.slice(0, at)}\\u00${key.charCodeAt(at).toString(16)}${key.slice(at + 1)}"`;
  };
  if (style > 0) tally("whitespace");
  switch (style) {
    case 0:
      return `{${fields.map(([key, text]) => `${quote(key)}:${text}`).join(",")}}`;
    case 1:
      return `{${fields.map(([key, text]) => `${quote(key)}: ${text}`).join(", ")}}`;
    case 2:
      return `{\n${fields.map(([key, text]) => `  ${quote(key)}: ${text}`).join(",\n")}\n}\n`;
    default:
      return ` \t{ ${fields.map(([key, text]) => `${quote(key)} :\t${text} `).join("\r\n,")} }\r\n`;
  }
}

/** What stands around a record: what editors and C programs put there. */
export function wrap(value: Uint8Array, random: Seeded, tally: Tally): Uint8Array {
  tally("wrapped");
  const before = random.pick(["", "\ufeff", "\ufeff\r\n", "\v"]);
  return Buffer.concat([Buffer.from(before), value, Buffer.from(random.pick(["\0", "\n\0\0", " \f", "\0\r\n"]))]);
}

/** Several readings as one record: objects as a list, one after the other or on lines, bare numbers on lines. */
export function joinReadings(values: readonly Uint8Array[], isBare: boolean, random: Seeded, tally: Tally): Uint8Array {
  const texts = values.map((value) => Buffer.from(value).toString("utf8"));
  if (isBare) {
    tally("several-numbers");
    return Buffer.from(texts.join(random.pick(["\n", "\r\n", "\n\n"])));
  }
  switch (random.int(0, 2)) {
    case 0:
      tally("several-list");
      return Buffer.from(`[${texts.join(random.pick([",", ", ", "\n,"]))}]`);
    case 1:
      tally("several-objects");
      return Buffer.from(texts.join(random.pick(["", " ", "\n"])));
    default:
      tally("several-lines");
      return Buffer.from(`${texts.map((text) => text.replaceAll(/[\r\n]+/g, " ")).join("\n")}\n`);
  }
}
