/** Programs that the bench runs to their end, each in a process of its own: what they printed, their CPU time and largest memory. */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a contestant prints as its last line of JSON. Seconds from the first connection to the last reading. */
export interface Lap {
  readonly seconds: number;
  /** User and system time of the process in that time, all threads. */
  readonly cpuSeconds: number;
  /** The process's largest resident set so far. */
  readonly rssBytes: number;
  readonly [detail: string]: number;
}

export interface Run {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Ended when it takes longer. */
  readonly secondsMax?: number;
  readonly input?: string;
  /** Run as this user (only root may). */
  readonly uid?: number;
  readonly gid?: number;
}

/** Ten minutes: a lap that takes longer is stuck, or the wrong size for this machine. */
const SECONDS_MAX = 600;
/** Of what a failed program printed. */
const PRINTED_MAX = 3000;

/** A file that holds the text and has no name any more: unlike a pipe, whoever reads it at once finds all of it. @returns its descriptor */
function openInput(text: string): number {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
  const path = join(directory, "input");
  writeFileSync(path, text);
  const descriptor = openSync(path, "r");
  rmSync(directory, { recursive: true });
  return descriptor;
}

/** @returns its standard output. @throws Error with what it printed when it fails or takes too long */
export function run(options: Run): Promise<string> {
  const { command, args, env, cwd, secondsMax = SECONDS_MAX, input, uid, gid } = options;
  return new Promise((resolve, reject) => {
    const stdin = input === undefined ? null : openInput(input);
    const child = spawn(command, args, {
      stdio: [stdin ?? "ignore", "pipe", "pipe"],
      env: env === undefined ? process.env : { ...process.env, ...env },
      timeout: secondsMax * 1000,
      killSignal: "SIGKILL",
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
    let out = "";
    let errors = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-PRINTED_MAX);
    });
    if (stdin !== null) closeSync(stdin);
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(out);
      const how = signal === null ? `code ${code}` : signal;
      reject(new Error(`${command} ${args[0] ?? ""} ended with ${how}:\n${errors}${out.slice(-PRINTED_MAX)}`));
    });
  });
}

/** Runs a program whose last line of output is a JSON object of numbers. @throws Error when it is not */
export async function runForNumbers(options: Run): Promise<Record<string, number>> {
  const lines = (await run(options)).trim().split("\n");
  const parsed: unknown = JSON.parse(lines.at(-1) ?? "");
  const numbers: Record<string, number> = {};
  if (typeof parsed !== "object" || parsed === null) throw new Error(`${options.command} printed no object`);
  for (const [name, value] of Object.entries(parsed)) if (typeof value === "number") numbers[name] = value;
  return numbers;
}

/** The same for a lap. */
export async function runForLap(options: Run): Promise<Lap> {
  const { seconds, cpuSeconds = Number.NaN, rssBytes = Number.NaN, ...rest } = await runForNumbers(options);
  return { ...rest, seconds, cpuSeconds, rssBytes };
}

/** Systems take no longer argument (Linux: 128 KB); what is longer goes to standard input. */
const ARGUMENT_CHARS_MAX = 65_536;

/** What came out of a program, byte by byte in time: seconds from its start to the first byte, to half of them, to the last. */
export interface Flow {
  readonly firstSeconds: number;
  readonly halfSeconds: number;
  readonly seconds: number;
  /** What it printed to standard error. */
  readonly errors: string;
}

/** Runs a program that writes so many bytes to its standard output, and watches when they come. @throws Error when it writes fewer */
export function runForFlow({ command, args, secondsMax = SECONDS_MAX }: Run, bytes: number): Promise<Flow> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(command, args, {
      ...{ stdio: ["ignore", "pipe", "pipe"], timeout: secondsMax * 1000, killSignal: "SIGKILL" },
    });
    const elapsed = (): number => (performance.now() - start) / 1000;
    let count = 0;
    let errors = "";
    let firstSeconds = 0;
    let halfSeconds = 0;
    let seconds = 0;
    child.stdout?.on("data", (chunk: Buffer) => {
      if (count === 0) firstSeconds = elapsed();
      if (count < bytes / 2 && count + chunk.length >= bytes / 2) halfSeconds = elapsed();
      count += chunk.length;
      seconds = elapsed();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-PRINTED_MAX);
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code === 0 && count >= bytes) resolve({ firstSeconds, halfSeconds, seconds, errors });
      else
        reject(new Error(`${command} ended with ${signal ?? `code ${code}`} after ${count} of ${bytes} B: ${errors}`));
    });
  });
}

/** A program's arguments with its input as one JSON text; without it when it is too long: then it is in `input`. */
export function withInput(command: string, args: readonly string[], input: unknown): Run {
  const text = JSON.stringify(input);
  return text.length > ARGUMENT_CHARS_MAX ? { command, args, input: text } : { command, args: [...args, text] };
}

/** A program of ours under this very Node. */
export function node(file: string, input: unknown, flags: readonly string[] = []): Run {
  return withInput(process.execPath, [...flags, file], input);
}

/** A shell's word on the CPU time of what it ran: `sh -c 'COMMAND; times'` prints it in its second line. @returns seconds */
export function childTimes(printed: string): number {
  const line = printed.trim().split("\n").at(-1) ?? "";
  const parts = [...line.matchAll(/(\d+)m([\d.]+)s/g)];
  return parts.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
}
