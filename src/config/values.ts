/** Texts of flags, environment and configuration file → values, each refusal saying what was expected. No I/O; under src/config/config.ts. */
import { messageOf } from "../core/errors.ts";
import { parseTemplate } from "../core/name-template.ts";
import { sensorNameFault } from "../core/sensor-name.ts";
import { openZone, ZONE_EXPECTED } from "../core/zone.ts";

/** A value, or what was expected instead. */
export type Parsed<T> = { readonly value: T } | { readonly expected: string };

/** Where readings are kept: a log of our own in the data directory, or a Kafka. */
export type LogTarget = { readonly kind: "local" } | ({ readonly kind: "kafka" } & KafkaAddress);

/** A Kafka cluster, as `kafka://…` names it. */
export interface KafkaAddress {
  /** host:port, at least one. */
  readonly brokers: readonly string[];
  readonly tls: boolean;
  /** PEM of the authority of the brokers; null: a usual one. */
  readonly ca: string | null;
  readonly sasl: SaslCredentials | null;
}

/** Our credentials for brokers that require them. */
export interface SaslCredentials {
  readonly mechanism: SaslMechanism;
  readonly user: string;
  readonly password: string;
}

const SASL_MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
/** How that is proven. */
export type SaslMechanism = (typeof SASL_MECHANISMS)[number];

/** Where a sensor sends: a tidemark (or anything that speaks its HTTP), or a Kafka. */
export type SendTarget = { readonly kind: "http"; readonly url: URL } | ({ readonly kind: "kafka" } & KafkaAddress);

/** Topics of a Kafka that are followed: those that match, also when they are created later. */
export interface TopicRule {
  /** Anchored: a whole name matches or it does not. */
  readonly include: RegExp;
  readonly exclude: RegExp | null;
}

/** Default topics of a Kafka, and the sensors that the demonstration simulates. */
export const DEFAULT_SENSORS: readonly string[] = ["temperature", "humidity", "pressure"];

/** Characters of a bearer token (RFC 6750, 2.1); 16 of them are 90 bits when drawn at random. */
const TOKEN_PATTERN = /^[A-Za-z0-9\-._~+/]{16,256}=*$/;

const SIZE_UNITS = new Map<string, number>([
  ["b", 1],
  ["kb", 1e3],
  ["mb", 1e6],
  ["gb", 1e9],
  ["tb", 1e12],
  ["kib", 2 ** 10],
  ["mib", 2 ** 20],
  ["gib", 2 ** 30],
  ["tib", 2 ** 40],
]);

const DURATION_UNITS_MS = new Map<string, number>([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
  ["w", 604_800_000],
  ["y", 31_557_600_000], // a Julian year: 365.25 days
]);

const QUANTITY_PATTERN = /^(\d{1,15}(?:\.\d{1,9})?) ?([a-z]+)$/i;

function quantity(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const match = QUANTITY_PATTERN.exec(text);
  const unit = units.get(match?.[2]?.toLowerCase() ?? "");
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

/** `2GB`, `512MiB` → bytes. */
export const parseSize =
  (bytesMin: number) =>
  (text: string): Parsed<number> => {
    const bytes = quantity(text, SIZE_UNITS);
    if (bytes === undefined || bytes < bytesMin || !Number.isSafeInteger(bytes)) {
      return { expected: `a size of at least ${bytesMin / 1e6}MB such as 500MB, 2GB or 1TiB` };
    }
    return { value: bytes };
  };

/** Smallest bound of what is noted of earlier revisions: a sixteenth of it holds a commit of thousands of sensors. */
const REVISION_BYTES_MIN = 1_000_000;

/** `256MB`; `none` → 0. */
export const parseRevisions = (text: string): Parsed<number> => {
  if (text === "none") return { value: 0 };
  const parsed = parseSize(REVISION_BYTES_MIN)(text);
  return "value" in parsed ? parsed : { expected: `${parsed.expected}, or "none"` };
};

/** `400d`, `5m`, `1.5h` → milliseconds. */
export const parseDuration =
  (msMin: number, smallest: string) =>
  (text: string): Parsed<number> => {
    const ms = quantity(text, DURATION_UNITS_MS);
    if (ms === undefined || ms < msMin || !Number.isSafeInteger(ms)) {
      return { expected: `a duration of at least ${smallest} such as 90s, 5m, 12h, 400d or 10y` };
    }
    return { value: ms };
  };

/** As `parseDuration`; "forever" → null. */
export const parseKeep = (text: string): Parsed<number | null> => {
  if (text === "forever") return { value: null };
  const parsed = parseDuration(86_400_000, "1d")(text);
  return "value" in parsed ? parsed : { expected: `${parsed.expected}, or "forever"` };
};

/** Whole numbers of that range. */
export const parseInteger =
  (min: number, max: number) =>
  (text: string): Parsed<number> => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { value } : { expected: `a whole number from ${min} to ${max}` };
  };

/** A number in [min, max], written in decimal. */
export const parseNumber =
  (min: number, max: number) =>
  (text: string): Parsed<number> => {
    const value = /^\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { value } : { expected: `a number from ${min} to ${max}` };
  };

/** `true`, `false`, 1 or 0. */
export function parseFlag(text: string): Parsed<boolean> {
  if (text === "true" || text === "1") return { value: true };
  if (text === "false" || text === "0") return { value: false };
  return { expected: '"true" or "false"' };
}

/** Any text but the empty one. */
export function parseText(text: string): Parsed<string> {
  return text === "" ? { expected: "a text" } : { value: text };
}

/** See `sensorNameFault`. */
export function parseSensor(text: string): Parsed<string> {
  const fault = sensorNameFault(text);
  return fault === null ? { value: text } : { expected: fault };
}

/** `a,b,c` → unique sensor names, in this order. */
export function parseSensors(text: string): Parsed<readonly string[]> {
  const names = text.split(",").map((name) => name.trim());
  for (const name of names) {
    const parsed = parseSensor(name);
    if ("expected" in parsed) return { expected: `names separated by commas, each ${parsed.expected}` };
  }
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  return twice === undefined ? { value: names } : { expected: `each sensor once, "${twice}" is there twice` };
}

/** `{domain}.{entity_id},{host}` → the templates. */
export function parseTemplates(text: string): Parsed<readonly string[]> {
  const templates = text.split(",").map((template) => template.trim());
  const isAll = templates.every((template) => parseTemplate(template) !== null);
  return isAll ? { value: templates } : { expected: "texts with names in braces, such as {measurement}_{field}" };
}

/** A regular expression → anchored at both ends. */
export function parseTopicPattern(text: string): Parsed<RegExp> {
  const expected = "a regular expression for whole topic names such as plant-.* or (indoor|outdoor)";
  if (text === "") return { expected };
  try {
    // By itself first: "a)(b" is none, though it would be one between parentheses.
    new RegExp(text);
    return { value: new RegExp(`^(?:${text})$`) };
  } catch (error) {
    return { expected: `${expected} (${messageOf(error)})` };
  }
}

/** A pattern as it was written. */
export function shownPattern(pattern: RegExp): string {
  return pattern.source.slice("^(?:".length, -")$".length);
}

/** `127.0.0.1,::1` → addresses to listen on. */
export function parseHosts(text: string): Parsed<readonly string[]> {
  const hosts = text.split(",").map((host) => host.trim().replace(/^\[(.*)\]$/, "$1"));
  const valid = hosts.every((host) => /^[A-Za-z0-9.:%_-]{1,253}$/.test(host));
  return valid ? { value: hosts } : { expected: "addresses separated by commas such as 127.0.0.1,::1 or 0.0.0.0" };
}

/** Origins of web pages: scheme, host, and a port where it is not the scheme's own. */
export function parseOrigins(text: string): Parsed<readonly string[]> {
  const origins = text.split(",").map((each) => originOf(each.trim()));
  const valid = origins.filter((origin) => origin !== null);
  if (valid.length === origins.length) return { value: valid };
  return { expected: "origins separated by commas such as https://tidemark.example, without a path" };
}

function originOf(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return null;
  return url.href === `${url.origin}/` && !/[?#]/.test(text) ? url.origin : null;
}

/** True for addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** The name of a zone → its canonical spelling. */
export function parseTimezone(text: string): Parsed<string> {
  try {
    return { value: openZone(text).name };
  } catch {
    return { expected: ZONE_EXPECTED };
  }
}

/** A token of characters that an `Authorization` header takes. */
export function parseToken(text: string): Parsed<string> {
  return TOKEN_PATTERN.test(text)
    ? { value: text }
    : { expected: 'a token of 16 to 256 characters of A-Z a-z 0-9 "-" "." "_" "~" "+" "/"' };
}

const KAFKA_SHAPE = "kafka://host:port[,host:port][?tls=true&sasl=scram-sha-512]";

/** `local`, or `kafka://…`. */
export function parseLogTarget(text: string): Parsed<LogTarget> {
  if (text === "local") return { value: { kind: "local" } };
  const address = parseKafka(text);
  if (address === null) return { expected: `local or ${KAFKA_SHAPE}` };
  return { value: { kind: "kafka", ...address } };
}

/** `http://…`, `https://…` or `kafka://…`. */
export function parseSendTarget(text: string): Parsed<SendTarget> {
  const address = parseKafka(text);
  if (address !== null) return { value: { kind: "kafka", ...address } };
  const parsed = parseUrl(text);
  return "value" in parsed
    ? { value: { kind: "http", url: parsed.value } }
    : { expected: `http://host:port, https://host:port or ${KAFKA_SHAPE}` };
}

/** The address of a tidemark server. */
export function parseUrl(text: string): Parsed<URL> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "" || url.hash !== "") {
    return { expected: "http://host:port or https://host:port" };
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return { value: url };
}

const BROKER_PATTERN = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(\d{1,5})$/;

const KAFKA_PARAMETERS: ReadonlySet<string> = new Set(["tls", "sasl"]);

/** By hand, as WHATWG URLs have one host. User and password are percent-decoded. */
function parseKafka(text: string): KafkaAddress | null {
  const match = /^kafka:\/\/(?:([^@/?]*)@)?([^@/?]+)\/?(?:\?(.*))?$/.exec(text);
  if (match === null) return null;
  const brokers = match[2].split(",").map((broker) => broker.trim());
  for (const broker of brokers) {
    const port = Number(BROKER_PATTERN.exec(broker)?.[1]);
    if (!(port >= 1 && port <= 65_535)) return null;
  }
  const query = new URLSearchParams(match[3] ?? "");
  for (const name of query.keys()) if (!KAFKA_PARAMETERS.has(name)) return null;
  const tls = parseFlag(query.get("tls") ?? "false");
  const asked = (query.get("sasl") ?? "plain").toUpperCase();
  const mechanism = SASL_MECHANISMS.find((name) => name === asked);
  if (!("value" in tls) || mechanism === undefined) return null;
  if (match[1] === undefined) return query.has("sasl") ? null : { brokers, tls: tls.value, ca: null, sasl: null };
  const colon = match[1].indexOf(":");
  const user = decoded(match[1].slice(0, colon));
  const password = decoded(match[1].slice(colon + 1));
  if (colon < 1 || user === null || password === null) return null;
  return { brokers, tls: tls.value, ca: null, sasl: { mechanism, user, password } };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** The address without the password, for people. */
export function shownTarget(target: LogTarget | SendTarget): string {
  if (target.kind === "local") return "local";
  if (target.kind === "http") return target.url.href.replace(/\/$/, "");
  const user = target.sasl === null ? "" : `${encodeURIComponent(target.sasl.user)}@`;
  return `kafka://${user}${target.brokers.join(",")}${target.tls ? "?tls=true" : ""}`;
}
