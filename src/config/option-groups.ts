/** Options that several commands of command-table.ts take. */
import type { OptionId } from "./option-table.ts";

/** Which log, and who we are to it. */
export const KAFKA = ["log", "kafka-user", "kafka-password-file", "kafka-ca"] as const satisfies readonly OptionId[];

/** Of what starts a server. */
export const SERVER = [
  ...KAFKA,
  "data",
  "host",
  "port",
  "sensors",
  "topics",
  "topics-exclude",
  "create-topics",
  "timezone",
  "keep",
  "log-retention",
  "clock-ahead",
  "device-series",
  "log-format",
  "token",
  "token-file",
  "token-read",
  "token-read-file",
  "token-write",
  "token-write-file",
  "token-admin",
  "token-admin-file",
  "tls-cert",
  "tls-key",
  "rate-limit",
  "allow-anonymous",
  "public-url",
  "cors-origin",
  "influx-sensor",
  "influx-device",
  "mqtt-listen",
] as const satisfies readonly OptionId[];

/** Which server is asked, and as whom. */
export const CLIENT = ["url", "data", "port", "token", "token-file", "ca"] as const satisfies readonly OptionId[];

/** Of what is held back or refused. */
export const LIST = [
  "list:all",
  "list:sensor",
  "list:device",
  "list:limit",
  "list:after",
  "json",
  ...CLIENT,
] as const satisfies readonly OptionId[];
