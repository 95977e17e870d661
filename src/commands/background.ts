/** `tidemark start` and `stop`: a server and simulated sensors as processes of their own, each with a log file, on one data directory. */
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { childEnvironment, type ServerInvocation } from "../config/config.ts";
import { variableOf } from "../config/option-table.ts";
import { shownSettings } from "../config/settings-shown.ts";
import { TidemarkError } from "../core/errors.ts";
import { agentFor, exchange, reasonOf } from "../doors/simulator/exchange.ts";
import type { Console } from "./console.ts";
import { launch } from "./launch.ts";
import {
  isRunning,
  logFileOf,
  type ProcessRecord,
  recordOf,
  runningProcesses,
  runningServer,
  SENSOR_PREFIX,
  SERVER,
  withRunLock,
  writeRecord,
} from "./run-files.ts";
import { Simulators } from "./simulators.ts";

/** A server that replays a long log answers before it is through; a Kafka that just starts takes half a minute. */
const READY_MS_MAX = 90_000;
const POLL_MS = 25;

/** A sensor delivers for 5 s on the way out; a server answers for 5 s, then commits what waits. */
const SENSOR_END_MS_MAX = 15_000;
const SERVER_END_MS_MAX = 60_000;

/** Lines of a log that are shown when its process ended. */
const LOG_CHARACTERS_SHOWN = 2000;

/** What runs now, and what this call started. */
export interface Started {
  readonly server: ProcessRecord & { readonly url: string };
  readonly joined: boolean;
  /** Sensors whose simulators were started. */
  readonly simulated: readonly string[];
  /** Sensors that were not simulated because they hold readings of others, each with its message. */
  readonly refused: readonly TidemarkError[];
}

/**
 * Starts what does not run yet, and returns once the server is ready.
 * @throws TidemarkError when it does not become ready, or when the running server has other settings than requested
 */
export async function start(invocation: ServerInvocation, { err }: Console, signal: AbortSignal): Promise<Started> {
  const { config } = invocation;
  const { data } = config;
  return await withRunLock(data, err, async () => {
    const running = runningServer(data);
    if (running !== null) requireSame(running, invocation);
    const simulators = new Simulators(invocation, running?.settings ?? shownSettings(config), running !== null);
    await simulators.prepareTopics(signal);
    const server = running === null ? await startServer(invocation, signal) : await ready(data, running, null, signal);
    const { simulated, refused } = await simulators.start(server.url, signal);
    for (const { message } of refused) err(message);
    return { server, joined: running !== null, simulated, refused };
  });
}

/** Settings given by flag, environment or file must be those of the running server; others may differ. */
function requireSame(running: ProcessRecord, { config, given }: ServerInvocation): void {
  const wanted = shownSettings(config);
  for (const [id, { by }] of given) {
    const is = running.settings[id];
    const shall = wanted[id];
    if (shall === undefined || is === undefined || is === shall) continue;
    throw new TidemarkError(
      "config-invalid",
      `Cannot join the tidemark that runs on ${config.data}: ${by} must be ${is}, was ${shall}; or end it first (tidemark stop)`,
    );
  }
}

async function startServer(invocation: ServerInvocation, signal: AbortSignal) {
  const { config, given } = invocation;
  const child = launch(
    config.data,
    SERVER,
    ["serve", "--data", config.data],
    // The simulated sensors may determine the followed ones.
    childEnvironment(
      given,
      config.sensors === null ? {} : { [variableOf("sensors")]: config.sensors.join(",") },
      logFileOf(config.data, SERVER),
    ),
  );
  const record = recordOf(SERVER, child.pid ?? 0, null, shownSettings(config));
  // Until it listens and says so itself, it can be stopped by this record.
  if (record !== null) writeRecord(config.data, record);
  try {
    return await ready(config.data, record, child, signal);
  } catch (error) {
    child.kill("SIGTERM");
    throw error;
  }
}

/** Polls until the server says that it takes readings in. */
async function ready(data: string, record: ProcessRecord | null, child: ChildProcess | null, signal: AbortSignal) {
  let reason = "it does not listen yet";
  for (let waitedMs = 0; waitedMs < READY_MS_MAX; waitedMs += POLL_MS) {
    if (signal.aborted)
      throw new TidemarkError("not-ready", "Cannot start the server: interrupted before it was ready");
    if (child !== null ? child.exitCode !== null || child.signalCode !== null : record === null || !isRunning(record)) {
      throw new TidemarkError("not-ready", `Cannot start the server: it ended\n${logTail(logFileOf(data, SERVER))}`);
    }
    const server = runningServer(data);
    if (server !== null && server.url !== null) {
      const trouble = await troubleOf(server.url);
      if (trouble === null) return { ...server, url: server.url };
      reason = trouble;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new TidemarkError(
    "not-ready",
    `Cannot start the server: it must be ready within ${READY_MS_MAX / 1000} s, was not: ${reason}`,
  );
}

/** Null when it takes readings in. */
async function troubleOf(url: string): Promise<string | null> {
  const agent = agentFor(new URL(url));
  try {
    const signal = AbortSignal.timeout(2000);
    const { status, body } = await exchange(new URL("readyz", url), { method: "GET", headers: {}, agent, signal });
    return status === 200 || body.includes('"catching-up"') ? null : body;
  } catch (error) {
    return reasonOf(error);
  } finally {
    agent.destroy();
  }
}

function logTail(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(-LOG_CHARACTERS_SHOWN).trimEnd();
  } catch {
    return "";
  }
}

/** Ends sensors, then the server; says what it did. @returns the exit code: 1 when something still runs */
export async function stop(data: string, { out, err }: Console): Promise<number> {
  return await withRunLock(data, err, async () => {
    const running = runningProcesses(data);
    const sensors = running.filter(({ name }) => name !== SERVER);
    const servers = running.filter(({ name }) => name === SERVER);
    if (running.length === 0) out(`nothing runs on ${data}`);
    const ended = await end(sensors, SENSOR_END_MS_MAX);
    if (ended.length > 0) out(`ended ${ended.map(({ name }) => name.slice(SENSOR_PREFIX.length)).join(", ")}`);
    const endedServers = await end(servers, SERVER_END_MS_MAX);
    for (const { pid } of endedServers) out(`ended the server (process ${pid}); the history is in ${data}`);
    const left = runningProcesses(data);
    for (const { name, pid } of left) {
      err(`${name} (process ${pid}) does not end; nothing acknowledged is lost by: kill -9 ${pid}`);
    }
    return left.length === 0 ? 0 : 1;
  });
}

/** Asks all, then waits for all. @returns those that ended */
async function end(processes: readonly ProcessRecord[], msMax: number): Promise<ProcessRecord[]> {
  for (const record of processes) if (isRunning(record)) terminate(record.pid);
  for (let waitedMs = 0; waitedMs < msMax && processes.some(isRunning); waitedMs += POLL_MS) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return processes.filter((record) => !isRunning(record));
}

function terminate(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It ended by itself, or is another user's: the wait tells which.
  }
}
