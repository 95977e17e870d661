/** The command line (started by bin/tidemark.js): argv → one command. Operating errors end in one clear line, our own bugs with their stack. */
import { keepLogSmall, LogFile } from "./commands/bounded-log.ts";
import { backgroundLogFile, type Invocation, loadConfig, ownEnvironment, wantsColor } from "./config/config.ts";
import { systemClock } from "./core/clock.ts";
import { type ErrorCode, messageOf, TidemarkError } from "./core/errors.ts";
import { formatSecond } from "./core/time.ts";
import { programVersion } from "./runtime/version.ts";

/** Exit code of a usage error. */
const EXIT_USAGE = 2;

/** What to do about an error, where its own words do not say it. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  "data-dir-owned": "one process owns a data directory; tidemark stop ends it, --data names another",
  "server-unreachable": "tidemark start starts one; --url or --port names another",
  "not-authorized": "--token, or better the variable TIDEMARK_TOKEN, says which token to send",
  "role-missing": "--token, or better the variable TIDEMARK_TOKEN, must be a token of that role",
  "too-busy": "it is busy, or its disk is full: try again in a while; tidemark doctor looks into it",
  "log-unreachable": "--log names the Kafka; --log local needs none",
};

const background = backgroundLogFile(ownEnvironment());

const logFile = background === null ? null : new LogFile(background);

/** In a log file a line needs its time. */
function write(stream: NodeJS.WriteStream, text: string): void {
  if (logFile === null) stream.write(`${text}\n`);
  else logFile.write(`${formatSecond(Math.floor(systemClock.now() / 1000))} ${text}\n`);
}

const terminal = {
  out: (text: string) => write(process.stdout, text),
  err: (text: string) => write(process.stderr, `tidemark: ${text}`),
  raw: (text: string) => void (logFile ?? process.stdout).write(text),
  columns: process.stdout.columns || Number.POSITIVE_INFINITY,
  color: wantsColor(ownEnvironment(), process.stdout.isTTY),
  inBackground: logFile !== null,
};

/** @returns the exit code. Commands are loaded on demand: a sensor needs no server, a table no log. */
async function perform(invocation: Invocation): Promise<number> {
  switch (invocation.command) {
    case "help":
      process.stdout.write(invocation.text);
      return 0;
    case "version":
      terminal.out(`tidemark ${programVersion()} (Node ${process.version})`);
      return 0;
    case "serve":
      await (await import("./commands/serve.ts")).serve(invocation.config, terminal);
      return 0;
    case "run":
      return await (await import("./commands/run.ts")).run(invocation, terminal);
    case "start":
      return await (await import("./commands/run.ts")).startCommand(invocation, terminal);
    case "stop":
      return await (await import("./commands/background.ts")).stop(invocation.data, terminal);
    case "sensor":
      return await (await import("./commands/sensor.ts")).sensor(invocation.sensor, terminal);
    case "send":
      return await (await import("./commands/send.ts")).send(invocation.send, terminal, process.stdin);
    case "sensors":
      await (await import("./commands/sensors.ts")).sensors(invocation.sensors, terminal);
      return 0;
    case "devices":
      await (await import("./commands/devices.ts")).devices(invocation.devices, terminal);
      return 0;
    case "watch":
      await (await import("./commands/run.ts")).watchCommand(invocation.watch, terminal);
      return 0;
    case "query":
      return await (await import("./commands/query.ts")).query(invocation.query, terminal);
    case "series":
      await (await import("./commands/series.ts")).series(invocation.series, terminal, process.stdout);
      return 0;
    case "export":
      await (await import("./commands/export.ts")).exportSensors(invocation.export, terminal, process);
      return 0;
    case "import":
      return await (await import("./commands/import.ts")).importFile(invocation.import, terminal, process);
    case "backup":
      await (await import("./commands/backup.ts")).backup(invocation.backup, terminal, process.stderr);
      return 0;
    case "restore":
      await (await import("./commands/backup.ts")).restore(invocation.backup, terminal);
      return 0;
    case "verify":
      return await (await import("./commands/verify.ts")).verify(invocation.verify, terminal, process);
    case "doctor":
      return await (await import("./commands/doctor.ts")).doctor(invocation.doctor, terminal);
    case "completion":
      await (await import("./commands/completion.ts")).completion(invocation.completion, terminal);
      return 0;
    case "quarantine":
    case "rejections":
      await (await import("./commands/uncounted.ts")).uncounted(invocation.command, invocation.list, terminal);
      return 0;
    case "map":
      return await (await import("./commands/map.ts")).tryMaps(invocation.map, terminal, process.stdin);
    case "alerts":
      await (await import("./commands/alerts.ts")).alerts(invocation.alerts, terminal);
      return 0;
    case "unrouted":
      await (await import("./commands/unrouted.ts")).unrouted(invocation.unrouted, terminal);
      return 0;
    case "skip":
      await (await import("./commands/skip.ts")).skip(invocation.skip, terminal);
      return 0;
    case "delete":
      await (await import("./commands/corrections.ts")).deleteReadings(invocation.delete, terminal);
      return 0;
    case "rename":
      await (await import("./commands/corrections.ts")).rename(invocation.rename, terminal);
      return 0;
    case "corrections":
      await (await import("./commands/corrections.ts")).corrections(invocation.corrections, terminal);
      return 0;
  }
}

/** For all connections of this process. */
function trustAuthority(pem: string): void {
  const { getCACertificates, setDefaultCACertificates } = process.getBuiltinModule("node:tls");
  try {
    setDefaultCACertificates([...getCACertificates("default"), pem]);
  } catch (error) {
    throw new TidemarkError("config-invalid", `Cannot use --ca: expected PEM of certificates, ${messageOf(error)}`);
  }
}

async function main(): Promise<number> {
  // The reader of our output may be gone (`| head`, a closed terminal): nothing to report it to, and the command goes on.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  try {
    const { invocation, warnings, ca } = loadConfig(process.argv.slice(2), ownEnvironment(), process.cwd());
    // doctor says them among all else.
    if (invocation.command !== "doctor") for (const warning of warnings) terminal.err(warning);
    if (ca !== null) trustAuthority(ca);
    if (background !== null) keepLogSmall(background);
    if (logFile !== null) process.on("SIGHUP", () => logFile.reopen());
    return await perform(invocation);
  } catch (error) {
    if (!(error instanceof TidemarkError)) {
      write(process.stderr, `${error instanceof Error ? (error.stack ?? error.message) : error}`);
      return 1;
    }
    terminal.err(error.message);
    const hint = HINTS[error.code];
    if (hint !== undefined) write(process.stderr, `  ${hint}`);
    return error.code === "config-invalid" ? EXIT_USAGE : 1;
  }
}

/** What a slow reader has not taken yet would be lost with the process. */
async function written(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write("", () => resolve()));
}

const code = await main();
await written(process.stdout);
await written(process.stderr);
process.exit(code);
