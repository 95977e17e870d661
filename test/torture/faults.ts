/** What torture and soak do to a running server, besides kill -9: its disk is full or fails, its clock is set, it stands still, its broker is killed. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** In the middle of commits, or of taking in, it is killed; `stop` is SIGTERM. The others end by themselves, and the process goes on. */
export const FAULTS = ["commit", "ingest", "stop", "pause", "full-disk", "failing-sync", "clock", "broker"] as const;
export type Fault = (typeof FAULTS)[number];

const SHIM_SOURCE = join(import.meta.dirname, "faults.c");
/** The C library of this machine may lack what preloading needs (macOS). */
const COMPILE = ["-shared", "-fPIC", "-O1", "-o"];

/** The preloaded calls of one server (faults.c), and the file that tells them what fails. */
export class Shim {
  readonly #directory = mkdtempSync(join(tmpdir(), "tidemark-shim-"));
  readonly #control = join(this.#directory, "control");
  readonly #library = join(this.#directory, "failing-disk.so");
  /** Why there is none here; null when there is. */
  readonly missing: string | null;

  constructor() {
    process.once("exit", () => this.end());
    const compiled = spawnSync("cc", [...COMPILE, this.#library, SHIM_SOURCE, "-ldl"]);
    this.missing = compiled.status === 0 ? null : "needs a C compiler on Linux (Debian: gcc libc6-dev)";
    this.set();
  }

  get environment(): Record<string, string> {
    return this.missing === null ? { LD_PRELOAD: this.#library, FAILING_DISK: this.#control } : {};
  }

  /** What fails from now on, as `write log.db`, `sync log.db`, `clock 3600`; nothing: all is well. */
  set(...lines: string[]): void {
    writeFileSync(this.#control, lines.map((line) => `${line}\n`).join(""));
  }

  end(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Faults that cannot be had here, each with the reason. @param ownBroker whether a broker may be killed */
export function missingFaults(log: "embedded" | "kafka", shim: Shim, ownBroker: boolean): ReadonlyMap<Fault, string> {
  const missing = new Map<Fault, string>();
  if (shim.missing !== null)
    for (const fault of ["full-disk", "failing-sync", "clock"] as const) missing.set(fault, shim.missing);
  if (log === "embedded") missing.set("broker", "the embedded log has none");
  else {
    missing.set("clock", "what Kafka's producers stamp is judged by the host's clock, which the comparison must know");
    missing.set("failing-sync", "the log is not on this disk");
    if (!ownBroker) missing.set("broker", "only a broker of its own is killed");
  }
  return missing;
}
