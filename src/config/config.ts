/** argv, environment and tidemark.config.json → one invocation. The only reader of the environment. */

import { resolve } from "node:path";
import type { TidemarkError } from "../core/errors.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
import { type AlertsConfig, alertsConfig } from "./alerts-config.ts";
import { type BackupConfig, backupConfig } from "./backup-config.ts";
import {
  clientConfig,
  dataDirectory,
  type ListConfig,
  listConfig,
  type SensorConfig,
  type SkipConfig,
  sensorConfig,
  skipConfig,
} from "./client-config.ts";
import { COMMANDS, type CommandName, findCommand } from "./command-table.ts";
import { type CompletionConfig, completionConfig } from "./completion.ts";
import {
  type CorrectionsConfig,
  correctionsConfig,
  type DeleteConfig,
  deleteConfig,
  type RenameConfig,
  renameConfig,
} from "./correct-config.ts";
import { type DevicesConfig, devicesConfig } from "./devices-config.ts";
import { type DoctorConfig, doctorConfig } from "./doctor-config.ts";
import { commandHelp, programHelp } from "./help.ts";
import { type ExportConfig, exportConfig, type ImportConfig, importConfig } from "./import-config.ts";
import { type MapConfig, mapConfig, type UnroutedConfig, unroutedConfig } from "./map-config.ts";
import { type OptionId, optionOf, variableOf } from "./option-table.ts";
import { type QueryConfig, queryConfig } from "./query-config.ts";
import { readSecretFile } from "./secret-file.ts";
import {
  patternsOf,
  type SendConfig,
  type SensorsConfig,
  sendConfig,
  sensorsConfig,
  type WatchConfig,
} from "./send-config.ts";
import { type SeriesConfig, seriesConfig } from "./series-config.ts";
import { type Config, type Simulate, serverConfig, simulated } from "./server-config.ts";
import {
  BACKGROUND_LOG,
  type Environment,
  type Given,
  invalid,
  readArguments,
  readConfigFile,
  Settings,
  shown,
} from "./settings.ts";
import { parseText } from "./values.ts";

import { type VerifyConfig, verifyConfig } from "./verify-config.ts";

/** A command that starts a server. */
export interface ServerInvocation {
  readonly command: "run" | "start" | "serve";
  readonly config: Config;
  readonly given: ReadonlyMap<OptionId, Given>;
  /** null: nothing. */
  readonly simulate: Simulate | null;
  /** Of `start`: go on with the live table. */
  readonly watch: boolean;
}

/** The one command of a call of the program. */
export type Invocation =
  | { readonly command: "help"; readonly text: string }
  | { readonly command: "version" }
  | ServerInvocation
  | { readonly command: "stop"; readonly data: string }
  | { readonly command: "sensor"; readonly sensor: SensorConfig }
  | { readonly command: "send"; readonly send: SendConfig }
  | { readonly command: "sensors"; readonly sensors: SensorsConfig }
  | { readonly command: "devices"; readonly devices: DevicesConfig }
  | { readonly command: "watch"; readonly watch: WatchConfig }
  | { readonly command: "query"; readonly query: QueryConfig }
  | { readonly command: "series"; readonly series: SeriesConfig }
  | { readonly command: "quarantine" | "rejections"; readonly list: ListConfig }
  | { readonly command: "export"; readonly export: ExportConfig }
  | { readonly command: "import"; readonly import: ImportConfig }
  | { readonly command: "backup" | "restore"; readonly backup: BackupConfig }
  | { readonly command: "verify"; readonly verify: VerifyConfig }
  | { readonly command: "doctor"; readonly doctor: DoctorConfig }
  | { readonly command: "map"; readonly map: MapConfig }
  | { readonly command: "alerts"; readonly alerts: AlertsConfig }
  | { readonly command: "unrouted"; readonly unrouted: UnroutedConfig }
  | { readonly command: "completion"; readonly completion: CompletionConfig }
  | { readonly command: "skip"; readonly skip: SkipConfig }
  | { readonly command: "delete"; readonly delete: DeleteConfig }
  | { readonly command: "rename"; readonly rename: RenameConfig }
  | { readonly command: "corrections"; readonly corrections: CorrectionsConfig };

/** An invocation, and notices to print before it begins. */
export interface Loaded {
  readonly invocation: Invocation;
  /** What was ignored, for stderr. */
  readonly warnings: readonly string[];
  /** PEM of authorities that clients trust beside the usual ones; null: none. */
  readonly ca: string | null;
}

/**
 * The one invocation that flags, environment, configuration file of `cwd` and defaults make, in this order of precedence.
 * @param argv without node and script
 * @throws TidemarkError "config-invalid" that says what was expected, "bind-refused" for an open address without a token
 * @example
 * ```ts
 * const { invocation } = loadConfig(["serve", "--port", "5001"], { TIDEMARK_PORT: "5002" }, "/");
 * assert.equal(invocation.command === "serve" && invocation.config.port, 5001);
 * ```
 */
export function loadConfig(argv: readonly string[], environment: Environment, cwd: string): Loaded {
  const name = argv[0];
  if (name === undefined || name === "help" || name === "-h" || name === "--help") return help(argv[1]);
  if (name === "-V" || name === "--version") {
    return { invocation: { command: "version" }, ...NOTHING };
  }
  const command = findCommand(name);
  if (command === undefined) throw unknownCommand(name);
  const { flags, operands } = readArguments(command, argv.slice(1));
  if (flags === null) return help(command.name);
  const file = readConfigFile(cwd);
  if (command.name === "completion") {
    return {
      invocation: { command: "completion", completion: completionConfig(operands, environment, file, cwd) },
      ...NOTHING,
    };
  }
  const settings = new Settings(flags, environment, file);
  const invocation = invoke(command.name, settings, operands, cwd);
  const ca = settings.optional("ca", parseText);
  return {
    invocation,
    warnings: settings.warnings(),
    ca: ca === null ? null : readSecretFile(resolve(cwd, ca), settings.given("ca")?.by ?? "ca"),
  };
}

const NOTHING = { warnings: [], ca: null } as const;

function help(topic: string | undefined): Loaded {
  const command = topic === undefined ? undefined : findCommand(topic);
  if (topic !== undefined && command === undefined) throw unknownCommand(topic);
  return {
    invocation: { command: "help", text: command === undefined ? programHelp() : commandHelp(command) },
    ...NOTHING,
  };
}

function unknownCommand(name: string): TidemarkError {
  const names = COMMANDS.map((command) => command.name);
  return invalid(`Cannot do ${shown(name)}: expected ${names.join(", ")}${didYouMean(nearest(name, names))}`);
}

function invoke(
  name: Exclude<CommandName, "completion">,
  settings: Settings,
  operands: readonly string[],
  cwd: string,
): Invocation {
  switch (name) {
    case "run":
    case "start":
    case "serve": {
      refuseOperands(name, operands);
      const config = serverConfig(settings, cwd);
      return {
        command: name,
        config,
        given: givenOf(name, settings, cwd),
        simulate: simulated(settings, config),
        watch: name === "start" && settings.flag("start:watch"),
      };
    }
    case "stop":
      refuseOperands(name, operands);
      return { command: name, data: dataDirectory(settings, cwd) };
    case "sensor":
      return { command: name, sensor: sensorConfig(settings, operands, cwd) };
    case "send":
      return { command: name, send: sendConfig(settings, operands, cwd) };
    case "devices":
      return { command: name, devices: devicesConfig(settings, operands, cwd) };
    case "sensors":
      return { command: name, sensors: sensorsConfig(settings, operands, cwd) };
    case "watch":
      return { command: name, watch: { client: clientConfig(settings, cwd), patterns: patternsOf(operands) } };
    case "query":
      return { command: name, query: queryConfig(settings, operands, cwd) };
    case "series":
      return { command: name, series: seriesConfig(settings, operands, cwd) };
    case "export":
      return { command: name, export: exportConfig(settings, operands, cwd) };
    case "import":
      return { command: name, import: importConfig(settings, operands, cwd) };
    case "backup":
    case "restore":
      return { command: name, backup: backupConfig(name, settings, operands, cwd) };
    case "verify":
      refuseOperands(name, operands);
      return { command: name, verify: verifyConfig(settings, cwd) };
    case "doctor": {
      refuseOperands(name, operands);
      const given = givenOf(name, settings, cwd);
      return { command: name, doctor: doctorConfig(settings, serverConfig(settings, cwd), given, cwd) };
    }
    case "quarantine":
    case "rejections":
      return { command: name, list: listConfig(name, settings, operands, cwd) };
    case "map":
      return { command: name, map: mapConfig(settings, operands, cwd) };
    case "alerts":
      return { command: name, alerts: alertsConfig(settings, operands, cwd) };
    case "unrouted":
      refuseOperands(name, operands);
      return { command: name, unrouted: unroutedConfig(settings, cwd) };
    case "skip":
      return { command: name, skip: skipConfig(settings, operands, cwd) };
    case "delete":
      return { command: name, delete: deleteConfig(settings, operands, cwd) };
    case "rename":
      return { command: name, rename: renameConfig(settings, operands, cwd) };
    case "corrections":
      return { command: name, corrections: correctionsConfig(settings, operands, cwd) };
  }
}

function refuseOperands(name: string, operands: readonly string[]): void {
  if (operands.length > 0) throw invalid(`Cannot ${name} ${shown(operands[0])}: expected options only`);
}

/** What a child process would look for elsewhere. */
const PATHS: readonly OptionId[] = [
  "data",
  "token-file",
  "token-read-file",
  "token-write-file",
  "token-admin-file",
  "tls-cert",
  "tls-key",
  "ca",
  "kafka-password-file",
  "kafka-ca",
];

function givenOf(name: string, settings: Settings, cwd: string): ReadonlyMap<OptionId, Given> {
  const given = new Map<OptionId, Given>();
  for (const id of findCommand(name)?.options ?? []) {
    const setting = settings.given(id);
    if (setting !== undefined && optionOf(id).kept === true) given.set(id, setting);
  }
  for (const id of PATHS) {
    const path = given.get(id);
    if (path !== undefined) given.set(id, { ...path, text: resolve(cwd, path.text) });
  }
  return given;
}

/** The environment of this process. */
export function ownEnvironment(): Environment {
  return process.env;
}

/** The environment of a process of ours that shall run with the same settings, and write to a log file that it keeps small. */
export function childEnvironment(
  given: ReadonlyMap<OptionId, Given>,
  more: Readonly<Record<string, string>>,
  logFile: string,
): Environment {
  const settings = [...given].map(([id, { text }]) => [variableOf(id), text] as const);
  return { ...process.env, ...Object.fromEntries(settings), ...more, [BACKGROUND_LOG]: logFile };
}

/** The file that stdout and stderr of this background process go to; null in the foreground. */
export function backgroundLogFile(environment: Environment): string | null {
  return environment[BACKGROUND_LOG] ?? null;
}

/** Whether to write in colour: NO_COLOR (no-color.org) and FORCE_COLOR win over what the stream is; the former over the latter. */
export function wantsColor(environment: Environment, isTerminal: boolean): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = environment;
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== "") return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return isTerminal && TERM !== "dumb";
}
