/** `--help`, from the lists of commands and options. */
import { COMMANDS, type Command } from "./command-table.ts";
import { flagOf, optionOf, variableOf } from "./option-table.ts";

/** Flags that every command takes. */
const EVERYWHERE = [["-h, --help", "print this"]] as const;

/** `tidemark --help`: every command in a line. */
export function programHelp(): string {
  const commands = COMMANDS.map((command) => [command.name, command.text] as const);
  return [
    "tidemark: streams of sensor readings turned into numbers people can trust",
    "",
    "Usage: tidemark COMMAND [options]",
    "",
    ...columns(commands),
    "",
    "Options: tidemark COMMAND --help",
    ...columns([["-V, --version", "print the version"]]),
    "",
    "An option comes from its flag, else from the environment (TIDEMARK_LOG_RETENTION for --log-retention),",
    'else from tidemark.config.json in the working directory ({"log-retention": "2GB"}), else its default holds.',
    "NO_COLOR and FORCE_COLOR are respected. Exit code: 0 done, 1 failed, 2 asked for what there is not.",
    "",
  ].join("\n");
}

/** `tidemark COMMAND --help`: its operands and options. */
export function commandHelp(command: Command): string {
  const options = command.options.map(optionOf);
  const rows = options.map((option) => {
    const flag = `--${flagOf(option.id)}${option.value === undefined ? "" : ` ${option.value}`}`;
    return [flag, option.text + (option.fallback === undefined ? "" : ` (default: ${option.fallback})`)] as const;
  });
  const kept = options.filter((option) => option.kept === true).map((option) => variableOf(option.id));
  return [
    `Usage: tidemark ${command.name}${command.operands === "" ? "" : ` ${command.operands}`} [options]`,
    "",
    `${command.name}: ${command.text}`,
    ...command.more.flatMap(wrapped),
    "",
    ...columns([...rows, ...EVERYWHERE]),
    "",
    command.examples.length === 1 ? "Example:" : "Examples:",
    ...command.examples.map((example) => `  ${example}`),
    ...(kept.length === 0 ? [] : ["", ...wrapped(`Environment: ${kept.join(", ")}`)]),
    "",
  ].join("\n");
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

const LINE_LENGTH = 100;

function wrapped(text: string): string[] {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    if (lines[last] === "") lines[last] = word;
    else if (lines[last].length + 1 + word.length <= LINE_LENGTH) lines[last] += ` ${word}`;
    else lines.push(`  ${word}`);
  }
  return lines;
}
