/** Simulated sensors beside a server: which are requested, which are allowed, and their processes. */
import { setTimeout as delay } from "node:timers/promises";
import { childEnvironment, type ServerInvocation } from "../config/config.ts";
import { OPEN_SENSORS } from "../config/settings-shown.ts";
import { readingToken } from "../config/token-settings.ts";
import { DEFAULT_SENSORS, type KafkaAddress, parseLogTarget, parseTopicPattern } from "../config/values.ts";
import { TidemarkError } from "../core/errors.ts";
import { requireFreeSensor } from "../doors/simulator/others.ts";
import { launch } from "./launch.ts";
import { logFileOf, recordOf, runningProcesses, SENSOR_PREFIX, writeRecord } from "./run-files.ts";
import { requireFreeTopic } from "./sensor.ts";

/** How long to wait for a server to read what is in its log; a simulator that is started before waits by itself. */
const CAUGHT_UP_MS_MAX = 5000;
const POLL_MS = 50;

/** The outcome of starting them. */
export interface Simulated {
  readonly simulated: readonly string[];
  readonly refused: readonly TidemarkError[];
}

/** Call `prepareTopics`, then `start`. */
export class Simulators {
  readonly #invocation: ServerInvocation;
  readonly #settings: Readonly<Record<string, string>>;
  /** Those that do not run yet, and may. */
  #sensors: readonly string[];
  readonly #refused: TidemarkError[] = [];

  /**
   * @param settings of the server that runs, or will, as `shownSettings` tells them
   * @throws TidemarkError "config-invalid" when the server would not follow a sensor
   */
  constructor(invocation: ServerInvocation, settings: Readonly<Record<string, string>>, joined: boolean) {
    this.#invocation = invocation;
    this.#settings = settings;
    const running = new Set(runningProcesses(invocation.config.data).map(({ name }) => name));
    this.#sensors = sensorsAsked(invocation, settings, joined).filter((name) => !running.has(SENSOR_PREFIX + name));
  }

  /** Looks into the topics of a Kafka, and creates the missing ones: before a server is started that waits for them. */
  async prepareTopics(signal: AbortSignal): Promise<void> {
    if (this.#settings["log"] === "local") return;
    const address = this.#sensors.length === 0 ? null : this.#kafka();
    if (address !== null) await this.#keepFree((sensor) => requireFreeTopic(address, sensor, signal));
  }

  async start(url: string, signal: AbortSignal): Promise<Simulated> {
    const isLocal = this.#settings["log"] === "local";
    if (isLocal) await this.#keepFree((sensor) => this.#requireFree(url, sensor, signal));
    const { config, given } = this.#invocation;
    const { data } = config;
    // A process that joins a running server need not name its Kafka again.
    const log = isLocal || !given.has("log") ? { TIDEMARK_LOG: this.#settings["log"] ?? "local" } : {};
    for (const sensor of this.#sensors) {
      const name = SENSOR_PREFIX + sensor;
      const environment = childEnvironment(
        given,
        { ...(isLocal ? { TIDEMARK_URL: url } : {}), ...log },
        logFileOf(data, name),
      );
      const child = launch(data, name, ["sensor", sensor, "--data", data], environment);
      const record = recordOf(name, child.pid ?? 0, null, {});
      if (record !== null) writeRecord(data, record);
    }
    return { simulated: this.#sensors, refused: this.#refused };
  }

  /** @throws TidemarkError other than "sensor-taken" */
  async #keepFree(require: (sensor: string) => Promise<void>): Promise<void> {
    const free: string[] = [];
    for (const sensor of this.#sensors) {
      try {
        await require(sensor);
        free.push(sensor);
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== "sensor-taken") throw error;
        this.#refused.push(error);
      }
    }
    this.#sensors = free;
  }

  async #requireFree(url: string, sensor: string, signal: AbortSignal): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += POLL_MS) {
      try {
        return await requireFreeSensor(new URL("/", url), sensor, readingToken(this.#invocation.config), signal);
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== "not-ready") throw error;
        if (waitedMs >= CAUGHT_UP_MS_MAX) return;
        await delay(POLL_MS);
      }
    }
  }

  #kafka(): KafkaAddress {
    const { log } = this.#invocation.config;
    if (log.kind === "kafka") return log;
    const parsed = parseLogTarget(this.#settings["log"] ?? "");
    if ("value" in parsed && parsed.value.kind === "kafka") return parsed.value;
    throw new TidemarkError(
      "config-invalid",
      `Cannot simulate at ${this.#settings["log"]}: expected --log with its password`,
    );
  }
}

function sensorsAsked(
  { simulate }: ServerInvocation,
  settings: Readonly<Record<string, string>>,
  joined: boolean,
): readonly string[] {
  if (simulate === null || (joined && simulate.isDemonstration)) return [];
  const listed = settings["sensors"] ?? OPEN_SENSORS;
  const list = listed === OPEN_SENSORS ? null : listed.split(",");
  const asked = simulate.sensors ?? list ?? DEFAULT_SENSORS;
  const topics = ruleOf(settings["topics"]);
  const excluded = ruleOf(settings["topics-exclude"]);
  for (const sensor of asked) {
    const isFollowed = list?.includes(sensor) ?? ((topics?.test(sensor) ?? true) && excluded?.test(sensor) !== true);
    if (isFollowed) continue;
    const which = list === null ? `a topic that matches ${settings["topics"]}` : `one of --sensors ${listed}`;
    throw new TidemarkError("config-invalid", `Cannot simulate "${sensor}": expected ${which}, as the server follows`);
  }
  return asked;
}

/** Null when there is none. */
function ruleOf(text: string | undefined): RegExp | null {
  const parsed = text === undefined || text === "none" ? null : parseTopicPattern(text);
  return parsed !== null && "value" in parsed ? parsed.value : null;
}
