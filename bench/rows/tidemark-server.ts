/** Starts tidemark's server for a row, on a core of its own where asked. */
import { join } from "node:path";
import { SENSORS } from "../data/windows.ts";
import { node } from "../harness/child.ts";
import { output } from "../harness/install.ts";
import { Server } from "../harness/server.ts";
import type { ServeTask } from "../ours/serve.ts";

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
  readonly sensors?: readonly string[];
  readonly core?: number;
}

export async function startTidemark(
  options: TidemarkOptions,
): Promise<{ port: number; pid: number; stop(): Promise<void> }> {
  const { data, log, sensors = SENSORS, core = null } = options;
  const target: ServeTask["log"] =
    log === "local" ? { kind: "local" } : { kind: "kafka", brokers: [log], tls: false, sasl: null };
  const { command, args } = node(join(import.meta.dirname, "..", "ours", "serve.ts"), { data, log: target, sensors });
  const server = new Server(pinned(core, command, args));
  const port = Number((await server.line(/listens at (\d+)/))[1]);
  return { port, pid: server.pid, stop: () => server.stop() };
}
