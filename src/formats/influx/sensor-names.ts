/** Measurements and fields → names that a sensor may have. */
import { hash } from "node:crypto";
import { sensorNameFault } from "../../core/sensor-name.ts";

/** Kafka's bound of a topic's name. */
const NAME_LENGTH_MAX = 249;

/** Hexadecimal digits of SHA-256 at the end of a name that was too long. */
const HASH_DIGITS = 16;

/** Signs of units, which are measurements of their own at some senders. */
const SIGNS: Readonly<Record<string, string>> = { "%": "percent", "°": "deg", μ: "u", Ω: "Ohm", ß: "ss", "€": "EUR" };

/**
 * The name of a sensor that is closest to a text: letters lose their accents, signs of units are spelled out, other letters become the
 * number of their character, and everything else `_`. A name that a sensor may have stays as it is.
 */
export function sensorNameOf(text: string): string {
  if (sensorNameFault(text) === null) return text;
  const plain = text.normalize("NFKD").replace(/\p{M}/gu, "");
  let name = plain.replace(/[^a-zA-Z0-9._-]/gu, (sign) => SIGNS[sign] ?? numberOf(sign));
  if (name.length > NAME_LENGTH_MAX) {
    const digits = hash("sha256", text, "hex").slice(0, HASH_DIGITS);
    name = `${name.slice(0, NAME_LENGTH_MAX - HASH_DIGITS - 1)}_${digits}`;
  }
  // "from", ".." and their like.
  return sensorNameFault(name) === null ? name : `${name}_`;
}

function numberOf(sign: string): string {
  return /\p{L}|\p{N}/u.test(sign) ? `u${(sign.codePointAt(0) ?? 0).toString(16)}` : "_";
}
