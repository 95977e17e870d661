/** docker-compose.yml without a Docker engine: Compose itself reads it, a real Kafka runs with its settings, and its services' commands run as processes. */
import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { loadConfig } from "../../src/config/config.ts";
import { skipWithoutKafka, startBroker } from "../kafka/broker.ts";
import { dataDirectory, eventually, freePort, ROOT, type Running, succeeded, tidemark } from "./cli.ts";

interface Service {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
}

const text = readFileSync(join(ROOT, "docker-compose.yml"), "utf8");
const compose: { services: Record<string, Service>; volumes: object } = parse(text, { merge: true });
const { services } = compose;
const real: { services: Record<string, Service> } = parse(readFileSync(join(ROOT, "docker-compose.real.yml"), "utf8"));

/** A Compose that needs no engine for `config`: the plugin, or the older program (Debian: docker-compose). */
function composeCommand(): readonly string[] | null {
  for (const command of [["docker", "compose"], ["docker-compose"]]) {
    if (spawnSync(command[0], [...command.slice(1), "version"]).status === 0) return command;
  }
  return null;
}

const command = composeCommand();

describe("docker-compose.yml", () => {
  test("is what Compose expects", { skip: command === null && "no Compose: apt-get install docker-compose" }, () => {
    assert.ok(command !== null);
    for (const [file, expected] of [
      ["docker-compose.yml", services],
      ["docker-compose.real.yml", real.services],
    ] as const) {
      const args = [...command.slice(1), "-f", join(ROOT, file), "config"];
      const read: SpawnSyncReturns<string> = spawnSync(command[0], args, { encoding: "utf8" });
      assert.equal(read.status, 0, read.stderr);
      assert.deepEqual(Object.keys(parse(read.stdout).services).sort(), Object.keys(expected).sort());
    }
  });

  test("the file for real use has nothing that writes, data of its own, and a command that the server takes", () => {
    assert.deepEqual(Object.keys(real.services), ["server"]);
    const { command: args = [], ports, volumes, environment = {} } = real.services["server"];
    assert.deepEqual(ports, services["tidemark"].ports);
    assert.deepEqual(volumes, ["real-data:/data"], "the demonstration has readings in its own");
    // Compose hands an unset variable over as what stands after its name.
    const variables = Object.entries(environment).map(([name, value]) => [name, /:-(.*)\}$/.exec(value)?.[1] ?? ""]);
    const { invocation, warnings } = loadConfig(args, Object.fromEntries(variables), "/");
    assert.ok(invocation.command === "serve");
    assert.deepEqual(invocation.config.log, { kind: "local" });
    assert.deepEqual([invocation.config.sensors, invocation.simulate, warnings], [null, null, []]);
  });

  test("opens the server to this machine only, waits for a healthy Kafka, keeps the data", () => {
    assert.deepEqual(Object.keys(services), ["kafka", "tidemark", "temperature", "humidity", "pressure"]);
    assert.deepEqual(services["tidemark"].ports, ["127.0.0.1:5000:5000"]);
    for (const service of Object.values(services)) {
      for (const port of service.ports ?? []) assert.match(port, /^127\.0\.0\.1:/);
      for (const volume of service.volumes ?? [])
        assert.ok(Object.keys(compose.volumes).includes(volume.split(":")[0]));
      assert.doesNotMatch(service.image, /latest/);
    }
    const onKafka = { kafka: { condition: "service_healthy" } };
    assert.deepEqual(services["tidemark"].depends_on, onKafka);
    // One service builds the image for all: engines refuse several builds of one tag at the same time.
    const built = Object.keys(services).filter((name) => services[name].build !== undefined);
    assert.deepEqual(built, ["tidemark"]);
    for (const name of ["temperature", "humidity", "pressure"]) {
      assert.deepEqual(services[name].depends_on, { ...onKafka, tidemark: { condition: "service_started" } });
      // A container's name changes with each one: the device stays the same.
      assert.ok(services[name].command?.join(" ").includes(`--device simulator-${name}`));
    }
    for (const name of ["temperature", "humidity", "pressure"]) assert.equal(services[name].healthcheck?.disable, true);
    const version = /<kafka\.version>([^<]+)</.exec(readFileSync(join(ROOT, "test/kafka/pom.xml"), "utf8"))?.[1];
    assert.equal(services["kafka"].image, `apache/kafka:${version}`, "the tests run the version that is shipped");
  });

  test("its services do on a Kafka of these settings what they do in containers", {
    skip: skipWithoutKafka(),
    timeout: 300_000,
  }, async () => {
    const [inside, host, controller] = [await freePort(), await freePort(), await freePort()];
    const local = (value: string): string =>
      value
        .replaceAll(/(INSIDE:\/\/)(kafka)?:19092/g, `$1127.0.0.1:${inside}`)
        .replaceAll(/(HOST:\/\/)(localhost)?:9092/g, `$1127.0.0.1:${host}`)
        .replaceAll("CONTROLLER://:9093", `CONTROLLER://127.0.0.1:${controller}`)
        .replaceAll("localhost:9093", `127.0.0.1:${controller}`);
    // The image makes a property of each variable: KAFKA_NODE_ID is node.id.
    const settings = Object.entries(services["kafka"].environment ?? {})
      .filter(([name]) => name.startsWith("KAFKA_") && name !== "KAFKA_LOG_DIRS")
      .map(([name, value]) => [name.slice("KAFKA_".length).toLowerCase().replaceAll("_", "."), local(value)] as const);
    const broker = await startBroker({ port: host, config: Object.fromEntries(settings) });
    const data = dataDirectory();
    const port = await freePort();
    const running: Running[] = [];
    const start = (name: string): void => {
      const args = services[name].command ?? assert.fail(`${name} has no command`);
      const here = args.map((arg) =>
        arg
          .replace("kafka:19092", `127.0.0.1:${inside}`)
          .replace(/^\/data$/, data.path)
          .replace("0.0.0.0", "127.0.0.1"),
      );
      running.push(tidemark(here, { TIDEMARK_PORT: String(port) }));
    };
    for (const name of ["tidemark", "temperature", "humidity", "pressure"]) start(name);
    await running[0].until(/listening on .*log kafka:/);
    for (const sensor of ["temperature", "humidity", "pressure"]) {
      await eventually(async () => {
        const out = await succeeded(["query", sensor, "count", "--port", String(port)]);
        assert.ok(Number(out.trim().split(/\s+/).at(-1)) >= 3, out + running.map((process) => process.text()).join(""));
      });
    }
    // The other listener is for programs on the host.
    const sent = await succeeded(["sensor", "humidity", "--to", `kafka://127.0.0.1:${host}`, "--count", "1"]);
    assert.match(sent, /1 measured, 1 acknowledged, 0 waiting/);
    for (const process of running.toReversed()) {
      process.kill("SIGTERM");
      const { code, stdout, stderr } = await process.ended;
      assert.equal(code, 0, stdout + stderr);
    }
    await broker.stop();
    await data.remove();
  });
});

describe("Dockerfile", () => {
  const dockerfile = readFileSync(join(ROOT, "Dockerfile"), "utf8");

  test("pins its base, is not root, stops by a signal that is answered, copies what is there", () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    for (const [, image] of dockerfile.matchAll(/^FROM (\S+)/gm)) {
      assert.equal(image, `node:${dependencies.node}-bookworm-slim`, "the Node that the tests run on");
    }
    assert.match(dockerfile, /^USER node$/m);
    assert.match(dockerfile, /^STOPSIGNAL SIGTERM$/m);
    const ignored = readFileSync(join(ROOT, ".dockerignore"), "utf8");
    for (const [, paths] of dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const path of paths.split(" ")) {
        assert.ok(existsSync(join(ROOT, path)), path);
        assert.match(ignored, new RegExp(`^!${path.replaceAll(".", "\\.")}$`, "m"));
      }
    }
  });

  test("its command is refused without a token, as others reach it; its health check asks a server", async () => {
    const args: string[] = JSON.parse(/^CMD (\["serve".*)$/m.exec(dockerfile)?.[1] ?? "null");
    const data = dataDirectory();
    const port = await freePort();
    const here = args.map((arg) => arg.replace(/^\/data$/, data.path));
    const refused = await tidemark(here).ended;
    assert.match(refused.stderr, /^tidemark: Cannot listen on 0\.0\.0\.0: other machines reach it/);
    const check: string[] = JSON.parse(/CMD (\["node", "-e".*)$/m.exec(dockerfile)?.[1] ?? "null");
    const healthy = (): number | null =>
      spawnSync(process.execPath, [check[1], check[2].replace("127.0.0.1:5000", `127.0.0.1:${port}`)]).status;
    assert.equal(healthy(), 1);
    const server = tidemark(["serve", "--data", data.path, "--port", String(port)]);
    await server.until(/listening on/);
    assert.equal(healthy(), 0);
    server.kill("SIGTERM");
    await server.ended;
    await data.remove();
  });
});
