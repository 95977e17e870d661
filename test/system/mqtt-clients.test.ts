/** Clients of MQTT that nobody here wrote publish to the listener, with tidemark killed meanwhile: what was acknowledged is counted, and once. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { CONFIG_FILE } from "../../src/config/settings.ts";
import { Mosquitto, skipWithoutMosquitto } from "../doors/mosquitto.ts";
import { connectBytes, RawClient } from "../doors/mqtt-client.ts";
import { findPythonWith } from "../kafka/foreign.ts";
import { findNodeRed, flowsOf } from "../mqtt/node-red.ts";
import { Authority, skipWithoutOpenssl } from "./certificates.ts";
import { eventually, freePort, launch, ROOT, type Running } from "./cli.ts";

const PROGRAM = join(ROOT, "bin/tidemark.js");
const TOKEN = "0123456789abcdef";
const PAHO = ["paho-mqtt==2.1.0"];

const folders: string[] = [];
const brokers: Mosquitto[] = [];
after(async () => {
  for (const broker of brokers) await broker.remove();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A server that listens for MQTT, and comes back on its ports. */
class Server {
  readonly folder = mkdtempSync(join(tmpdir(), "tidemark-mqtt-clients-"));
  readonly #args: readonly string[];
  readonly #ca: string | null;
  #port = 0;
  mqtt = 0;
  running: Running | null = null;

  /** @param ca of its certificate */
  constructor(config: object, args: readonly string[] = [], ca: string | null = null) {
    folders.push(this.folder);
    writeFileSync(join(this.folder, CONFIG_FILE), JSON.stringify(config));
    this.#args = args;
    this.#ca = ca;
  }

  async start(): Promise<void> {
    if (this.#port === 0) {
      this.#port = await freePort();
      this.mqtt = await freePort();
    }
    const ports = ["--port", String(this.#port), "--mqtt-listen", String(this.mqtt)];
    const args = [PROGRAM, "serve", "--data", join(this.folder, "data"), ...ports, ...this.#args];
    this.running = launch(process.execPath, args, { cwd: this.folder, env: { TIDEMARK_TOKEN: TOKEN } });
    await this.running.until(/listening on http/);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    this.running?.kill(signal);
    await this.running?.ended;
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a test asks for it knows
  async get(path: string): Promise<any> {
    const args = this.#ca === null ? [] : ["--cacert", this.#ca];
    const url = `${this.#ca === null ? "http" : "https"}://localhost:${this.#port}/${path}`;
    const asked = await launch("curl", ["-s", "-H", `Authorization: Bearer ${TOKEN}`, ...args, url]).ended;
    return JSON.parse(asked.stdout);
  }

  async door() {
    const { items } = await this.get("doors");
    return items.find(({ name }: { name: string }) => name === "mqtt-listener");
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

  /** Killed each time it has another share of the count, and started again. */
  async killedUntil(sensor: string, count: number, shares: readonly number[]): Promise<void> {
    for (const share of shares) {
      await this.counted(sensor, count * share);
      await this.end("SIGKILL");
      await this.start();
    }
  }

  /** All of them are counted once, also after the next start. */
  async countedOnce(sensor: string, count: number): Promise<void> {
    await this.counted(sensor, count);
    await this.end("SIGTERM");
    await this.start();
    const { counted, conflicts, rejected, quarantined } = await this.counted(sensor, count);
    assert.deepEqual([counted, conflicts, rejected, quarantined], [count, 0, 0, 0]);
    await this.end("SIGTERM");
  }
}

const climates = (count: number) =>
  Array.from({ length: count }, (_, n) =>
    JSON.stringify({ temperature: n % 40, last_seen: 1_700_000_000_000 + n * 1000 }),
  );

/** mosquitto_pub to a listener: a message a line. */
async function publish(port: number, lines: readonly string[], ...more: readonly string[]) {
  const args = ["-h", "localhost", "-p", String(port), "-q", "1", "-t", "zigbee2mqtt/a", "-l", ...more];
  const child = spawn("mosquitto_pub", args, { stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString("utf8");
  });
  child.stdin.on("error", () => {}); // it may end before it has read all
  child.stdin.end(lines.map((line) => `${line}\n`).join(""));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, said };
}

const MAP = [{ like: "zigbee2mqtt" }];
const WHO = ["-u", "anybody", "-P", TOKEN];

// They wait for each other most of the time.
const concurrency = 3;

describe("mosquitto", { skip: skipWithoutMosquitto(), concurrency }, () => {
  test("its publisher, by both versions; a wrong password and none", { timeout: 120_000 }, async () => {
    const server = new Server({ map: MAP });
    await server.start();
    assert.match(server.running?.text() ?? "", /mqtt-listener: listening on mqtt:\/\/127\.0\.0\.1:\d+.*, 1 map\n/);
    const [first, second] = [climates(300).slice(0, 150), climates(300).slice(150)];
    assert.deepEqual(await publish(server.mqtt, first, ...WHO, "-V", "mqttv311"), { code: 0, said: "" });
    assert.deepEqual(await publish(server.mqtt, second, ...WHO, "-V", "mqttv5"), { code: 0, said: "" });
    for (const who of [["-u", "anybody", "-P", "wrong-wrong-wrong"], []]) {
      for (const version of ["mqttv311", "mqttv5"]) {
        const { code, said } = await publish(server.mqtt, ["1"], ...who, "-V", version);
        assert.notEqual(code, 0);
        assert.match(said, /not authori[sz]ed|bad user name or password/i);
      }
    }
    const { counts, connections } = await server.door();
    assert.deepEqual([counts.messages, counts.readings, connections.cut], [300, 300, 4]);
    await server.countedOnce("temperature", 300);
  });

  test("its publisher by TLS", { skip: skipWithoutOpenssl(), timeout: 120_000 }, async () => {
    const authority = new Authority();
    folders.push(authority.directory);
    const { cert, key } = authority.sign("DNS:localhost,IP:127.0.0.1");
    const server = new Server({ map: MAP }, ["--tls-cert", cert, "--tls-key", key], authority.ca);
    await server.start();
    assert.match(server.running?.text() ?? "", /listening on mqtts:\/\//);
    assert.equal((await publish(server.mqtt, climates(200), ...WHO, "--cafile", authority.ca)).code, 0);
    const plain = new RawClient(server.mqtt);
    plain.send(connectBytes(4, { password: TOKEN }));
    await plain.closed;
    await server.countedOnce("temperature", 200);
  });

  test("a broker by TLS, of which tidemark is the client", {
    skip: skipWithoutOpenssl(),
    timeout: 120_000,
  }, async () => {
    const authority = new Authority();
    folders.push(authority.directory);
    const { cert, key } = authority.sign("DNS:localhost,IP:127.0.0.1");
    const broker = await Mosquitto.start("allow_anonymous true", `certfile ${cert}`, `keyfile ${key}`);
    brokers.push(broker);
    const server = new Server({ mqtt: { url: `mqtts://localhost:${broker.port}`, ca: authority.ca }, map: MAP });
    await server.start();
    await server.running?.until(/mqtt: connected to mqtts:\/\/localhost:\d+, 1 topic of 1 map\n/);
    await broker.publish("zigbee2mqtt/a", climates(200), "--cafile", authority.ca);
    await server.countedOnce("temperature", 200);
    const foreign = new Server({ mqtt: `mqtts://localhost:${broker.port}`, map: MAP });
    await foreign.start();
    await foreign.running?.until(/mqtt: no connection to mqtts:\/\/localhost:\d+: .*certificate/);
    await foreign.end("SIGTERM");
  });

  for (const version of ["mqttv311", "mqttv50"]) {
    test(`a bridge of its broker, ${version}, with tidemark killed`, { timeout: 120_000 }, async () => {
      const count = 3000;
      const server = new Server({ map: MAP });
      await server.start();
      const broker = await Mosquitto.start(
        ...["allow_anonymous true", "connection tidemark", `address 127.0.0.1:${server.mqtt}`, "topic # out 1"],
        ...[`remote_username any`, `remote_password ${TOKEN}`, "cleansession false", "notifications false"],
        ...[`bridge_protocol_version ${version}`, "restart_timeout 1"],
      );
      brokers.push(broker);
      const published = broker.publish("zigbee2mqtt/a", climates(count));
      await server.killedUntil("temperature", count, [0.4]);
      await published;
      await server.countedOnce("temperature", count);
    });
  }
});

describe("paho", { concurrency }, async () => {
  const python = await findPythonWith(PAHO);
  const skip = "missing" in python ? python.missing : false;
  for (const version of ["3.1.1", "5"]) {
    test(`${version}, with tidemark killed`, { skip, timeout: 120_000 }, async () => {
      assert.ok("path" in python);
      const count = 3000;
      const server = new Server({ map: MAP });
      await server.start();
      const script = join(ROOT, "test/mqtt/publish.py");
      const writer = launch(python.path, ["-B", script, String(server.mqtt), TOKEN, version, String(count)]);
      await server.killedUntil("temperature", count, [0.3]);
      await writer.until(/done/);
      assert.equal((await writer.ended).code, 0, writer.text());
      assert.equal(writer.text().match(/connected/g)?.length, 2, writer.text());
      await server.countedOnce("temperature", count);
    });
  }
});

describe("Node-RED", async () => {
  const red = await findNodeRed();
  const skip = "missing" in red ? red.missing : false;
  test("its MQTT node, with tidemark killed", { skip, timeout: 120_000 }, async () => {
    assert.ok("path" in red);
    const count = 2000;
    const server = new Server({ map: MAP });
    await server.start();
    const directory = mkdtempSync(join(tmpdir(), "tidemark-node-red-"));
    folders.push(directory);
    const { flows, credentials } = flowsOf(server.mqtt, TOKEN, count);
    writeFileSync(join(directory, "flows.json"), JSON.stringify(flows));
    writeFileSync(join(directory, "flows_cred.json"), JSON.stringify(credentials));
    const settings = { uiPort: await freePort(), uiHost: "127.0.0.1", credentialSecret: false };
    writeFileSync(join(directory, "settings.js"), `module.exports = ${JSON.stringify(settings)};`);
    const running = launch(process.execPath, [red.path, "--userDir", directory, "flows.json"], { cwd: directory });
    await server.killedUntil("temperature", count, [0.4]);
    await server.countedOnce("temperature", count);
    running.kill("SIGTERM");
    await running.ended;
  });
});
