/** The jars of a real Apache Kafka broker, copied once from Maven Central into a cache directory outside the work tree. */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";

const POM = join(import.meta.dirname, "pom.xml");
const POM_TEXT = readFileSync(POM, "utf8");
const KAFKA_VERSION = /<kafka\.version>([^<]+)</.exec(POM_TEXT)?.[1] ?? "unknown";
/** Another pom, another directory. */
const NAME = `kafka-${KAFKA_VERSION}-${createHash("sha256").update(POM_TEXT).digest("hex").slice(0, 8)}`;

/** Kafka 4 needs it. */
const JAVA_VERSION_MIN = 17;
/** Forty jars, 50 MB: 20 s on a good line. */
const DOWNLOAD_MS_MAX = 600_000;
const LOCK_RETRY_MS = 250;

/** Where things that tests download are kept between runs. */
export function cacheDir(): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "tidemark");
}

const home = (): string => join(cacheDir(), NAME);

/** What a JVM takes as its class path. */
export function classPath(): string {
  return join(home(), "libs", "*");
}

/** A formatted, empty data directory of node 1: copied for each broker, which saves a JVM start. */
export function formattedDir(): string {
  return join(home(), "formatted");
}

/** The settings that formatting and running must agree on. */
export const NODE_SETTINGS = {
  "process.roles": "broker,controller",
  "node.id": "1",
  "controller.listener.names": "CONTROLLER",
  "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
} as const;

export type Availability = { readonly ok: true } | { readonly ok: false; readonly why: string; readonly how: string };

let known: Availability | undefined;

/** Whether a broker can run on this machine: what is missing, and how to get it. */
export function jarsAvailable(): Availability {
  known ??= judge();
  return known;
}

function judge(): Availability {
  const java = firstNumber("java", ["-version"], /version "(\d+)/);
  if (java < JAVA_VERSION_MIN) {
    return {
      ok: false,
      why: java < 0 ? "there is no java" : `java must be >= ${JAVA_VERSION_MIN}, was ${java}`,
      how: "install a JDK 17 or later and Maven (Debian: apt-get install -y openjdk-17-jre-headless maven), or set TIDEMARK_TEST_KAFKA=host:port",
    };
  }
  if (!existsSync(home()) && firstNumber("mvn", ["-v"], /Apache Maven (\d+)/) < 0) {
    return {
      ok: false,
      why: "there is no mvn to fetch Kafka's jars with",
      how: "install Maven (Debian: apt-get install -y maven), or set TIDEMARK_TEST_KAFKA=host:port",
    };
  }
  return { ok: true };
}

function firstNumber(command: string, args: string[], pattern: RegExp): number {
  try {
    const text = execFileSync("sh", ["-c", `"$0" "$@" 2>&1`, command, ...args], { encoding: "utf8" });
    return Number(pattern.exec(text)?.[1] ?? -1);
  } catch {
    return -1;
  }
}

/** Makes sure that the jars and a formatted directory are there. Processes that ask at the same time wait for one download. */
export async function fetchJars(): Promise<void> {
  if (existsSync(home())) return;
  mkdirSync(cacheDir(), { recursive: true });
  const lock = await lockFile(join(cacheDir(), "kafka-download.lock"));
  try {
    if (existsSync(home())) return;
    const partial = join(cacheDir(), `${NAME}.partial`);
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    await run("mvn", [
      "-q",
      "-B",
      "-f",
      POM,
      "dependency:copy-dependencies",
      `-DoutputDirectory=${join(partial, "libs")}`,
      "-DincludeScope=runtime",
    ]);
    await format(partial);
    renameSync(partial, home()); // at once: whoever sees the directory sees all of it
  } finally {
    lock.close();
  }
}

async function format(dir: string): Promise<void> {
  const settings = join(dir, "format.properties");
  // With static voters the formatted directory holds no address, so it serves every port.
  const lines = {
    ...NODE_SETTINGS,
    listeners: "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
    "controller.quorum.voters": "1@127.0.0.1:9093",
    "log.dirs": join(dir, "formatted"),
  };
  writeFileSync(settings, properties(lines));
  const id = Buffer.from("tidemark-tests-1").toString("base64url"); // 16 bytes, as a cluster id is
  await run("java", [
    "-Xmx128m",
    "-cp",
    join(dir, "libs", "*"),
    "kafka.tools.StorageTool",
    "format",
    "-t",
    id,
    "-c",
    settings,
  ]);
}

export function properties(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

/** Holds an exclusive lock until it is closed; the system releases it even on kill -9. */
export async function lockFile(path: string): Promise<{ close(): void }> {
  const database = new DatabaseSync(path);
  for (let waitedMs = 0; ; waitedMs += LOCK_RETRY_MS) {
    try {
      database.exec("BEGIN EXCLUSIVE");
      return database;
    } catch (error) {
      if (waitedMs >= DOWNLOAD_MS_MAX) {
        database.close();
        throw error;
      }
      await delay(LOCK_RETRY_MS);
    }
  }
}

/** Runs a command to its end. @throws Error with what it printed when it fails */
export function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], timeout: DOWNLOAD_MS_MAX });
    let printed = "";
    const keep = (chunk: Buffer): void => {
      printed = (printed + chunk.toString("utf8")).slice(-4000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(" ")} ended with ${code}:\n${printed}`));
    });
  });
}
