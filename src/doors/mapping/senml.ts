/** SenML packs (RFC 8428) → records that stand by themselves: names joined, base values added, times absolute or ago. */
import { PathFault } from "./pattern.ts";

/** A version that this is written after (section 4.4). */
const VERSION = 10;

/** Times below are relative to now, seconds (section 4.5.3). */
const ABSOLUTE_MIN = 2 ** 28;

/** Names begin with a letter or digit (section 4.5.1). */
const NAME = /^[A-Za-z0-9][A-Za-z0-9\-:./_]*$/;

/** What is measured in the units that name it best (section 12.1); elsewhere a name without a part of its own is the unit. */
const MEASURED: Readonly<Record<string, string>> = {
  Cel: "temperature",
  K: "temperature",
  "%RH": "humidity",
  Pa: "pressure",
  V: "voltage",
  A: "current",
  W: "power",
  J: "energy",
  lx: "illuminance",
  dB: "sound",
  "m/s": "speed",
  "%EL": "battery",
  lat: "latitude",
  lon: "longitude",
};

/** A resolved record. `time` is in seconds since the epoch, `ago` in seconds before the pack came. */
interface Resolved {
  readonly device: string;
  readonly sensor: string;
  readonly unit: string | null;
  v?: number;
  s?: number;
  time?: number;
  ago?: number;
}

interface Base {
  name: string;
  time: number;
  unit: string | null;
  value: number | null;
  sum: number | null;
}

/** All records of a pack that hold a number or a sum. @throws PathFault when it is no pack of that version */
export function resolveSenml(pack: unknown): Resolved[] {
  if (!Array.isArray(pack)) throw new PathFault("a SenML pack: a list of records");
  const base: Base = { name: "", time: 0, unit: null, value: null, sum: null };
  return pack.flatMap((record: unknown, i) => resolved(record, base, `record ${i}`));
}

function resolved(record: unknown, base: Base, where: string): Resolved[] {
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    throw new PathFault(`an object as ${where} of a SenML pack`);
  }
  const fields: Readonly<Record<string, unknown>> = { ...record };
  const unknown = Object.keys(fields).find((key) => key.endsWith("_"));
  if (unknown !== undefined)
    throw new PathFault(`fields of SenML that are known (${where} must be understood by ${unknown})`);
  const number = (key: string): number | null => {
    const value = fields[key];
    if (value === undefined || typeof value === "number") return value ?? null;
    throw new PathFault(`a number as ${key} of ${where}`);
  };
  const text = (key: string): string | null => {
    const value = fields[key];
    if (value === undefined || typeof value === "string") return value ?? null;
    throw new PathFault(`a text as ${key} of ${where}`);
  };
  const version = number("bver");
  if (version !== null && version > VERSION)
    throw new PathFault(`a SenML version up to ${VERSION} (bver is ${version})`);
  base.name = text("bn") ?? base.name;
  base.time = number("bt") ?? base.time;
  base.unit = text("bu") ?? base.unit;
  base.value = number("bv") ?? base.value;
  base.sum = number("bs") ?? base.sum;
  const v = number("v");
  const s = number("s");
  const hasValue = v !== null;
  const hasSum = s !== null || (hasValue && base.sum !== null);
  if (!hasValue && !hasSum) return [];
  const name = base.name + (text("n") ?? "");
  if (!NAME.test(name)) throw new PathFault(`a name of SenML's characters as bn and n of ${where}`);
  const unit = text("u") ?? base.unit;
  const time = base.time + (number("t") ?? 0);
  const made: Resolved = { ...namesOf(base.name, text("n") ?? "", unit), unit };
  if (hasValue) made.v = (base.value ?? 0) + (v ?? 0);
  if (hasSum) made.s = (base.sum ?? 0) + (s ?? 0);
  if (time >= ABSOLUTE_MIN) made.time = time;
  else if (time !== 0) made.ago = -time;
  return [made];
}

/** The base name is what sends, the name behind it what is measured; with one of them only, its unit says that. */
function namesOf(base: string, name: string, unit: string | null): { device: string; sensor: string } {
  if (base !== "" && name !== "") return { device: base.replace(/[-:./_]+$/, ""), sensor: name };
  return { device: (base + name).replace(/[-:./_]+$/, ""), sensor: MEASURED[unit ?? ""] ?? unit ?? "value" };
}
