/** Row `mqtt`: messages of quality of service 1, taken from a broker beside mosquitto_sub, and by the listener beside mosquitto. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Bench, Row } from "../harness/bench.ts";
import { type Lap, node, run, runForLap } from "../harness/child.ts";
import { output, Unavailable } from "../harness/install.ts";
import { freePort, Server } from "../harness/server.ts";
import { median } from "../harness/statistics.ts";
import type { MqttTask } from "../ours/mqtt-load.ts";
import { figure, type Table } from "../report/results.ts";
import { startTidemark } from "./tidemark-server.ts";

const LOAD = join(import.meta.dirname, "..", "ours", "mqtt-load.ts");
const MAP = [{ like: "zigbee2mqtt" }];
const WHO = "tidemark";
const CLIENT_ID = "tidemark-bench";
const SUBSCRIBER = "mosquitto_sub";
const BROKER = "mosquitto";
/** The kernel's clock ticks a second, on every Linux that Node runs on. */
const TICKS = 100;

/** A broker that keeps whatever it is given, in memory. @throws Unavailable */
async function startMosquitto(bench: Bench): Promise<{ readonly port: number; readonly server: Server }> {
  const command = output("sh", ["-c", "command -v mosquitto && command -v mosquitto_sub"])?.trim().split("\n")[0];
  if (command === undefined || command === "") {
    throw new Unavailable("there is no mosquitto", "apt-get install -y mosquitto mosquitto-clients");
  }
  const port = await freePort();
  const file = join(bench.directory, `mosquitto-${port}.conf`);
  const lines = [`listener ${port} 127.0.0.1`, "allow_anonymous true", "persistence false", "max_queued_messages 0"];
  const user = process.getuid?.() === 0 ? ["user root"] : [];
  writeFileSync(file, [...lines, "max_inflight_messages 2000", "log_type error", ...user].join("\n"));
  const server = new Server({ command, args: ["-c", file] });
  await server.listens(port);
  return { port, server };
}

function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

async function counted(port: number, lap: number): Promise<number> {
  const from = Date.UTC(2024, 0, 1) + lap * 30 * 86_400_000;
  const body = JSON.stringify({ temperature: ["count"], from, to: from + 30 * 86_400_000 - 1000 });
  const response = await fetch(`http://127.0.0.1:${port}/compute/metrics`, { method: "POST", body });
  const { result } = (await response.json()) as { result: { temperature?: { count: number } } };
  return result.temperature?.count ?? 0;
}

/** Drains a queue of the broker, one lap. Starting is no part of it. */
async function drain(who: string, broker: number, messages: number, lap: number, data: string): Promise<Lap> {
  const subscriber = ["-h", "127.0.0.1", "-p", String(broker), "-q", "1", "-c", "-i", `sub-${lap}`];
  const subscribe = { command: SUBSCRIBER, args: [...subscriber, "-t", "zigbee2mqtt/#"] };
  const config = { mqtt: { url: `mqtt://127.0.0.1:${broker}`, clientId: CLIENT_ID, unrouted: false }, map: MAP };
  const open = () => startTidemark({ data, log: "local", sensors: null, config });
  // There is a session, and nobody: the broker keeps what is published.
  if (who === WHO) {
    const first = await open();
    await first.line(/mqtt: connected to/);
    await first.stop();
  } else await run({ ...subscribe, args: [...subscribe.args, "-E"] });
  const task: MqttTask = { port: broker, messages, connections: 1, window: 1000, lap };
  await runForLap(node(LOAD, task));
  if (who !== WHO) {
    const start = performance.now();
    await run({ ...subscribe, args: [...subscribe.args, "-C", String(messages), "-F", "%l"] });
    // The session goes with its subscription, or the next lap's messages would be kept for it, too.
    const seconds = (performance.now() - start) / 1000;
    await run({ command: SUBSCRIBER, args: subscriber.filter((each) => each !== "-c").concat("-t", "none", "-E") });
    return { seconds, cpuSeconds: 0, rssBytes: 0 };
  }
  const tidemark = await open();
  try {
    await tidemark.line(/mqtt: connected to/);
    const [start, cpu] = [performance.now(), cpuSecondsOf(tidemark.pid)];
    while ((await counted(tidemark.port, lap)) < messages) await new Promise((again) => setTimeout(again, 10));
    const seconds = (performance.now() - start) / 1000;
    return { seconds, cpuSeconds: cpuSecondsOf(tidemark.pid) - cpu, rssBytes: 0 };
  } finally {
    await tidemark.stop();
    const forget = ["-h", "127.0.0.1", "-p", String(broker), "-i", CLIENT_ID, "-t", "none", "-E"];
    await run({ command: SUBSCRIBER, args: forget });
  }
}

export const mqtt: Row = {
  name: "mqtt",
  about: "MQTT messages of quality of service 1: from a broker beside mosquitto_sub, and published to the listener",
  async run(bench) {
    const messages = bench.size(20_000, 60_000);
    const broker = await bench.peer(BROKER, () => startMosquitto(bench));
    if (broker === null) return { tables: [], goals: [] };
    const data = join(bench.directory, "mqtt");
    let lap = 0;
    const rounds = bench.rounds(3, 5);
    const linesOf = (laps: ReadonlyMap<string, Lap[]>): Table["lines"] =>
      [...laps].map(([name, own]) => {
        const cpu = (median(own.map(({ cpuSeconds }) => cpuSeconds)) / messages) * 1e6;
        const remark = name === WHO ? `${figure(cpu)} CPU s per M messages, two readings each` : undefined;
        const line = { name, ours: name === WHO, laps: own.map(({ seconds }) => messages / seconds) };
        return remark === undefined ? line : { ...line, remark };
      });
    const tables: Table[] = [];
    try {
      const drained = await bench.laps(
        [WHO, SUBSCRIBER].map((name) => ({ name, run: () => drain(name, broker.port, messages, lap++, data) })),
        rounds,
      );
      tables.push({
        title: "MQTT, a queue of the broker",
        about: `${messages} messages of zigbee2mqtt with two readings each, kept by mosquitto for a client that was away (2,000 on their way at once). tidemark, version 5, from its connection until the last can be asked for; mosquitto_sub from its start until it has printed the last. The broker shares the machine.`,
        unit: "messages/s",
        better: "more",
        synced: "tidemark: each message is on disk before it is acknowledged; mosquitto_sub keeps nothing",
        lines: linesOf(drained),
      });
      const listener = await freePort();
      const tidemark = await startTidemark({
        ...{ data: join(bench.directory, "mqtt-listener"), log: "local", sensors: null },
        ...{ config: { map: MAP }, mqttListen: listener },
      });
      try {
        for (const connections of [1, 20]) {
          const publish = (port: number, pid: number) => async (): Promise<Lap> => {
            const task: MqttTask = { port, messages, connections, window: 100, lap: lap++ };
            const cpu = cpuSecondsOf(pid);
            return { ...(await runForLap(node(LOAD, task))), cpuSeconds: cpuSecondsOf(pid) - cpu };
          };
          const contestants = [
            { name: WHO, run: publish(listener, tidemark.pid) },
            { name: BROKER, run: publish(broker.port, broker.server.pid) },
          ];
          await bench.laps(contestants, 1); // warms both
          const laps = await bench.laps(contestants, rounds);
          tables.push({
            title: `MQTT, published on ${connections} ${connections === 1 ? "connection" : "connections"}`,
            about: `${messages} messages of zigbee2mqtt, version 3.1.1, 100 on their way on each connection, until the last is acknowledged; the load generator shares the machine. Of mosquitto nobody has subscribed to them.`,
            unit: "messages/s",
            better: "more",
            synced: "tidemark: each message is on disk before it is acknowledged; mosquitto: in memory, if anywhere",
            lines: linesOf(laps),
          });
        }
      } finally {
        await tidemark.stop();
      }
      return { tables, goals: [] };
    } finally {
      await broker.server.stop();
    }
  },
};
