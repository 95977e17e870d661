/** Producers that nobody here wrote, for tests: kcat (librdkafka), two Python clients and Kafka's own Java tools. Each is fetched once, or its tests are skipped by name. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { kept, run } from "../cache.ts";
import { archiveFlags, classPath, fetchJars } from "./jars.ts";

/** Pinned: another list, another directory. kafka-python is an implementation of its own, confluent-kafka is librdkafka. */
const PYTHON_PACKAGES = [
  "confluent-kafka==2.16.1",
  "kafka-python==3.0.12",
  "python-snappy==0.7.3",
  "lz4==4.4.5",
  "zstandard==0.25.0",
  "crc32c==2.9.post0",
];

/** The program, or why it cannot be had and how to get it. */
export type Found = { readonly path: string } | { readonly missing: string };

/** kcat; installed from Debian's packages when this process may do that. */
export function findKcat(): Found {
  const works = (): boolean => spawnSync("kcat", ["-V"]).status === 0;
  if (!works() && process.getuid?.() === 0) {
    const install = "apt-get update -q && apt-get install -y -q kcat";
    spawnSync("sh", ["-c", install], { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
  }
  return works() ? { path: "kcat" } : { missing: "there is no kcat (Debian: apt-get install -y kcat)" };
}

/** promtool of Prometheus. */
export function findPromtool(): Found {
  const works = spawnSync("promtool", ["--version"]).status === 0;
  return works ? { path: "promtool" } : { missing: "there is no promtool (Debian: apt-get install -y prometheus)" };
}

/** A Python with the two Kafka clients. */
export function findPython(): Promise<Found> {
  return findPythonWith(PYTHON_PACKAGES);
}

/** A Python with these packages of PyPI. */
export async function findPythonWith(packages: readonly string[]): Promise<Found> {
  const name = `python-${createHash("sha256").update(packages.join()).digest("hex").slice(0, 8)}`;
  try {
    const home = await kept(name, async (partial) => {
      await run("python3", ["-m", "venv", partial]);
      const python = join(partial, "bin", "python");
      await run(python, ["-m", "pip", "install", "-q", "--disable-pip-version-check", ...packages]);
    });
    return { path: join(home, "bin", "python") };
  } catch (error) {
    return { missing: `no Python with ${packages[0]} could be made (python3, venv and PyPI are needed): ${error}` };
  }
}

/** A record as produce.py takes it; text is latin1, one character a byte. */
export interface Sent {
  readonly value: string | null;
  readonly key?: string | null;
  /** ms since the epoch. */
  readonly time?: number;
  readonly partition?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** produce.py, told one thing at a time and answering each (the file says what it takes). */
export class PythonProducer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #errors = "";

  constructor(
    python: string,
    bootstrap: string,
    client: "confluent" | "kafka-python",
    codec: string,
    transactionalId = "",
  ) {
    const script = join(import.meta.dirname, "produce.py");
    this.#child = spawn(python, [script, bootstrap, client, codec, transactionalId]);
    this.#child.stderr.on("data", (chunk: Buffer) => {
      this.#errors += chunk.toString("utf8");
    });
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async #tell(command: unknown): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`produce.py ended: ${this.#errors}`);
    return JSON.parse(value);
  }

  /** Sends and waits until all are acknowledged. @returns where each went */
  async send(topic: string, records: readonly Sent[]): Promise<{ partition: number; offset: number }[]> {
    const places = await this.#tell({ do: "send", topic, records });
    if (!Array.isArray(places)) throw new Error(`produce.py answered ${JSON.stringify(places)}`);
    return places.map(([partition, offset]) => ({ partition: Number(partition), offset: Number(offset) }));
  }

  async transaction(step: "begin" | "commit" | "abort"): Promise<void> {
    await this.#tell({ do: step });
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await this.#answers.next();
  }
}

/** Runs a program with `input` as its standard input. @returns its standard output. @throws Error with what it printed when it fails */
export function feed(command: string, args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    let output = "";
    let errors = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString("utf8");
    });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ended with ${code}: ${output}${errors}`));
    });
    child.stdin.end(input, "latin1");
  });
}

/** One of Kafka's own command line tools, by its class. */
export async function javaTool(name: string, args: readonly string[], input = ""): Promise<string> {
  await fetchJars();
  const logging = `-Dlog4j2.configurationFile=${join(import.meta.dirname, "log4j2.properties")}`;
  const flags = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", ...archiveFlags(), logging];
  return feed("java", [...flags, "-cp", classPath(), `org.apache.kafka.tools.${name}`, ...args], input);
}
