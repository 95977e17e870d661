/** Every option of the command line: parsing, help and suggestions derive from this list. */
import { DEVICE_SERIES_MAX } from "../core/limits.ts";

/** A flag, which may be a variable of the environment and a key of the configuration file, too. */
export interface Option {
  /** Unique; the flag is its last part after a colon (two commands may mean different things by one flag). */
  readonly id: string;
  /** Placeholder of the value in the help; absent: a flag without value; in brackets: the value is optional. */
  readonly value?: string;
  readonly fallback?: string;
  readonly text: string;
  /** Read from TIDEMARK_* and tidemark.config.json too. */
  readonly kept?: boolean;
  /** It may be given several times, which is the same as once with commas. */
  readonly repeated?: boolean;
}

/** What `tidemark devices` can be sorted by. */
export const DEVICE_COLUMNS = ["name", "heard", "last", "count", "late", "duplicates", "conflicts", "held"] as const;

/** What `tidemark sensors` can be sorted by. */
export const SENSOR_COLUMNS = [
  "name",
  "count",
  "rate",
  "last",
  "age",
  "late",
  "duplicates",
  "held",
  "trouble",
] as const;

/** How `tidemark series` shows numbers. */
export const SERIES_FORMATS = ["chart", "table", "csv", "ndjson", "json"] as const;

/** How a server writes its log. */
export const LOG_FORMATS = ["text", "json"] as const;

/** One of them. */
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Every option of every command. A prefix before a colon distinguishes two options of one flag. */
export const OPTIONS = [
  {
    id: "log",
    value: "local|kafka://…",
    fallback: "local",
    kept: true,
    text: "where readings are kept: in --data, or a Kafka (see README)",
  },
  {
    id: "kafka-user",
    value: "NAME",
    kept: true,
    text: "who we are to a Kafka (?sasl=scram-sha-512 says how it is proven)",
  },
  {
    id: "kafka-password-file",
    value: "FILE",
    kept: true,
    text: "… and its password, where TIDEMARK_KAFKA_PASSWORD does not hold it",
  },
  {
    id: "kafka-ca",
    value: "FILE",
    kept: true,
    text: "TLS to a Kafka whose authority is in this PEM (a usual one: ?tls=true)",
  },
  {
    id: "data",
    value: "DIR",
    fallback: "./data",
    kept: true,
    text: "history, local log, and what is known of running processes",
  },
  {
    id: "host",
    value: "A,B",
    fallback: "127.0.0.1,::1",
    kept: true,
    text: "addresses to listen on; others than these need --token",
  },
  { id: "port", value: "N", fallback: "5000", kept: true, text: "port to listen on" },
  {
    id: "sensors",
    value: "A,B,C",
    kept: true,
    text: "these only (default: those that appear; of a Kafka temperature,humidity,pressure)",
  },
  {
    id: "topics",
    value: "PATTERN",
    kept: true,
    text: "of a Kafka: topics to follow, also later ones; a regular expression such as 'plant-.*'",
  },
  { id: "topics-exclude", value: "PATTERN", kept: true, text: "… but not those that match this" },
  { id: "create-topics", kept: true, text: "of a Kafka: create the topics that are missing (never done unasked)" },
  { id: "timezone", value: "ZONE", kept: true, text: "zone of times that name none (default: the machine's)" },
  {
    id: "keep",
    value: "DURATION",
    fallback: "forever",
    kept: true,
    text: "how long the history is kept, such as 400d",
  },
  {
    id: "revisions",
    value: "SIZE",
    fallback: "256MB",
    kept: true,
    text: "what is kept of earlier states, to be asked for with --as-of; the oldest goes first (none: nothing)",
  },
  {
    id: "log-retention",
    value: "SIZE",
    fallback: "2GB",
    kept: true,
    text: "size past which the local log drops what the history holds",
  },
  {
    id: "clock-ahead",
    value: "DURATION",
    fallback: "5m",
    kept: true,
    text: "readings further in the future are held back (quarantine)",
  },
  {
    id: "device-series",
    value: "N",
    fallback: String(DEVICE_SERIES_MAX),
    kept: true,
    text: "devices of a sensor that can be asked for: the first N; 0: none",
  },
  {
    id: "log-format",
    value: LOG_FORMATS.join("|"),
    fallback: "text",
    kept: true,
    text: "the server's own lines: sentences, or an object a line for machines",
  },
  {
    id: "token",
    value: "TOKEN",
    kept: true,
    repeated: true,
    text: "bearer token of clients for everything (better TIDEMARK_TOKEN: others can see flags)",
  },
  {
    id: "token-file",
    value: "FILE",
    kept: true,
    text: "… the same, a token a line; read again when it changes, and with SIGHUP",
  },
  { id: "token-read", value: "TOKEN", kept: true, repeated: true, text: "token of clients that may only ask" },
  { id: "token-read-file", value: "FILE", kept: true, text: "… in a file" },
  {
    id: "token-write",
    value: "TOKEN",
    kept: true,
    repeated: true,
    text: "token of clients that may only send readings",
  },
  { id: "token-write-file", value: "FILE", kept: true, text: "… in a file" },
  {
    id: "token-admin",
    value: "TOKEN",
    kept: true,
    repeated: true,
    text: "token of clients that may ask, correct, release, discard, skip, and see what is amiss",
  },
  { id: "token-admin-file", value: "FILE", kept: true, text: "… in a file" },
  {
    id: "tls-cert",
    value: "FILE",
    kept: true,
    text: "speak HTTPS: PEM of the certificate and its chain; read again when it changes",
  },
  { id: "tls-key", value: "FILE", kept: true, text: "PEM of its key, readable by the server's user alone" },
  {
    id: "rate-limit",
    value: "N",
    kept: true,
    text: "HTTP requests a second from one address and with one token (default: as many as come)",
  },
  { id: "allow-anonymous", kept: true, text: "listen beyond this machine without a token" },
  {
    id: "public-url",
    value: "URL,URL",
    kept: true,
    repeated: true,
    text: "where browsers find this server behind a proxy, such as https://tidemark.example",
  },
  {
    id: "cors-origin",
    value: "URL,URL",
    kept: true,
    repeated: true,
    text: "other sites whose pages may ask and read, such as https://grafana.example",
  },
  {
    id: "influx-sensor",
    value: "A,B",
    fallback: "{domain}.{entity_id}",
    kept: true,
    text: "sensors of InfluxDB's lines (docs/INFLUX.md)",
  },
  {
    id: "influx-device",
    value: "A,B",
    kept: true,
    text: "… and their devices, such as {host} (default: all tags)",
  },
  {
    id: "mqtt-listen",
    value: "PORT",
    kept: true,
    text: "listen for MQTT clients without a broker, usually 1883 (docs/DOORS.md)",
  },
  {
    id: "simulate",
    value: "[A,B,C]",
    text: "simulate these sensors, or all of --sensors: random numbers, devices named simulator-…",
  },
  {
    id: "demo",
    text: "as make run: --simulate where this starts a server on a local log of no other sensors",
  },
  { id: "start:watch", text: "then show the live table; Ctrl-C ends the table only" },
  {
    id: "url",
    value: "URL",
    kept: true,
    text: "the server (default: the one on --data; if --data is not given, else port 5000 here)",
  },
  {
    id: "ca",
    value: "FILE",
    kept: true,
    text: "PEM of an authority of servers to trust, beside the usual ones",
  },
  {
    id: "sensor:to",
    value: "URL",
    text: "http://… or kafka://… (default: --log if that is a Kafka, else as --url)",
  },
  { id: "rate", value: "N", fallback: "1", text: "readings a second, evenly from each whole second on" },
  { id: "count", value: "N", text: "end after this many readings (default: go on)" },
  {
    id: "device",
    value: "NAME",
    text: "name of the device after `simulator-` (default: the sensor's and the machine's)",
  },
  { id: "seed", value: "N", text: "the same seed gives the same values (default: drawn at random)" },
  { id: "duplicates", value: "SHARE", fallback: "0", text: "share of readings sent twice, 0 to 1" },
  { id: "late", value: "SHARE", fallback: "0", text: "share of readings held back for one to two minutes, 0 to 1" },
  { id: "sensor:from", value: "TIME", text: "first send the readings since then, as fast as they are taken" },
  { id: "send:device", value: "NAME", text: "of readings that name none (default: cli- and the machine's name)" },
  { id: "send:boot", value: "NAME", text: "of readings without an identity (default: drawn at random)" },
  { id: "send:time", value: "TIME", text: "of readings that have none (default: now)" },
  { id: "sensors:sort", value: "COLUMN", fallback: "name", text: `by ${SENSOR_COLUMNS.join(", ")}` },
  { id: "devices:sort", value: "COLUMN", fallback: "name", text: `by ${DEVICE_COLUMNS.join(", ")}` },
  { id: "devices:limit", value: "N", fallback: "100", text: "at most this many; 0: all" },
  { id: "query:device", value: "NAME", text: "of this device alone" },
  { id: "query:by-device", text: "of each device by itself, by name" },
  { id: "query:top", value: "N", text: "with --by-device: the N with the largest first metric" },
  { id: "query:from", value: "TIME", text: "beginning of the window (default: the first reading)" },
  { id: "query:to", value: "TIME", text: "end of the window, included at its precision (default: now)" },
  { id: "query:to-exclusive", value: "TIME", text: "instead of --to, the first moment after the window" },
  { id: "query:as-of", value: "TIME", text: "the answer as it was then (the last commit until the end of TIME)" },
  { id: "query:timezone", value: "ZONE", text: "zone of times that name none (default: the server's)" },
  {
    id: "series:metrics",
    value: "A,B",
    fallback: "mean,min,max",
    text: "metrics; a chart draws the first, and shades min to max",
  },
  { id: "series:points", value: "N", text: "at most so many buckets (default: as many as fit)" },
  { id: "series:every", value: "STEP", text: "or how long a bucket is: 10s, 15m, 1h, 1d, 1w, 1mo, 1y" },
  { id: "series:shift", value: "STEP", text: "the same window so much earlier beside it: 1d, 1w, 1y" },
  {
    id: "series:format",
    value: "FORMAT",
    text: `${SERIES_FORMATS.join(", ")} (default: a chart on a terminal, else a table)`,
  },
  { id: "export:metrics", value: "A,B", fallback: "count,mean,min,max", text: "metrics of each bucket" },
  { id: "export:every", value: "STEP", fallback: "1s", text: "how long a bucket is: 1s, 15m, 1h, 1d, 1w, 1mo, 1y" },
  { id: "export:format", value: "FORMAT", fallback: "csv", text: "csv or ndjson" },
  { id: "export:output", value: "FILE", text: "where to write, once it is whole (default: the output)" },
  {
    id: "import:columns",
    value: "FIELD=COLUMN,…",
    text: "value, time, device, boot, sequence, id: title, number or key of its column",
  },
  {
    id: "import:delimiter",
    value: "CHARACTER",
    text: "what stands between columns (default: found in the first line)",
  },
  {
    id: "import:time-format",
    value: "FORMAT",
    text: "s, ms, us, ns since 1970, or such as DD.MM.YYYY HH:mm:ss",
  },
  { id: "import:dry-run", text: "read the file and say what would be imported; send nothing" },
  { id: "verify:repair", text: "make differing pages anew; only where no server runs" },
  { id: "verify:yes", text: "repair without asking" },
  { id: "receipt", text: "also print what the answer rests on" },
  { id: "map:try", value: "FILE", text: "the file whose maps are tried (default: tidemark.config.json)" },
  {
    id: "map:topic",
    value: "TOPIC",
    text: "the topic of the message (default: as if each map were named by /in/NAME)",
  },
  { id: "map:preset", value: "NAME", text: "print a preset instead, as a map that can be changed" },
  { id: "alerts:state", value: "STATE", text: "only these: on, ended or taken-back" },
  { id: "alerts:rule", value: "NAME", text: "only those of this rule" },
  { id: "alerts:sensor", value: "NAME", text: "only those of this sensor" },
  { id: "alerts:limit", value: "N", fallback: "20", text: "at most so many" },
  { id: "alerts:try", value: "RULE", text: "try this rule on the past instead (--from: default now-1d)" },
  { id: "skip:to", value: "OFFSET", text: "the offset to read on from; what is between counts as a gap" },
  { id: "delete:from", value: "TIME", text: "beginning of what is deleted" },
  { id: "delete:to", value: "TIME", text: "its end, included at its precision" },
  { id: "delete:to-exclusive", value: "TIME", text: "instead of --to, the first moment that stays" },
  { id: "delete:device", value: "NAME", text: "only this device's readings" },
  { id: "delete:dry-run", text: "say what would be deleted; delete nothing" },
  { id: "correct:reason", value: "TEXT", text: "why, to be kept with it" },
  { id: "correct:by", value: "NAME", text: "who says so (default: the user's name)" },
  { id: "list:sensor", value: "NAME", text: "only this sensor's" },
  { id: "list:limit", value: "N", fallback: "50", text: "at most this many" },
  { id: "list:after", value: "ID", text: "those that follow this ID" },
  { id: "list:all", text: "release or discard all that there are" },
  { id: "list:device", value: "NAME", text: "release or discard only this device's (quarantine)" },
  { id: "json", text: "print JSON" },
] as const satisfies readonly Option[];

/** Ids of options in the code. */
export type OptionId = (typeof OPTIONS)[number]["id"];

const byId = new Map<string, Option>(OPTIONS.map((option) => [option.id, option]));

/** The option of that id. O(1). */
export function optionOf(id: OptionId): Option {
  return byId.get(id) ?? { id, text: "" };
}

/** `sensor:to` → `to`. */
export function flagOf(id: string): string {
  return id.slice(id.indexOf(":") + 1);
}

/** `log-retention` → `TIDEMARK_LOG_RETENTION`. */
export function variableOf(id: string): string {
  return "TIDEMARK_" + flagOf(id).toUpperCase().replaceAll("-", "_");
}
