/** Clients of InfluxDB that nobody here wrote, with tidemark killed while they write: all that they sent is counted, and once. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { findTelegraf } from "../influx/telegraf.ts";
import { findPythonWith } from "../kafka/foreign.ts";
import { dataDirectory, eventually, freePort, launch, ROOT, type Running, tidemark } from "./cli.ts";

const TOKEN = "0123456789abcdef";
const PACKAGES = ["influxdb==5.3.2", "influxdb-client==1.50.0"];
const KILLS = 3;

interface Counted {
  readonly count: number;
  readonly sum: number;
}

interface Status {
  readonly sensor: string;
  readonly followed: boolean;
  readonly received: number;
  readonly counted: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly rejected: number;
  readonly devices: number;
}

/** A server that can be killed and comes back on its port. */
class Server {
  readonly port: number;
  readonly #data: string;
  #running: Running;

  private constructor(port: number, data: string, running: Running) {
    this.port = port;
    this.#data = data;
    this.#running = running;
  }

  static async open(t: TestContext): Promise<Server> {
    const data = dataDirectory();
    const port = await freePort();
    const server = new Server(port, data.path, Server.#start(data.path, port));
    t.after(async () => {
      server.#running.kill("SIGKILL");
      await server.#running.ended;
      await data.remove();
    });
    await server.#running.until(/listening on/);
    return server;
  }

  static #start(data: string, port: number): Running {
    const args = ["serve", "--data", data, "--port", String(port), "--timezone", "UTC"];
    return tidemark(args, { TIDEMARK_TOKEN: TOKEN });
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#running.kill(signal);
    await this.#running.ended;
    this.#running = Server.#start(this.#data, this.port);
    await this.#running.until(/listening on/);
  }

  async counted(sensor: string): Promise<Counted> {
    const response = await fetch(`http://127.0.0.1:${this.port}/compute/metrics`, {
      ...{ method: "POST", body: JSON.stringify({ [sensor]: ["count", "sum"] }) },
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    return ((await response.json()) as { result: Record<string, Counted> }).result[sensor];
  }

  /** What every sensor counted and did not count. */
  async totals(): Promise<Map<string, Status>> {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const { items } = (await (await fetch(`http://127.0.0.1:${this.port}/sensors`, { headers })).json()) as {
      items: Status[];
    };
    return new Map(items.map((item) => [item.sensor, item]));
  }
}

/** The block of docs/INFLUX.md in that language; "": the first that is in none. */
function snippet(language: string): string {
  const document = readFileSync(join(ROOT, "docs/INFLUX.md"), "utf8");
  return new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "ms").exec(document)?.[1] ?? assert.fail(language);
}

/** Of the numbers from 0 on. */
const all = (count: number): Counted => ({ count, sum: (count * (count - 1)) / 2 });

describe("Telegraf", async () => {
  const telegraf = await findTelegraf();
  const skip = "missing" in telegraf ? telegraf.missing : false;

  test("writes by both versions while the server is killed", { skip, timeout: 240_000 }, async (t) => {
    assert.ok("path" in telegraf);
    const server = await Server.open(t);
    const listens = await freePort();
    const config = join(mkdtempSync(join(tmpdir(), "tidemark-telegraf-")), "telegraf.conf");
    writeFileSync(
      config,
      `[agent]
  interval = "1s"
  flush_interval = "200ms"
  metric_batch_size = 300
  metric_buffer_limit = 100000
  omit_hostname = true
[[inputs.socket_listener]]
  service_address = "tcp://127.0.0.1:${listens}"
  data_format = "influx"
${snippet("toml")
  .replace("http://tidemark.lan:5000", `http://127.0.0.1:${server.port}`)
  .replace(/token = ".*"/, `token = "${TOKEN}"`)}
[[outputs.influxdb]]
  urls = ["http://127.0.0.1:${server.port}"]
  database = "any"
  username = "any"
  password = "${TOKEN}"
  name_prefix = "old_"
`,
    );
    const running = launch(telegraf.path, ["--config", config]);
    t.after(async () => {
      running.kill("SIGKILL");
      await running.ended;
    });
    const socket = await eventually(
      () =>
        new Promise<ReturnType<typeof connect>>((done, fail) => {
          const opened = connect(listens, "127.0.0.1", () => done(opened));
          opened.on("error", fail);
        }),
    );
    let sent = 0;
    const send = async (lines: number): Promise<void> => {
      let text = "";
      for (const end = sent + lines; sent < end; sent++) {
        text += `room,device=kitchen\\ ${sent % 5} temperature=${sent},n=${sent}i,state="on, \\"x\\"",ok=true ${1_700_000_000 + sent}000000001\n`;
      }
      await new Promise((done) => socket.write(text, done));
    };
    for (let kill = 0; kill < KILLS; kill++) {
      await send(2000);
      const before = sent - 1000;
      await eventually(async () => assert.ok((await server.counted("room_n")).count > before - 1000));
      await send(2000);
      await server.kill();
    }
    await send(500);
    for (const sensor of ["room_temperature", "room_n", "old_room_temperature", "old_room_n"]) {
      await eventually(async () => assert.deepEqual(await server.counted(sensor), all(sent), running.text()));
    }
    const totals = await server.totals();
    for (const sensor of ["room_n", "old_room_n"]) {
      const { received, counted, duplicates, conflicts, devices } = totals.get(sensor) ?? assert.fail(sensor);
      assert.deepEqual([received, conflicts, devices], [counted + duplicates, 0, 5], sensor);
    }
    assert.equal(totals.get("influx")?.rejected, 0);
    assert.doesNotMatch(running.text(), /will be dropped/);
    socket.destroy();
  });
});

describe("Python", async () => {
  const python = await findPythonWith(PACKAGES);
  const skip = "missing" in python ? python.missing : false;

  for (const [way, sensor] of [
    ["v1", "sensor.v1_temp"],
    ["v2", "sensor.v2_temp"],
    ["batching", "batch"],
  ]) {
    test(`${way} writes while the server is killed`, { skip, timeout: 240_000 }, async (t) => {
      assert.ok("path" in python);
      const server = await Server.open(t);
      const count = way === "batching" ? 4000 : 1500;
      const script = join(import.meta.dirname, "..", "influx", "write.py");
      const writer = launch(python.path, ["-B", script, String(server.port), TOKEN, way, String(count)]);
      await writer.until(/connected/);
      for (let kill = 1; kill <= KILLS; kill++) {
        await eventually(async () => {
          assert.ok((await server.counted(sensor))?.count >= (kill * count) / 10, writer.text());
        });
        await server.kill();
      }
      await writer.until(/done/);
      assert.equal((await writer.ended).code, 0, writer.text());
      await eventually(async () => assert.deepEqual(await server.counted(sensor), all(count)));
      const { conflicts, rejected } = (await server.totals()).get(sensor) ?? assert.fail(sensor);
      assert.deepEqual([conflicts, rejected], [0, 0]);
    });
  }
});

test("curl, as Tasmota's driver asks and writes", async (t) => {
  const server = await Server.open(t);
  const url = `http://127.0.0.1:${server.port}`;
  const curl = (...args: string[]): string => execFileSync("curl", ["-s", "-w", "%{http_code}", ...args]).toString();
  const format = ["-o", "/dev/null", "-H", "Accept: application/json"];
  assert.equal(curl(...format, `${url}/ping?verbose=true&u=any&p=${TOKEN}`), "200");
  assert.equal(curl(...format, `${url}/health`), "200");
  const write = (path: string, ...headers: string[]): string =>
    curl(
      ...headers,
      "-H",
      "Content-Type: text/plain",
      "--data-binary",
      "temperature,device=t1,sensor=ds18b20 value=24.5\npower1,device=t1,sensor=energy value=0",
      url + path,
    );
  assert.equal(write(`/write?db=any&u=any&p=${TOKEN}`, "-H", `Authorization: Token ${TOKEN}`), "204");
  assert.equal(write("/api/v2/write?org=any&bucket=any", "-H", `Authorization: Token ${TOKEN}`), "204");
  assert.equal(write(`/write?db=any&u=any&p=${TOKEN}`), "204");
  assert.match(write("/write?db=any&u=any&p=another"), /401$/);
  await eventually(async () => assert.deepEqual(await server.counted("temperature"), { count: 3, sum: 73.5 }));
  await server.kill("SIGTERM");
  const followed = [...(await server.totals()).values()].map(({ sensor, followed }) => [sensor, followed]);
  assert.deepEqual(
    followed,
    ["influx", "temperature", "power1"].map((name) => [name, true]),
  );
});

test("the first lines of docs/INFLUX.md", async (t) => {
  const server = await Server.open(t);
  const [command, said] = snippet("").trim().split("\n");
  const run = command
    .replace("localhost:5000", `localhost:${server.port}`)
    .replace("curl ", `curl -s -w '%{http_code}' -H 'Authorization: Token ${TOKEN}' `);
  const { stdout } = await launch("sh", ["-ec", run]).ended;
  const [, status, sensors, device] = /^→ (\d+); sensors (.*), device `(.*)`$/.exec(said) ?? assert.fail(said);
  assert.equal(stdout, status);
  for (const sensor of sensors.split(" and ")) {
    await eventually(async () => assert.equal((await server.totals()).get(sensor)?.counted, 1, sensor));
  }
  // The device is shown where a reading is held back: the same line, of the year 2100.
  await launch("sh", ["-ec", run.replace(/ \d{10}'/, " 4102444800'")]).ended;
  const headers = { authorization: `Bearer ${TOKEN}` };
  await eventually(async () => {
    const held = await (await fetch(`http://127.0.0.1:${server.port}/quarantine`, { headers })).text();
    assert.ok(held.includes(`"device":${JSON.stringify(device)}`), held);
  });
});
