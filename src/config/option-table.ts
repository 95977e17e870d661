/** Every command and option of the command line: parsing, help and suggestions derive from these lists. */
import { METRICS, type MetricName } from "../metrics/registry.ts";

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
    id: "token",
    value: "TOKEN",
    kept: true,
    text: "bearer token of clients (better as TIDEMARK_TOKEN: other users can see flags)",
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
    id: "simulate",
    value: "[A,B,C]",
    text: "simulate these sensors, or all of --sensors: random numbers of devices named simulator-…",
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
    text: "the server (default: the one on --data; where --data is not given, else port 5000 here)",
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
  { id: "late", value: "SHARE", fallback: "0", text: "share of readings held back for up to a minute, 0 to 1" },
  { id: "sensor:from", value: "TIME", text: "first send the readings since then, as fast as they are taken" },
  { id: "query:from", value: "TIME", text: "beginning of the window (default: the first reading)" },
  { id: "query:to", value: "TIME", text: "end of the window, included at its precision (default: now)" },
  { id: "query:to-exclusive", value: "TIME", text: "instead of --to, the first moment after the window" },
  { id: "query:timezone", value: "ZONE", text: "zone of times that name none (default: the server's)" },
  { id: "receipt", text: "also print what the answer rests on" },
  { id: "skip:to", value: "OFFSET", text: "the offset to read on from; what is between counts as a gap" },
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

/** Metrics of a query that names none. */
export const METRICS_ASKED = ["count", "mean", "min", "max"] as const satisfies readonly MetricName[];

const SERVER = [
  "log",
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
  "token",
  "allow-anonymous",
  "public-url",
  "cors-origin",
] as const satisfies readonly OptionId[];

const CLIENT = ["url", "data", "port", "token"] as const satisfies readonly OptionId[];

const LIST = [
  "list:all",
  "list:sensor",
  "list:device",
  "list:limit",
  "list:after",
  "json",
  ...CLIENT,
] as const satisfies readonly OptionId[];

/** A command, and what may stand behind it. */
export interface Command {
  readonly name: string;
  /** The usage line after the name. */
  readonly operands: string;
  readonly text: string;
  /** Further paragraphs of its help. */
  readonly more: readonly string[];
  readonly options: readonly OptionId[];
}

/** Every command, in the order of the help. */
export const COMMANDS = [
  {
    name: "run",
    operands: "",
    text: "server and live table in the foreground; Ctrl-C ends all",
    more: [],
    options: ["simulate", "demo", ...SERVER],
  },
  {
    name: "start",
    operands: "",
    text: "the server in the background; joins one that runs already",
    more: ["Each process writes to a log file of its own under DIR/run. Returns once the server is ready."],
    options: ["start:watch", "simulate", "demo", ...SERVER],
  },
  { name: "stop", operands: "", text: "ends what runs in the background, cleanly", more: [], options: ["data"] },
  {
    name: "serve",
    operands: "",
    text: "the server alone, in the foreground",
    more: ["SIGINT or SIGTERM: takes in nothing more, commits, closes, exits 0."],
    options: SERVER,
  },
  {
    name: "sensor",
    operands: "NAME",
    text: "a simulated sensor: random whole numbers from 0 to 100",
    more: [
      "Each reading carries device, boot, sequence and time, and is sent again as it was until it is acknowledged.",
      "With --from it goes on live afterwards, unless --count is reached before.",
    ],
    options: [
      "sensor:to",
      "rate",
      "count",
      "device",
      "seed",
      "duplicates",
      "late",
      "sensor:from",
      "timezone",
      "log",
      ...CLIENT,
    ],
  },
  {
    name: "watch",
    operands: "",
    text: "the live table; plain lines without a terminal",
    more: ["q or Ctrl-C ends the table, nothing else."],
    options: CLIENT,
  },
  {
    name: "query",
    operands: "SENSOR[,SENSOR] [METRIC …]",
    text: "metrics of a window of time",
    more: [
      `METRIC: ${METRICS.map((metric) => metric.name).join(", ")}, or any pNN such as p95 (default: ${METRICS_ASKED.join(" ")}).`,
      'TIME: "2020-01-13", "2020-01-13 15:12:00", ISO 8601, epoch milliseconds, now-1h, -24h, today, yesterday, now/d.',
    ],
    options: ["query:from", "query:to", "query:to-exclusive", "query:timezone", "receipt", "json", ...CLIENT],
  },
  {
    name: "quarantine",
    operands: "[list | release ID… | discard ID…]",
    text: "readings held back because of an impossible clock",
    more: ["release counts them after all; discard forgets them for good. Instead of IDs: --all, --sensor, --device."],
    options: LIST,
  },
  {
    name: "rejections",
    operands: "[list | release ID… | discard ID…]",
    text: "records that could not be read, with their bytes",
    more: ["release tries to read them again; discard forgets them for good. Instead of IDs: --all, --sensor."],
    options: LIST,
  },
  {
    name: "skip",
    operands: "SENSOR PARTITION --to OFFSET",
    text: "reads a partition that stands still on behind what is unreadable",
    more: ["`GET /readyz` of the server names such partitions, and the offset behind what is unreadable."],
    options: ["skip:to", "json", ...CLIENT],
  },
] as const satisfies readonly Command[];

/** The names of COMMANDS. */
export type CommandName = (typeof COMMANDS)[number]["name"];

/** The command of that name; undefined when there is none. */
export function findCommand(name: string): (typeof COMMANDS)[number] | undefined {
  return COMMANDS.find((command) => command.name === name);
}
