/** Configuration of `tidemark map` and `tidemark unrouted`. Under src/config/config.ts. */
import { resolve } from "node:path";
import { type ClientConfig, clientConfig, timezone } from "./client-config.ts";
import { CONFIG_FILE, invalid, type Settings } from "./settings.ts";
import { parseText } from "./values.ts";

/** What to try on what. */
export interface MapConfig {
  /** The file whose maps are tried; absolute. */
  readonly file: string;
  /** Whether somebody named it. */
  readonly isFileNamed: boolean;
  /** null: each map is tried as if the message named it. */
  readonly topic: string | null;
  /** A file, absolute; null: the input. */
  readonly payload: string | null;
  /** Print this preset instead. */
  readonly preset: string | null;
  readonly timezone: string;
  readonly json: boolean;
}

/** Reads the configuration of `tidemark map`. @throws TidemarkError "config-invalid" */
export function mapConfig(settings: Settings, operands: readonly string[], cwd: string): MapConfig {
  if (operands.length > 1) throw invalid(`Cannot try ${operands.length} messages: expected one file at most`);
  const payload = operands[0] ?? "-";
  const named = settings.optional("map:try", parseText);
  return {
    file: resolve(cwd, named ?? CONFIG_FILE),
    isFileNamed: named !== null,
    topic: settings.optional("map:topic", parseText),
    payload: payload === "-" ? null : resolve(cwd, payload),
    preset: settings.optional("map:preset", parseText),
    timezone: timezone(settings),
    json: settings.flag("json"),
  };
}

/** Configuration of `tidemark unrouted`. */
export interface UnroutedConfig {
  readonly client: ClientConfig;
  readonly json: boolean;
}

/** Reads it. @throws TidemarkError "config-invalid" */
export function unroutedConfig(settings: Settings, cwd: string): UnroutedConfig {
  return { client: clientConfig(settings, cwd), json: settings.flag("json") };
}
