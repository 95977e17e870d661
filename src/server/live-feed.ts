/** The live stream's clients: one frame for all of them whenever readings came in, dropped for those that do not keep up. Format: docs/formats/live.md. */
import type { ServerResponse } from "node:http";
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { union, type Window } from "../core/window.ts";
import type { Sensor } from "../engine/directory.ts";
import type { Change, Engine } from "../engine/engine.ts";
import {
  FRAME_COMPUTE_MS_MAX,
  FRAME_COST_FACTOR,
  FRAME_INTERVAL_MS_MAX,
  FRAME_INTERVAL_MS_MIN,
  HEARTBEAT_MS,
  LIVE_CLIENTS_MAX,
  LIVE_RETRY_MS,
  LIVE_SENSORS_MAX,
  LIVE_TICK_MS,
  STUCK_CLIENT_MS_MAX,
} from "./limits.ts";
import { LiveRows } from "./live-frame.ts";

/** How a client is doing; times by the process's own monotonic clock, ms. */
interface Client {
  readonly response: ServerResponse;
  /** When it was found not to have drained; then frames are dropped, and a snapshot follows once it has. Null: it keeps up. */
  behindSince: number | null;
  /** When it was last sent something. */
  sentAt: number;
}

/**
 * States: *idle* without clients (no timer runs, the engine does not call), *running* with some, *closed* for good.
 * A change → the sensor is pending → one frame with all that are pending, at once or when the interval since the last is over.
 */
export class LiveFeed {
  readonly #engine: Engine;
  readonly #rows: LiveRows;
  readonly #onFailure: (error: unknown) => void;
  readonly #clients = new Set<Client>();
  /** Sensors whose rows are to be made, and the seconds that changed of each. */
  readonly #pending = new Map<string, Window | null>();
  /** Those of them that changed as readings were released. */
  readonly #released = new Set<string>();
  /** The sensors that are in the stream, as many as there is room for: those that are followed, or were since the start. */
  readonly #shown = new Set<string>();
  /** Those that there was no room for. */
  readonly #left = new Set<string>();
  #unsubscribe: (() => void) | null = null;
  #frameTimer: NodeJS.Timeout | null = null;
  #tickTimer: NodeJS.Timeout | null = null;
  #nextFrameAt = 0;
  #closed = false;
  /** Frames that were not sent to a client because it had not drained. */
  framesDropped = 0;

  /** @param onFailure called when the engine cannot be read; all clients are cut then */
  constructor(engine: Engine, clock: Clock, onFailure: (error: unknown) => void) {
    this.#engine = engine;
    this.#rows = new LiveRows(engine, clock);
    this.#onFailure = onFailure;
    for (const sensor of engine.sensors.list()) this.#show(sensor);
    engine.sensors.onChange((sensor) => this.#show(sensor));
  }

  #show({ name, followed }: Sensor): void {
    if (!followed || this.#shown.has(name)) return;
    if (this.#shown.size >= LIVE_SENSORS_MAX) {
      this.#left.add(name);
      return;
    }
    this.#shown.add(name);
    if (this.#clients.size === 0) return;
    this.#pending.set(name, null);
    this.#schedule();
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** @throws TidemarkError "too-busy" when there are too many clients, "not-ready" when the server closes */
  refuseWhenFull(): void {
    if (this.#closed) throw new TidemarkError("not-ready", "Cannot open the live stream: the server is closing");
    if (this.#clients.size < LIVE_CLIENTS_MAX) return;
    const wanted = `expected < ${LIVE_CLIENTS_MAX} clients, were ${this.#clients.size}`;
    throw new TidemarkError("too-busy", `Cannot open the live stream: ${wanted}`);
  }

  /** The first events of a client: how soon to come back, and everything there is. */
  greeting(): string {
    return `retry: ${LIVE_RETRY_MS}\n\n${this.#snapshot()}`;
  }

  /** Takes over a response whose head and greeting are written. */
  join(response: ServerResponse): void {
    const client: Client = { response, behindSince: null, sentAt: performance.now() };
    this.#clients.add(client);
    response.once("close", () => this.#leave(client));
    response.req.socket.once("end", () => response.end()); // a client that closed its side is done
    if (this.#clients.size === 1) this.#start();
  }

  /** Ends all streams. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const { response } of this.#clients) response.end();
    this.#clients.clear();
    this.#stop();
  }

  #leave(client: Client): void {
    if (this.#clients.delete(client) && this.#clients.size === 0) this.#stop();
  }

  #start(): void {
    this.#unsubscribe = this.#engine.onChange((changes) => this.#changed(changes));
    this.#tickTimer = setInterval(() => this.#tick(), LIVE_TICK_MS);
  }

  #stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    if (this.#frameTimer !== null) clearTimeout(this.#frameTimer);
    this.#frameTimer = null;
    if (this.#tickTimer !== null) clearInterval(this.#tickTimer);
    this.#tickTimer = null;
    this.#pending.clear();
    this.#released.clear();
  }

  #changed(changes: readonly Change[]): void {
    for (const { sensor, seconds, cause } of changes) {
      if (cause === "released" && this.#shown.has(sensor)) this.#released.add(sensor);
      if (this.#shown.has(sensor)) this.#pending.set(sensor, union(this.#pending.get(sensor) ?? null, seconds));
    }
    this.#schedule();
  }

  #schedule(): void {
    if (this.#frameTimer !== null || this.#pending.size === 0 || this.#clients.size === 0) return;
    const waitMs = Math.max(0, this.#nextFrameAt - performance.now());
    this.#frameTimer = setTimeout(() => this.#frame(), waitMs);
  }

  #frame(): void {
    this.#frameTimer = null;
    const startedAt = performance.now();
    this.#guarded(() => {
      const rows = this.#takePending(startedAt);
      this.#send(event("update", this.#rows.data(rows, this.#shown.size + this.#left.size)), startedAt);
    });
    const costMs = performance.now() - startedAt;
    const pauseMs = Math.max(FRAME_INTERVAL_MS_MIN, costMs * FRAME_COST_FACTOR);
    this.#nextFrameAt = startedAt + Math.min(pauseMs, FRAME_INTERVAL_MS_MAX);
    this.#schedule();
  }

  /** Rows of those that have waited longest, as many as there is time for. */
  #takePending(startedAt: number): string[] {
    const rows: string[] = [];
    for (const [sensor, changed] of this.#pending) {
      this.#pending.delete(sensor);
      const { text } = this.#rows.make(sensor, changed);
      rows.push(this.#released.delete(sensor) ? `${text.slice(0, -1)},"cause":"released"}` : text);
      if (performance.now() - startedAt > FRAME_COMPUTE_MS_MAX) break;
    }
    return rows;
  }

  /** Sends a frame to clients that keep up, and a snapshot to those that do so again. */
  #send(frame: string, now: number): void {
    let snapshot: string | null = null;
    for (const client of this.#clients) {
      if (client.response.writableNeedDrain) {
        this.framesDropped++;
        client.behindSince ??= now;
      } else if (client.behindSince === null) write(client, frame, now);
      else {
        snapshot ??= this.#snapshot();
        client.behindSince = null;
        write(client, snapshot, now);
      }
    }
  }

  /** Each second: the last minute has moved on, the quiet get a heartbeat, the stuck are cut. */
  #tick(): void {
    const now = performance.now();
    for (const sensor of this.#shown) {
      if (this.#rows.kept(sensor)?.moving && !this.#pending.has(sensor)) this.#pending.set(sensor, null);
    }
    this.#schedule();
    let snapshot: string | null = null;
    for (const client of this.#clients) {
      const { response, behindSince } = client;
      if (response.writableNeedDrain) {
        client.behindSince ??= now;
        if (now - client.behindSince > STUCK_CLIENT_MS_MAX) response.destroy();
      } else if (behindSince !== null) {
        this.#guarded(() => {
          snapshot ??= this.#snapshot();
          client.behindSince = null;
          write(client, snapshot, now);
        });
      } else if (now - client.sentAt >= HEARTBEAT_MS - LIVE_TICK_MS) write(client, ": tidemark\n\n", now);
    }
  }

  #snapshot(): string {
    const { second } = this.#rows;
    // Without clients no listener is on the engine: all may have changed.
    if (this.#unsubscribe === null) this.#rows.forget();
    const rows: string[] = [];
    for (const sensor of this.#shown) {
      const kept = this.#rows.kept(sensor);
      const isFresh = kept !== undefined && kept.second === second && !this.#pending.has(sensor);
      rows.push(isFresh ? kept.text : this.#rows.make(sensor, this.#pending.get(sensor) ?? null).text);
    }
    return event("snapshot", this.#rows.data(rows, this.#shown.size + this.#left.size));
  }

  /** A timer has no caller: when the engine cannot be read the clients are cut (they get the reason when they return), and the failure is passed on. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      for (const { response } of this.#clients) response.destroy();
      this.#clients.clear();
      this.#stop();
      this.#onFailure(error);
    }
  }
}

function write(client: Client, text: string, now: number): void {
  client.sentAt = now;
  client.response.write(text);
}

function event(name: string, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`;
}
