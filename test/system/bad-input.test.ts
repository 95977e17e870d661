/** Bad input of every kind to a real process: it gets the documented error, and the process goes on or ends with one clear line. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { GARBAGE } from "../oracle/garbage.ts";
import { BAD_FLAGS, BAD_QUESTIONS, BAD_REQUESTS } from "../torture/bad-requests.ts";
import { HttpClient } from "../torture/http-client.ts";
import { createTopics, deleteTopics, produce } from "../torture/kafka-sending.ts";
import { type ProcessOptions, TidemarkProcess } from "../torture/tidemark-process.ts";

/** A Kafka that is not there is tried for 10 s. */
const REFUSAL_MS_MAX = 60_000;
/** Root may write everywhere: such a test runs as nobody. */
const NOBODY = 65_534;

interface Rejected {
  readonly offset: number;
  readonly code: string;
  readonly bytes: string;
  readonly length: number;
  readonly cut: boolean;
}

function directory(t: TestContext | null = null): string {
  const path = mkdtempSync(join(tmpdir(), "tidemark-bad-"));
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  if (t === null) process.once("exit", remove);
  else t.after(remove);
  return path;
}

/** That it still takes in and answers. @returns all that it counted */
async function goesOn(client: HttpClient, sensor = "temperature"): Promise<number> {
  const count = async (): Promise<number> => {
    const { text } = await client.post("/compute/metrics", JSON.stringify({ [sensor]: ["count"] }));
    return Number(JSON.parse(text).result[sensor].count);
  };
  const earlier = await count();
  const sent = await client.post(`/readings/${sensor}`, '{"device":"good","value":7}');
  assert.equal(sent.status, 200, sent.text);
  while ((await count()) === earlier) await delay(5);
  assert.equal(await count(), earlier + 1);
  return earlier + 1;
}

/** A process that cannot start: what it says in its first line, and its exit code. */
async function refusal(options: ProcessOptions): Promise<{ code: number | null; line: string }> {
  const tidemark = new TidemarkProcess(options);
  const timer = setTimeout(() => void tidemark.kill(), REFUSAL_MS_MAX);
  const { code, signal } = await tidemark.ended;
  clearTimeout(timer);
  assert.equal(signal, null, "it did not end");
  const [line, ...more] = tidemark.errors.trimEnd().split("\n");
  assert.match(line, /^tidemark: Cannot /, tidemark.errors);
  assert.ok(
    more.every((hint) => hint.startsWith("  ")) && more.length <= 1,
    `one line, and a hint: ${tidemark.errors}`,
  );
  return { code, line };
}

describe("a process that runs", () => {
  const data = directory();
  let tidemark: TidemarkProcess;
  let client: HttpClient;
  before(async () => {
    tidemark = await TidemarkProcess.start({ data, sensors: ["temperature", "humidity", "pressure"] });
    client = new HttpClient(tidemark.port);
  });
  after(async () => {
    client.close();
    assert.ok(tidemark.isRunning, tidemark.errors);
    await tidemark.stop();
    const hint = 'tidemark: notice: "humidity": the key `Value` is not read; did you mean `value`?\n';
    const followed = "tidemark: notice: sensors: temperature, humidity, pressure\n";
    assert.equal(tidemark.errors, followed + hint, "nothing else to say");
  });

  test("questions that cannot be read or answered", async () => {
    for (const [body, error] of BAD_QUESTIONS) {
      const { status, text } = await client.post("/compute/metrics", body);
      assert.equal(status, 400, `${body}: ${text}`);
      const answer = JSON.parse(text);
      assert.deepEqual(Object.keys(answer), ["result", "errors"], body);
      assert.deepEqual(answer.result, {}, body);
      assert.match(answer.errors[0], error, body);
    }
    const large = await client.post("/compute/metrics", `{"temperature":["count"]${" ".repeat(70_000)}}`);
    assert.equal(large.status, 413, large.text);
    assert.match(JSON.parse(large.text).errors[0], /expected <= 65536 bytes, was \d+$/);
    await goesOn(client);
  });

  test("requests that cannot be served", async () => {
    for (const { what, method, path, body, headers, status, code, detail } of BAD_REQUESTS) {
      const answer = method === "GET" ? await client.get(path, headers) : await client.post(path, body ?? "", headers);
      assert.equal(answer.status, status, `${what}: ${answer.text}`);
      assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/, what);
      const problem = JSON.parse(answer.text);
      assert.equal(problem.code, code, `${what}: ${answer.text}`);
      assert.equal(problem.status, status, what);
      assert.equal(problem.type, `/docs/ERRORS.md#${code}`, what);
      assert.match(problem.detail, detail, what);
    }
    await goesOn(client);
  });

  test("bytes that are no HTTP, and connections that end in the middle", async () => {
    const nonsense = [
      "nonsense\r\n\r\n",
      "\0\u0001\u0002\u0003",
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
      "POST /readings/temperature HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
    ];
    for (const bytes of nonsense) {
      const socket = connect(tidemark.port, "127.0.0.1");
      let answer = "";
      socket.on("data", (chunk: Buffer) => {
        answer += chunk.toString("utf8");
      });
      socket.on("error", () => {}); // it may be cut while we still write
      socket.write(bytes);
      await once(socket, "close");
      assert.match(answer, /^HTTP\/1\.1 4\d\d .*"code":"request-/s, JSON.stringify(bytes.slice(0, 40)));
    }
    const cut = connect(tidemark.port, "127.0.0.1");
    await once(cut, "connect");
    cut.write("POST /readings/temperature HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n1\n2\n3");
    cut.destroy();
    await goesOn(client);
  });

  test("payloads that are no readings: refused by themselves, and beside a reading taken into the log and listed with their bytes", async () => {
    const sent: { readonly code: string; readonly text: string }[] = [];
    for (const [code, texts] of Object.entries(GARBAGE)) {
      if (code === "record-too-large") continue; // the door refuses these
      for (const text of texts) {
        const trimmed = text?.replace(/^[ \t\r\n\ufeff]+|[ \t\r\n\0]+$/g, "") ?? "";
        if (trimmed === "" || trimmed.includes("\n")) continue; // … and divides these
        const alone = await client.post("/readings/humidity", trimmed);
        assert.equal(alone.status, 400, `${trimmed}: ${alone.text}`);
        assert.match(JSON.parse(alone.text).detail, new RegExp(`expected a reading, line 1 is none \\(${code}\\): `));
        const beside = await client.post("/readings/humidity", `7\n${trimmed}`);
        assert.equal(beside.status, 200, `${trimmed}: ${beside.text}`);
        const { appended, rejected, problems } = JSON.parse(beside.text);
        assert.deepEqual([appended, rejected, problems.length], [1, 1, 1]);
        assert.deepEqual([problems[0].line, problems[0].code], [2, code]);
        sent.push({ code, text: trimmed });
      }
    }
    assert.ok(sent.length > 100);
    await client.received(new Map([["humidity", 2 * sent.length]]));
    const listed: Rejected[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page = JSON.parse((await client.get(`/rejections?sensor=humidity&limit=50&after=${after}`)).text);
      listed.push(...page.items);
      after = page.next;
    }
    assert.deepEqual(
      listed.map(({ code, bytes }) => ({ code, text: bytes })),
      sent,
      "in their order, each with its reason",
    );
    const status = (await client.statuses()).get("humidity");
    assert.equal(status?.rejected, sent.length);
    assert.equal(status?.counted, sent.length);
    await goesOn(client, "humidity");
  });

  test("clocks that cannot be: held back, listed, the rest is counted", async () => {
    const lines = ["1970-01-01T00:00:07Z", "1999-12-31T23:59:59.999Z", "9999-12-31T23:59:59Z", "2000-01-01T00:00:00Z"];
    const body = lines.map((time, sequence) => JSON.stringify({ device: "clock", sequence, value: sequence, time }));
    assert.equal((await client.post("/readings/pressure", body.join("\n"))).status, 200);
    const statuses = await client.received(new Map([["pressure", lines.length]]));
    assert.equal(statuses.get("pressure")?.quarantined, 3);
    assert.equal(statuses.get("pressure")?.counted, 1);
    const { items } = JSON.parse((await client.get("/quarantine?sensor=pressure")).text);
    assert.deepEqual(
      items.map(({ time, reason }: { time: string; reason: string }) => [time, reason]),
      [
        ["1970-01-01T00:00:07.000Z", "before-2000"],
        ["1999-12-31T23:59:59.999Z", "before-2000"],
        ["9999-12-31T23:59:59.000Z", "ahead"],
      ],
    );
    await goesOn(client, "pressure");
  });

  test("a second one on its data or its port ends with one line; the first goes on", async (t) => {
    const owned = await refusal({ data });
    assert.equal(owned.code, 1);
    assert.match(
      owned.line,
      new RegExp(`Cannot use ${data}: it must have one owner, was taken by process ${tidemark.pid}$`),
    );
    const port = await refusal({ data: directory(t), port: tidemark.port });
    assert.equal(port.code, 1);
    assert.match(
      port.line,
      /Cannot listen on 127\.0\.0\.1:\d+: another process uses the port; expected a free one \(--port\)/,
    );
    await goesOn(client);
  });
});

describe("a process that cannot start", () => {
  test("settings that cannot be", async (t) => {
    const data = directory(t);
    for (const [flags, line] of BAD_FLAGS) {
      const name = flags[0];
      const replaced = name === "--port" || name === "--log" || name === "--timezone" || name === "--sensors";
      const refused = await refusal({ data, flags, ...(replaced ? { without: name } : {}) });
      assert.equal(refused.code, 2, refused.line);
      assert.match(refused.line, line);
    }
  });

  test("a data directory that cannot be made or written", async (t) => {
    const parent = directory(t);
    const file = join(parent, "file");
    writeFileSync(file, "in the way");
    const readOnly = join(parent, "read-only");
    mkdirSync(readOnly);
    chmodSync(parent, 0o755);
    chmodSync(readOnly, 0o555);
    const uid = process.getuid?.() === 0 ? { uid: NOBODY } : {};
    for (const data of [join(file, "data"), file, join(readOnly, "data"), readOnly]) {
      const { code, line } = await refusal({ data, ...(data.startsWith(readOnly) ? uid : {}) });
      assert.equal(code, 1);
      assert.match(line, /Cannot (use|create|open) /);
      assert.ok(line.includes(data), line);
    }
  });

  test("a history or a log that is none", async (t) => {
    const data = directory(t);
    writeFileSync(join(data, "history.db"), "this is no database ".repeat(1000));
    const corrupt = await refusal({ data });
    assert.equal(corrupt.code, 1);
    assert.match(corrupt.line, /Cannot open the history ".*history\.db": /);

    const newer = directory(t);
    const db = new DatabaseSync(join(newer, "history.db"));
    db.exec("PRAGMA user_version=999");
    db.close();
    const tooNew = await refusal({ data: newer });
    assert.equal(tooNew.code, 1);
    assert.match(tooNew.line, /Cannot open the history ".*": its version must be <= \d+, was 999$/);

    const other = directory(t);
    writeFileSync(join(other, "log.db"), "this is no database ".repeat(1000));
    const noLog = await refusal({ data: other });
    assert.equal(noLog.code, 1);
    assert.ok(noLog.line.includes(join(other, "log.db")), noLog.line);

    const taken = directory(t);
    mkdirSync(join(taken, "history.db"));
    assert.equal((await refusal({ data: taken })).code, 1);
  });

  test("a Kafka that is not there", async (t) => {
    const { code, line } = await refusal({ data: directory(t), log: "kafka://127.0.0.1:1" });
    assert.equal(code, 1);
    assert.match(line, /Cannot reach Kafka at 127\.0\.0\.1:1: /);
  });
});

describe("Kafka", { skip: skipWithoutKafka() }, () => {
  test("a record of 2 MB is refused and listed; a topic that vanishes is told, made anew and followed", async (t) => {
    const broker = await sharedBroker();
    t.after(() => broker.stop());
    const { bootstrap } = broker;
    const sensor = `bad-${randomUUID().slice(0, 8)}`;
    await createTopics(bootstrap, [sensor], 1);
    const tidemark = await TidemarkProcess.start({
      data: directory(t),
      sensors: [sensor],
      log: `kafka://${bootstrap}`,
      flags: ["--create-topics"],
    });
    t.after(() => tidemark.kill());
    const client = new HttpClient(tidemark.port);
    t.after(() => client.close());
    const record = (text: string, offset: number) => ({
      ...{ sensor, topicId: sensor, partition: 0, offset, recordTime: 1_700_000_000_000 + offset, appendTime: false },
      ...{ key: null, value: Buffer.from(text), nowMs: 1_700_000_000_000 },
    });
    // Brokers measure what comes compressed: of one digit 2 MB are some kilobytes.
    await produce(bootstrap, ["1", "7".padEnd(2_097_152, "0"), "2"].map(record), 1);
    await client.received(new Map([[sensor, 3]]));
    const { items } = JSON.parse((await client.get("/rejections")).text) as { items: Rejected[] };
    assert.deepEqual(
      items.map(({ code, offset, length, cut }) => ({ code, offset, length, cut })),
      [{ code: "record-too-large", offset: 1, length: 2_097_152, cut: true }],
    );

    await deleteTopics(bootstrap, [sensor]);
    await client.commit();
    // It finds out, makes the topic anew and follows it: what is appended from then on counts, and nothing is counted twice.
    for (;;) {
      const answer = await client.post(`/readings/${sensor}`, '{"device":"d","boot":"b","sequence":1,"value":3}');
      if (answer.status === 200) break;
      assert.equal(answer.status, 503, answer.text);
      assert.match(JSON.parse(answer.text).code, /^(topic-missing|topic-recreated|log-unreachable)$/);
      await delay(100);
    }
    for (;;) {
      const status = (await client.statuses()).get(sensor);
      if (status?.counted === 3) break;
      assert.equal(status?.counted, 2);
      await delay(50);
    }
    const answer = await client.post("/compute/metrics", JSON.stringify({ [sensor]: ["count", "sum"] }));
    assert.deepEqual(JSON.parse(answer.text).result[sensor], { count: 3, sum: 6 });
    client.close();
    await tidemark.stop();
  });
});
