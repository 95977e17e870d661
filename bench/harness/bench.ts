/** What each row gets to work with: sizes, who may be installed, a broker to share, and where to note who could not run. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Broker, kafkaAvailable, startBroker } from "../../test/kafka/broker.ts";
import type { Found, Skipped } from "../report/results.ts";
import { type InstallPolicy, Unavailable } from "./install.ts";
import { type Contestant, interleave } from "./statistics.ts";

export interface Settings {
  /** Small data and few laps: some minutes in all. */
  readonly quick: boolean;
  readonly install: boolean;
  /** Laps of each contestant; null: the row's own number. */
  readonly rounds: number | null;
}

export class Bench {
  readonly settings: Settings;
  readonly skipped: Skipped[] = [];
  readonly policy: InstallPolicy;
  /** Temporary files of the whole run. */
  readonly directory = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
  #broker: Broker | null = null;

  constructor(settings: Settings) {
    this.settings = settings;
    this.policy = { allowed: settings.install, say: (text) => this.say(text) };
  }

  say(text: string): void {
    process.stderr.write(`  ${text}\n`);
  }

  /** The size for this run. */
  size(quick: number, full: number): number {
    return this.settings.quick ? quick : full;
  }

  rounds(quick: number, full: number): number {
    return this.settings.rounds ?? this.size(quick, full);
  }

  /** A broker with room for a bench, started when first asked for. @throws Unavailable */
  async kafka(): Promise<string> {
    const available = kafkaAvailable();
    if (!available.ok) throw new Unavailable(available.why, available.how);
    if (this.#broker === null) {
      this.say("starting a Kafka broker");
      this.#broker = await startBroker({ jvm: ["-Xms512m", "-Xmx1g"], dataDir: join(this.directory, "kafka") });
    }
    return this.#broker.bootstrap;
  }

  /** Ends the broker and forgets its topics: what follows has the machine to itself. */
  async endKafka(): Promise<void> {
    await this.#broker?.stop();
    this.#broker = null;
    rmSync(join(this.directory, "kafka"), { recursive: true, force: true });
  }

  /** Prepares a peer; null when it cannot run here, which is noted. */
  async peer<T>(name: string, prepare: () => Promise<T> | T): Promise<T | null> {
    try {
      return await prepare();
    } catch (error) {
      this.skip(name, error);
      return null;
    }
  }

  skip(name: string, error: unknown): void {
    const why = error instanceof Unavailable ? error.message : shortened(String(error));
    const how = error instanceof Unavailable ? error.how : "it failed here: see the reason";
    this.skipped.push({ name, why, how });
    this.say(`${name} left out: ${why} (${how})`);
  }

  /** Laps in turn; a contestant that fails is noted and left out. */
  laps<T>(contestants: readonly Contestant<T>[], rounds: number): Promise<Map<string, T[]>> {
    return interleave(contestants, rounds, (name, error) => this.skip(name, error));
  }

  async close(): Promise<void> {
    await this.endKafka();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The first line of a message, what it names as an error, and the last line. */
function shortened(text: string): string {
  const [first, ...rest] = text.trim().split("\n");
  const telling = rest.filter((line, i) => /error/i.test(line) || i === rest.length - 1);
  return [first, ...telling.slice(0, 3)].join(" ").slice(0, 500);
}

/** A row of the bench. */
export interface Row {
  readonly name: string;
  /** For `--help`. */
  readonly about: string;
  /** The broker is kept while rows that follow each other use it. */
  readonly usesKafka?: boolean;
  run(bench: Bench): Promise<Found>;
}
