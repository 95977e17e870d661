/** Whether a sensor holds readings of others: simulators write only where no one else did. Checked before the first reading is sent. */
import { TidemarkError } from "../../core/errors.ts";
import { ABSENT, Records } from "../../core/records.ts";
import { SIMULATOR_PREFIX } from "../../core/simulator-name.ts";
import type { Log, Topic } from "../../log/log.ts";
import { agentFor, bearer, exchange, reasonOf } from "./exchange.ts";
import type { Sent, Target } from "./send-queue.ts";

/** Sends nothing before the sensor was found to be free of others' readings. */
export class GuardedTarget implements Target {
  readonly name: string;
  readonly #target: Target;
  readonly #require: (signal: AbortSignal) => Promise<void>;
  #isFree = false;

  /** @param require called again while it throws a retryable TidemarkError */
  constructor(target: Target, require: (signal: AbortSignal) => Promise<void>) {
    this.name = target.name;
    this.#target = target;
    this.#require = require;
  }

  async send(payloads: readonly Uint8Array[], signal: AbortSignal): Promise<Sent> {
    if (!this.#isFree) {
      try {
        await this.#require(signal);
      } catch (error) {
        if (error instanceof TidemarkError) return { acknowledged: false, error };
        throw error;
      }
      this.#isFree = true;
    }
    return await this.#target.send(payloads, signal);
  }

  async close(): Promise<void> {
    await this.#target.close();
  }
}

function taken(sensor: string, where: string, whose: string): TidemarkError {
  return new TidemarkError(
    "sensor-taken",
    `Cannot simulate "${sensor}" at ${where}: must hold no readings but those of simulators, has ${whose}`,
  );
}

/**
 * Asks a tidemark. A server that is no tidemark cannot answer, and is taken as free: it was named as the target.
 * @param url of the server, ending in a slash
 * @throws TidemarkError "sensor-taken"; "not-ready" while the server has not read all of the sensor; "server-unreachable", "not-authorized"
 */
export async function requireFreeSensor(
  url: URL,
  sensor: string,
  token: string | null,
  signal: AbortSignal,
): Promise<void> {
  const where = url.href.replace(/\/$/, "");
  const status = await statusOf(url, sensor, token, signal);
  if (status === null) return;
  const { devices, simulatedDevices, rejected, lag } = status;
  const others = devices - simulatedDevices;
  if (others > 0) throw taken(sensor, where, `those of ${others} other ${others === 1 ? "device" : "devices"}`);
  if (rejected > 0) throw taken(sensor, where, `${rejected} rejected ${rejected === 1 ? "record" : "records"}`);
  if (lag > 0) {
    throw new TidemarkError(
      "not-ready",
      `Cannot simulate "${sensor}" at ${where} yet: ${lag} records in its log are not read, which may be of others`,
    );
  }
}

interface Status {
  readonly devices: number;
  readonly simulatedDevices: number;
  readonly rejected: number;
  readonly lag: number;
}

/** Null when the server knows no such sensor, or says nothing of its sensors. */
async function statusOf(url: URL, sensor: string, token: string | null, signal: AbortSignal): Promise<Status | null> {
  const agent = agentFor(url);
  try {
    for (let after = 0; ; ) {
      const page = new URL(`sensors?limit=1000&after=${after}`, url);
      const answer = await exchange(page, { method: "GET", agent, headers: bearer(token), signal });
      if (answer.status === 401 || answer.status === 403) {
        const words = fieldsOf(parsed(answer.body)).get("detail");
        const why = typeof words === "string" ? words : String(answer.status);
        throw new TidemarkError("not-authorized", `Cannot ask ${url.origin} for its sensors: ${why}`);
      }
      if (answer.status >= 500) {
        throw new TidemarkError("server-unreachable", `Cannot ask ${url.origin} for its sensors: ${answer.status}`);
      }
      const fields = fieldsOf(parsed(answer.body));
      const items = fields.get("items");
      if (!Array.isArray(items)) return null;
      const found = items.map(fieldsOf).find((item) => item.get("sensor") === sensor);
      if (found !== undefined) return shownStatus(found);
      const next = fields.get("next");
      if (typeof next !== "number") return null;
      after = next;
    }
  } catch (cause) {
    if (cause instanceof TidemarkError) throw cause;
    throw new TidemarkError(
      "server-unreachable",
      `Cannot ask ${url.origin} for its sensors: ${reasonOf(cause)}`,
      cause,
    );
  } finally {
    agent.destroy();
  }
}

function shownStatus(fields: ReadonlyMap<string, unknown>): Status {
  const count = (name: string): number => Number(fields.get(name) ?? 0);
  return {
    devices: count("devices"),
    simulatedDevices: count("simulatedDevices"),
    rejected: count("rejected"),
    lag: count("lag"),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

/** Records checked at a partition's start and before its end: others' readings are there from the start, or came lately. */
const CHECKED_RECORDS = 100_000;

/** Longest check, ms: past it something is wrong with the log, and the check is retried. */
const CHECK_MS_MAX = 30_000;

/** How every payload of a simulator begins: `Simulation` writes the device first. */
const PAYLOAD_START: Uint8Array = Buffer.from(`{"device":"${SIMULATOR_PREFIX}`);

/**
 * Looks into a topic, which is created where it is missing.
 * @throws TidemarkError "sensor-taken", and those of the log
 */
export async function requireFreeTopic(log: Log, sensor: string, where: string, signal: AbortSignal): Promise<void> {
  const [topic] = await log.create([sensor]);
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(CHECK_MS_MAX)]);
  for (const partition of topic.partitions) {
    const { start, end } = await log.bounds(sensor, partition);
    const tail = Math.max(start, end - CHECKED_RECORDS);
    const other =
      (await findOther(log, topic, partition, start, Math.min(end, start + CHECKED_RECORDS), bounded)) ??
      (await findOther(log, topic, partition, tail, end, bounded));
    if (other !== null) throw taken(sensor, where, `another's at offset ${other} of partition ${partition}`);
  }
}

/** The offset of a record in [from, to) that no simulator wrote; null when there is none. */
async function findOther(
  log: Log,
  { name }: Topic,
  partition: number,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<number | null> {
  if (from >= to) return null;
  const reader = log.reader([{ topic: name, partition, offset: from }]);
  const records = new Records(4096);
  try {
    for (let next = from; next < to; ) {
      const fetched = await reader.read(signal);
      if (fetched === null) throw new TidemarkError("log-closed", `Cannot look into "${name}": interrupted`);
      while (fetched.next(records)) {
        for (let i = 0; i < records.count; i++) if (!isSimulated(records, i)) return records.offset[i];
        next = records.nextOffset;
      }
    }
    return null;
  } finally {
    await reader.close();
  }
}

function isSimulated({ data, valueStart, valueEnd }: Records, i: number): boolean {
  const start = valueStart[i];
  if (start === ABSENT || valueEnd[i] - start < PAYLOAD_START.length) return false;
  return PAYLOAD_START.every((byte, k) => data[start + k] === byte);
}
