/** Configuration of `tidemark devices`. Under src/config/config.ts. */
import { didYouMean, nearest } from "../core/nearest.ts";
import { type ClientConfig, clientConfig } from "./client-config.ts";
import { DEVICE_COLUMNS } from "./option-table.ts";
import { invalid, type Settings, shown } from "./settings.ts";
import { type Parsed, parseInteger, parseSensor } from "./values.ts";

/** What to sort a list of devices by. */
export type DeviceColumn = (typeof DEVICE_COLUMNS)[number];

/** Configuration of `tidemark devices`. */
export interface DevicesConfig {
  readonly client: ClientConfig;
  readonly sensor: string;
  readonly sort: DeviceColumn;
  /** 0: all. */
  readonly limit: number;
  readonly json: boolean;
}

/** Reads the configuration of `tidemark devices`. @throws TidemarkError "config-invalid" */
export function devicesConfig(settings: Settings, operands: readonly string[], cwd: string): DevicesConfig {
  const [name, ...others] = operands;
  if (name === undefined) throw invalid("Cannot list devices: expected a sensor, such as tidemark devices temperature");
  if (others.length > 0) throw invalid(`Cannot list devices of ${operands.length} sensors: expected one`);
  const sensor = parseSensor(name);
  if ("expected" in sensor) throw invalid(`Cannot list devices of ${shown(name)}: expected ${sensor.expected}`);
  return {
    client: clientConfig(settings, cwd),
    sensor: sensor.value,
    sort: settings.read("devices:sort", parseColumn),
    limit: settings.read("devices:limit", parseInteger(0, 10_000_000)),
    json: settings.flag("json"),
  };
}

function parseColumn(text: string): Parsed<DeviceColumn> {
  const column = DEVICE_COLUMNS.find((name) => name === text.toLowerCase());
  if (column !== undefined) return { value: column };
  return { expected: `${DEVICE_COLUMNS.join(", ")}${didYouMean(nearest(text, DEVICE_COLUMNS))}` };
}
