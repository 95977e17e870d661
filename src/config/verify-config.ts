/** Configuration of `tidemark verify`. Under src/config/config.ts. */
import { dataDirectory, timezone } from "./client-config.ts";
import { withKafkaAccess } from "./kafka-settings.ts";
import type { Settings } from "./settings.ts";
import { type LogTarget, parseDuration, parseLogTarget } from "./values.ts";

/** What to verify, and the settings of the server by which it was made. */
export interface VerifyConfig {
  /** Absolute. */
  readonly data: string;
  readonly log: LogTarget;
  readonly timezone: string;
  readonly clockAheadMs: number;
  readonly repair: boolean;
  /** Without asking. */
  readonly yes: boolean;
  readonly json: boolean;
}

/** @throws TidemarkError "config-invalid" */
export function verifyConfig(settings: Settings, cwd: string): VerifyConfig {
  return {
    data: dataDirectory(settings, cwd),
    log: settings.read("log", withKafkaAccess(settings, cwd, parseLogTarget)),
    timezone: timezone(settings),
    clockAheadMs: settings.read("clock-ahead", parseDuration(1000, "1s")),
    repair: settings.flag("verify:repair"),
    yes: settings.flag("verify:yes"),
    json: settings.flag("json"),
  };
}
