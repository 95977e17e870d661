/** Every command of the command line, and the options that it takes: parsing, help and suggestions derive from this list. */
import { METRICS, type MetricName } from "../metrics/registry.ts";
import { CLIENT, KAFKA, LIST, SERVER } from "./option-groups.ts";
import type { OptionId } from "./option-table.ts";

/** Which window is asked for. */
const WINDOW = ["query:from", "query:to", "query:to-exclusive"] as const;

/** Metrics of a query that names none. */
export const METRICS_ASKED = ["count", "mean", "min", "max"] as const satisfies readonly MetricName[];

/** A command, and what may stand behind it. */
export interface Command {
  readonly name: string;
  /** The usage line after the name. */
  readonly operands: string;
  readonly text: string;
  /** Further paragraphs of its help. */
  readonly more: readonly string[];
  /** Command lines as they are typed, each run by a test. */
  readonly examples: readonly string[];
  readonly options: readonly OptionId[];
}

/** Every command, in the order of the help. */
export const COMMANDS = [
  {
    name: "run",
    operands: "",
    text: "server and live table in the foreground; Ctrl-C ends all",
    more: [],
    examples: ["tidemark run --simulate"],
    options: ["simulate", "demo", ...SERVER],
  },
  {
    name: "start",
    operands: "",
    text: "the server in the background; joins one that runs already",
    more: [
      "Each process writes to a log file of its own under DIR/run. Returns once the server is ready; an MQTT broker may be connected a little later (tidemark doctor).",
    ],
    examples: ["tidemark start", "tidemark start --data ./plants --port 5001 --timezone Europe/Berlin"],
    options: ["start:watch", "simulate", "demo", ...SERVER],
  },
  {
    name: "stop",
    operands: "",
    text: "ends what runs in the background, cleanly",
    more: [],
    examples: ["tidemark stop"],
    options: ["data"],
  },
  {
    name: "serve",
    operands: "",
    text: "the server alone, in the foreground",
    more: ["SIGINT or SIGTERM: takes in nothing more, commits, closes, exits 0."],
    examples: ["tidemark serve --keep 400d"],
    options: SERVER,
  },
  {
    name: "send",
    operands: "SENSOR [VALUE …]",
    text: "sends readings: values, or the lines of the input",
    more: [
      "Without a VALUE each line of the input is one: a number, or JSON with a value and what else a reading has.",
      "Readings without an identity get one (device, boot and sequence), so that trying again counts none twice. A server that is busy is tried again: for 30 s, lines of the input until it ends or Ctrl-C. Given again with the same --boot, the same lines are counted once.",
      "Exit code: 1 when something was rejected or not sent.",
    ],
    examples: [
      "tidemark send temperature 21.5",
      "tidemark send temperature -3 --device balcony --time now-1h",
      "seq 1 100 | tidemark send humidity --boot import-1",
    ],
    options: ["send:device", "send:boot", "send:time", "timezone", "json", ...CLIENT],
  },
  {
    name: "sensors",
    operands: "[SENSOR …]",
    text: "all sensors: how many readings, how many a second, the last one, and what is odd",
    more: [
      "SENSOR: a name, or several by wildcards ('plant-*'). RATE is of the last minute, AGE that of the newest reading.",
    ],
    examples: ["tidemark sensors", "tidemark sensors 'temp*' --sort age"],
    options: ["sensors:sort", "json", ...CLIENT],
  },
  {
    name: "devices",
    operands: "SENSOR",
    text: "the devices of a sensor: how much each sent, when it was last heard, and what is odd",
    more: [
      "SERIES says whether questions can name it: whole, since when, or - (it came after --device-series others).",
    ],
    examples: ["tidemark devices temperature", "tidemark devices temperature --sort heard --limit 5"],
    options: ["devices:sort", "devices:limit", "json", ...CLIENT],
  },
  {
    name: "sensor",
    operands: "NAME",
    text: "a simulated sensor: random whole numbers from 0 to 100",
    more: [
      "Each reading carries device, boot, sequence and time, and is sent again as it was until it is acknowledged.",
      "With --from it goes on live afterwards, unless --count is reached before.",
    ],
    examples: ["tidemark sensor noise --count 10 --rate 10"],
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
      ...KAFKA,
      ...CLIENT,
    ],
  },
  {
    name: "watch",
    operands: "[SENSOR …]",
    text: "the live table; plain lines without a terminal",
    more: [
      "SENSOR: a name, or several by wildcards ('plant-*'). Keys: / filters, s sorts, ? shows all of them; q or Ctrl-C ends the table, nothing else.",
    ],
    examples: ["tidemark watch", "tidemark watch 'plant-*' attic"],
    options: CLIENT,
  },
  {
    name: "query",
    operands: "SENSOR[,SENSOR …] [SENSOR …] [METRIC …]",
    text: "metrics of a window of time",
    more: [
      "SENSOR: a name, or several by wildcards ('plant-*'). Numbers of the table are rounded, those of --json are exact.",
      `METRIC: ${METRICS.map((metric) => metric.name).join(", ")}, or any pNN such as p95 (default: ${METRICS_ASKED.join(" ")}).`,
      'TIME: "2020-01-13", "2020-01-13 15:12:00", ISO 8601, epoch milliseconds, now-1h, -24h, today, yesterday, now/d.',
    ],
    examples: [
      "tidemark query temperature",
      "tidemark query temperature humidity count mean p95 --from today",
      "tidemark query 'plant-*' max --from yesterday --to yesterday --json",
      "tidemark query temperature max count --by-device --top 3",
    ],
    options: [
      ...(["query:device", "query:by-device", "query:top"] as const),
      ...WINDOW,
      "query:as-of",
      "query:timezone",
      "receipt",
      "json",
      ...CLIENT,
    ],
  },
  {
    name: "series",
    operands: "SENSOR …",
    text: "metrics over time: a chart, a table, CSV, NDJSON or JSON",
    more: ["SENSOR: a name, or several by wildcards ('plant-*'), eight at most. TIME as in tidemark query."],
    examples: [
      "tidemark series temperature --from today",
      "tidemark series temperature humidity --from -6h --every 15m --format table",
      "tidemark series temperature --metrics p95 --from -1d --shift 1d",
      "tidemark series temperature --from 2020-01-13 --every 1h --format csv",
    ],
    options: [
      "series:metrics",
      ...WINDOW,
      "series:points",
      "series:every",
      "series:shift",
      "query:as-of",
      "query:timezone",
      "series:format",
      "json",
      ...CLIENT,
    ],
  },
  {
    name: "alerts",
    operands: "",
    text: "what rules found, the newest first; or what a rule would have found",
    more: [
      "Rules stand under `alerts` in tidemark.config.json, or are put over HTTP (docs/ALERTS.md). --try takes the name of one, a file that ends with .json, or the rule itself.",
    ],
    examples: [
      "tidemark alerts --state on",
      `tidemark alerts --try '{"sensor":"temperature","metric":"mean","window":"5m","above":28}' --from now-1w`,
    ],
    options: [
      "alerts:state",
      "alerts:rule",
      "alerts:sensor",
      "alerts:limit",
      "alerts:try",
      "query:from",
      "query:to",
      "json",
      ...CLIENT,
    ],
  },
  {
    name: "export",
    operands: "SENSOR …",
    text: "the history of sensors in buckets, a row each: CSV or NDJSON",
    more: [
      "SENSOR: a name, or several by wildcards ('plant-*'). TIME as in tidemark query. A bucket of 1s is all that the history has; empty ones are left out, times are UTC.",
    ],
    examples: [
      "tidemark export temperature --from today --output readings.csv",
      "tidemark export temperature humidity --every 1d --format ndjson --output days.ndjson",
    ],
    options: [
      "export:metrics",
      "export:every",
      ...WINDOW,
      "query:timezone",
      "export:format",
      "export:output",
      ...CLIENT,
    ],
  },
  {
    name: "import",
    operands: "SENSOR [FILE]",
    text: "sends the rows of a file, CSV or NDJSON, as readings",
    more: [
      "Without FILE, or with -, the input. Columns are found by their usual titles (time, value, device, boot, sequence, id), else --columns names them.",
      "A row without id or sequence is known by its device, time and value: imported again, or twice in a file, it counts once. So an import that was interrupted is begun again.",
      "Lines that are no readings are told and left out. Exit code: 1 when there are some.",
    ],
    examples: [
      "tidemark import attic readings.csv --columns value=mean --dry-run",
      "printf '13.01.2020 12:00;21,5' | tidemark import attic --time-format 'DD.MM.YYYY HH:mm'",
    ],
    options: [
      "import:columns",
      "import:delimiter",
      "import:time-format",
      "send:device",
      "timezone",
      "import:dry-run",
      ...CLIENT,
    ],
  },
  {
    name: "backup",
    operands: "DIR",
    text: "copies history, alerts and log of a data directory into a new one, also while a server runs",
    more: [
      "The copy is of one moment, and is read again and checked. DIR appears once it is whole: a backup that was interrupted leaves none. The readings of a Kafka stay in that Kafka.",
    ],
    examples: ["tidemark backup ./backups/monday", "tidemark backup ./backups/plants --data ./plants"],
    options: ["data"],
  },
  {
    name: "restore",
    operands: "DIR",
    text: "makes a data directory of a backup",
    more: [
      "The data directory must be empty, or not be there. What is damaged in the backup is told, and nothing restored.",
    ],
    examples: ["tidemark restore ./backups/monday --data ./restored"],
    options: ["data"],
  },
  {
    name: "verify",
    operands: "",
    text: "compares the history with what the log says, and each of its rows with the others; also while a server runs",
    more: [
      "Takes the log in once more, as far as it reaches back, and names each page, second, total, position and identity that is otherwise. What is older is checked by checksums, and as the sum of its parts. Give it the --log, --timezone and --clock-ahead of the server.",
      "--repair makes pages anew that the log or their parts tell; what was there before is kept in a file that is named.",
      "Exit code: 0 no difference, 1 some, 2 it could not be done.",
    ],
    examples: ["tidemark verify", "tidemark verify --data ./plants --json"],
    options: ["verify:repair", "verify:yes", "json", "data", ...KAFKA, "timezone", "clock-ahead"],
  },
  {
    name: "doctor",
    operands: "",
    text: "looks into settings, disk, clock, server and Kafka, and says what to do about each",
    more: [
      "Takes the options of the server and of its clients, as both are looked at. Exit code: 1 when something fails; a warning is none.",
    ],
    examples: ["tidemark doctor", "tidemark doctor --data ./plants --json"],
    options: ["json", "url", "ca", ...SERVER],
  },
  {
    name: "quarantine",
    operands: "[list | release ID… | discard ID…]",
    text: "readings held back because of an impossible clock",
    more: ["release counts them after all; discard forgets them for good. Instead of IDs: --all, --sensor, --device."],
    examples: ["tidemark quarantine", "tidemark quarantine release --sensor temperature"],
    options: LIST,
  },
  {
    name: "rejections",
    operands: "[list | release ID… | discard ID…]",
    text: "records that could not be read, with their bytes",
    more: ["release tries to read them again; discard forgets them for good. Instead of IDs: --all, --sensor."],
    examples: ["tidemark rejections", "tidemark rejections discard --all"],
    options: LIST,
  },
  {
    name: "map",
    operands: "[PAYLOAD]",
    text: "tries the maps of a file on one message: what would be read, and why not",
    more: [
      "PAYLOAD: a file with the message; without it, or with -, the input. Nothing is sent anywhere. Exit code: 1 when no map reads anything.",
    ],
    examples: [
      "tidemark map --preset tasmota",
      `echo '[{"like":"esphome"}]' > a.json; echo 21 | tidemark map --try a.json --topic a/sensor/t/state`,
    ],
    options: ["map:try", "map:topic", "map:preset", "timezone", "json"],
  },
  {
    name: "unrouted",
    operands: "",
    text: "messages that no map is for, each with a map that would fit",
    more: ["Copy a map into the list `map` of tidemark.config.json, and start the server again."],
    examples: ["tidemark unrouted"],
    options: ["json", ...CLIENT],
  },
  {
    name: "skip",
    operands: "SENSOR PARTITION --to OFFSET",
    text: "reads a partition that stands still on behind what is unreadable",
    more: ["`GET /readyz` of the server names such partitions, and the offset behind what is unreadable."],
    examples: ["tidemark skip temperature 0 --to 13"],
    options: ["skip:to", "json", ...CLIENT],
  },
  {
    name: "delete",
    operands: "SENSOR --from TIME --to TIME",
    text: "deletes the readings of a stretch of time, of a sensor or of one of its devices",
    more: [
      "--dry-run says how many readings, in which seconds, and what the sensor's numbers become. Readings of these seconds that come later count; copies of deleted ones do not. TIME as in tidemark query.",
      "It can be undone (tidemark corrections undo), until --keep takes the readings.",
    ],
    examples: [
      "tidemark delete temperature --from '2020-01-13 15:12' --to '2020-01-13 15:13' --dry-run",
      "tidemark delete temperature --from 2020-01-13 --to 2020-01-13 --reason 'stood in the sun'",
    ],
    options: [
      "delete:from",
      "delete:to",
      "delete:to-exclusive",
      "query:timezone",
      "delete:device",
      "delete:dry-run",
      "correct:reason",
      "correct:by",
      "json",
      ...CLIENT,
    ],
  },
  {
    name: "rename",
    operands: "SENSOR NAME",
    text: "gives a sensor another name, in the past, too",
    more: [
      "What still comes, or is asked, under the old name is its own. It can be undone (tidemark corrections undo).",
    ],
    examples: ["tidemark rename noise loudness --reason 'as all others call it'"],
    options: ["correct:reason", "correct:by", "json", ...CLIENT],
  },
  {
    name: "corrections",
    operands: "[list | undo NUMBER]",
    text: "what was deleted and renamed: who, when and why; and back again",
    more: ["READINGS: how many a deletion holds back, which an undo gives back."],
    examples: ["tidemark corrections"],
    options: ["list:limit", "list:after", "correct:by", "json", ...CLIENT],
  },
  {
    name: "completion",
    operands: "bash|zsh|fish",
    text: "prints the script by which a shell completes commands, options and sensors",
    more: [
      "bash: source <(tidemark completion bash), in ~/.bashrc. zsh: the same with zsh, in ~/.zshrc behind compinit. fish: tidemark completion fish | source, in ~/.config/fish/config.fish.",
    ],
    examples: ["tidemark completion bash"],
    options: [],
  },
] as const satisfies readonly Command[];

/** The names of COMMANDS. */
export type CommandName = (typeof COMMANDS)[number]["name"];

/** The command of that name; undefined when there is none. */
export function findCommand(name: string): (typeof COMMANDS)[number] | undefined {
  return COMMANDS.find((command) => command.name === name);
}
