/** `mqtt` of the configuration file → which broker, and as whom. */
import { readFileSync } from "node:fs";
import { messageOf, TidemarkError } from "../../core/errors.ts";
import { didYouMean, nearest } from "../../core/nearest.ts";
import { type Level, V5, V311 } from "./packets.ts";

/** How to reach a broker. */
export interface MqttSettings {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** The address without secrets, for people. */
  readonly shown: string;
  readonly clientId: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** PEM of authorities besides those of Node; null: these only. */
  readonly ca: string | null;
  /** null: 5, and 3.1.1 where the broker does not know that. */
  readonly level: Level | null;
  /** null: those of the maps. */
  readonly topics: readonly string[] | null;
  readonly receiveMaximum: number;
  /** Whether messages that no map is for are listened to. */
  readonly listensToUnrouted: boolean;
}

/** What the configuration file and the environment say. */
export interface MqttGiven {
  readonly file: string;
  readonly mqtt: unknown;
  readonly mqttUser: string | undefined;
  readonly mqttPassword: string | undefined;
}

const KEYS = [
  "url",
  "clientId",
  "user",
  "password",
  "passwordFile",
  "ca",
  "version",
  "topics",
  "receiveMaximum",
  "unrouted",
] as const;

/** Messages that may wait for their acknowledgement: some batches of the log. */
const RECEIVE_MAXIMUM = 2000;

const LEVELS = new Map<unknown, Level>([
  ["5", V5],
  [5, V5],
  ["3.1.1", V311],
]);

/** @throws TidemarkError "config-invalid" */
export function readMqttSettings({ file, mqtt, mqttUser, mqttPassword }: MqttGiven): MqttSettings {
  const refuse = (path: string, expected: string, was: unknown, hint = ""): never => {
    const isSecret = /password/i.test(path) || (typeof was === "string" && was.includes("@"));
    const shown = isSecret ? "" : `, was ${(JSON.stringify(was) ?? "nothing").slice(0, 120)}`;
    throw new TidemarkError("config-invalid", `Cannot use "${path}" in ${file}: expected ${expected}${shown}${hint}`);
  };
  const example = 'a broker such as {"url":"mqtt://localhost:1883","clientId":"tidemark-1"}';
  const given = typeof mqtt === "string" ? { url: mqtt } : mqtt;
  if (typeof given !== "object" || given === null || Array.isArray(given)) return refuse("mqtt", example, mqtt);
  const fields: Readonly<Record<string, unknown>> = { ...given };
  for (const key of Object.keys(fields)) {
    if (KEYS.some((known) => known === key)) continue;
    refuse("mqtt", `the keys ${KEYS.join(", ")}`, key, didYouMean(nearest(key, KEYS)));
  }
  const text = (key: (typeof KEYS)[number]): string | undefined => {
    const value = fields[key];
    if (value === undefined || (typeof value === "string" && value !== "")) return value;
    return refuse(`mqtt/${key}`, "a text", value);
  };
  const fileOf = (key: "passwordFile" | "ca"): string | undefined => {
    const path = text(key);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      throw new TidemarkError("config-invalid", `Cannot read "mqtt/${key}" in ${file}: ${messageOf(cause)}`, cause);
    }
  };
  const address = text("url") ?? "";
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^mqtts?:$/.test(url.protocol) || url.hostname === "" || !/^\/?$/.test(url.pathname)) {
    return refuse("mqtt/url", "mqtt://host:port or mqtts://host:port", fields["url"]);
  }
  const isTls = url.protocol === "mqtts:";
  const port = url.port === "" ? (isTls ? 8883 : 1883) : Number(url.port);
  const clientId = text("clientId") ?? "tidemark";
  if (Buffer.byteLength(clientId) > 100) refuse("mqtt/clientId", "at most 100 bytes", clientId);
  const level = fields["version"] === undefined ? null : LEVELS.get(fields["version"]);
  if (level === undefined) return refuse("mqtt/version", '"5" or "3.1.1"', fields["version"]);
  const { topics, receiveMaximum = RECEIVE_MAXIMUM, unrouted = true } = fields;
  if (topics !== undefined && !isFilters(topics))
    return refuse("mqtt/topics", 'topic filters such as ["home/#"]', topics);
  const isCount = typeof receiveMaximum === "number" && Number.isInteger(receiveMaximum);
  if (!isCount || receiveMaximum < 1 || receiveMaximum > 65_535) {
    return refuse("mqtt/receiveMaximum", "a whole number from 1 to 65535", receiveMaximum);
  }
  if (typeof unrouted !== "boolean") return refuse("mqtt/unrouted", "true or false", unrouted);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    isTls,
    shown: `${url.protocol}//${url.hostname}:${port}`,
    clientId,
    user: mqttUser ?? text("user") ?? (url.username === "" ? undefined : decodeURIComponent(url.username)),
    password:
      mqttPassword ??
      fileOf("passwordFile")?.replace(/\r?\n$/, "") ??
      text("password") ??
      (url.password === "" ? undefined : decodeURIComponent(url.password)),
    ca: fileOf("ca") ?? null,
    level,
    topics: topics ?? null,
    receiveMaximum,
    listensToUnrouted: unrouted,
  };
}

function isFilters(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string" && each !== "");
}

/** Of filters those that no other one covers: some brokers deliver a message once for each that it matches. */
export function withoutCovered(filters: readonly string[]): string[] {
  const unique = [...new Set(filters)];
  return unique.filter((filter) => !unique.some((other) => other !== filter && covers(other, filter)));
}

function covers(wide: string, narrow: string): boolean {
  const [a, b] = [wide.split("/"), narrow.split("/")];
  for (const [i, level] of a.entries()) {
    if (level === "#") return true;
    if (b[i] === undefined || b[i] === "#" || (level !== "+" && level !== b[i])) return false;
  }
  return a.length === b.length;
}
