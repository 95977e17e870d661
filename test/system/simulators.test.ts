/** Nothing writes into real data unasked: simulators run where they were asked for, and never where others wrote. Real processes, a real Kafka. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import type { Log } from "../../src/log/log.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { dataDirectory, done, eventually, freePort, launch, ROOT, succeeded, tidemark } from "./cli.ts";

const SIMULATED = /^started: http:\/\/127\.0\.0\.1:\d+ with (\d+) simulated sensors? \(log files in /m;
const NONE_SIMULATED = /^started: http:\/\/127\.0\.0\.1:\d+ \(log files in /m;

const simulatorsOn = (data: string): string[] =>
  readdirSync(join(data, "run")).filter((file) => /^sensor-.*\.json$/.test(file));

interface Status {
  readonly counted: number;
  readonly received: number;
  readonly devices: number;
  readonly simulatedDevices: number;
}

async function statusOf(port: number, sensor: string): Promise<Status> {
  const response = await fetch(`http://127.0.0.1:${port}/sensors`);
  const { items } = JSON.parse(await response.text());
  return items.find((item: { sensor: string }) => item.sensor === sensor) ?? assert.fail(`no ${sensor}`);
}

async function send(port: number, sensor: string, body: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/readings/${sensor}`, { method: "POST", body });
  assert.equal(response.status, 200, await response.text());
}

describe("on the local log", () => {
  test("start simulates nothing unasked, and what was asked for under names of simulators", async () => {
    const data = dataDirectory();
    const port = await freePort();
    const args = ["start", "--data", data.path, "--port", String(port)];
    assert.match(await succeeded(args), NONE_SIMULATED);
    assert.deepEqual(simulatorsOn(data.path), []);
    assert.match(await succeeded([...args, "--simulate"]), /^runs already, started 3 simulated sensors: http/);
    for (const sensor of ["temperature", "humidity", "pressure"]) {
      await eventually(async () => {
        const { counted, devices, simulatedDevices } = await statusOf(port, sensor);
        assert.ok(counted > 0);
        assert.deepEqual([devices, simulatedDevices], [1, 1]);
      });
    }
    await data.remove();
  });

  test("a sensor that holds a reading of another, or a record that is none, is refused, also by one that was started by hand, and after a restart", async () => {
    const data = dataDirectory();
    const port = await freePort();
    const args = ["start", "--data", data.path, "--port", String(port), "--sensors", "mine,odd,free"];
    await succeeded(args);
    await send(port, "mine", '{"device":"kitchen","sequence":1,"value":21.5}\n{"device":"simulator-x","value":1}');
    await send(port, "odd", '{"device":"simulator-x","value":1}\nno reading');
    await eventually(async () => assert.equal((await statusOf(port, "mine")).devices, 2));
    await eventually(async () => assert.equal((await statusOf(port, "odd")).received, 2));
    for (let round = 0; round < 2; round++) {
      const asked = await done([...args, "--simulate"]);
      assert.equal(asked.code, 1, "not all of what was asked for was done");
      assert.match(asked.stdout, round === 0 ? /^runs already, started 1 simulated sensor: / : SIMULATED);
      assert.match(
        asked.stderr,
        /^tidemark: Cannot simulate "mine" at http:\S+: must hold no readings but those of simulators, has those of 1 other device\n/,
      );
      assert.match(asked.stderr, /^tidemark: Cannot simulate "odd" at .*, has 1 rejected record\n$/m);
      assert.deepEqual(simulatorsOn(data.path), ["sensor-free.json"]);
      const byHand = await done(["sensor", "mine", "--data", data.path, "--count", "3", "--from", "2020-01-13"]);
      assert.equal(byHand.code, 1);
      assert.match(byHand.stderr, /^tidemark: Cannot simulate "mine" at /);
      await eventually(async () => assert.ok((await statusOf(port, "free")).counted > 0));
      assert.equal((await statusOf(port, "mine")).received, 2);
      await succeeded(["stop", "--data", data.path]);
      if (round === 0) await succeeded([...args]);
      await succeeded(["stop", "--data", data.path]);
    }
    await data.remove();
  });

  test("where a file or the environment names the sensors there is no demonstration", async () => {
    const data = dataDirectory();
    const env = { TIDEMARK_SENSORS: "indoor,outdoor" };
    const args = ["start", "--demo", "--data", data.path, "--port", String(await freePort())];
    assert.match(await succeeded(args, env), NONE_SIMULATED);
    assert.deepEqual(simulatorsOn(data.path), []);
    await data.remove();
  });
});

describe("on a Kafka", { skip: skipWithoutKafka(), timeout: 300_000 }, () => {
  const name = (): string => `sim-${randomBytes(4).toString("hex")}`;

  async function withKafka(body: (bootstrap: string, log: Log) => Promise<void>): Promise<void> {
    const broker = await sharedBroker();
    const log = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock });
    try {
      await body(broker.bootstrap, log);
    } finally {
      await log.close();
      await broker.stop();
    }
  }

  async function endOf(log: Log, topic: string): Promise<number> {
    const [{ partitions }] = (await log.open([topic])).topics;
    let end = 0;
    for (const partition of partitions) end += (await log.bounds(topic, partition)).end;
    return end;
  }

  test("make run LOG=kafka://… only reads; SIMULATE=1 writes to no topic where others wrote", async () => {
    await withKafka(async (bootstrap, log) => {
      const [mine, free] = [name(), name()];
      await log.create([mine, free]);
      await log.append(mine, [{ value: Buffer.from("21.5") }]);
      const data = dataDirectory();
      const port = await freePort();
      const args = ["run", `LOG=kafka://${bootstrap}`, `DATA=${data.path}`, `PORT=${port}`, `SENSORS=${mine},${free}`];
      const reading = launch("make", args, { cwd: ROOT });
      await reading.until(new RegExp(`^\\S+Z ${mine} count=1 `, "m"));
      assert.match(reading.text(), NONE_SIMULATED);
      assert.deepEqual(simulatorsOn(data.path), []);
      reading.kill("SIGTERM");
      await reading.ended;

      const writing = launch("make", [...args, "SIMULATE=1"], { cwd: ROOT });
      await writing.until(new RegExp(`^\\S+Z ${free} count=[2-9]`, "m"));
      assert.match(writing.text(), /^runs already, started 1 simulated sensor: /m);
      assert.match(
        writing.text(),
        new RegExp(`^tidemark: Cannot simulate "${mine}" at kafka:.*, has another's at offset 0 of partition 0$`, "m"),
      );
      assert.deepEqual(simulatorsOn(data.path), [`sensor-${free}.json`]);
      assert.equal(await endOf(log, mine), 1);
      const { devices, simulatedDevices } = await statusOf(port, free);
      assert.deepEqual([devices, simulatedDevices], [1, 1]);
      writing.kill("SIGTERM");
      await writing.ended;
      await data.remove();
    });
  });

  test("a simulator by hand: goes on in a topic of its own, not where another's is among many of its own", async () => {
    await withKafka(async (bootstrap, log) => {
      const topic = name();
      const args = ["sensor", topic, "--to", `kafka://${bootstrap}`, "--from", "2020-01-13", "--count", "500"];
      await succeeded(args);
      await succeeded([...args, "--device", "another"]);
      assert.equal(await endOf(log, topic), 1000);
      await log.append(topic, [{ key: Buffer.from("simulator-so-it-says"), value: Buffer.from("1") }]);
      await succeeded(["sensor", topic, "--to", `kafka://${bootstrap}`, "--count", "0"]);
      const refused = await done(args);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /^tidemark: Cannot simulate .*, has another's at offset 1000 of partition 0\n$/);
      assert.equal(await endOf(log, topic), 1001);
    });
  });
});

test("a simulator for a server that is not there yet asks when it is, then sends", async () => {
  const data = dataDirectory();
  const port = await freePort();
  const sensor = tidemark(["sensor", "temperature", "--to", `http://127.0.0.1:${port}`, "--count", "5"]);
  await sensor.until(/wait, trying again/);
  const server = tidemark(["serve", "--data", data.path, "--port", String(port)]);
  const { code, stdout } = await sensor.ended;
  assert.equal(code, 0);
  assert.match(stdout, /5 measured, 5 acknowledged, 0 waiting/);
  await eventually(async () => assert.equal((await statusOf(port, "temperature")).counted, 5));
  server.kill("SIGTERM");
  await server.ended;
  await data.remove();
});
