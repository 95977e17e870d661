/** tidemark as a client of a real broker: what is published is counted once, whoever dies meanwhile, and what is not is told. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { CONFIG_FILE } from "../../src/config/settings.ts";
import { Mosquitto, skipWithoutMosquitto } from "../doors/mosquitto.ts";
import { eventually, freePort, launch, ROOT, type Running } from "./cli.ts";

const PROGRAM = join(ROOT, "bin/tidemark.js");
const sample = (file: string) =>
  readFileSync(join(ROOT, "test/doors/samples", file), "utf8").replaceAll(/\s*\n\s*/g, "");

const folders: string[] = [];
const brokers: Mosquitto[] = [];
after(async () => {
  for (const broker of brokers) await broker.remove();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function startBroker(...more: readonly string[]): Promise<Mosquitto> {
  const broker = await Mosquitto.start(...more);
  brokers.push(broker);
  return broker;
}

/** A server in a folder of its own, whose configuration file it is. */
class Server {
  readonly #folder = mkdtempSync(join(tmpdir(), "tidemark-mqtt-"));
  readonly #environment: Readonly<Record<string, string>>;
  #url = "";
  running: Running | null = null;

  constructor(config: object, environment: Readonly<Record<string, string>> = {}) {
    folders.push(this.#folder);
    writeFileSync(join(this.#folder, CONFIG_FILE), JSON.stringify(config));
    this.#environment = environment;
  }

  async start(): Promise<void> {
    const port = await freePort();
    this.#url = `http://127.0.0.1:${port}`;
    const args = [PROGRAM, "serve", "--port", String(port), "--data", join(this.#folder, "data")];
    this.running = launch(process.execPath, args, { cwd: this.#folder, env: this.#environment });
    await this.running.until(/listening on/);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.running?.kill(signal);
    await this.running?.ended;
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a test asks for it knows
  async get(path: string): Promise<any> {
    return await (await fetch(`${this.#url}/${path}`)).json();
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  async compute(question: object): Promise<any> {
    const body = JSON.stringify(question);
    return await (await fetch(`${this.#url}/compute/metrics`, { method: "POST", body })).json();
  }

  /** Totals of a sensor once it has so many counted readings. */
  async counted(sensor: string, count: number): Promise<Record<string, number>> {
    return await eventually(async () => {
      const { items } = await this.get("sensors");
      const found = items.find((item: { sensor: string }) => item.sensor === sensor);
      assert.ok(found?.counted >= count, `${sensor}: ${found?.counted} of ${count}`);
      return found;
    });
  }

  async door() {
    const { items } = await this.get("doors");
    return items.find((item: { name: string }) => item.name === "mqtt");
  }

  async subscribed(): Promise<void> {
    await eventually(async () => assert.equal((await this.door()).trouble, null));
  }
}

/** Climate of zigbee2mqtt at second n. */
const climate = (n: number) => JSON.stringify({ temperature: n % 40, last_seen: 1_700_000_000_000 + n * 1000 });
const climates = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => climate(from + i));

describe("MQTT", { skip: skipWithoutMosquitto() }, () => {
  for (const version of ["5", "3.1.1"]) {
    test(`${version}: dialects, what was kept, what no map is for`, { timeout: 120_000 }, async () => {
      const broker = await startBroker();
      await broker.publish("tele/cellar/SENSOR", [sample("tasmota-ds18x20.json")], "-r");
      const mqtt = { url: broker.url, clientId: "tidemark-1", version };
      const server = new Server({ mqtt, map: [{ like: "zigbee2mqtt" }, { like: "tasmota" }, { like: "shelly" }] });
      await server.start();
      await server.subscribed();
      await broker.publish("zigbee2mqtt/kitchen/thermometer", [sample("zigbee2mqtt-climate.json")]);
      await broker.publish("node/events/rpc", [sample("shelly-plus-ht.json"), sample("shelly-plus-ht.json")]);
      await broker.publish("zigbee2mqtt/kitchen/availability", ["online"]);
      await broker.publish("tele/shed/SENSOR", ['{"Time":"soon","ANALOG":{"A0":8}}']);
      await broker.publish("weather/sensor/outdoor/state", ["21.5"]);
      const temperature = await server.counted("temperature", 2);
      assert.equal(temperature["counted"], 2, "what the broker kept is passed over");
      await eventually(async () => assert.equal((await server.counted("humidity", 2))["duplicates"], 1));
      await eventually(async () => {
        const { items } = await server.get("unrouted");
        assert.deepEqual(
          items.map(({ topic, map }: { topic: string; map: object }) => [topic, map]),
          [["weather/sensor/outdoor/state", { like: "esphome" }]],
        );
      });
      const { counts, problems } = await server.door();
      // Of version 5 it is not even sent.
      const kept = version === "5" ? 0 : 1;
      assert.deepEqual([counts.retained, counts.refused, problems[0].code], [kept, 1, "time-unreadable"]);
      assert.equal(counts.unrouted, 1);
      await server.end("SIGTERM");
    });
  }

  test("a broker that is killed with messages in its queue, and started again", { timeout: 120_000 }, async () => {
    const broker = await startBroker();
    const server = new Server({ mqtt: broker.url, map: [{ like: "zigbee2mqtt" }] });
    await server.start();
    await server.subscribed();
    await broker.publish("zigbee2mqtt/a", climates(0, 100));
    await server.counted("temperature", 100);
    await server.end("SIGTERM");
    await broker.publish("zigbee2mqtt/a", climates(100, 600));
    await broker.kill("SIGTERM"); // it writes its queues
    await broker.restart();
    await broker.publish("zigbee2mqtt/a", climates(600, 700));
    await server.start();
    assert.equal((await server.counted("temperature", 700))["counted"], 700);
    await broker.kill("SIGKILL");
    await eventually(async () => {
      const { status, notices } = await server.get("readyz");
      assert.deepEqual([status, notices?.length], ["ready", 1]);
      assert.match(notices[0], /^mqtt: no connection to mqtt:\/\/127\.0\.0\.1:\d+: /);
    });
    await broker.restart();
    await server.subscribed();
    await broker.publish("zigbee2mqtt/a", climates(700, 800));
    const totals = await server.counted("temperature", 800);
    assert.deepEqual([totals["counted"], totals["conflicts"]], [800, 0]);
    await server.end("SIGTERM");
  });

  for (const [version, shares] of [
    ["5", [0.2, 0.6]],
    ["3.1.1", [0.4]],
  ] as const) {
    test(`${version}: killed under load, again and again: nothing acknowledged is lost, nothing counts twice`, {
      timeout: 240_000,
    }, async () => {
      const broker = await startBroker();
      const server = new Server({ mqtt: { url: broker.url, version }, map: [{ like: "zigbee2mqtt" }] });
      await server.start();
      await server.subscribed();
      const messages = 8000;
      let isPublished = false;
      const publishing = broker.publish("zigbee2mqtt/a", climates(0, messages)).then(() => {
        isPublished = true;
      });
      let kills = 0;
      for (const share of shares) {
        await server.counted("temperature", messages * share);
        await server.end("SIGKILL");
        kills++;
        await server.start();
      }
      await publishing;
      const totals = await server.counted("temperature", messages);
      await server.end("SIGTERM");
      await server.start(); // what the broker still had to say
      await server.subscribed();
      const { counted, conflicts, rejected, quarantined } = await server.counted("temperature", messages);
      assert.deepEqual([counted, conflicts, rejected, quarantined], [messages, 0, 0, 0], JSON.stringify(totals));
      assert.deepEqual([kills, isPublished], [shares.length, true]);
      const { result } = await server.compute({ temperature: ["count", "sum"] });
      assert.deepEqual(result.temperature, { count: messages, sum: (messages / 40) * 780 });
      await server.end("SIGTERM");
    });
  }

  test("who we are: user and password, wrong ones are told without them", { timeout: 120_000 }, async () => {
    const { spawnSync } = await import("node:child_process");
    const folder = mkdtempSync(join(tmpdir(), "tidemark-mqtt-"));
    folders.push(folder);
    const file = join(folder, "passwords");
    assert.equal(spawnSync("mosquitto_passwd", ["-b", "-c", file, "tidemark", "secret-1"]).status, 0);
    const broker = await startBroker(`password_file ${file}`, "allow_anonymous false");
    const map = [{ like: "zigbee2mqtt" }];
    const wrong = new Server({ mqtt: { url: broker.url, user: "tidemark", password: "secret-2" }, map });
    await wrong.start();
    await eventually(async () => {
      const { notices = [] } = await wrong.get("readyz");
      assert.match(notices.join(), /no connection to mqtt:.*: (it does not let us in|user or password are wrong)/);
      assert.doesNotMatch(notices.join(), /secret/);
    });
    await wrong.end("SIGTERM");
    const right = new Server(
      { mqtt: broker.url, map },
      { TIDEMARK_MQTT_USER: "tidemark", TIDEMARK_MQTT_PASSWORD: "secret-1" },
    );
    await right.start();
    await right.subscribed();
    await broker.publish("zigbee2mqtt/a", climates(0, 3), "-u", "tidemark", "-P", "secret-1");
    await right.counted("temperature", 3);
    await right.end("SIGTERM");
  });

  test("a configuration that cannot be", async () => {
    for (const [mqtt, message] of [
      [{ url: "http://x" }, /Cannot use "mqtt\/url" in .*tidemark\.config\.json: expected mqtt:\/\/host:port/],
      [{ url: "mqtt://x", clientid: "a" }, /Cannot use "mqtt" .*was "clientid"; did you mean clientId\?/],
      [{ url: "mqtt://x", version: "3" }, /"mqtt\/version" .*expected "5" or "3.1.1"/],
      [{ url: "mqtt://x", passwordFile: "/nowhere" }, /Cannot read "mqtt\/passwordFile"/],
    ] as const) {
      const folder = mkdtempSync(join(tmpdir(), "tidemark-mqtt-"));
      folders.push(folder);
      writeFileSync(join(folder, CONFIG_FILE), JSON.stringify({ mqtt }));
      const { code, stderr } = await launch(process.execPath, [PROGRAM, "serve", "--port", "0"], { cwd: folder }).ended;
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
  });
});
