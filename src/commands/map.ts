/** `tidemark map`: what each map of a file makes of one message, and why not. Nothing is sent anywhere. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { MapConfig } from "../config/map-config.ts";
import { systemClock } from "../core/clock.ts";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { plural } from "../core/figures.ts";
import { printable } from "../core/printable.ts";
import { formatMs } from "../core/time.ts";
import { openZone } from "../core/zone.ts";
import { readMaps } from "../doors/mapping/map-spec.ts";
import type { Mapped } from "../doors/mapping/mapper.ts";
import { Maps, type Message, type Refusal, type Tried, tryCaptured } from "../doors/mapping/maps.ts";
import { type Payload, payloadOf } from "../doors/mapping/payload.ts";
import { presetText } from "../doors/mapping/presets.ts";
import { suggestMap } from "../doors/mapping/suggest.ts";
import { columns } from "./columns.ts";
import type { Console } from "./console.ts";

/** What a file of the sender's looks like that is no JSON: fields of a form. */
const FORM = /^[\w.%+~-]+=[^&\s]*(&[\w.%+~-]+=[^&\s]*)*\s*$/;
const FORM_TYPE = "application/x-www-form-urlencoded";

const REFUSALS: Readonly<Record<Refusal, string>> = {
  "other-topic": "its topic is another",
  skipped: "the topic is one of its skip",
  retained: "it does not take retained messages",
  "nothing-in-it": "none of its readings is there",
};

/** @returns the exit code: 1 where no map reads anything */
export async function tryMaps(config: MapConfig, { out }: Console, input: AsyncIterable<Uint8Array>): Promise<number> {
  if (config.preset !== null) {
    out(presetText(config.preset));
    return 0;
  }
  const given = await mapsOf(config);
  if (given === null && !config.json)
    out("there is no tidemark.config.json here, so there are no maps (--try FILE names another file)");
  const maps = new Maps(given === null ? [] : readMaps(given, config.file), openZone(config.timezone));
  const body = config.payload === null ? await gathered(input) : await readOr(config.payload);
  const text = Buffer.from(body).toString("utf8");
  const isForm = config.topic === null && FORM.test(text);
  const payload = payloadOf(body, isForm ? FORM_TYPE : undefined);
  const message = { topic: config.topic ?? "", payload, isRetained: false, arrivalMs: systemClock.now() };
  const tried = config.topic === null ? maps.mappers.map((map) => tryCaptured(map, {}, message)) : maps.tryAll(message);
  const first = tried.find(({ refusal }) => refusal === null);
  const suggestion = first === undefined ? suggestMap(config.topic, payload, message.arrivalMs) : null;
  if (config.json) out(JSON.stringify({ maps: tried.map(shownTried), map: suggestion }, null, 2));
  else tell(tried, first, config.topic, payload, message, suggestion, out);
  return first !== undefined && first.refusal === null && first.read.readings.length > 0 ? 0 : 1;
}

function tell(
  tried: readonly Tried[],
  first: Tried | undefined,
  topic: string | null,
  payload: Payload,
  { arrivalMs }: Message,
  suggestion: object | null,
  out: (line: string) => void,
): void {
  if (payload.kind === "fault") out(`the message: ${printable(payload.fault)}`);
  for (const each of tried) {
    const { name } = each.map.spec;
    if (each.refusal !== null) {
      const passed = each.passed === 0 ? "" : ` (passed over: ${plural(each.passed, "value")})`;
      out(`${printable(name)}: no, ${REFUSALS[each.refusal]}${passed}`);
      continue;
    }
    const isTaken = each === first || topic === null;
    out(`${printable(name)}: ${isTaken ? "takes it" : "would take it, if no map before it did"}`);
    const rows = each.read.readings.map((reading) => [
      `  ${reading.sensor}`,
      printable(reading.device || "–"),
      String(reading.value),
      reading.time === undefined ? `when it comes (${formatMs(arrivalMs).slice(0, 10)} …)` : formatMs(reading.time),
      printable(identityText(reading)),
    ]);
    if (rows.length > 0) {
      const titles = ["  SENSOR", "DEVICE", "VALUE", "TIME", "A COPY IS TOLD BY"];
      for (const line of columns([titles, ...rows], new Set([2]))) out(line);
    }
    for (const { at, code, reason } of each.read.faults) out(`  refused ${printable(`${at}: ${reason} (${code})`)}`);
    if (each.read.passed > 0) out(`  ${each.read.passed} passed over: no number, and none is needed`);
  }
  if (first !== undefined) return;
  out(suggestion === null ? "nothing in it looks like a reading" : 'a map that would fit, for "map":');
  if (suggestion !== null) out(JSON.stringify(suggestion, null, 2));
}

function identityText({ id, boot, sequence, time }: Mapped): string {
  if (id !== undefined) return `id ${id}`;
  if (boot !== undefined) return `boot ${boot}, sequence ${sequence}`;
  if (sequence === undefined) return "nothing: each copy counts";
  return time !== undefined && sequence === 0 ? "device and time" : `device and sequence ${sequence}`;
}

function shownTried(tried: Tried): object {
  const { name } = tried.map.spec;
  if (tried.refusal !== null) return { name, refusal: tried.refusal, passed: tried.passed };
  const { readings, faults, passed } = tried.read;
  const shown = readings.map(({ time, ...reading }) =>
    time === undefined ? reading : { ...reading, time: formatMs(time) },
  );
  return { name, readings: shown, faults, passed };
}

/** `map` of a configuration file, or a list of maps, or one; null: nobody named the file, and it is not there. */
async function mapsOf({ file, isFileNamed }: MapConfig): Promise<unknown> {
  if (!isFileNamed && !existsSync(file)) return null;
  const text = Buffer.from(await readOr(file)).toString("utf8");
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new TidemarkError("config-invalid", `Cannot read ${file}: expected JSON, ${messageOf(error)}`);
  }
  if (Array.isArray(content)) return content;
  if (typeof content === "object" && content !== null && "map" in content) return content.map;
  return isFileNamed ? [content] : [];
}

async function readOr(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new TidemarkError("config-invalid", `Cannot read ${file}: ${messageOf(cause)}`, cause);
  }
}

async function gathered(input: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(input));
}
