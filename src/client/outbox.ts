/** Readings on their way to a server: each with an identity, so that sending it again, after whatever failure, counts it once. */
import { TidemarkError } from "../core/errors.ts";
import { momentText, type Reading } from "./questions.ts";
import { pause, Refusal, requestJson, type ServerAddress } from "./server-request.ts";

/** One request: half of what a server takes in one body at the least. */
const BATCH_READINGS_MAX = 5000;

/** The pause before try n is at most FIRST × 2ⁿ and MAX, and at least half of that: a server that restarts is not run over. */
const PAUSE_MS_FIRST = 100;
const PAUSE_MS_MAX = 5000;

/** A pause that the server asks for is kept up to here. */
const RETRY_AFTER_MS_MAX = 30_000;

/** How long readings are tried where nothing else is said. */
const WITHIN_MS = 60_000;

/** A line that is no reading. */
export interface Problem {
  /** From 1 on, among the readings of one call. */
  readonly line: number;
  readonly code: string;
  readonly reason: string;
}

/** What became of readings. */
export interface Sent {
  /** Durable on the server's disk. */
  readonly appended: number;
  /** No readings, kept by the server under /rejections. */
  readonly rejected: number;
  /** The first ten of each request. */
  readonly problems: readonly Problem[];
}

/** How long to try. */
export interface SendOptions {
  /** A minute if not given; Infinity: until it is acknowledged. */
  readonly withinMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Readings that were not acknowledged. Nobody knows whether they arrived: send `unsent` again, and they are counted once. */
export class UnsentError extends TidemarkError {
  /** With the identities that they were sent with. */
  readonly unsent: readonly Reading[];

  constructor(error: TidemarkError, unsent: readonly Reading[]) {
    super(error.code, error.message, error);
    this.name = "UnsentError";
    this.unsent = unsent;
  }
}

/** The readings of one device. */
export class Outbox {
  readonly #server: ServerAddress;
  readonly #device: string;
  readonly #boot: string;
  readonly #now: () => number;
  /** Names belong to a sensor: so do sequences. */
  readonly #sequences = new Map<string, number>();

  /** @param now epoch ms: core/clock.ts is not for browsers */
  constructor(server: ServerAddress, device: string, boot: string, now: () => number) {
    this.#server = server;
    this.#device = device;
    this.#boot = boot;
    this.#now = now;
  }

  /** @throws UnsentError once it is given up, or the server refuses for good */
  async send(sensor: string, values: readonly (number | Reading)[], options: SendOptions = {}): Promise<Sent> {
    const readings = values.map((value) => this.#identified(sensor, typeof value === "number" ? { value } : value));
    const { withinMs = WITHIN_MS } = options;
    const until = performance.now() + withinMs;
    const problems: Problem[] = [];
    let [appended, rejected] = [0, 0];
    for (let at = 0; at < readings.length; at += BATCH_READINGS_MAX) {
      const batch = readings.slice(at, at + BATCH_READINGS_MAX);
      try {
        const sent = await this.#deliver(sensor, batch, until, options.signal);
        appended += sent.appended;
        rejected += sent.rejected ?? 0;
        for (const problem of sent.problems ?? []) problems.push({ ...problem, line: problem.line + at });
      } catch (error) {
        if (!(error instanceof TidemarkError)) throw error;
        throw new UnsentError(error, readings.slice(at));
      }
    }
    return { appended, rejected, problems };
  }

  /** What has no identity gets one, and the time of this moment if it has none. */
  #identified(sensor: string, reading: Reading): Reading {
    const { id, sequence, time } = reading;
    const timed = time === undefined ? {} : { time: momentText(time) };
    if (id !== undefined || sequence !== undefined) return { ...reading, ...timed };
    const next = this.#sequences.get(sensor) ?? 0;
    this.#sequences.set(sensor, next + 1);
    const own = { device: this.#device, boot: this.#boot, time: this.#now() };
    return { ...own, ...reading, ...timed, sequence: next };
  }

  async #deliver(sensor: string, batch: readonly Reading[], until: number, signal: AbortSignal | undefined) {
    const body = batch.map((reading) => JSON.stringify(reading)).join("\n");
    const headers = { "content-type": "application/x-ndjson" };
    for (let tries = 0; ; tries++) {
      try {
        const path = `readings/${encodeURIComponent(sensor)}`;
        return (await requestJson(this.#server, path, { body, headers, signal })) as Partial<Sent> & {
          appended: number;
        };
      } catch (error) {
        const waitMs = pauseMs(tries, error instanceof Refusal ? error.retryAfterMs : null);
        const isOver = performance.now() + waitMs > until;
        if (!(error instanceof TidemarkError) || !error.retryable || isOver) throw error;
        await pause(waitMs, signal);
        signal?.throwIfAborted();
      }
    }
  }
}

function pauseMs(tries: number, askedMs: number | null): number {
  const [drawn] = crypto.getRandomValues(new Uint32Array(1));
  const jitter = drawn / 2 ** 32;
  if (askedMs !== null) return Math.min(askedMs, RETRY_AFTER_MS_MAX) * (1 + jitter / 2);
  return Math.min(PAUSE_MS_FIRST * 2 ** Math.min(tries, 20), PAUSE_MS_MAX) * (0.5 + jitter / 2);
}
