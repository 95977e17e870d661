/** Alerts told to a webhook and a real broker by a real process that is killed meanwhile: each event at least once, in order, under one id. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server as HttpServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { CONFIG_FILE } from "../../src/config/settings.ts";
import { Mosquitto, skipWithoutMosquitto } from "../doors/mosquitto.ts";
import { eventually, freePort, launch, ROOT, type Running } from "./cli.ts";

const SECRET = "a-secret-of-the-test-0123";
const SPIKES = 15;

interface Got {
  readonly id: string;
  readonly kind: string;
  readonly alert: { readonly id: string };
}

/** What a user would write: it believes nothing that is not signed, and answers as it is told to. */
class Receiver {
  readonly got: Got[] = [];
  refused = 0;
  /** How many it refuses before it takes any, and what it does with what it has taken instead of an answer. */
  refuses = 0;
  instead: ((response: ServerResponse) => void) | null = null;
  #server: HttpServer | null = null;

  async listen(port: number): Promise<void> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8");
        const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature } = request.headers;
        const signed = createHmac("sha256", SECRET).update(`${id}.${time}.${body}`).digest("base64");
        assert.equal(signature, `v1,${signed}`);
        assert.ok(Math.abs(Date.now() / 1000 - Number(time)) < 300);
        if (this.refused < this.refuses) {
          this.refused++;
          response.writeHead(500).end();
          return;
        }
        const event: Got = JSON.parse(body);
        assert.equal(event.id, id);
        this.got.push(event);
        if (this.instead !== null) this.instead(response);
        else response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    this.#server = server;
  }

  close(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }
}

const folder = mkdtempSync(join(tmpdir(), "tidemark-alerts-"));
const receiver = new Receiver();
let running: Running | null = null;
let broker: Mosquitto | null = null;
let listener: ChildProcess | null = null;
let url = "";
after(async () => {
  running?.kill("SIGKILL");
  await running?.ended;
  listener?.kill("SIGKILL");
  receiver.close();
  await broker?.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const args = [join(ROOT, "bin/tidemark.js"), "serve", "--port", String(port), "--data", join(folder, "data")];
  running = launch(process.execPath, args, { cwd: folder, env: {} });
  await running.until(/listening on/);
}

async function kill(): Promise<void> {
  running?.kill("SIGKILL");
  await running?.ended;
}

// biome-ignore lint/suspicious/noExplicitAny: what a test asks for it knows
const ask = async (path: string): Promise<any> => (await fetch(`${url}${path}`)).json();

/** Each once, in the order in which they came first. */
const unique = (events: readonly Got[]): Got[] =>
  [...new Map(events.toReversed().map((each) => [each.id, each])).values()].toReversed();

/** In order, each at least once: what comes again comes before anything newer than what follows it. */
function assertInOrder(events: readonly Got[]): void {
  const order = new Map<string, number>();
  for (const { id } of events) if (!order.has(id)) order.set(id, order.size);
  let last = -1;
  for (const { id } of events) {
    const place = order.get(id) ?? -1;
    assert.ok(place === last || place === last + 1, `${id} came as the ${place}th, after the ${last}th`);
    last = place;
  }
}

test("what was found is told though the receiver is down, fails, is slow, and tidemark is killed", {
  skip: skipWithoutMosquitto(),
  // What is never told is a failure of this test, before whoever runs its file takes it for a hang.
  timeout: 100_000,
}, async () => {
  broker = await Mosquitto.start();
  const heard: string[] = [];
  const args = ["-h", "127.0.0.1", "-p", String(broker.port), "-q", "1", "-t", "house/alerts"];
  listener = spawn("mosquitto_sub", args, { stdio: ["ignore", "pipe", "inherit"] });
  listener.stdout?.on("data", (chunk: Buffer) => heard.push(chunk.toString("utf8")));
  const [hookPort, begin] = [await freePort(), Math.floor(Date.now() / 10_000) * 10 - 3600];
  const warm = {
    sensor: "attic",
    metric: "max",
    window: "10s",
    every: "10s",
    above: 30,
    to: ["hook", "broker", "old"],
  };
  const alerts = {
    rules: { warm: { ...warm, from: new Date(begin * 1000).toISOString() } },
    targets: {
      hook: { webhook: `http://127.0.0.1:${hookPort}/a/secret/path`, secret: SECRET },
      broker: { mqtt: broker.url, topic: "house/alerts" },
      old: { mqtt: { url: broker.url, version: "3.1.1" }, topic: "house/alerts-old" },
    },
  };
  writeFileSync(join(folder, CONFIG_FILE), JSON.stringify({ alerts }));
  await start();

  const lines = Array.from({ length: SPIKES * 2 }, (_, i) =>
    JSON.stringify({
      device: "d",
      boot: "b",
      sequence: i,
      time: (begin + 30 + i * 20) * 1000,
      value: i % 2 === 0 ? 40 : 20,
    }),
  );
  const sent = await fetch(`${url}/readings/attic`, { method: "POST", body: lines.join("\n") });
  assert.equal(sent.status, 200);
  const hook = async () => (await ask("/alerts/rules")).targets.find(({ name }: { name: string }) => name === "hook");
  await eventually(async () => {
    const { waiting, delivered } = await hook();
    assert.equal(waiting + delivered, SPIKES * 2);
  });
  assert.equal((await hook()).delivered, 0);
  await eventually(async () =>
    assert.match((await hook()).trouble, /no delivery to http:\/\/127.0.0.1:\d+: ECONNREFUSED/),
  );
  const ready = JSON.stringify(await ask("/readyz"));
  assert.match(ready, /alerts to hook: no delivery to .*; 30 wait/);
  assert.ok(!ready.includes("secret"), ready);
  await kill();

  // It takes one, and tidemark dies before it hears of that.
  const taken = new Promise<void>((resolve) => {
    receiver.instead = () => resolve();
  });
  receiver.refuses = 2;
  await receiver.listen(hookPort);
  await start();
  await taken;
  await kill();
  assert.equal(receiver.got.length, 1);
  receiver.instead = (response) => setTimeout(() => response.writeHead(200).end("slow"), 20);
  await start();
  await eventually(async () => assert.equal((await hook()).waiting, 0));
  assert.equal((await hook()).trouble, null);

  assertInOrder(receiver.got);
  assert.equal(receiver.got[1].id, receiver.got[0].id, "what was not answered comes again, under its id");
  const told = unique(receiver.got);
  assert.deepEqual(
    told.map(({ kind }) => kind),
    Array.from({ length: SPIKES }, () => ["raised", "ended"]).flat(),
  );
  const { items } = await ask("/alerts?limit=1000");
  const ids = items.map(({ id }: { id: string }) => id).reverse();
  assert.deepEqual(
    told.map(({ alert }) => alert.id),
    ids.flatMap((id: string) => [id, id]),
  );
  await eventually(async () => {
    const events = heard
      .join("")
      .trim()
      .split("\n")
      .map((line): Got => JSON.parse(line));
    assertInOrder(events);
    assert.deepEqual(
      unique(events).map(({ id }) => id),
      told.map(({ id }) => id),
    );
  });

  await eventually(async () => {
    const { targets } = await ask("/alerts/rules");
    for (const { waiting, trouble } of targets) assert.deepEqual([waiting, trouble], [0, null]);
  });

  // A broker that is away for a while.
  await broker.kill("SIGKILL");
  const late = JSON.stringify({ device: "d", boot: "b", sequence: 1000, time: (begin + 30) * 1000 + 500, value: 50 });
  await fetch(`${url}/readings/attic`, { method: "POST", body: late });
  const broken = async () =>
    (await ask("/alerts/rules")).targets.find(({ name }: { name: string }) => name === "broker");
  const more = JSON.stringify({ device: "d", boot: "b", sequence: 1001, time: (begin + 1000) * 1000, value: 50 });
  await fetch(`${url}/readings/attic`, { method: "POST", body: more });
  await eventually(async () => assert.notEqual((await broken()).trouble, null));
  await broker.restart();
  await eventually(async () => assert.deepEqual([(await broken()).waiting, (await broken()).trouble], [0, null]));
});
