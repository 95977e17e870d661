/**
 * One device's life: its readings, their boots and sequences, which are lost, and what its clock says.
 * `Identity` is the physical truth that the oracle's rules must find again. Part of test/oracle, which imports nothing from src/.
 */
import { type Device, isTwin } from "./devices.ts";
import type { Seeded } from "./seeded.ts";
import {
  DAY,
  HOUR,
  type Identity,
  isProtected,
  type Life,
  MINUTE,
  type Reading,
  SECOND,
  type Sending,
  type Span,
  type Step,
  send,
  type Tally,
} from "./sending.ts";
import { VALUE_STYLES, type Written } from "./values.ts";

const LOST = 0.015;
const YEAR_2000 = 946_684_800_000;
const AHEAD_MS = 300_000;

/** Everything one device sends, in no order. */
export function createTimeline(device: Device, readings: number, span: Span, random: Seeded, tally: Tally): Sending[] {
  const { kind } = device;
  const steps = createSteps(device, readings, span, random);
  const starts = steps.filter((step) => step.place === 0).map((step) => step.measured);
  const life: Life = {
    device,
    steps,
    span,
    random,
    tally,
    starts,
    delay: random.int(0, 3000),
    isOrdered: kind.identity === "untimed",
  };
  const base = kind.sequences === "base" ? random.int(2, 100_000) : kind.sequences === "huge" ? 2 ** 40 : 0;
  let sequence = base;
  if (kind.sequences === "top") sequence = Number.MAX_SAFE_INTEGER - steps.length;
  else if (kind.sequences === "base") sequence = base - 2; // only the first boot has these two
  let last: number | null = null;
  const firsts = new Set<number>();

  const sendings: Sending[] = [];
  for (const [index, step] of steps.entries()) {
    if (step.place === 0 && step.boot > 0) {
      sequence = base;
      tally(rebootCase(device));
    } else if (index > 0) sequence += kind.sequences === "huge" ? random.int(1, 1_000_000) : 1;
    if (kind.sequences !== undefined) tally(`sequence-${kind.sequences}`);
    if (!isProtected(step) && random.chance(LOST)) {
      tally("lost-for-good");
      continue;
    }
    const isTie: boolean = last !== null && step.place >= 3 && kind.clock === undefined && random.chance(0.03);
    const time: number = isTie && last !== null ? last : stamp(step, index, device, span);
    last = time;
    const isUntimed = kind.bare === true || kind.identity === "untimed" || kind.clock === "edges";
    const reading: Reading = {
      device,
      ...identify(device, step, sequence, random),
      written: valueAt(step, index, device, firsts, random),
      time: isUntimed ? null : time,
      edge: kind.clock === "edges" ? edgeOf(index, span) : null,
    };
    describeReading(reading, tally);
    sendings.push(...send(reading, step, life));
  }
  return sendings;
}

function createSteps(device: Device, readings: number, span: Span, random: Seeded): Step[] {
  const { kind } = device;
  const boots =
    kind.reboots === true ? Math.min(6, Math.max(1, Math.floor(readings / (kind.pace === "burst" ? 150 : 6)))) : 1;
  const length = Math.ceil(readings / boots);
  const isSlow = kind.pace !== "dense" && kind.pace !== "burst";
  const room = (span.now - span.start) * 0.9;
  const fitting = [100, SECOND, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE].filter(
    (each) => each * readings < room * 0.6,
  );
  const interval = isSlow
    ? fitting.length > 0
      ? random.pick(fitting)
      : 50
    : Math.max(1, Math.floor((50 * MINUTE) / readings));
  const pause = Math.max(2 * SECOND, Math.min(DAY, Math.floor((room - interval * readings) / (boots + 1))));
  const total = interval * readings + pause * (boots - 1);
  let start = span.start + Math.floor(random.next() * Math.max(1, span.now - span.start - total - HOUR));
  if (kind.pace === "dense") start = Math.max(span.start, Math.floor(start / HOUR) * HOUR);
  if (device.wholeSeconds) start = Math.floor(start / SECOND) * SECOND;

  const steps: Step[] = [];
  let at = start;
  for (let index = 0; index < readings; index++) {
    const boot = Math.floor(index / length);
    const place = index % length;
    if (place === 0 && boot > 0) at += random.int(2, Math.max(2, Math.floor(pause / SECOND))) * SECOND;
    else if (kind.pace === "burst") at += place % 200 === 0 ? random.int(2, 60) * SECOND : random.int(0, 4);
    else at += interval;
    if (at > span.now) break;
    steps.push({ measured: at, boot, place, length: Math.min(length, readings - boot * length) });
  }
  return steps;
}

/** What the device's clock says when it measures. */
function stamp(step: Step, index: number, device: Device, span: Span): number {
  switch (device.kind.clock) {
    case "ahead": // also of a clock that stands still at the end of the history
      return span.isStill ? span.now + DAY + index * SECOND : step.measured + DAY;
    case "1970":
      return index * SECOND;
    case "set-late":
      return step.place < 3 ? step.place * SECOND : step.measured;
    case "fast":
      return step.measured + 4 * MINUTE;
    default:
      return device.kind.pace === "archive"
        ? step.measured - Math.round((1 + (index % 9)) * 365.25 * DAY)
        : step.measured;
  }
}

/** With neither boot nor time, only its first value tells a boot from a resend: it is another one in each. */
function valueAt(step: Step, index: number, device: Device, firsts: Set<number>, random: Seeded): Written {
  const draw = (): Written => VALUE_STYLES[device.values](random, index);
  let value = draw();
  if (device.kind.identity !== "untimed" || step.place > 0) return value;
  while (firsts.has(value.value)) value = draw();
  firsts.add(value.value);
  return value;
}

/** The last instants that the clock rule lets pass, and the first that it does not. The moving ones need a clock that is known. */
function edgeOf(index: number, span: Span): Reading["edge"] {
  const edges = [
    { ms: YEAR_2000, isRelative: false },
    { ms: YEAR_2000 - 1, isRelative: false },
    { ms: AHEAD_MS, isRelative: true },
    { ms: AHEAD_MS + 1, isRelative: true },
  ];
  return edges[index % (span.isStill ? 2 : 4)];
}

type Told = Pick<Reading, "boot" | "sequence" | "id" | "identity">;

function identify(device: Device, step: Step, sequence: number, random: Seeded): Told {
  const { kind } = device;
  const own: Identity = { taken: false };
  const style = kind.identity === "mixed" ? random.pick(["id", "named", "implicit", "offset"] as const) : kind.identity;
  const boot = kind.fixedBoot ?? (step.boot % 3 === 2 ? step.boot : `boot ${step.boot}`);
  const id = random.chance(0.2) ? device.index * 2 ** 40 + sequence : `id-${device.index}/${sequence}-ü`;
  switch (style) {
    case "id":
      // A sequence beside an explicit id tells nothing: it is always the same here.
      return { id, boot: null, sequence: random.chance(0.1) ? 0 : null, identity: own };
    case "named":
      return { id: null, boot, sequence, identity: own };
    case "offset":
      return { id: null, boot: null, sequence: null, identity: null };
    default: {
      return { id: null, boot: null, sequence, identity: own };
    }
  }
}

function rebootCase(device: Device): string {
  const { kind } = device;
  if (kind.identity === "implicit") return kind.clock === undefined ? "reboot-without-boot" : "reboot-with-wrong-clock";
  return kind.identity === "untimed" ? "reboot-without-time" : "reboot-with-boot";
}

function describeReading(reading: Reading, tally: Tally): void {
  const { kind, name, key, values } = reading.device;
  tally(`identity-${kind.identity}`);
  if (isTwin(kind)) tally("two-boards-of-one-name");
  tally(`values-${values}`);
  if (kind.clock !== undefined) tally(`clock-${kind.clock}`);
  if (kind.pace === "archive") tally("years-old");
  if (kind.bare === true) tally(kind.naming === "key" ? "bare-with-key" : "bare-without-key");
  if (kind.naming !== undefined) tally(kind.naming === "key" ? "name-from-key" : "nameless");
  if (name !== null && key !== null) tally("name-beside-key");
  if (typeof name === "number") tally("name-is-number");
  if (/[^ -~]/.test(String(name ?? ""))) tally("name-unicode");
  if (typeof reading.id === "number") tally("id-is-number");
  if (kind.fixedName !== undefined) tally("name-of-several-sensors");
  if (reading.time === null && reading.edge === null) tally("time-of-record");
}
