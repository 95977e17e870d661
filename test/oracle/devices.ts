/** The devices of a generated history: how each tells its readings apart, writes, paces and mistakes the time. Part of test/oracle, which imports nothing from src/. */
import type { Seeded } from "./seeded.ts";
import { VALUE_STYLE_NAMES, type ValueStyleName } from "./values.ts";

/**
 * What tells a device's readings apart. `id`: explicit; `named`: boot and sequence; `implicit`: sequence and event time;
 * `untimed`: sequence without a payload time; `offset`: nothing; `mixed`: any of them, a reading at a time, and no reboots.
 */
export type IdentityStyle = "id" | "named" | "implicit" | "untimed" | "offset" | "mixed";

export interface Kind {
  readonly name: string;
  /** Its part of a sensor's readings, relative; `few` instead: so many readings whatever the history's size. */
  readonly share: number;
  readonly few?: number;
  /** At least so many readings where the sensor has `MODERATE` or more. */
  readonly least?: number;
  readonly identity: IdentityStyle;
  readonly bare?: boolean;
  /** Where the device's name stands (default: the payload). */
  readonly naming?: "payload" | "key" | "none";
  readonly values: ValueStyleName;
  /** `dense`: within one hour; `burst`: hundreds in one second; `archive`: years old when sent. */
  readonly pace?: "dense" | "burst" | "archive";
  /** `fast`: four minutes ahead, which is allowed; `set-late`: 1970 for the first readings of a boot. */
  readonly clock?: "ahead" | "1970" | "set-late" | "fast" | "edges";
  readonly sequences?: "base" | "huge" | "top";
  readonly reboots?: boolean;
  /** A name other sensors' devices have too. */
  readonly fixedName?: string;
  readonly fixedBoot?: string;
}

/** Each sensor has one of each, or some of them when it has fewer devices. The first `COMMON_KINDS` are also what further devices are made of. */
export const KINDS: readonly Kind[] = [
  { name: "named", share: 3, identity: "named", values: "integers", reboots: true },
  { name: "implicit", share: 3, identity: "implicit", values: "decimals", reboots: true },
  {
    name: "implicit-key",
    share: 2,
    identity: "implicit",
    naming: "key",
    values: "tenths",
    reboots: true,
    sequences: "base",
  },
  { name: "id", share: 2, identity: "id", values: "decimals" },
  { name: "untimed", share: 2, identity: "untimed", values: "integers" },
  { name: "bare-key", share: 2, identity: "offset", bare: true, naming: "key", values: "negatives" },
  { name: "json-offset", share: 1, identity: "offset", values: "wide" },
  { name: "bare-nameless", share: 3, identity: "offset", bare: true, naming: "none", values: "integers" },
  { name: "nameless-sequence", share: 1, identity: "implicit", naming: "none", values: "integers" },
  { name: "untimed-reboot", share: 1, identity: "untimed", values: "integers", reboots: true },
  { name: "huge", share: 1, identity: "named", values: "offset", sequences: "huge" },
  { name: "huge-implicit", share: 1, identity: "implicit", values: "cancelling", sequences: "huge" },
  { name: "dense", share: 6, identity: "named", values: "continuous", pace: "dense", least: 2300 },
  { name: "burst", share: 2, identity: "named", values: "cancelling", pace: "burst", reboots: true, least: 300 },
  { name: "wide", share: 1, identity: "named", values: "wide", sequences: "base", reboots: true },
  { name: "constant", share: 1, identity: "implicit", values: "constant", reboots: true },
  { name: "mixed", share: 1, identity: "mixed", values: "tenths" },
  { name: "fast-clock", share: 1, identity: "named", values: "integers", clock: "fast" },
  { name: "ahead", share: 0, few: 30, identity: "named", values: "integers", clock: "ahead", reboots: true },
  {
    name: "ahead-implicit",
    share: 0,
    few: 30,
    identity: "implicit",
    values: "integers",
    clock: "ahead",
    reboots: true,
  },
  { name: "1970", share: 0, few: 30, identity: "implicit", values: "integers", clock: "1970", reboots: true },
  { name: "set-late", share: 0, few: 30, identity: "named", values: "decimals", clock: "set-late", reboots: true },
  { name: "limits", share: 0, few: 40, identity: "named", values: "limits", sequences: "top" },
  { name: "archive", share: 0, few: 20, identity: "named", values: "decimals", pace: "archive" },
  { name: "edges", share: 0, few: 12, identity: "id", values: "integers", clock: "edges" },
  { name: "shared", share: 0, few: 25, identity: "named", values: "tenths", fixedName: "shared", fixedBoot: "boot" },
  { name: "twin-1", share: 0, few: 20, identity: "untimed", values: "continuous", fixedName: "twin" },
  { name: "twin-2", share: 0, few: 20, identity: "untimed", values: "continuous", fixedName: "twin", reboots: true },
  { name: "split-1", share: 0, few: 6, identity: "named", values: "integers", fixedName: "a", fixedBoot: "b|c" },
  { name: "split-2", share: 0, few: 6, identity: "named", values: "integers", fixedName: "a|b", fixedBoot: "c" },
];

const COMMON_KINDS = 7;

/** One of two boards that have one name, and neither boots nor times to tell them apart. */
export function isTwin({ identity, fixedName }: Kind): boolean {
  return identity === "untimed" && fixedName !== undefined;
}

/** Readings of a sensor from which on every case is to occur. */
const MODERATE = 4000;

/** How a device writes the time; each is also used by others now and then. */
export const TIME_STYLES = ["epoch", "isoZ", "isoOffset", "isoLocal", "digits", "fractional", "microseconds"] as const;
export type TimeStyle = (typeof TIME_STYLES)[number];

export interface Device {
  readonly sensor: number;
  /** Unique in its sensor. */
  readonly index: number;
  readonly kind: Kind;
  /** As its payloads say it; null when they do not. */
  readonly name: string | number | null;
  readonly key: Uint8Array | null;
  readonly values: ValueStyleName;
  /** The partition of its records, unless `spread`. */
  readonly home: number;
  /** Records go to any partition. */
  readonly spread: boolean;
  readonly wholeSeconds: boolean;
  readonly timeStyle: TimeStyle;
  readonly fieldOrder: readonly string[];
  /** 0 compact, 1 spaced, 2 on lines of their own, 3 odd. */
  readonly whitespace: number;
  readonly escapes: boolean;
  readonly aliases: boolean;
}

const FIELDS = ["device", "boot", "sequence", "id", "value", "time"];

function nameOf(random: Seeded, index: number): string | number {
  return random.pick<string | number>([
    `device-${index}`,
    `Gerät ${index}`,
    `温度計-${index}`,
    `датчик №${index}`,
    `🌡️${index}`,
    `"quoted" \\ ${index}`,
    `tab\t${index}\n`,
    `a/b:c,d}{${index}`,
    index,
    `${index}`.padEnd(256, "-"),
    `${index}-`.padEnd(16, "0") + "é".repeat(120),
  ]);
}

/** Some keys are longer than a name may be, and differ behind what a name could hold. */
function keyOf(name: string | number, random: Seeded): Buffer {
  return Buffer.from(random.chance(0.3) ? `${"plant/hall/rack/".repeat(17)}${name}` : String(name));
}

/** The devices of one sensor, each with the number of readings it is to make. */
export function createDevices(
  random: Seeded,
  sensor: number,
  readings: number,
  count: number,
  partitions: number,
): { device: Device; readings: number }[] {
  const kinds = count < KINDS.length ? random.shuffle(KINDS).slice(0, count) : [...KINDS];
  while (kinds.length < count) kinds.push(KINDS[kinds.length % COMMON_KINDS]);
  const fixed = kinds.map((kind) => fixedReadings(kind, readings, count));
  const shares = Math.max(
    1,
    kinds.reduce((sum, kind) => sum + kind.share, 0),
  );
  const perShare = Math.max(0, readings - fixed.reduce((sum, each) => sum + each, 0)) / shares;
  return kinds.map((kind, index) => ({
    device: createDevice(random, kind, sensor, index, partitions),
    readings: Math.max(1, fixed[index] + Math.round(kind.share * perShare)),
  }));
}

/** Readings of a device whatever its share. */
function fixedReadings(kind: Kind, sensorReadings: number, devices: number): number {
  if (sensorReadings >= MODERATE) return (kind.few ?? 0) + (kind.least ?? 0);
  return Math.min(kind.few ?? 0, Math.ceil(sensorReadings / devices));
}

function createDevice(random: Seeded, kind: Kind, sensor: number, index: number, partitions: number): Device {
  const naming = kind.naming ?? "payload";
  const name = kind.fixedName ?? nameOf(random, index);
  const gateway = random.chance(0.3) ? Buffer.from("gateway-1") : null;
  const inOrder = kind.identity === "untimed";
  return {
    sensor,
    index,
    kind,
    name: naming === "payload" ? name : null,
    key: naming === "key" ? keyOf(name, random) : naming === "none" ? null : gateway,
    values: index < KINDS.length ? kind.values : random.pick(VALUE_STYLE_NAMES),
    // Two boards of one name: in which order they speak is all that is known of them.
    home: isTwin(kind) ? 0 : random.int(0, partitions - 1),
    spread: !inOrder && random.chance(0.7),
    wholeSeconds: random.chance(0.5),
    timeStyle: random.chance(0.5) ? "epoch" : random.pick(TIME_STYLES),
    fieldOrder: random.chance(0.4) ? FIELDS : random.shuffle(FIELDS),
    whitespace: random.chance(0.5) ? 0 : random.int(1, 3),
    escapes: random.chance(0.2),
    aliases: random.chance(0.3),
  };
}
