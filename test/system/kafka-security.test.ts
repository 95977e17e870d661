/** A real broker that speaks TLS only and asks who we are: PLAIN and SCRAM, and one clear line for each mistake. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Broker, skipWithoutOwnKafka, startBroker } from "../kafka/broker.ts";
import { archiveFlags, classPath } from "../kafka/jars.ts";
import { Authority, skipWithoutOpenssl } from "./certificates.ts";
import { dataDirectory, done, launch, succeeded, tidemark } from "./cli.ts";

const PASSWORD = "a pass%word:with@signs";
const PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule";
const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

describe("a Kafka with TLS and passwords", {
  skip: skipWithoutOwnKafka() || skipWithoutOpenssl(),
  timeout: 300_000,
}, () => {
  let authority: Authority;
  let broker: Broker;
  let passwordFile: string;

  before(async () => {
    authority = new Authority();
    const { cert, key } = authority.sign("IP:127.0.0.1");
    const store = join(authority.directory, "broker.pem");
    writeFileSync(store, readFileSync(key, "utf8") + readFileSync(cert, "utf8"));
    passwordFile = join(authority.directory, "password");
    writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    const users = `user_tidemark="${PASSWORD}" user_admin="admin-secret"`;
    const sasl = { mechanism: "PLAIN", username: "admin", password: "admin-secret" } as const;
    const ca = readFileSync(authority.ca, "utf8");
    broker = await startBroker({
      sasl,
      ca,
      config: {
        "listener.security.protocol.map": "PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": MECHANISMS.join(","),
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "listener.name.plaintext.plain.sasl.jaas.config": `${PLAIN} required username="admin" password="admin-secret" ${users};`,
        "listener.name.plaintext.scram-sha-256.sasl.jaas.config": `${SCRAM} required;`,
        "listener.name.plaintext.scram-sha-512.sasl.jaas.config": `${SCRAM} required;`,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": store,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.ca,
      },
    });
    const client = join(authority.directory, "client.properties");
    const jaas = `${PLAIN} required username="admin" password="admin-secret";`;
    const lines = [
      "security.protocol=SASL_SSL",
      "sasl.mechanism=PLAIN",
      `sasl.jaas.config=${jaas}`,
      "ssl.truststore.type=PEM",
      `ssl.truststore.location=${authority.ca}`,
    ];
    writeFileSync(client, lines.join("\n"));
    const tool = ["-cp", classPath(), "kafka.admin.ConfigCommand", "--bootstrap-server", broker.bootstrap];
    const user = ["--command-config", client, "--alter", "--entity-type", "users", "--entity-name", "tidemark"];
    const add = async (name: string): Promise<void> => {
      const added = ["--add-config", `${name}=[password=${PASSWORD}]`];
      const { code, stdout, stderr } = await launch("java", [...archiveFlags(), ...tool, ...user, ...added]).ended;
      assert.equal(code, 0, stdout + stderr);
    };
    await Promise.all(MECHANISMS.slice(1).map(add));
  });
  after(async () => {
    await broker?.stop();
    authority?.remove();
  });

  const access = () => ({
    TIDEMARK_KAFKA_USER: "tidemark",
    TIDEMARK_KAFKA_PASSWORD_FILE: passwordFile,
    TIDEMARK_KAFKA_CA: authority.ca,
  });

  for (const mechanism of MECHANISMS) {
    test(`${mechanism}: readings go there and come back`, async () => {
      const data = dataDirectory();
      const name = mechanism.toLowerCase();
      const log = `kafka://${broker.bootstrap}?sasl=${name}`;
      const flags = ["--data", data.path, "--port", "0", "--log", log, "--sensors", name, "--create-topics"];
      const server = tidemark(["serve", ...flags], access());
      await server.until(/listening on/);
      await succeeded(["send", name, "21.5", "22.5", "--data", data.path]);
      await succeeded(["sensor", `${name}-direct`, "--to", log, "--count", "3", "--rate", "100"], access());
      for (let out = ""; !/"count": 2\b/.test(out); ) {
        out = await succeeded(["query", name, "count", "--json", "--data", data.path]);
      }
      const doctor = await done(["doctor", ...flags], access());
      assert.match(doctor.stdout, /kafka .*answers, with \d+ topics/);
      const verified = await done(["verify", "--data", data.path, "--log", log], access());
      assert.match(verified.stdout, /no difference/, verified.stderr);
      const told = server.text() + doctor.stdout + doctor.stderr + verified.stdout + verified.stderr;
      assert.doesNotMatch(told, /pass%word|pass%25word/);
      server.kill("SIGTERM");
      assert.equal((await server.ended).code, 0);
      await data.remove();
    });
  }

  test("mistakes end the start at once, in a line each that holds no password", async () => {
    const other = new Authority();
    const wrongPassword = join(authority.directory, "wrong");
    writeFileSync(wrongPassword, "gu3ss", { mode: 0o600 });
    const named = broker.bootstrap.replace("127.0.0.1", "localhost");
    for (const [address, changed, words] of [
      [broker.bootstrap, { TIDEMARK_KAFKA_PASSWORD_FILE: wrongPassword }, /SASL_AUTHENTICATION_FAILED/],
      [`${broker.bootstrap}?sasl=plain`, { TIDEMARK_KAFKA_PASSWORD_FILE: wrongPassword }, /SASL_AUTHENTICATION_FAILED/],
      [broker.bootstrap, { TIDEMARK_KAFKA_USER: "nobody" }, /SASL_AUTHENTICATION_FAILED/],
      [
        broker.bootstrap,
        { TIDEMARK_KAFKA_CA: other.ca },
        /the certificate is of no authority that is known here \(--kafka-ca names one\)/,
      ],
      [named, {}, /the certificate is for other names .*localhost/],
      [broker.bootstrap, { TIDEMARK_KAFKA_CA: "" }, /does it speak TLS\? \(--kafka-ca, or \?tls=true\)/],
    ] as const) {
      const data = dataDirectory();
      const shape = address.includes("?") ? address : `${address}?sasl=scram-sha-512`;
      const args = ["serve", "--data", data.path, "--port", "0", "--log", `kafka://${shape}`, "--sensors", "a"];
      const { code, stderr } = await done(args, { ...access(), ...changed });
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^tidemark: Cannot reach Kafka at [^\n]+\n/);
      assert.match(stderr, words);
      assert.doesNotMatch(stderr, /gu3ss|pass%|BUG|at .*\.ts:/);
      await data.remove();
    }
    other.remove();
  });
});
