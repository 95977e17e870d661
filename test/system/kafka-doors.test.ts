/** Doors before a Kafka: lines of InfluxDB's and messages of MQTT reach its topics, and one that is not there holds up no other. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { Admin } from "@platformatic/kafka";
import { openApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/config.ts";
import { CONFIG_FILE } from "../../src/config/settings.ts";
import { connectBytes, publishBytes, RawClient } from "../doors/mqtt-client.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { eventually } from "./cli.ts";

describe("doors before a Kafka", { skip: skipWithoutKafka(), timeout: 240_000 }, () => {
  let broker: Awaited<ReturnType<typeof sharedBroker>>;
  let admin: Admin;
  before(async () => {
    broker = await sharedBroker();
    admin = new Admin({ clientId: "tests", bootstrapBrokers: [broker.bootstrap] });
  });
  after(async () => {
    await admin?.close();
    await broker?.stop();
  });

  async function open(t: TestContext, config: object, ...more: readonly string[]) {
    const directory = mkdtempSync(join(tmpdir(), "tidemark-kafka-doors-"));
    writeFileSync(join(directory, CONFIG_FILE), JSON.stringify(config));
    const args = ["serve", "--log", `kafka://${broker.bootstrap}`, "--host", "127.0.0.1", "--port", "0", ...more];
    const { invocation } = loadConfig([...args, "--data", join(directory, "data"), "--timezone", "UTC"], {}, directory);
    assert.ok(invocation.command === "serve");
    const notices: string[] = [];
    const app = await openApp(invocation.config, undefined, (text) => notices.push(text));
    t.after(async () => {
      await app.close();
      rmSync(directory, { recursive: true });
    });
    const ask = async (path: string, body?: string) => {
      const options = body === undefined ? {} : { method: "POST", body };
      const response = await fetch(`http://127.0.0.1:${app.port}/${path}`, options);
      const text = await response.text();
      return { status: response.status, text, answer: text.startsWith("{") ? JSON.parse(text) : null };
    };
    return { ask, notices };
  }

  test("lines are one topic, which has to be there or may be made", async (t) => {
    const name = `k${randomUUID().slice(0, 8)}`;
    const lines = Array.from({ length: 1000 }, (_, i) => `${name},host=a v=${i} ${1_700_000_000 + i}`).join("\n");
    const topics = await admin.listTopics({ includeInternals: false });
    if (!topics.includes("influx")) {
      const { ask } = await open(t, {}, "--topics", `${name}|influx`);
      assert.equal((await ask("write?precision=s", lines)).status, 503, "nobody may make the topic");
      const { items } = (await ask("doors")).answer;
      const [{ counts, problems }] = items.filter((door: { name: string }) => door.name === "influx");
      assert.deepEqual([counts.messages, counts.readings, problems[0].code], [1, 0, "topic-missing"]);
    }
    const { ask } = await open(t, {}, "--topics", `${name}|influx`, "--create-topics");
    for (let copy = 0; copy < 2; copy++) assert.equal((await ask("write?precision=s", lines)).status, 204);
    await eventually(async () => {
      const { answer } = await ask("compute/metrics", JSON.stringify({ [`${name}_v`]: ["count", "sum"] }));
      assert.deepEqual(answer.result[`${name}_v`], { count: 1000, sum: 499_500 });
    });
    const { items } = (await ask("doors")).answer;
    const [{ counts }] = items.filter((door: { name: string }) => door.name === "influx");
    assert.deepEqual([counts.messages, counts.readings], [2, 2000]);
  });

  test("messages of MQTT: a topic that is not there refuses its readings, and the others go on", async (t) => {
    const [there, missing] = ["there", "missing"].map((what) => `${what}-${randomUUID().slice(0, 8)}`);
    await admin.createTopics({ topics: [there], partitions: 2, replicas: 1 });
    const map = [{ name: "m", topic: "t/{device}/{sensor}", readings: [{ at: "", sensor: "{sensor}" }] }];
    const sensors = ["--topics", `${there}|${missing}`, "--mqtt-listen", "0"];
    const { ask, notices } = await open(t, { map }, ...sensors);
    const port = Number(/mqtt:\/\/127\.0\.0\.1:(\d+)/.exec(notices.join("\n"))?.[1]);
    const client = new RawClient(port);
    const messages = Array.from({ length: 200 }, (_, i) =>
      publishBytes(5, `t/d/${i % 4 === 0 ? missing : there}`, String(i), { id: i + 1 }),
    );
    client.send(connectBytes(5), ...messages);
    assert.equal((await client.read(201)).length, 201);
    await eventually(async () => {
      const { answer } = await ask("compute/metrics", JSON.stringify({ [there]: ["count"] }));
      assert.equal(answer.result[there].count, 150);
    });
    const { items } = (await ask("doors")).answer;
    const [door] = items.filter(({ name }: { name: string }) => name === "mqtt-listener");
    assert.deepEqual([door.counts.readings, door.counts.refused, door.trouble], [150, 50, null]);
    assert.equal(door.problems[0].code, "topic-missing");
    client.socket.destroy();
  });
});
