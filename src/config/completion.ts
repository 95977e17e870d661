/** What may stand at the end of a command line: from the lists of commands and options. Under src/config/config.ts. */
import { METRICS } from "../metrics/registry.ts";
import { type ClientConfig, clientConfig } from "./client-config.ts";
import { COMMANDS, type CommandName, findCommand } from "./command-table.ts";
import { flagOf, type OptionId, optionOf, SENSOR_COLUMNS, SERIES_FORMATS } from "./option-table.ts";
import { type ConfigFile, type Environment, invalid, Settings, shown } from "./settings.ts";

/** Shells that complete. */
const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of them. */
export type Shell = (typeof SHELLS)[number];

/** A word that may stand there, and what it is. */
export interface Candidate {
  readonly text: string;
  readonly about: string;
}

/** What may stand at the end: words, names that only a server knows, or directories. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Names of sensors, too. */
  readonly sensors: boolean;
  readonly directories: boolean;
  /** What the word has before the part that is completed: names before a comma. */
  readonly before: string;
  readonly client: ClientConfig;
}

/** A shell's script, or the end of a command line. */
export type CompletionConfig = { readonly shell: Shell } | { readonly completion: Completion };

/** Asked by the scripts. */
const WORDS = "words";

/** What each operand of a command is; the last stands for all that follow. */
const OPERANDS: Partial<Record<CommandName, readonly (readonly Kind[])[]>> = {
  send: [["sensors"], []],
  sensors: [["sensors"]],
  watch: [["sensors"]],
  query: [["sensors"], ["sensors", "metrics"]],
  series: [["sensors"]],
  quarantine: [["actions"], []],
  rejections: [["actions"], []],
  skip: [["sensors"], []],
  delete: [["sensors"], []],
  rename: [["sensors"], []],
  corrections: [["undos"], []],
  completion: [["shells"], []],
};

type Kind =
  | "sensors"
  | "metrics"
  | "actions"
  | "undos"
  | "shells"
  | "directories"
  | "columns"
  | "formats"
  | "zones"
  | "logs";

/** What the value of an option is; of the others nobody knows. */
const VALUES: Partial<Record<OptionId, Kind>> = {
  data: "directories",
  "list:sensor": "sensors",
  "series:metrics": "metrics",
  "series:format": "formats",
  "sensors:sort": "columns",
  timezone: "zones",
  "query:timezone": "zones",
  log: "logs",
};

const NAMED = (names: readonly string[], about: string): Candidate[] => names.map((text) => ({ text, about }));

/** Words of a kind. */
const LISTS: Readonly<Record<Exclude<Kind, "sensors" | "directories">, () => Candidate[]>> = {
  metrics: () => NAMED([...METRICS.map(({ name }) => name), "p95", "p99"], "metric"),
  actions: () => NAMED(["list", "release", "discard"], "action"),
  undos: () => NAMED(["list", "undo"], "action"),
  shells: () => NAMED(SHELLS, "shell"),
  columns: () => NAMED(SENSOR_COLUMNS, "column"),
  formats: () => NAMED(SERIES_FORMATS, "format"),
  zones: () => NAMED(["UTC", ...Intl.supportedValuesOf("timeZone")], "zone"),
  logs: () => NAMED(["local", "kafka://localhost:9092"], "log"),
};

/** Reads the configuration of `tidemark completion`. @throws TidemarkError "config-invalid" */
export function completionConfig(
  operands: readonly string[],
  environment: Environment,
  file: ConfigFile,
  cwd: string,
): CompletionConfig {
  const [what = ""] = operands;
  const shell = SHELLS.find((name) => name === what);
  if (shell !== undefined) return { shell };
  if (what !== WORDS) throw invalid(`Cannot complete in ${shown(what)}: expected ${SHELLS.join(", ")}`);
  // A shell may take "--port=1" apart.
  const words = operands.slice(1).flatMap((word) => (word === "=" ? [] : [word]));
  const last = words.at(-1) ?? "";
  const typed = words.slice(0, -1);
  const flags = new Map<OptionId, string>();
  for (const id of ["url", "port", "data", "token", "token-file"] as const) {
    const at = typed.lastIndexOf(`--${id}`);
    if (at >= 0 && at + 1 < typed.length) flags.set(id, typed[at + 1]);
  }
  const client = clientConfig(new Settings(flags, environment, file), cwd);
  return { completion: { ...endOf(typed, last), client } };
}

function endOf(typed: readonly string[], last: string): Omit<Completion, "client"> {
  const [name] = typed;
  if (name === undefined || (name === "help" && typed.length === 1)) {
    const commands = COMMANDS.map((command) => ({ text: command.name, about: command.text }));
    const more = name === undefined ? [{ text: "help", about: "what a command does" }] : [];
    return wordsOf([...commands, ...more]);
  }
  const command = findCommand(name);
  if (command === undefined) return wordsOf([]);
  const options: readonly OptionId[] = command.options;
  const before = options.find((id) => typed.at(-1) === `--${flagOf(id)}` && takesValue(id));
  if (before !== undefined) return kindsOf([VALUES[before]], last);
  if (last.startsWith("-")) {
    const left = options.filter((id) => optionOf(id).repeated === true || !typed.includes(`--${flagOf(id)}`));
    const flags = left.map((id) => ({ text: `--${flagOf(id)}`, about: optionOf(id).text }));
    return wordsOf([...flags, { text: "--help", about: "what it does" }]);
  }
  const kinds = OPERANDS[command.name] ?? [];
  return kindsOf(kinds[Math.min(operandsIn(typed.slice(1), options), kinds.length - 1)] ?? [], last);
}

function takesValue(id: OptionId): boolean {
  return optionOf(id).value?.startsWith("[") === false;
}

/** How many of the words are neither flags nor their values. */
function operandsIn(words: readonly string[], options: readonly OptionId[]): number {
  const valued = new Set(options.filter(takesValue).map((id) => `--${flagOf(id)}`));
  return words.filter((word, i) => !word.startsWith("--") && !valued.has(words[i - 1] ?? "")).length;
}

function wordsOf(candidates: readonly Candidate[]): Omit<Completion, "client"> {
  return { candidates, sensors: false, directories: false, before: "" };
}

function kindsOf(kinds: readonly (Kind | undefined)[], last: string): Omit<Completion, "client"> {
  const lists = kinds.filter((kind) => kind !== undefined && kind !== "sensors" && kind !== "directories");
  const isList = kinds.includes("sensors") || kinds.includes("metrics");
  return {
    candidates: lists.flatMap((kind) => LISTS[kind]()),
    sensors: kinds.includes("sensors"),
    directories: kinds.includes("directories"),
    before: isList ? last.slice(0, last.lastIndexOf(",") + 1) : "",
  };
}
