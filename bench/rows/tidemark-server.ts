/** Starts tidemark's server for a row as its users do, on a core of its own where asked. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CONFIG_FILE } from "../../src/config/settings.ts";
import { SENSORS } from "../data/windows.ts";
import { output } from "../harness/install.ts";
import { Server } from "../harness/server.ts";

const PROGRAM = join(import.meta.dirname, "..", "..", "bin", "tidemark.js");

/** `taskset -c CORE` before a command, where the system has it. */
export function pinned(
  core: number | null,
  command: string,
  args: readonly string[],
): { command: string; args: string[] } {
  const taskset = core === null ? null : output("sh", ["-c", "command -v taskset"]);
  if (taskset === null || taskset.trim() === "") return { command, args: [...args] };
  return { command: taskset.trim(), args: ["-c", String(core), command, ...args] };
}

export interface TidemarkOptions {
  readonly data: string;
  /** "local", or a Kafka's host:port. */
  readonly log: string;
  /** null: those that appear. */
  readonly sensors?: readonly string[] | null;
  readonly core?: number;
  /** What its configuration file holds; absent: there is none. */
  readonly config?: object;
  readonly mqttListen?: number;
}

export async function startTidemark(
  options: TidemarkOptions,
): Promise<{ port: number; pid: number; line(pattern: RegExp): Promise<unknown>; stop(): Promise<void> }> {
  const { data, log, sensors = SENSORS, core = null, config, mqttListen } = options;
  const flags = {
    "--data": data,
    "--log": log === "local" ? log : `kafka://${log}`,
    ...(sensors === null ? {} : { "--sensors": sensors.join(",") }),
    ...(mqttListen === undefined ? {} : { "--mqtt-listen": String(mqttListen) }),
    ...{ "--host": "127.0.0.1", "--port": "0", "--timezone": "UTC" },
  };
  const args = [PROGRAM, "serve", ...Object.entries(flags).flat()];
  const cwd = `${data}-configuration`;
  if (config !== undefined) {
    mkdirSync(cwd, { recursive: true });
    writeFileSync(join(cwd, CONFIG_FILE), JSON.stringify(config));
  }
  const server = new Server({ ...pinned(core, process.execPath, args), ...(config === undefined ? {} : { cwd }) });
  const port = Number((await server.line(/listening on http:\S+:(\d+)/))[1]);
  return { port, pid: server.pid, line: (pattern) => server.line(pattern), stop: () => server.stop() };
}
