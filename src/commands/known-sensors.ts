/** The sensors that a server knows, and which of them names and wildcards mean. */
import type { ClientConfig } from "../config/client-config.ts";
import { TidemarkError } from "../core/errors.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
import { byName } from "../core/sensor-name.ts";
import { isPattern, matcherOf } from "../core/sensor-pattern.ts";
import { type Asking, ask, fieldsOf, requireSuccess } from "./client.ts";

/** What `GET /sensors` says of a sensor. */
export type SensorFields = ReadonlyMap<string, unknown>;

/** Sensors of a page: as many as a server gives. */
const PAGE = 1000;

/** All of them, in the server's order. @throws TidemarkError "server-unreachable", or with the server's own words */
export async function knownSensors(client: ClientConfig, asking: Asking = {}): Promise<SensorFields[]> {
  const sensors: SensorFields[] = [];
  for (let after: unknown = 0; typeof after === "number"; ) {
    const page = requireSuccess(await ask(client, `sensors?limit=${PAGE}&after=${after}`, asking), "list the sensors");
    const items = page.get("items");
    if (!Array.isArray(items)) break;
    sensors.push(...items.map(fieldsOf));
    after = page.get("next");
  }
  return sensors;
}

/** A sensor's name. */
export function nameOf(sensor: SensorFields): string {
  return String(sensor.get("sensor"));
}

/**
 * The names that names and patterns mean, each once: of a pattern in the order of names.
 * @throws TidemarkError "not-found" where one means none
 */
export function namesMeant(patterns: readonly string[], known: readonly string[]): string[] {
  const meant = new Set<string>();
  for (const pattern of patterns) {
    const names = isPattern(pattern) ? known.filter(matcherOf([pattern])).sort(byName) : [pattern];
    if (names.length === 0 || !known.includes(names[0])) throw noSensor(pattern, known);
    for (const name of names) meant.add(name);
  }
  return [...meant];
}

/** The error of a name that no sensor has. */
export function noSensor(name: string, known: readonly string[]): TidemarkError {
  const what = isPattern(name) ? `no sensor matches ${name}` : `there is no sensor ${name}`;
  return new TidemarkError("not-found", `Cannot find ${name}: ${what}${hintOf(name, known)}`);
}

/** What was meant, or where to look. */
function hintOf(name: string, known: readonly string[]): string {
  if (known.length === 0) return ", nor any other yet: tidemark send NAME 21.5 makes one";
  const close = isPattern(name) ? undefined : nearest(name, known);
  return close === undefined ? "; tidemark sensors lists those that there are" : didYouMean(close);
}
