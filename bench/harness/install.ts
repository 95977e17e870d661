/** What peers need and the project does not ship: npm packages beside the bench, Python environments, Maven jars and Go programs in a cache outside the tree. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { keptAt } from "../../test/cache.ts";
import { classPath } from "../../test/kafka/jars.ts";
import { run } from "./child.ts";

export const PEERS = join(import.meta.dirname, "..", "peers");
const BENCH = join(import.meta.dirname, "..");
const INSTALL_SECONDS_MAX = 1800;

/** A peer that cannot run here: named in the results, with what would change that. */
export class Unavailable extends Error {
  readonly how: string;

  constructor(why: string, how: string) {
    super(why);
    this.how = how;
  }
}

/** Whether what is missing may be installed, and who is told that it is. */
export interface InstallPolicy {
  readonly allowed: boolean;
  say(text: string): void;
}

const cache = (name: string): string => keptAt(join("bench", name));

/** Output of a command, or null where there is no such command. */
export function output(command: string, args: readonly string[]): string | null {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 30_000 });
  } catch {
    return null;
  }
}

/** @returns the path of a program. @throws Unavailable */
export function program(names: readonly string[], how: string): string {
  for (const name of names) {
    const path = name.includes("/") ? (existsSync(name) ? name : null) : output("sh", ["-c", `command -v ${name}`]);
    if (path !== null && path.trim() !== "") return path.trim();
  }
  throw new Unavailable(`there is no ${names[0]}`, how);
}

async function install(policy: InstallPolicy, what: string, target: string, make: () => Promise<void>): Promise<void> {
  if (!policy.allowed) throw new Unavailable(`${what} is not installed`, "run without --no-install");
  policy.say(`installing ${what} into ${target.replace(homedir(), "~")} (once)`);
  try {
    await make();
  } catch (error) {
    rmSync(target, { recursive: true, force: true });
    const why = String(error).split("\n").slice(0, 3).join(" ");
    throw new Unavailable(`${what} could not be installed: ${why}`, "see the message; then run again");
  }
}

/** npm packages of bench/package.json, in bench/node_modules. */
export async function npmPeers(policy: InstallPolicy): Promise<void> {
  const wanted = readFileSync(join(BENCH, "package.json"), "utf8");
  const mark = join(BENCH, "node_modules", ".bench-installed");
  if (existsSync(mark) && readFileSync(mark, "utf8") === wanted) return;
  await install(policy, "npm peers", join(BENCH, "node_modules"), async () => {
    const npm = program(["npm"], "npm comes with Node.js");
    const args = ["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--silent"];
    await run({ command: npm, args, cwd: BENCH, secondsMax: INSTALL_SECONDS_MAX });
    writeFileSync(mark, wanted);
  });
}

const PYTHONS = ["python3.12", "python3.11", "python3.13", "python3.10", "python3"];

/** A virtual environment with the peer's requirements. @returns its python */
export async function pythonPeer(policy: InstallPolicy, peer: string): Promise<string> {
  const home = cache(`python-${peer}`);
  const requirements = join(PEERS, peer, "requirements.txt");
  const wanted = readFileSync(requirements, "utf8");
  const python = join(home, "bin", "python3");
  const mark = join(home, "installed");
  if (existsSync(mark) && readFileSync(mark, "utf8") === wanted) return python;
  await install(policy, wanted.trim().replaceAll("\n", " "), home, async () => {
    const base = program(PYTHONS, "install Python 3.10 or later with venv (Debian: apt-get install -y python3-venv)");
    await run({ command: base, args: ["-m", "venv", home], secondsMax: INSTALL_SECONDS_MAX });
    const args = ["-m", "pip", "install", "-q", "-r", requirements];
    await run({ command: python, args, secondsMax: INSTALL_SECONDS_MAX });
    writeFileSync(mark, wanted);
  });
  return python;
}

/** Jars of peers/NAME/pom.xml. @returns their directory */
async function mavenPeer(policy: InstallPolicy, peer: string, what: string): Promise<string> {
  const pom = join(PEERS, peer, "pom.xml");
  const home = cache(`jars-${peer}-${createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 8)}`);
  if (existsSync(home)) return home;
  const mvn = program(["mvn"], "install Maven (Debian: apt-get install -y maven)");
  const partial = `${home}.partial`;
  await install(policy, what, home, async () => {
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial, { recursive: true });
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${partial}`, "-DincludeScope=runtime"];
    const args = ["-q", "-B", "-f", pom, ...goal];
    await run({ command: mvn, args, secondsMax: INSTALL_SECONDS_MAX });
    renameSync(partial, home);
  });
  return home;
}

/** The class path of Kafka's own tools, which come with the test broker. */
export function kafkaTools(): string {
  program(["java"], "install a JDK 17 or later (Debian: apt-get install -y openjdk-17-jre-headless)");
  return classPath();
}

/** PySpark's interpreter and the jars of its Kafka connector. */
export async function spark(policy: InstallPolicy): Promise<{ python: string; jars: string }> {
  program(["java"], "install a JDK 17 or later (Debian: apt-get install -y openjdk-17-jre-headless)");
  const home = await mavenPeer(policy, "spark", "Spark's Kafka connector");
  const jars = readdirSync(home)
    .filter((name) => !name.startsWith("slf4j-api"))
    .map((name) => join(home, name));
  return { python: await pythonPeer(policy, "spark"), jars: jars.join(",") };
}

/** A program built through the Go module proxy. @returns its path */
export async function goPeer(policy: InstallPolicy, peer: string, module: string, version: string): Promise<string> {
  const home = cache(`go-${peer}-${version}`);
  const binary = join(home, peer);
  if (existsSync(binary)) return binary;
  const go = program(["go", "/usr/local/go/bin/go"], "install Go 1.26 or later");
  await install(policy, `${peer} ${version} (a build of some minutes)`, home, async () => {
    mkdirSync(home, { recursive: true });
    const env = { GOBIN: home, GOFLAGS: "-p=2" };
    await run({ command: go, args: ["install", `${module}@${version}`], env, secondsMax: INSTALL_SECONDS_MAX });
  });
  return binary;
}
