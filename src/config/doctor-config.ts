/** Configuration of `tidemark doctor`: all settings, and where they come from. Under src/config/config.ts. */
import { join } from "node:path";
import { type ClientConfig, clientConfig } from "./client-config.ts";
import type { OptionId } from "./option-table.ts";
import type { Config } from "./server-config.ts";
import { CONFIG_FILE, type Given, type Settings } from "./settings.ts";
import { shownSettings } from "./settings-shown.ts";

/** What to look into. */
export interface DoctorConfig {
  readonly config: Config;
  readonly client: ClientConfig;
  /** Settings that are no defaults. */
  readonly given: ReadonlyMap<OptionId, Given>;
  /** All of them as texts without secrets. */
  readonly shown: Readonly<Record<string, string>>;
  /** What was ignored. */
  readonly warnings: readonly string[];
  readonly configFile: { readonly name: string; readonly path: string };
  /** The server is said to be there, so that it must be. */
  readonly isUrlGiven: boolean;
  /** It is on another machine: its disk is not ours to look at. */
  readonly isElsewhere: boolean;
  readonly json: boolean;
}

/** @param config of a server with these settings */
export function doctorConfig(
  settings: Settings,
  config: Config,
  given: ReadonlyMap<OptionId, Given>,
  cwd: string,
): DoctorConfig {
  const client = clientConfig(settings, cwd);
  const host = client.url?.hostname ?? "127.0.0.1";
  return {
    config,
    client,
    given,
    shown: { ...shownSettings(config), data: config.data, ...(client.url === null ? {} : { url: client.url.href }) },
    warnings: settings.warnings(),
    configFile: { name: CONFIG_FILE, path: join(cwd, CONFIG_FILE) },
    isUrlGiven: settings.given("url") !== undefined,
    isElsewhere: settings.given("url") !== undefined && !/^(localhost|127\.|\[::1\])/.test(host),
    json: settings.flag("json"),
  };
}
