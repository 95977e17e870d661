/** A server's settings as texts without secrets: what a process record says, and what a second start is compared with. */

import type { OptionId } from "./option-table.ts";
import type { Config } from "./server-config.ts";
import { shownPattern, shownTarget } from "./values.ts";

/** Of sensors that are no closed list. */
export const OPEN_SENSORS = "those that appear";

/** By option, what a server's settings come to. */
export function shownSettings(config: Config): Record<string, string> {
  return {
    log: shownTarget(config.log),
    host: config.hosts.join(","),
    port: String(config.port),
    sensors: config.sensors?.join(",") ?? OPEN_SENSORS,
    topics: config.topics === null ? "none" : shownPattern(config.topics.include),
    "topics-exclude": config.topics?.exclude ? shownPattern(config.topics.exclude) : "none",
    "create-topics": String(config.createTopics),
    timezone: config.timezone,
    keep: config.keepMs === null ? "forever" : `${config.keepMs}ms`,
    revisions: config.revisionBytes === 0 ? "none" : `${config.revisionBytes}B`,
    "log-retention": `${config.logRetentionBytes}B`,
    "clock-ahead": `${config.clockAheadMs}ms`,
    "device-series": String(config.deviceSeries),
    token: shownTokens(config),
    "tls-cert": config.tls?.cert ?? "none",
    "tls-key": config.tls?.key ?? "none",
    "rate-limit": String(config.requestsPerSecond ?? "none"),
    "allow-anonymous": String(config.allowAnonymous),
    "public-url": config.publicUrls.join(",") || "none",
    "cors-origin": config.corsOrigins.join(",") || "none",
    "influx-sensor": config.influx.sensor.join(","),
    "influx-device": config.influx.device.join(",") || "none",
    "mqtt-listen": String(config.mqttListen ?? "none"),
  } satisfies Partial<Record<OptionId, string>>;
}

/** For what there are some. */
function shownTokens({ tokens }: Config): string {
  if (tokens.some(({ roles }) => roles.length > 1)) return "set";
  return tokens.length === 0 ? "none" : tokens.map(({ roles }) => `to ${roles}`).join(", ");
}
