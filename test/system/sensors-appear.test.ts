/** Sensors that appear while the server runs, on both logs with real processes: across restarts, up to the limit, and no topic made that nobody asked for. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Admin, Producer } from "@platformatic/kafka";
import { systemClock } from "../../src/core/clock.ts";
import { SENSORS_MAX } from "../../src/core/limits.ts";
import { openEmbeddedLog } from "../../src/log/embedded/embedded-log.ts";
import { type Broker, skipWithoutOwnKafka, startBroker } from "../kafka/broker.ts";
import { EventStream } from "../server/event-stream.ts";
import { dataDirectory, eventually, type Running, tidemark } from "./cli.ts";

interface Listed {
  readonly sensor: string;
  readonly followed: boolean;
  readonly counted: number;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A server in a process of its own, and what it is asked over HTTP. */
class Served {
  readonly process: Running;
  readonly url: string;

  private constructor(process: Running, url: string) {
    this.process = process;
    this.url = url;
  }

  static async start(data: string, ...options: readonly string[]): Promise<Served> {
    const process = tidemark(["serve", "--data", data, "--port", "0", ...options]);
    const text = await process.until(/listening on (\S+):.*\n/);
    return new Served(process, /listening on (\S+):/.exec(text)?.[1] ?? "");
  }

  async #ask(path: string, body?: string): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, body === undefined ? {} : { method: "POST", body });
    return { status: response.status, text: await response.text() };
  }

  post(sensor: string, body: string): Promise<Answer> {
    return this.#ask(`/readings/${sensor}`, body);
  }

  /** The count of all readings, or the error that says that there is no such sensor. */
  async count(sensor: string): Promise<unknown> {
    const { text } = await this.#ask("/compute/metrics", JSON.stringify({ [sensor]: ["count"] }));
    const { result, errors } = JSON.parse(text);
    return result[sensor]?.count ?? errors[0];
  }

  async list(): Promise<{ readonly items: readonly Listed[]; readonly next: number | null; readonly refused: number }> {
    return JSON.parse((await this.#ask("/sensors?limit=1000")).text);
  }

  /** Names of the sensors, those not followed with a question mark. */
  async names(): Promise<string[]> {
    return (await this.list()).items.map(({ sensor, followed }) => (followed ? sensor : `${sensor}?`));
  }

  async notice(): Promise<unknown> {
    const { status, text } = await this.#ask("/readyz");
    assert.equal(status, 200, text);
    return JSON.parse(text).notices?.[0];
  }

  async stop(): Promise<void> {
    this.process.kill("SIGTERM");
    const { code, stderr } = await this.process.ended;
    assert.equal(code, 0, stderr);
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.ended;
  }
}

const unexpected = (sensor: string) => `Unexpected key ${sensor} in the request body`;

describe("on the local log", () => {
  test("a first reading makes the sensor, in every list at once; nothing else does; restarts know it, followed or not", async () => {
    const data = dataDirectory();
    let server = await Served.start(data.path);
    assert.deepEqual(await server.names(), []);
    assert.equal(await server.count("boiler.7"), unexpected("boiler.7"));
    const stream = await EventStream.open(Number(new URL(server.url).port));
    assert.equal((await stream.next()).data.sensorsTotal, 0);
    for (const name of ["from", "__proto__", "caf%C3%A9"]) {
      const { status, text } = await server.post(name, "1");
      assert.equal(status, 400, text);
      assert.match(text, /expected a sensor name/);
    }
    assert.equal((await server.post("boiler.7", " \n")).status, 400);
    assert.deepEqual(await server.names(), []);
    // Several at once: one sensor.
    const posts = await Promise.all(
      [1, 2, 3].map((value) => server.post("boiler.7", `{"device":"d","sequence":${value},"value":${value}}`)),
    );
    assert.deepEqual(
      posts.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.deepEqual(await server.names(), ["boiler.7"]);
    await eventually(async () => assert.equal(await server.count("boiler.7"), 3));
    for (;;) {
      const { rows, data } = await stream.next();
      if (rows.some(({ sensor, count }) => sensor === "boiler.7" && count === 3) && data.sensorsTotal === 1) break;
    }
    stream.close();
    // Killed: nothing of it was committed, the log has it.
    await server.kill();
    server = await Served.start(data.path);
    assert.deepEqual(await server.names(), ["boiler.7"]);
    await eventually(async () => assert.equal(await server.count("boiler.7"), 3));
    await server.stop();
    // A list that does not name it.
    server = await Served.start(data.path, "--sensors", "other,another");
    assert.deepEqual(await server.names(), ["other", "another", "boiler.7?"]);
    assert.equal(await server.count("boiler.7"), 3);
    const refused = await server.post("boiler.7", "4");
    assert.equal(refused.status, 404, refused.text);
    await server.stop();
    // As before.
    server = await Served.start(data.path);
    assert.deepEqual(await server.names(), ["boiler.7", "other", "another"]);
    assert.equal((await server.post("boiler.7", '{"device":"d","sequence":4,"value":4}')).status, 200);
    await eventually(async () => assert.equal(await server.count("boiler.7"), 4));
    await server.stop();
    await data.remove();
  });

  test("past the limit new ones are refused, counted and said, and those that are there go on", async () => {
    const data = dataDirectory();
    const log = await openEmbeddedLog({ directory: data.path, retentionBytes: 100_000_000, clock: systemClock });
    const names = Array.from({ length: SENSORS_MAX + 2 }, (_, i) => `sensor-${String(i).padStart(6, "0")}`);
    await log.create(names);
    await log.close();
    const server = await Served.start(data.path);
    assert.equal((await server.list()).refused, 2);
    assert.match(String(await server.notice()), /sensors must be <= 10000: 2 more are not followed/);
    for (const name of [names[SENSORS_MAX], "another"]) {
      const { status, text } = await server.post(name, "1");
      assert.equal(status, 409, text);
      assert.match(text, /too-many-sensors.*sensors must be <= 10000/);
      assert.equal(await server.count(name), unexpected(name));
    }
    assert.equal((await server.list()).refused, 3);
    assert.equal((await server.post(names[SENSORS_MAX - 1], "1")).status, 200);
    await eventually(async () => assert.equal(await server.count(names[SENSORS_MAX - 1]), 1));
    await server.stop();
    await data.remove();
  });
});

describe("on a Kafka", { skip: skipWithoutOwnKafka(), timeout: 600_000 }, () => {
  let broker: Broker;
  let admin: Admin;
  let producer: Producer;

  before(async () => {
    // It makes topics for whoever as much as asks for one: so must be the least that is asked.
    broker = await startBroker({ config: { "auto.create.topics.enable": "true" } });
    const client = { bootstrapBrokers: [broker.bootstrap], clientId: "sensors-appear", autocreateTopics: false };
    admin = new Admin(client);
    producer = new Producer(client);
  });

  after(async () => {
    await producer?.close();
    await admin?.close();
    await broker?.stop();
  });

  const create = (...topics: string[]) => admin.createTopics({ topics, partitions: 2, replicas: 1 });
  const topics = async () => (await admin.listTopics()).filter((name) => !name.startsWith("__")).sort();

  async function send(topic: string, ...values: readonly number[]): Promise<void> {
    // With an identity: this producer may send what it sends to a new topic twice.
    const json = (value: number) => Buffer.from(JSON.stringify({ device: "d", sequence: value, value }));
    const messages = values.map((value) => ({ topic, partition: value % 2, value: json(value) }));
    await producer.send({ messages });
  }

  const appears = (server: Served, sensor: string): Promise<void> =>
    eventually(async () => assert.ok((await server.names()).includes(sensor), sensor));

  test("topics that match are followed, those that come later too; none is made; restarts and topics that go are known", async () => {
    const data = dataDirectory();
    const log = `kafka://${broker.bootstrap}`;
    const before = await topics();
    await create("plant-1", "plant-1-old", "office");
    await send("plant-1", 1, 2);
    const options = ["--log", log, "--topics", "plant-.*", "--topics-exclude", ".*-old"];
    let server = await Served.start(data.path, ...options);
    assert.deepEqual(await server.names(), ["plant-1"]);
    await eventually(async () => assert.equal(await server.count("plant-1"), 2));
    assert.equal(await server.count("plant-2"), unexpected("plant-2"));
    const stream = await EventStream.open(Number(new URL(server.url).port));
    assert.equal((await stream.next()).data.sensorsTotal, 1);
    await create("plant-2", "office-2");
    await appears(server, "plant-2");
    await send("plant-2", 3, 4, 5);
    for (;;) {
      const { rows } = await stream.next();
      if (rows.some(({ sensor, count }) => sensor === "plant-2" && count === 3)) break;
    }
    stream.close();
    assert.equal((await server.post("plant-2", "6")).status, 200);
    await eventually(async () => assert.equal(await server.count("plant-2"), 4));
    const unknown = await server.post("plant-3", "7");
    assert.equal(unknown.status, 503, unknown.text);
    assert.match(unknown.text, /topic-missing.*--create-topics/);
    assert.equal((await server.post("office", "7")).status, 404);
    const ours = ["office", "office-2", "plant-1", "plant-1-old", "plant-2"];
    assert.deepEqual(await topics(), [...before, ...ours].sort());
    await server.stop();
    // While nobody looks one goes and one comes.
    await admin.deleteTopics({ topics: ["plant-1"] });
    await create("plant-4");
    server = await Served.start(data.path, ...options);
    await eventually(async () => assert.deepEqual((await server.names()).sort(), ["plant-1?", "plant-2", "plant-4"]));
    assert.deepEqual([await server.count("plant-1"), await server.count("plant-2")], [2, 4]);
    // And one goes while it is read; under its name comes another.
    await admin.deleteTopics({ topics: ["plant-2"] });
    await eventually(async () => assert.ok((await server.names()).includes("plant-2?")));
    await create("plant-2");
    await eventually(async () => assert.ok((await server.names()).includes("plant-2")));
    await send("plant-2", 8);
    await eventually(async () => assert.equal(await server.count("plant-2"), 5));
    await server.stop();
    assert.deepEqual(await topics(), [...before, ...ours.filter((name) => name !== "plant-1"), "plant-4"].sort());
    await data.remove();
  });

  test("a list of topics that are not there makes none: it says so, and reads them once they are; --create-topics makes them", async () => {
    const data = dataDirectory();
    const log = `kafka://${broker.bootstrap}`;
    for (const name of ["a-1", "a-2", "a-3", "a-4", "a-5"]) await create(name);
    // A new topic is listed a little later, and one that was deleted a little longer.
    const before = await eventually(async () => {
      const listed = await topics();
      assert.ok(
        ["a-1", "a-2", "a-3", "a-4", "a-5"].every((name) => listed.includes(name)) && !listed.includes("plant-1"),
      );
      return listed;
    });
    let server = await Served.start(data.path, "--log", log, "--sensors", "listed-1,listed-2");
    const others = String.raw`there are a-1, a-2, a-3, a-4, a-5( and \d+ more)? \(--topics names those to read\)`;
    const waiting = String.raw`waiting for topics that do not exist: listed-1, listed-2 \(--create-topics makes them\); ${others}`;
    assert.match(String(await server.notice()), new RegExp(`^${waiting}$`));
    assert.match(server.process.text(), new RegExp(`notice: ${waiting}`));
    assert.deepEqual(await server.names(), ["listed-1?", "listed-2?"]);
    assert.equal(await server.count("listed-1"), 0);
    assert.equal((await server.post("listed-1", "1")).status, 503);
    assert.equal((await server.post("listed-3", "1")).status, 404);
    assert.deepEqual(await topics(), before);
    await create("listed-2");
    await appears(server, "listed-2");
    await send("listed-2", 1, 2);
    await eventually(async () => assert.equal(await server.count("listed-2"), 2));
    assert.match(String(await server.notice()), /do not exist: listed-1 \([^;]*$/);
    await server.stop();
    server = await Served.start(data.path, "--log", log, "--sensors", "listed-1,listed-2", "--create-topics");
    assert.deepEqual(await server.names(), ["listed-1", "listed-2"]);
    assert.equal(await server.notice(), undefined);
    await server.stop();
    server = await Served.start(data.path, "--log", log, "--topics", "made-.*", "--create-topics");
    assert.equal((await server.post("made-1", "1")).status, 200);
    await eventually(async () => assert.equal(await server.count("made-1"), 1));
    await server.stop();
    assert.deepEqual(await topics(), [...before, "listed-1", "listed-2", "made-1"].sort());
    await data.remove();
  });
});
