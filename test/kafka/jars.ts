/** The jars of a real Apache Kafka broker, copied once from Maven Central, and what speeds its start up. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kept, keptAt, run } from "../cache.ts";

const POM = join(import.meta.dirname, "pom.xml");
const POM_TEXT = readFileSync(POM, "utf8");
const KAFKA_VERSION = /<kafka\.version>([^<]+)</.exec(POM_TEXT)?.[1] ?? "unknown";
/** Another pom, another directory. */
const NAME = `kafka-${KAFKA_VERSION}-${createHash("sha256").update(POM_TEXT).digest("hex").slice(0, 8)}`;

/** Kafka 4 needs it. */
const JAVA_VERSION_MIN = 17;

const home = (): string => keptAt(NAME);

/** What a JVM takes as its class path. */
export function classPath(): string {
  return join(home(), "libs", "*");
}

/** A formatted, empty data directory of node 1: copied for each broker, which saves a JVM start. */
export function formattedDir(): string {
  return join(home(), "formatted");
}

/** The name of what a broker had loaded, as the JVM maps it: with it a start takes 2.2 s of CPU time in place of 4.0. */
export const CLASS_ARCHIVE = `${NAME}.jsa`;

/** Flags of a JVM that takes the classes from there; one that cannot, as after an upgrade, loads them as ever, and says nothing. */
export function archiveFlags(): string[] {
  const path = keptAt(CLASS_ARCHIVE);
  return existsSync(path) ? [`-XX:SharedArchiveFile=${path}`, "-Xshare:auto", "-Xlog:cds*=off"] : [];
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

/** Makes sure that the jars and a formatted directory are there. */
export async function fetchJars(): Promise<void> {
  await kept(NAME, async (partial) => {
    mkdirSync(partial);
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
  });
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
