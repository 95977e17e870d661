/** Configuration of the server. Under src/config/config.ts. */
import { resolve } from "node:path";
import { TidemarkError } from "../core/errors.ts";
import { DEVICE_SERIES_ALL } from "../core/limits.ts";
import { DEFAULT_NAMING, type LineNaming } from "../core/line-naming.ts";
import { dataDirectory, timezone } from "./client-config.ts";
import { withKafkaAccess } from "./kafka-settings.ts";
import { LOG_FORMATS, type LogFormat, type OptionId } from "./option-table.ts";
import { type DoorParts, invalid, type Settings } from "./settings.ts";
import { readTokens, type TokenSource, tokenSources } from "./token-settings.ts";
import {
  DEFAULT_SENSORS,
  isLoopback,
  type LogTarget,
  type Parsed,
  parseDuration,
  parseHosts,
  parseInteger,
  parseKeep,
  parseLogTarget,
  parseOrigins,
  parseRevisions,
  parseSensors,
  parseSize,
  parseTemplates,
  parseText,
  parseTopicPattern,
  type TopicRule,
} from "./values.ts";

/** Absolute paths of a certificate and its key. */
export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
}

/** Configuration of the server. Times in ms, sizes in bytes. */
export interface Config {
  readonly log: LogTarget;
  /** Absolute path of the data directory. */
  readonly data: string;
  readonly hosts: readonly string[];
  /** 0: any free port. */
  readonly port: number;
  /** A closed list; null: those that appear. On the local log with a first reading, on a Kafka by `topics`. */
  readonly sensors: readonly string[] | null;
  /** Set where the log is a Kafka and `sensors` is null, and only there. */
  readonly topics: TopicRule | null;
  /** Whether a topic that is missing may be created in a Kafka. */
  readonly createTopics: boolean;
  /** IANA name, canonical. */
  readonly timezone: string;
  /** null: for ever. */
  readonly keepMs: number | null;
  /** Bytes of what the history was before; 0: nothing is noted. */
  readonly revisionBytes: number;
  readonly logRetentionBytes: number;
  readonly clockAheadMs: number;
  /** Devices of a sensor that have a series of their own. */
  readonly deviceSeries: number;
  readonly logFormat: LogFormat;
  /** None: no token is required. */
  readonly tokens: readonly TokenSource[];
  /** Paths; null: plain HTTP. */
  readonly tls: TlsPaths | null;
  /** From one address, and with one token; null: as many as come. */
  readonly requestsPerSecond: number | null;
  readonly allowAnonymous: boolean;
  /** Origins under which browsers reach the server through a proxy. */
  readonly publicUrls: readonly string[];
  /** Origins of other sites whose pages may ask and read. */
  readonly corsOrigins: readonly string[];
  readonly influx: LineNaming;
  /** The port on which MQTT clients are listened for, on the same addresses; 0: any free one; null: none are. */
  readonly mqttListen: number | null;
  readonly doors: DoorParts;
  /** `alerts` of the configuration file, which src/alerts/ reads. */
  readonly alerts: Settings["alerts"];
}

/** Which sensors to simulate. */
export interface Simulate {
  /** null: the sensors of the server, those of the demonstration where it has no list. */
  readonly sensors: readonly string[] | null;
  /** Only with a server that is started for it. */
  readonly isDemonstration: boolean;
}

/** Smallest retention of the local log: some of its blocks. */
const LOG_RETENTION_BYTES_MIN = 16_000_000;

/** Reads the configuration of a server. @throws TidemarkError "config-invalid", "bind-refused" for an open address without a token */
export function serverConfig(settings: Settings, cwd: string): Config {
  const hosts = settings.read("host", parseHosts);
  const tokens = tokenSources(settings, cwd);
  const allowAnonymous = settings.flag("allow-anonymous");
  const open = hosts.find((host) => !isLoopback(host));
  if (open !== undefined && tokens.length === 0 && !allowAnonymous) {
    throw new TidemarkError(
      "bind-refused",
      `Cannot listen on ${open}: other machines reach it; expected --token (or TIDEMARK_TOKEN), or --allow-anonymous`,
    );
  }
  readTokens(tokens); // a file that is not there ends the start, not a request
  const log = settings.read("log", withKafkaAccess(settings, cwd, parseLogTarget));
  return {
    log,
    data: dataDirectory(settings, cwd),
    hosts,
    port: settings.read("port", parseInteger(0, 65_535)),
    ...followed(settings, log),
    timezone: timezone(settings),
    keepMs: settings.read("keep", parseKeep),
    revisionBytes: settings.read("revisions", parseRevisions),
    logRetentionBytes: settings.read("log-retention", parseSize(LOG_RETENTION_BYTES_MIN)),
    clockAheadMs: settings.read("clock-ahead", parseDuration(1000, "1s")),
    deviceSeries: settings.read("device-series", parseInteger(0, DEVICE_SERIES_ALL)),
    logFormat: settings.read("log-format", parseLogFormat),
    tokens,
    tls: tlsPaths(settings, cwd),
    requestsPerSecond: settings.optional("rate-limit", parseInteger(1, 1_000_000)),
    allowAnonymous,
    publicUrls: settings.optional("public-url", parseOrigins) ?? [],
    corsOrigins: settings.optional("cors-origin", parseOrigins) ?? [],
    influx: {
      sensor: settings.optional("influx-sensor", parseTemplates) ?? DEFAULT_NAMING.sensor,
      device: settings.optional("influx-device", parseTemplates) ?? DEFAULT_NAMING.device,
    },
    mqttListen: settings.optional("mqtt-listen", parseInteger(0, 65_535)),
    doors: settings.doors,
    alerts: settings.alerts,
  };
}

/** What is read again while it runs. */
export function reloadedFiles({ tokens, tls }: Config): string[] {
  const files = tokens.flatMap(({ file }) => (file === null ? [] : [file.path]));
  return tls === null ? files : [...files, tls.cert, tls.key];
}

function tlsPaths(settings: Settings, cwd: string): TlsPaths | null {
  const [cert, key] = [settings.optional("tls-cert", parseText), settings.optional("tls-key", parseText)];
  if (cert !== null && key !== null) return { cert: resolve(cwd, cert), key: resolve(cwd, key) };
  if (cert === null && key === null) return null;
  const [given, missing] = cert === null ? (["tls-key", "tls-cert"] as const) : (["tls-cert", "tls-key"] as const);
  throw invalid(`Cannot use ${settings.given(given)?.by}: expected --${missing} with it`);
}

function parseLogFormat(text: string): Parsed<LogFormat> {
  const value = LOG_FORMATS.find((format) => format === text);
  return value === undefined ? { expected: LOG_FORMATS.join(" or ") } : { value };
}

/** What to follow; its options must agree. */
function followed(settings: Settings, log: LogTarget): Pick<Config, "sensors" | "topics" | "createTopics"> {
  const sensors = settings.optional("sensors", parseSensors);
  const include = settings.optional("topics", parseTopicPattern);
  const exclude = settings.optional("topics-exclude", parseTopicPattern);
  const createTopics = settings.flag("create-topics");
  const by = (id: OptionId): string => settings.given(id)?.by ?? id;
  if (log.kind === "local") {
    for (const id of ["topics", "topics-exclude"] as const) {
      if (settings.given(id) === undefined) continue;
      throw invalid(
        `Cannot use ${by(id)}: expected --log kafka://… with it; on the local log a sensor appears with its first reading`,
      );
    }
    if (createTopics) throw invalid(`Cannot use ${by("create-topics")}: expected --log kafka://… with it`);
    return { sensors, topics: null, createTopics };
  }
  if (sensors !== null && include !== null) {
    throw invalid(
      `Cannot use ${by("topics")} with ${by("sensors")}: expected one of them, a rule for topics or a list of them`,
    );
  }
  if (exclude !== null && include === null) {
    throw invalid(`Cannot use ${by("topics-exclude")}: expected --topics with it`);
  }
  if (include !== null) return { sensors: null, topics: { include, exclude }, createTopics };
  // Not every topic: they belong to others, and most may hold no readings.
  return {
    sensors: sensors ?? settings.optional("simulate", parseSimulated) ?? DEFAULT_SENSORS,
    topics: null,
    createTopics,
  };
}

/** Which sensors are simulated beside it; null: none. @throws TidemarkError "config-invalid" */
export function simulated(settings: Settings, { log, sensors }: Config): Simulate | null {
  if (settings.given("simulate") !== undefined) {
    return { sensors: settings.optional("simulate", parseSimulated), isDemonstration: false };
  }
  // Sensors that a file or the environment names are real ones.
  const areReal = settings.given("sensors")?.isFlag === false;
  if (!settings.flag("demo") || log.kind !== "local" || areReal) return null;
  return { sensors, isDemonstration: true };
}

/** Nothing: null. */
function parseSimulated(text: string): Parsed<readonly string[] | null> {
  return text === "" ? { value: null } : parseSensors(text);
}
