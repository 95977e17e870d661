/** `tidemark sensor` end to end: every reading counted once through kills of the server, over HTTP and over Kafka; a bounded way out. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { birthOf } from "../../src/commands/process-birth.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { dataDirectory, done, eventually, freePort, succeeded, tidemark } from "./cli.ts";

async function totalsOf(port: number, sensor: string) {
  const response = await fetch(`http://127.0.0.1:${port}/sensors`);
  const { items } = JSON.parse(await response.text());
  const status = items.find((item: { sensor: string }) => item.sensor === sensor);
  const { received, counted, duplicates, quarantined, rejected } = status;
  return { received, counted, duplicates, quarantined, rejected };
}

describe("sensor over HTTP", () => {
  test("duplicates, late ones and a server killed again and again: each reading is counted once", async () => {
    const data = dataDirectory();
    const port = await freePort();
    const serve = ["serve", "--data", data.path, "--port", String(port)];
    let server = tidemark(serve);
    await server.until(/listening on/);
    const url = `http://127.0.0.1:${port}`;
    const args = ["sensor", "temperature", "--to", url, "--rate", "400", "--count", "2500"];
    const sensor = tidemark([...args, "--duplicates", "0.1", "--late", "0.1", "--seed", "42"]);
    for (const counted of [200, 900, 1600]) {
      await eventually(async () => assert.ok((await totalsOf(port, "temperature")).counted > counted));
      server.kill("SIGKILL");
      await server.ended;
      server = tidemark(serve);
      await server.until(/listening on/);
    }
    const { code, stdout, stderr } = await sensor.ended;
    assert.equal(code, 0, stderr);
    const acknowledged = Number(/2,500 measured, ([\d,]+) acknowledged, 0 waiting/.exec(stdout)?.[1].replace(",", ""));
    assert.ok(acknowledged > 2500, stdout);
    await eventually(async () => {
      const totals = await totalsOf(port, "temperature");
      assert.equal(totals.counted, 2500);
      // What was acknowledged is there; what was taken in without an answer came once more.
      assert.ok(totals.received >= acknowledged, JSON.stringify(totals));
      assert.equal(totals.received, totals.counted + totals.duplicates + totals.quarantined + totals.rejected);
    });
    server.kill("SIGTERM");
    await server.ended;
    await data.remove();
  });

  test("nobody there: tells once, and SIGINT ends it in bounded time, saying what was not delivered; a second says what it waits for", async () => {
    const sensor = tidemark(["sensor", "temperature", "--to", `http://127.0.0.1:${await freePort()}`, "--rate", "100"]);
    await sensor.until(/ECONNREFUSED.* wait, trying again\n/);
    sensor.kill("SIGINT");
    // The second must not meet the first: two pending signals of one kind are one.
    await eventually(() => {
      sensor.kill("SIGINT");
      assert.match(sensor.text(), /tidemark: still delivering what waits, for 5 s at most\n/);
    });
    const { code, stdout } = await sensor.ended;
    assert.equal(code, 1);
    assert.match(
      stdout,
      /temperature: (1 reading was|[\d,]+ readings were) not delivered\n.* 0 acknowledged, [\d,]+ waiting/,
    );
  });

  test("a sensor that the server does not have ends it with the server's words", async () => {
    const data = dataDirectory();
    const server = tidemark(["serve", "--data", data.path, "--port", "0", "--sensors", "other"]);
    await server.until(/listening on/);
    const { code, stderr } = await done(["sensor", "nothing", "--data", data.path]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^tidemark: Cannot send to "nothing" at http.*: 404 Cannot append to "nothing": expected one of /,
    );
    server.kill("SIGTERM");
    await server.ended;
    await data.remove();
  });
});

describe("start on Kafka", { skip: skipWithoutKafka(), timeout: 300_000 }, () => {
  test("sensors produce to the Kafka themselves; who joins need not name it", async () => {
    const broker = await sharedBroker();
    const data = dataDirectory();
    const sensor = `start-${randomBytes(4).toString("hex")}`;
    const log = `kafka://${broker.bootstrap}`;
    const port = await freePort();
    const args = ["start", "--data", data.path, "--port", String(port), "--simulate", sensor, "--log", log];
    assert.match(await succeeded(args), /^started: /);
    const logFile = join(data.path, "run", `sensor-${sensor}.log`);
    await eventually(() => assert.match(readFileSync(logFile, "utf8"), new RegExp(`sending to ${log} as`)));
    await eventually(async () => assert.ok((await totalsOf(port, sensor)).counted >= 2));
    const { pid } = JSON.parse(readFileSync(join(data.path, "run", `sensor-${sensor}.json`), "utf8").split("\n", 1)[0]);
    process.kill(pid, "SIGKILL");
    await eventually(() => assert.equal(birthOf(pid), null));
    assert.match(
      await succeeded(["start", "--data", data.path, "--simulate"]),
      /^runs already, started 1 simulated sensor: /,
    );
    await eventually(() => assert.equal(readFileSync(logFile, "utf8").match(/sending to kafka:/g)?.length, 2));
    await eventually(async () => {
      const { counted, duplicates } = await totalsOf(port, sensor);
      assert.ok(counted >= 4);
      assert.equal(duplicates, 0);
    });
    assert.match(await succeeded(["stop", "--data", data.path]), /^ended start-.*\nended the server/);
    await broker.stop();
    await data.remove();
  });
});
