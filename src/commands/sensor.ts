/** `tidemark sensor`: one simulated sensor in this process, until its count is delivered or a signal ends it. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { SensorConfig } from "../config/client-config.ts";
import { kafkaOptions } from "../config/kafka-settings.ts";
import { type KafkaAddress, shownTarget } from "../config/values.ts";
import { systemClock } from "../core/clock.ts";
import { NAME_BYTES_MAX } from "../core/limits.ts";
import { simulatorName } from "../core/simulator-name.ts";
import { HttpTarget } from "../doors/simulator/http-target.ts";
import { LogTarget } from "../doors/simulator/log-target.ts";
import { GuardedTarget, requireFreeTopic as requireFree, requireFreeSensor } from "../doors/simulator/others.ts";
import type { Target } from "../doors/simulator/send-queue.ts";
import { runSensor } from "../doors/simulator/sensor.ts";
import { serverUrl } from "./client.ts";
import type { Console } from "./console.ts";
import { endOnSignals } from "./ending.ts";

/** 64 bits: no two starts share one. */
const BOOT_BYTES = 8;

/** @returns the exit code: 1 when a reading could not be delivered */
export async function sensor(config: SensorConfig, { out, err, inBackground }: Console): Promise<number> {
  const ending = endOnSignals(inBackground, () => err("still delivering what waits, for 5 s at most"));
  const options = {
    sensor: config.sensor,
    device: config.device ?? deviceName(config.sensor),
    boot: randomBytes(BOOT_BYTES).toString("hex"),
    rate: config.rate,
    count: config.count,
    duplicates: config.duplicates,
    late: config.late,
    seed: config.seed ?? randomBytes(4).readUInt32LE(),
    fromMs: config.fromMs,
  };
  try {
    const result = await runSensor(options, targetOf(config, options.device), systemClock, ending.signal, out);
    return result.undelivered === 0 ? 0 : 1;
  } finally {
    ending.release();
  }
}

/** The sensor's and the machine's name. */
function deviceName(sensor: string): string {
  return simulatorName(`${sensor}-${hostname()}`).slice(0, NAME_BYTES_MAX);
}

function targetOf({ target, client, sensor }: SensorConfig, device: string): Target {
  if (target !== null && target.kind === "kafka") {
    const name = shownTarget(target);
    const toLog = new LogTarget(name, sensor, device, () => openKafka(target));
    return new GuardedTarget(toLog, (signal) => requireFreeTopic(target, sensor, signal));
  }
  const url = target?.url ?? serverUrl(client);
  const toServer = new HttpTarget(url, sensor, client.tokens.write);
  return new GuardedTarget(toServer, (signal) => requireFreeSensor(url, sensor, client.tokens.read, signal));
}

/** @throws TidemarkError "sensor-taken", and those of the Kafka */
export async function requireFreeTopic(address: KafkaAddress, sensor: string, signal: AbortSignal): Promise<void> {
  const log = await openKafka(address);
  try {
    await requireFree(log, sensor, shownTarget({ kind: "kafka", ...address }), signal);
  } finally {
    await log.close();
  }
}

/** A Kafka as its address says. @throws TidemarkError "log-unreachable" | "log-refused" */
export async function openKafka(address: KafkaAddress) {
  // The client library is loaded by those sensors only that need it.
  const { openKafkaLog } = await import("../log/kafka/kafka-log.ts");
  return openKafkaLog({ ...kafkaOptions(address), clock: systemClock });
}
