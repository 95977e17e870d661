/** `tidemark doctor`: what is well is said, what is not is said with what to do about it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, test } from "node:test";
import { systemClock } from "../../src/core/clock.ts";
import { openKafkaLog } from "../../src/log/kafka/kafka-log.ts";
import { sharedBroker, skipWithoutKafka } from "../kafka/broker.ts";
import { dataDirectory, done, freePort, succeeded, tidemark } from "./cli.ts";

const data = dataDirectory();
after(() => data.remove());

interface Finding {
  readonly check: string;
  readonly health: string;
  readonly says: string;
  readonly advice: string | null;
}

async function findings(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await done(["doctor", "--json", ...args], env);
  assert.equal(stderr, "");
  const { healthy, findings: list }: { healthy: boolean; findings: Finding[] } = JSON.parse(stdout);
  assert.equal(code, healthy ? 0 : 1);
  assert.ok(list.every(({ health, advice }) => (health === "ok") === (advice === null)));
  return { healthy, of: (check: string) => list.filter((finding) => finding.check === check) };
}

test("a server that is well, and sensors that are not", async () => {
  const server = tidemark(["serve", "--data", data.path, "--port", "0"]);
  const url = /listening on (\S+):/.exec(await server.until(/listening on \S+: /))?.[1] ?? assert.fail();
  await succeeded(["send", "temperature", "21.5", "--url", url]);
  const well = await done(["doctor", "--data", data.path]);
  assert.equal(well.code, 0, well.stdout);
  for (const check of [
    "versions",
    "settings",
    "data",
    "owner",
    "disk",
    "fsync",
    "server",
    "port",
    "clock",
    "readings",
    "token",
    "sensors",
  ]) {
    assert.match(well.stdout, new RegExp(`^ok +${check} +\\S`, "m"));
  }
  assert.match(well.stdout, new RegExp(`^ok +owner +the server at ${url}, process ${server.pid}$`, "m"));
  assert.match(well.stdout, new RegExp(`^ok +port +\\d+ is used by process ${server.pid} \\(node\\)$`, "m"));
  assert.match(well.stdout, /^ok +fsync +what is written is durable after [\d.]+ ms/m);
  assert.match(well.stdout, /\n\nall is well\n$/);
  await done(["send", "temperature", "1", "--time", "1999-01-01", "--url", url]);
  const { of } = await findings(["--data", data.path]);
  assert.deepEqual(
    of("sensors").map(({ health }) => health),
    ["ok", "warning"],
  );
  assert.match(of("sensors")[1].advice ?? "", /tidemark quarantine/);
  server.kill("SIGTERM");
  await server.ended;
});

test("a server with a token, without it and with it", async () => {
  const token = "0123456789abcdefTOKEN";
  const server = tidemark(["serve", "--data", data.path, "--port", "0"], { TIDEMARK_TOKEN: token });
  await server.until(/listening on/);
  const without = await findings(["--data", data.path]);
  assert.equal(without.healthy, false);
  assert.match(without.of("token")[0].advice ?? "", /TIDEMARK_TOKEN/);
  const having = await findings(["--data", data.path], { TIDEMARK_TOKEN: token });
  assert.equal(having.healthy, true);
  assert.deepEqual(
    having.of("settings").map(({ says }) => says),
    [`--data: ${data.path}, TIDEMARK_TOKEN: set`],
  );
  const shown = await findings(["--data", data.path, "--token", token]);
  assert.match(shown.of("settings")[1].says, /the token is on the command line/);
  server.kill("SIGTERM");
  await server.ended;
});

test("nothing runs: a warning, or a failure where an address was given", async () => {
  const port = String(await freePort());
  const { healthy, of } = await findings(["--data", join(data.path, "none"), "--port", port], { TIDEMARK_PROT: "1" });
  assert.equal(healthy, true);
  assert.match(of("data")[0].says, /is not there yet/);
  assert.match(of("server")[0].advice ?? "", /^tidemark start starts one/);
  assert.match(of("settings")[1].says, /TIDEMARK_PROT is set but no option; did you mean TIDEMARK_PORT\?/);
  const given = await findings(["--url", `http://127.0.0.1:${port}`]);
  assert.equal(given.healthy, false);
  assert.match(given.of("server")[0].says, /nothing listens there/);
});

test("a port that something else has, and a file for a directory", async () => {
  const stranger = createServer((_request, response) => response.end("hello"));
  await new Promise<void>((ready) => stranger.listen(0, "127.0.0.1", ready));
  const address = stranger.address();
  assert.ok(address !== null && typeof address === "object");
  const file = join(data.path, "file");
  writeFileSync(file, "");
  const { of } = await findings(["--data", file, "--port", String(address.port)]);
  assert.match(of("port")[0].says, new RegExp(`^${address.port} is used by process ${process.pid} \\(node\\)$`));
  assert.match(of("server")[0].says, /is no tidemark$/);
  assert.deepEqual(
    of("data").map(({ health, says }) => [health, says]),
    [["failure", `${file} is a file`]],
  );
  stranger.closeAllConnections();
  stranger.close();
});

test("a server whose clock is an hour ahead", async () => {
  const ahead = createServer((_request, response) => {
    response.writeHead(200, { date: new Date(Date.now() + 3_600_000).toUTCString() });
    response.end('{"status":"alive","items":[],"next":null}');
  });
  await new Promise<void>((ready) => ahead.listen(0, "127.0.0.1", ready));
  const address = ahead.address();
  assert.ok(address !== null && typeof address === "object");
  const { of } = await findings(["--data", join(data.path, "none"), "--port", String(address.port)]);
  const [clock] = of("clock");
  assert.equal(clock.health, "failure");
  assert.match(clock.says, /(59m5\ds|1h(00m)?) ahead at the server$/);
  assert.match(clock.advice ?? "", /NTP/);
  ahead.closeAllConnections();
  ahead.close();
});

test("a Kafka that is not there", async () => {
  const { of } = await findings(["--data", join(data.path, "none"), "--log", "kafka://127.0.0.1:1", "--port", "1"]);
  assert.match(of("kafka")[0].says, /^kafka:\/\/127\.0\.0\.1:1: /);
  assert.equal(of("kafka")[0].health, "failure");
});

test("a Kafka that is there, topics that are and that are not", { skip: skipWithoutKafka() }, async () => {
  const broker = await sharedBroker();
  const name = `doctor-${randomUUID()}`;
  const kafka = await openKafkaLog({ bootstrap: [broker.bootstrap], clock: systemClock });
  try {
    await kafka.create([name]);
    const args = ["--data", join(data.path, "none"), "--log", `kafka://${broker.bootstrap}`, "--port", "1"];
    const listed = await findings([...args, "--sensors", `${name},${name}-not`]);
    assert.match(listed.of("kafka")[0].says, /answers, with \d+ topics$/);
    const topics = listed.of("topics").map(({ health, says }) => [health, says]);
    assert.deepEqual(topics, [
      ["ok", `followed: ${name}`],
      ["warning", `not there: ${name}-not`],
    ]);
    const ruled = await findings([...args, "--topics", `${name}-.*`]);
    assert.match(ruled.of("topics")[0].says, /^none matches --topics; there are /);
  } finally {
    await kafka.close();
    await broker.stop();
  }
});
