/** Configuration of the commands that talk to a server, and of the simulated sensor. Under src/config/config.ts. */

import { resolve } from "node:path";
import { parseTime, TIME_EXPECTED } from "../core/asked-time.ts";
import { systemClock } from "../core/clock.ts";
import { NAME_BYTES_MAX } from "../core/limits.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
import { SIMULATOR_PREFIX, simulatorName } from "../core/simulator-name.ts";
import { machineZone, openZone } from "../core/zone.ts";
import { withKafkaAccess } from "./kafka-settings.ts";
import { invalid, type Settings, shown } from "./settings.ts";
import { type ClientTokens, clientTokens, readTokens, tokenSources } from "./token-settings.ts";
import {
  type Parsed,
  parseInteger,
  parseLogTarget,
  parseNumber,
  parseSendTarget,
  parseSensor,
  parseText,
  parseTimezone,
  parseUrl,
  type SendTarget,
} from "./values.ts";

/** Which server a client asks. */
export interface ClientConfig {
  /** null: the one that runs on `data`, else, when that was not given, `port` on this machine. */
  readonly url: URL | null;
  readonly data: string;
  /** Then the server that runs on `data` is meant, and no other. */
  readonly isDataGiven: boolean;
  readonly port: number;
  readonly tokens: ClientTokens;
}

/** Configuration of a simulated sensor. */
export interface SensorConfig {
  readonly sensor: string;
  /** null: the server of `client`. */
  readonly target: SendTarget | null;
  readonly client: ClientConfig;
  /** Readings a second. */
  readonly rate: number;
  readonly count: number | null;
  readonly device: string | null;
  readonly seed: number | null;
  readonly duplicates: number;
  readonly late: number;
  /** Beginning of the backfill, ms since the epoch. */
  readonly fromMs: number | null;
}

/** Configuration of `tidemark quarantine` and `tidemark rejections`. */
export interface ListConfig {
  readonly client: ClientConfig;
  readonly action: "list" | "release" | "discard";
  /** Of a release or discard: empty when it is not by number. */
  readonly ids: readonly number[];
  readonly all: boolean;
  readonly device: string | null;
  readonly sensor: string | null;
  readonly limit: number;
  readonly after: number | null;
  readonly json: boolean;
}

/** Reads the server of a client. @throws TidemarkError "config-invalid" */
export function clientConfig(settings: Settings, cwd: string): ClientConfig {
  const port = settings.read("port", parseInteger(0, 65_535));
  // A given port names the server, whatever runs on the data directory.
  const own = settings.given("port") !== undefined && port > 0 ? new URL(`http://127.0.0.1:${port}/`) : null;
  return {
    url: settings.optional("url", parseUrl) ?? own,
    data: dataDirectory(settings, cwd),
    isDataGiven: settings.given("data") !== undefined,
    port,
    tokens: clientTokens(readTokens(tokenSources(settings, cwd))),
  };
}

/** Reads the configuration of `tidemark sensor`. @throws TidemarkError "config-invalid" */
export function sensorConfig(settings: Settings, operands: readonly string[], cwd: string): SensorConfig {
  if (operands.length !== 1) throw invalid(`Cannot start a sensor: expected one name, were ${operands.length}`);
  const name = parseSensor(operands[0]);
  if ("expected" in name) {
    throw invalid(`Cannot start a sensor: expected ${name.expected}, was ${shown(operands[0])}`);
  }
  const log = settings.read("log", withKafkaAccess(settings, cwd, parseLogTarget));
  return {
    sensor: name.value,
    target:
      settings.optional("sensor:to", withKafkaAccess(settings, cwd, parseSendTarget)) ??
      (log.kind === "kafka" ? log : null),
    client: clientConfig(settings, cwd),
    rate: settings.read("rate", parseRate),
    count: settings.optional("count", parseInteger(0, Number.MAX_SAFE_INTEGER)),
    device: settings.optional("device", parseDevice),
    seed: settings.optional("seed", parseInteger(0, 2 ** 32 - 1)),
    duplicates: settings.read("duplicates", parseNumber(0, 1)),
    late: settings.read("late", parseNumber(0, 1)),
    fromMs: settings.optional("sensor:from", parseMoment(timezone(settings))),
  };
}

/** From one reading in some three years to ten for each tick of a millisecond clock. */
function parseRate(text: string): Parsed<number> {
  const parsed = parseNumber(0, 10_000)(text);
  return "value" in parsed && parsed.value >= 1e-8 ? parsed : { expected: "a number from 0.00000001 to 10000" };
}

/** → the name as a simulator's. */
function parseDevice(text: string): Parsed<string> {
  const name = simulatorName(text);
  return text !== "" && Buffer.byteLength(name) <= NAME_BYTES_MAX
    ? { value: name }
    : { expected: `a name of 1 to ${NAME_BYTES_MAX - SIMULATOR_PREFIX.length} bytes` };
}

/** A time, in that zone where it names none → ms since the epoch. */
export const parseMoment =
  (zone: string) =>
  (text: string): Parsed<number> => {
    const parsed = parseTime(text, openZone(zone), systemClock.now());
    if (!("fault" in parsed)) return { value: parsed.startMs };
    const reason = parsed.reason === "" ? "" : ` (${parsed.reason})`;
    return { expected: `${TIME_EXPECTED}${reason}` };
  };

/** Reads the configuration of a command over lists. @throws TidemarkError "config-invalid" */
export function listConfig(name: string, settings: Settings, operands: readonly string[], cwd: string): ListConfig {
  const actions = ["list", "release", "discard"] as const;
  const action = operands.length === 0 ? "list" : actions.find((word) => word === operands[0]);
  if (action === undefined) {
    throw invalid(
      `Cannot do ${shown(operands[0])} with ${name}: expected ${actions.join(", ")}${didYouMean(nearest(operands[0], actions))}`,
    );
  }
  const ids = operands.slice(1).map((text) => {
    const id = parseInteger(0, Number.MAX_SAFE_INTEGER)(text);
    if ("expected" in id) throw invalid(`Cannot ${action} ${shown(text)}: expected an ID, ${id.expected}`);
    return id.value;
  });
  const all = settings.flag("list:all");
  const device = settings.optional("list:device", parseText);
  const sensor = settings.optional("list:sensor", parseSensor);
  const after = settings.optional("list:after", parseInteger(0, Number.MAX_SAFE_INTEGER));
  if (action === "list" && (ids.length > 0 || all || device !== null)) {
    throw invalid(`Cannot list ${name}: expected no ID, --all or --device`);
  }
  if (action !== "list") {
    const ways = [ids.length > 0, all, sensor !== null || device !== null].filter(Boolean).length;
    if (ways !== 1) throw invalid(`Cannot ${action} ${name}: expected either IDs, or --all, or --sensor or --device`);
    for (const flag of ["after", "limit"] as const) {
      if (settings.given(`list:${flag}`) !== undefined)
        throw invalid(`Cannot ${action} ${name}: --${flag} is for list only`);
    }
    if (device !== null && name === "rejections") {
      throw invalid(`Cannot ${action} rejections of a device: they are of no device`);
    }
  }
  const limit = settings.read("list:limit", parseInteger(1, 1000));
  return {
    client: clientConfig(settings, cwd),
    action,
    ids,
    all,
    device,
    sensor,
    limit,
    after,
    json: settings.flag("json"),
  };
}

/** Which partition is to be read on, and from where. */
export interface SkipConfig {
  readonly client: ClientConfig;
  readonly sensor: string;
  readonly partition: number;
  readonly to: number;
  readonly json: boolean;
}

/** Reads the configuration of `tidemark skip`. @throws TidemarkError "config-invalid" */
export function skipConfig(settings: Settings, operands: readonly string[], cwd: string): SkipConfig {
  if (operands.length !== 2) {
    throw invalid(`Cannot skip: expected SENSOR PARTITION --to OFFSET, were ${operands.length} operands`);
  }
  const sensor = parseSensor(operands[0]);
  if ("expected" in sensor) throw invalid(`Cannot skip: expected ${sensor.expected}, was ${shown(operands[0])}`);
  const partition = parseInteger(0, 2 ** 31 - 1)(operands[1]);
  if ("expected" in partition) {
    throw invalid(`Cannot skip: expected a partition, ${partition.expected}, was ${shown(operands[1])}`);
  }
  const to = settings.optional("skip:to", parseInteger(1, Number.MAX_SAFE_INTEGER));
  if (to === null) throw invalid("Cannot skip: expected --to OFFSET");
  return {
    client: clientConfig(settings, cwd),
    sensor: sensor.value,
    partition: partition.value,
    to,
    json: settings.flag("json"),
  };
}

/** Absolute path of --data. */
export function dataDirectory(settings: Settings, cwd: string): string {
  return resolve(cwd, settings.read("data", parseText));
}

/** Canonical name of --timezone. @throws TidemarkError "config-invalid" when the machine names none either */
export function timezone(settings: Settings): string {
  return settings.optional("timezone", parseTimezone) ?? machineZone(settings.machineZone);
}
