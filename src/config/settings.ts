/** argv, environment and configuration file → the text of each setting and where it comes from. Under src/config/config.ts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf, TidemarkError } from "../core/errors.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
import type { Command } from "./command-table.ts";
import { flagOf, OPTIONS, type OptionId, optionOf, variableOf } from "./option-table.ts";
import { type Parsed, parseFlag } from "./values.ts";

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting that was given (not a default): its text, and by what. */
export interface Given {
  readonly text: string;
  readonly by: string;
  readonly isFlag: boolean;
}

/** The configuration file, in the directory that the program is started in. */
export const CONFIG_FILE = "tidemark.config.json";

/** Keys of the file that hold more than texts, and who reads them: src/doors/mapping/, src/doors/mqtt/, src/alerts/. */
const PARTS = ["map", "mqtt", "alerts"] as const;

/** The configuration file. */
export interface ConfigFile {
  readonly path: string;
  /** By flag. */
  readonly texts: ReadonlyMap<string, string>;
  readonly parts: ReadonlyMap<string, unknown>;
}

/** Variables that are ours and no option. */
const KAFKA_PASSWORD = "TIDEMARK_KAFKA_PASSWORD";
export const BACKGROUND_LOG = "TIDEMARK_BACKGROUND_LOG";
const MQTT_USER = "TIDEMARK_MQTT_USER";
const MQTT_PASSWORD = "TIDEMARK_MQTT_PASSWORD";
const OTHER_VARIABLES: readonly string[] = [KAFKA_PASSWORD, MQTT_USER, MQTT_PASSWORD, BACKGROUND_LOG];
/** Settings that no error shows. */
const SECRETS: readonly OptionId[] = ["token", "token-read", "token-write", "token-admin"];
const TEST_VARIABLES = "TIDEMARK_TEST_";

/** The error of any setting that cannot be used. */
export function invalid(message: string): TidemarkError {
  return new TidemarkError("config-invalid", message);
}

/** A given text, quoted for an error. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? text.slice(0, 80) + "…" : text);
}

/** Flags by option, and operands; `flags` is null when help was asked for. @throws TidemarkError "config-invalid" */
export function readArguments(
  command: Command,
  args: readonly string[],
): { flags: Map<OptionId, string> | null; operands: string[] } {
  const known = new Map(command.options.map((id) => [flagOf(id), id]));
  const types = [...known].map(([flag, id]) => [flag, { type: optionOf(id).value ? "string" : "boolean" }] as const);
  const { tokens } = parseArgs({
    args: args.map((arg, i) => {
      if (isLeftOut(known, arg, args[i + 1])) return `${arg}=`;
      return NEGATIVE.test(arg) ? NO_FLAG + arg : arg;
    }),
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: { ...Object.fromEntries(types), help: { type: "boolean", short: "h" } },
  });
  const flags = new Map<OptionId, string>();
  const operands: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(withoutMark(token.value));
    if (token.kind !== "option") continue;
    if (token.name === "help") return { flags: null, operands };
    const id = known.get(token.name);
    if (id === undefined || !token.rawName.startsWith("--")) throw unknownFlag(command, token.rawName);
    const value = withoutMark(flagValue(id, token.value, token.inlineValue));
    const before = optionOf(id).repeated === true ? flags.get(id) : undefined;
    flags.set(id, before === undefined ? value : `${before},${value}`);
  }
  return { flags, operands };
}

/** A number below zero looks like flags of one letter. */
const NEGATIVE = /^-[.\d]/;
const NO_FLAG = "\0";

function withoutMark(text: string): string {
  return text.startsWith(NO_FLAG) ? text.slice(NO_FLAG.length) : text;
}

/** Whether the value of a flag that needs none does not follow. */
function isLeftOut(known: ReadonlyMap<string, OptionId>, arg: string, next: string | undefined): boolean {
  const id = known.get(arg.slice(2));
  if (!arg.startsWith("--") || id === undefined || optionOf(id).value?.startsWith("[") !== true) return false;
  return next === undefined || next.startsWith("-");
}

function unknownFlag(command: Command, flag: string): TidemarkError {
  const suggestion = nearest(
    flag,
    command.options.map((id) => `--${flagOf(id)}`),
  );
  return invalid(
    `Cannot use ${flag}: ${command.name} has no such option${didYouMean(suggestion)} (see tidemark ${command.name} --help)`,
  );
}

function flagValue(id: OptionId, value: string | undefined, inline: boolean | undefined): string {
  const { value: placeholder } = optionOf(id);
  if (placeholder === undefined) return value ?? "true";
  if (value === undefined || (inline !== true && value.startsWith("--"))) {
    throw invalid(`Cannot use --${flagOf(id)}: expected a value after it (${placeholder})`);
  }
  return value;
}

/** Empty when there is none. @throws TidemarkError "config-invalid" */
export function readConfigFile(cwd: string): ConfigFile {
  const path = join(cwd, CONFIG_FILE);
  const texts = new Map<string, string>();
  const parts = new Map<string, unknown>();
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return { path, texts, parts };
    throw new TidemarkError("config-invalid", `Cannot read ${path}: ${messageOf(cause)}`, cause);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw invalid(`Cannot use ${path}: expected a JSON object such as {"port": 5000}`);
  }
  const kept = [...OPTIONS.filter((option) => "kept" in option).map((option) => flagOf(option.id)), ...PARTS];
  for (const [key, value] of Object.entries(content)) {
    if (PARTS.some((part) => part === key)) {
      parts.set(key, value);
      continue;
    }
    if (!kept.includes(key)) {
      throw invalid(
        `Cannot use ${shown(key)} in ${path}: expected ${kept.join(", ")}${didYouMean(nearest(key, kept))}`,
      );
    }
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (!items.every((item) => ["string", "number", "boolean"].includes(typeof item))) {
      throw invalid(`Cannot use ${shown(key)} in ${path}: expected a text, a number, true, false or a list of texts`);
    }
    texts.set(key, items.join(","));
  }
  return { path, texts, parts };
}

/** Parts of the configuration file that the doors read themselves; undefined: not in it. */
export interface DoorParts {
  /** The file's path, for errors. */
  readonly file: string;
  readonly map: unknown;
  readonly mqtt: unknown;
  readonly mqttUser: string | undefined;
  readonly mqttPassword: string | undefined;
}

/** Where each setting comes from, and its value. */
export class Settings {
  readonly #flags: ReadonlyMap<OptionId, string>;
  readonly #environment: Environment;
  readonly #file: ConfigFile;

  constructor(flags: ReadonlyMap<OptionId, string>, environment: Environment, file: ConfigFile) {
    this.#flags = flags;
    this.#environment = environment;
    this.#file = file;
  }

  /** The variable by which a machine says its time zone. */
  get machineZone(): string | undefined {
    return this.#environment["TZ"];
  }

  /** What the file says of the doors, and who we are to a broker. */
  get doors(): DoorParts {
    const { path, parts } = this.#file;
    return {
      file: path,
      map: parts.get("map"),
      mqtt: parts.get("mqtt"),
      mqttUser: this.#environment[MQTT_USER] || undefined,
      mqttPassword: this.#environment[MQTT_PASSWORD] || undefined,
    };
  }

  /** What the file says of alerts. */
  get alerts(): { readonly file: string; readonly alerts: unknown } {
    return { file: this.#file.path, alerts: this.#file.parts.get("alerts") };
  }

  /** No flag: other users can see those. */
  get kafkaPassword(): string {
    return this.#environment[KAFKA_PASSWORD] ?? "";
  }

  given(id: OptionId): Given | undefined {
    const flag = this.#flags.get(id);
    if (flag !== undefined) return { text: flag, by: `--${flagOf(id)}`, isFlag: true };
    if (optionOf(id).kept !== true) return undefined;
    const variable = this.#environment[variableOf(id)];
    // Compose hands over an unset variable as an empty one.
    if (variable !== undefined && variable !== "") return { text: variable, by: variableOf(id), isFlag: false };
    const filed = this.#file.texts.get(flagOf(id));
    if (filed === undefined) return undefined;
    return { text: filed, by: `"${flagOf(id)}" in ${CONFIG_FILE}`, isFlag: false };
  }

  /** null when it was not given. @throws TidemarkError "config-invalid" */
  optional<T>(id: OptionId, parse: (text: string) => Parsed<T>): T | null {
    return this.#find(id, parse)?.value ?? null;
  }

  /** As `optional`, but its default when it was not given. */
  read<T>(id: OptionId, parse: (text: string) => Parsed<T>): T {
    const found = this.#find(id, parse) ?? parse(optionOf(id).fallback ?? "");
    if ("value" in found) return found.value;
    throw new Error(`BUG: the default of ${id} must be ${found.expected}`);
  }

  #find<T>(id: OptionId, parse: (text: string) => Parsed<T>): { readonly value: T } | undefined {
    const given = this.given(id);
    if (given === undefined) return undefined;
    const parsed = parse(given.text);
    if ("value" in parsed) return parsed;
    const secret = SECRETS.includes(id) || given.text.includes("@");
    throw invalid(`Cannot use ${given.by}: must be ${parsed.expected}${secret ? "" : `, was ${shown(given.text)}`}`);
  }

  flag(id: OptionId): boolean {
    return this.optional(id, parseFlag) ?? false;
  }

  warnings(): string[] {
    const known = OPTIONS.filter((option) => "kept" in option).map((option) => variableOf(option.id));
    const unknown = Object.keys(this.#environment).filter(
      (name) =>
        name.startsWith("TIDEMARK_") &&
        !name.startsWith(TEST_VARIABLES) &&
        !known.includes(name) &&
        !OTHER_VARIABLES.includes(name),
    );
    return unknown.map((name) => `${name} is set but no option${didYouMean(nearest(name, known))}`);
  }
}
