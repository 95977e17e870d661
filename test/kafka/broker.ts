/** A real Apache Kafka broker for tests and benchmarks: one KRaft node on loopback, without a container engine. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { closeSync, cpSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Admin, Producer, type SASLOptions } from "@platformatic/kafka";
import { kept } from "../cache.ts";
import {
  type Availability,
  archiveFlags,
  CLASS_ARCHIVE,
  classPath,
  fetchJars,
  formattedDir,
  jarsAvailable,
  NODE_SETTINGS,
  properties,
} from "./jars.ts";

/** A cold JVM on a busy machine of two cores takes a quarter of it. */
const START_MS_MAX = 120_000;
const START_RETRY_MS = 100;
const STOP_MS_MAX = 30_000;
/** Another process may take a free port before the broker does. */
const START_TRIES = 3;
/**
 * Ports are taken from below the ranges that systems use for outgoing connections (Linux 32768–60999, macOS 49152–65535):
 * a client that keeps trying to reach a dead broker there may connect to itself, and then the broker cannot come back.
 */
const PORT_FIRST = 20_000;
const PORT_COUNT = 12_000;

/** Small and quick on one node; what a test needs otherwise it says in `config`. */
const SETTINGS = {
  ...NODE_SETTINGS,
  "auto.create.topics.enable": "false",
  "num.network.threads": "2",
  "num.io.threads": "2",
  "offsets.topic.num.partitions": "1",
  "offsets.topic.replication.factor": "1",
  "transaction.state.log.num.partitions": "1",
  "transaction.state.log.replication.factor": "1",
  "transaction.state.log.min.isr": "1",
  "share.coordinator.state.topic.num.partitions": "1",
  "share.coordinator.state.topic.replication.factor": "1",
  "share.coordinator.state.topic.min.isr": "1",
  "group.initial.rebalance.delay.ms": "0",
  "log.cleaner.dedupe.buffer.size": "4194304", // the default's 128 MB do not fit the heap
  "log.retention.ms": "-1", // tests send old timestamps, by which retention goes
  "log.retention.check.interval.ms": "1000",
  "log.cleaner.backoff.ms": "1000", // by default a test would wait 15 s for compaction
  "log.initial.task.delay.ms": "1000",
  // A broker that was killed may register again when its session has ended: by default that takes 9 s.
  "broker.session.timeout.ms": "2500",
  "broker.heartbeat.interval.ms": "500",
} as const;

const HEAP = ["-Xms96m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

export interface BrokerOptions {
  /** Broker settings over the defaults. */
  readonly config?: Readonly<Record<string, string>>;
  /** The client port; default: a free one. */
  readonly port?: number;
  /** Where the log lives; default: a temporary directory that is removed when the process ends. */
  readonly dataDir?: string;
  /** A running broker to whose cluster this one is added, as node 2. */
  readonly joins?: Broker;
  /** Credentials that `config` asks clients for. */
  readonly sasl?: SASLOptions;
  /** PEM of the authority of its certificate, where `config` has it speak TLS. */
  readonly ca?: string;
  /** JVM flags in place of the small ones, for benchmarks. */
  readonly jvm?: readonly string[];
}

/** Whether a broker can run here, or one was named with TIDEMARK_TEST_KAFKA. */
export function kafkaAvailable(): Availability {
  return process.env["TIDEMARK_TEST_KAFKA"] ? { ok: true } : jarsAvailable();
}

/** The `skip` of a test that needs a broker: false, or why it cannot run and how to change that. */
export function skipWithoutKafka(): string | false {
  return skipUnless(kafkaAvailable());
}

/** The `skip` of a test that needs a broker of its own, to kill it, or Kafka's tools. */
export function skipWithoutOwnKafka(): string | false {
  return skipUnless(jarsAvailable());
}

function skipUnless(available: Availability): string | false {
  return available.ok ? false : `no Kafka broker: ${available.why}; ${available.how}`;
}

/**
 * A broker for tests that do it no harm: the one named by TIDEMARK_TEST_KAFKA=host:port, else one of this process.
 * Topics must have names that no other test uses.
 */
export async function sharedBroker(): Promise<{ readonly bootstrap: string; stop(): Promise<void> }> {
  const named = process.env["TIDEMARK_TEST_KAFKA"];
  return named ? { bootstrap: named, stop: async () => {} } : startBroker();
}

/** Starts a broker and resolves when it creates topics, takes records and coordinates groups. @throws Error with its log when it does not */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const available = jarsAvailable();
  if (!available.ok) throw new Error(`Cannot start a Kafka broker: ${available.why}; ${available.how}`);
  await fetchJars();
  await kept(CLASS_ARCHIVE, archiveClasses);
  return startOne(options);
}

/** A broker that starts, answers and ends, and leaves the classes that it had loaded. */
async function archiveClasses(partial: string): Promise<void> {
  const broker = await startOne({ jvm: [...HEAP, `-XX:ArchiveClassesAtExit=${partial}`] });
  await broker.stop();
}

async function startOne(options: BrokerOptions): Promise<Broker> {
  for (let attempt = 1; ; attempt++) {
    const broker = new Broker(options, options.port ?? (await freePort()), await freePort());
    try {
      await broker.restart();
      return broker;
    } catch (error) {
      await broker.kill();
      if (attempt === START_TRIES || options.port !== undefined || !String(error).includes("already in use"))
        throw error;
    }
  }
}

/** States: stopped → restart() → running → stop() or kill() → stopped. Ends with its process at the latest. */
export class Broker {
  readonly port: number;
  readonly dataDir: string;
  readonly #ownControllerPort: number;
  readonly #options: BrokerOptions;
  readonly #onExit = (): void => this.#end();
  readonly #temporary: boolean;
  #java: ChildProcess | null = null;
  #watchdog: ChildProcess | null = null;

  constructor(options: BrokerOptions, port: number, controllerPort: number) {
    this.#options = options;
    this.port = port;
    this.#ownControllerPort = controllerPort;
    this.#temporary = options.dataDir === undefined;
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "tidemark-kafka-"));
    process.on("exit", this.#onExit);
  }

  get bootstrap(): string {
    return `127.0.0.1:${this.port}`;
  }

  get #controllerPort(): number {
    return this.#options.joins === undefined ? this.#ownControllerPort : this.#options.joins.#controllerPort;
  }

  get pid(): number | undefined {
    return this.#java?.pid;
  }

  /** Starts over the data that is there; stops first when it runs. */
  async restart(): Promise<void> {
    await this.stop();
    const logs = join(this.dataDir, "log");
    if (!existsSync(logs)) this.#format(logs);
    const settings = join(this.dataDir, "server.properties");
    writeFileSync(settings, properties(this.#settings(logs)));
    const java = this.#spawn(settings);
    this.#java = java;
    this.#watch(java);
    try {
      await this.#ready(java);
    } catch (error) {
      throw new Error(`The Kafka broker at ${this.bootstrap} did not become ready:\n${this.output().slice(-4000)}`, {
        cause: error,
      });
    }
  }

  #format(logs: string): void {
    cpSync(formattedDir(), logs, { recursive: true });
    if (this.#options.joins === undefined) return;
    const meta = join(logs, "meta.properties");
    const directory = Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url");
    const text = readFileSync(meta, "utf8").replace(/^node.id=.*$/m, `node.id=${JOINER}`);
    writeFileSync(meta, text.replace(/^directory.id=.*$/m, `directory.id=${directory}`));
  }

  #settings(logs: string): Record<string, string> {
    const client = `PLAINTEXT://127.0.0.1:${this.port}`;
    const role =
      this.#options.joins === undefined
        ? { listeners: `${client},CONTROLLER://127.0.0.1:${this.#controllerPort}` }
        : { listeners: client, "process.roles": "broker", "node.id": JOINER };
    return {
      ...SETTINGS,
      ...role,
      "advertised.listeners": client,
      "controller.quorum.voters": `1@127.0.0.1:${this.#controllerPort}`,
      "log.dirs": logs,
      ...this.#options.config,
    };
  }

  #spawn(settings: string): ChildProcess {
    const output = openSync(join(this.dataDir, "output.txt"), "a");
    const flags = [
      ...(this.#options.jvm ?? [...HEAP, ...archiveFlags()]),
      `-Dlog4j2.configurationFile=${join(import.meta.dirname, "log4j2.properties")}`,
    ];
    const java = spawn("java", [...flags, "-cp", classPath(), "kafka.Kafka", settings], {
      stdio: ["ignore", output, output],
      detached: true, // Ctrl-C reaches whoever holds the broker, not the broker
    });
    closeSync(output);
    java.unref(); // a test that forgets to stop it can still end
    return java;
  }

  /** A shell that holds a pipe of ours: when this process is gone, however it went, the pipe closes and the shell ends the broker. */
  #watch(java: ChildProcess): void {
    const script = `read -r _; kill -9 ${java.pid} 2>/dev/null; ${this.#temporary ? 'rm -rf "$1"' : ":"}`;
    const watchdog = spawn("sh", ["-c", script, "sh", this.dataDir], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    watchdog.unref();
    if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
    this.#watchdog = watchdog;
  }

  /** An open port is not a ready broker: asks until a topic can be made, takes a record and a group has a coordinator. */
  async #ready(java: ChildProcess): Promise<void> {
    const deadline = AbortSignal.timeout(START_MS_MAX);
    for (;;) {
      const ended = java.exitCode !== null || java.signalCode !== null || java.pid === undefined;
      if (ended) throw new Error("the process ended");
      try {
        return await probe(this.bootstrap, this.#options);
      } catch (error) {
        if (deadline.aborted) throw error;
        await delay(START_RETRY_MS);
      }
    }
  }

  /** What the broker printed: warnings and errors. */
  output(): string {
    const path = join(this.dataDir, "output.txt");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Ends it as an operator would; the data stays for `restart`. */
  async stop(): Promise<void> {
    const timer = this.#signal("SIGTERM");
    await this.#ended();
    clearTimeout(timer);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#java?.kill("SIGKILL");
    await this.#ended();
  }

  #signal(signal: NodeJS.Signals): NodeJS.Timeout {
    const java = this.#java;
    java?.kill(signal);
    return setTimeout(() => java?.kill("SIGKILL"), STOP_MS_MAX);
  }

  async #ended(): Promise<void> {
    const java = this.#java;
    if (java === null) return;
    if (java.exitCode === null && java.signalCode === null && java.pid !== undefined) {
      java.ref();
      await once(java, "exit");
    }
    this.#java = null;
    this.#watchdog?.kill("SIGKILL");
    this.#watchdog = null;
  }

  #end(): void {
    this.#java?.kill("SIGKILL");
    this.#watchdog?.kill("SIGKILL");
    if (this.#temporary) rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

const READY_TOPIC = "tidemark-ready";
/** The node that joins node 1. */
const JOINER = "2";

async function probe(bootstrap: string, { sasl, ca }: BrokerOptions): Promise<void> {
  const bounds = { retries: 0, connectTimeout: 2000 };
  const options = {
    clientId: "tidemark-probe",
    bootstrapBrokers: [bootstrap],
    ...bounds,
    ...(sasl && { sasl }),
    ...(ca && { tls: { ca } }),
  };
  const admin = new Admin(options);
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>(options);
  try {
    const { brokers } = await admin.metadata({ topics: [] });
    const port = Number(bootstrap.split(":")[1]);
    if (![...brokers.values()].some((broker) => broker.port === port)) throw new Error("it is not in the cluster yet");
    const topics = await admin.listTopics();
    if (!topics.includes(READY_TOPIC)) await admin.createTopics({ topics: [READY_TOPIC], partitions: 1, replicas: 1 });
    await producer.send({ acks: -1, messages: [{ topic: READY_TOPIC, partition: 0, value: Buffer.from("ready") }] });
    const topicOffsets = [{ name: READY_TOPIC, partitionOffsets: [{ partition: 0, offset: 0n }] }];
    await admin.alterConsumerGroupOffsets({ groupId: READY_TOPIC, topics: topicOffsets });
  } finally {
    await producer.close();
    await admin.close();
  }
}

let nextPort = PORT_FIRST + ((process.pid * 16) % PORT_COUNT);

async function freePort(): Promise<number> {
  for (let tried = 0; tried < PORT_COUNT; tried++) {
    const port = nextPort;
    nextPort = PORT_FIRST + ((nextPort + 1 - PORT_FIRST) % PORT_COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error(`Cannot start a Kafka broker: no port is free from ${PORT_FIRST} to ${PORT_FIRST + PORT_COUNT - 1}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
