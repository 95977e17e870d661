/** The command lines of the long runs (`npm run torture` …): options with their texts, `--help`, and one line for what is not understood. */
import { parseArgs } from "node:util";

/** Column at which the texts of options begin. */
const TEXTS_AT = 24;

interface Option {
  /** What to write behind it: `N`, `DIR`; absent: it is there or not. */
  readonly value?: string;
  readonly text: string;
}

type Options = Readonly<Record<string, Option>>;

/** What is run, and how it is asked to. */
export interface CommandLine<O extends Options> {
  /** Of the npm script. */
  readonly name: string;
  /** What it does, a sentence a line. */
  readonly about: readonly string[];
  /** Beside the options: how they are written, and what they mean. */
  readonly positionals?: Readonly<Record<string, string>>;
  readonly options: O;
}

/** What was asked. */
export interface Asked<O extends Options> {
  readonly values: { readonly [K in keyof O]: O[K] extends { readonly value: string } ? string | undefined : boolean };
  readonly positionals: readonly string[];
}

/** Reads what the process was started with. Prints the help and ends it with 0, or what was not understood and ends it with 2. */
export function readCommandLine<const O extends Options>(line: CommandLine<O>): Asked<O> {
  const options = Object.entries(line.options).map(([name, { value }]) => {
    return [name, value === undefined ? { type: "boolean", default: false } : { type: "string" }] as const;
  });
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: line.positionals !== undefined,
      options: { ...Object.fromEntries(options), help: { type: "boolean", short: "h", default: false } },
    });
    if (values["help"] !== true) return { values: values as Asked<O>["values"], positionals };
  } catch (error) {
    // Node's first sentence says what; the others are about `--`.
    refuse(
      line.name,
      (error as Error).message.split(/\.\s/, 1)[0].replace(/^./, (first) => first.toLowerCase()),
    );
  }
  console.log(help(line));
  process.exit(0);
}

/** Ends the process: what was asked cannot be done. @param fault "expected …" */
export function refuse(name: string, fault: string): never {
  console.error(`Cannot run ${name}: ${fault}; see npm run ${name} -- --help`);
  process.exit(2);
}

function help({ name, about, positionals = {}, options }: CommandLine<Options>): string {
  const own = Object.entries(options).map(([option, { value, text }]): [string, string] => {
    return [`--${option}${value === undefined ? "" : ` ${value}`}`, text];
  });
  const rows = [...Object.entries(positionals), ...own].map(([what, text]) => `  ${what.padEnd(TEXTS_AT - 2)}${text}`);
  return [
    `npm run ${name} -- [options]${Object.keys(positionals).length > 0 ? " …" : ""}`,
    "",
    ...about,
    "",
    ...rows,
  ].join("\n");
}
