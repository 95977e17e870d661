/** The live stream's clients: one frame for all of them whenever something changed; who is slow, or comes back, is told what changed since. Format: docs/formats/live.md. */
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { type AlertEvent, shownEvent } from "../alerts/alert.ts";
import type { Alerts } from "../alerts/alerts.ts";
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { INFLUX_TOPIC } from "../doors/influx.ts";
import type { CausedRange, Change } from "../engine/change.ts";
import type { Sensor } from "../engine/directory.ts";
import type { Engine } from "../engine/engine.ts";
import {
  FRAME_COMPUTE_MS_MAX,
  FRAME_COST_FACTOR,
  FRAME_INTERVAL_MS_MAX,
  FRAME_INTERVAL_MS_MIN,
  HEARTBEAT_MS,
  LIVE_ALERTS_MAX,
  LIVE_CLIENTS_MAX,
  LIVE_RETRY_MS,
  LIVE_SENSORS_MAX,
  LIVE_TICK_MS,
  STUCK_CLIENT_MS_MAX,
} from "./limits.ts";
import { LiveAudience } from "./live-audience.ts";
import { LiveChanges, secondsOfAll, unionByCause } from "./live-changes.ts";
import { LiveClient } from "./live-client.ts";
import { type LiveRow, LiveRows } from "./live-frame.ts";

/** What a client asks for. */
export interface LiveRequest {
  /** Null: all sensors that are in the stream. */
  readonly sensors: ReadonlySet<string> | null;
  /** The id of the last event that it got; null: it comes for the first time. */
  readonly lastEventId: string | null;
}

/** What is counted of the stream since the start of the process. */
export interface LiveCounts {
  /** Clients at the moment. */
  clients: number;
  /** Clients refused as there were too many. */
  refused: number;
  /** Clients cut as they did not read. */
  cut: number;
  /** Frames that passed a client by; what they told came later, in one. */
  framesDropped: number;
  /** Clients that came back and were told what changed since. */
  resumed: number;
  /** Clients that came back with the id of another process: they have to load anew what they show. */
  restarted: number;
}

/**
 * States: *idle* without clients (no timer runs, changes are only noted), *running* with some, *closed* for good.
 * A change → the sensor is due, if somebody watches it → one frame with all that are due, at once or when the interval since the last is over.
 */
export class LiveFeed {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #rows: LiveRows;
  readonly #onFailure: (error: unknown) => void;
  readonly #alerts: Alerts | null;
  readonly #changes = new LiveChanges();
  /** Begins all event ids: those of another process are told apart. */
  readonly #run = randomBytes(6).toString("hex");
  /** Sensors whose rows are to be sent, those first that have waited longest. */
  readonly #due = new Set<string>();
  /** The last frame that had a row of the sensor. */
  readonly #frameOf = new Map<string, number>();
  /** The sensors that are in the stream, as many as there is room for: those that are followed, or were since the start. */
  readonly #shown = new Set<string>();
  /** Those that there was no room for. */
  readonly #left = new Set<string>();
  readonly #clients = new LiveAudience(this.#shown);
  readonly #counts = { refused: 0, cut: 0, framesDropped: 0, resumed: 0, restarted: 0 };
  readonly #stopListening: readonly (() => void)[];
  #frame = 0;
  #frameTimer: NodeJS.Timeout | null = null;
  #tickTimer: NodeJS.Timeout | null = null;
  #nextFrameAt = 0;
  #closed = false;
  /** What was wrong at the last tick. */
  #trouble: string | null = null;
  #notices = "";
  #told = 0;

  /** @param onFailure called when the engine cannot be read; all clients are cut then */
  constructor(engine: Engine, clock: Clock, onFailure: (error: unknown) => void, alerts: Alerts | null = null) {
    this.#engine = engine;
    this.#clock = clock;
    this.#rows = new LiveRows(engine, clock);
    this.#onFailure = onFailure;
    for (const sensor of engine.sensors.list()) this.#show(sensor);
    this.#stopListening = [
      engine.sensors.onChange((sensor, before) => {
        if (before !== null) this.#restart(before);
        this.#show(sensor);
      }),
      engine.onChange((changes) => this.#changed(changes)),
      ...(alerts === null ? [] : [alerts.onEvents((events) => this.#tellAlerts(events))]),
    ];
    this.#alerts = alerts;
  }

  /** A sensor is called otherwise: who comes back is told all of them anew. */
  #restart(before: string): void {
    this.#shown.delete(before);
    this.#left.delete(before);
    this.#frameOf.delete(before);
    for (const { response } of this.#clients) response.end();
    this.#stop();
  }

  #show({ name, followed }: Sensor): void {
    if (!followed || this.#shown.has(name) || this.#isOnlyTopic(name)) return;
    if (this.#shown.size >= LIVE_SENSORS_MAX) {
      this.#left.add(name);
      return;
    }
    this.#shown.add(name);
    this.#makeDue(name);
  }

  /** Line protocol names the sensors of its readings: of the topic's own name there is nothing to see but lines that cannot be read. */
  #isOnlyTopic(name: string): boolean {
    return name === INFLUX_TOPIC && this.#engine.status(name).totals.received === 0;
  }

  get counts(): LiveCounts {
    return { clients: this.#clients.size, ...this.#counts };
  }

  /** @throws TidemarkError "too-busy" when there are too many clients, "not-ready" when the server closes */
  refuseWhenFull(): void {
    if (this.#closed) throw new TidemarkError("not-ready", "Cannot open the live stream: the server is closing");
    if (this.#clients.size < LIVE_CLIENTS_MAX) return;
    this.#counts.refused++;
    const wanted = `expected < ${LIVE_CLIENTS_MAX} clients, were ${this.#clients.size}`;
    throw new TidemarkError("too-busy", `Cannot open the live stream: ${wanted}`);
  }

  /** The first events of a client: how soon to come back, and all of its sensors. */
  greeting({ sensors, lastEventId }: LiveRequest): string {
    const since = lastEventId === null ? null : this.#frameOfId(lastEventId);
    if (since !== null) this.#counts.resumed++;
    else if (lastEventId !== null) this.#counts.restarted++;
    const own = sensors ?? this.#shown;
    const rows = this.#finished(own, (sensor) => (since === null ? [] : this.#since(sensor, since)));
    // What nobody watched was only noted: the frame that tells it is this one.
    this.#frame++;
    for (const sensor of own) if (!this.#clients.watches(sensor)) this.#changes.told(sensor, this.#frame);
    return `retry: ${LIVE_RETRY_MS}\n\n${this.#event("snapshot", rows, { resumed: since !== null })}`;
  }

  /** Takes over a response whose head and greeting are written. */
  join(response: ServerResponse, { sensors }: LiveRequest): void {
    const client = new LiveClient(response, sensors, this.#frame);
    this.#clients.add(client);
    response.once("close", () => {
      if (this.#clients.remove(client) && this.#clients.size === 0) this.#stop();
    });
    response.req.socket.once("end", () => response.end()); // a client that closed its side is done
    this.#tickTimer ??= setInterval(() => this.#tick(), LIVE_TICK_MS);
  }

  /** Ends all streams. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const { response } of this.#clients) response.end();
    this.#stop();
    for (const stop of this.#stopListening) stop();
  }

  #stop(): void {
    this.#clients.clear();
    if (this.#frameTimer !== null) clearTimeout(this.#frameTimer);
    this.#frameTimer = null;
    if (this.#tickTimer !== null) clearInterval(this.#tickTimer);
    this.#tickTimer = null;
    this.#due.clear();
    this.#rows.forget();
  }

  #changed(changes: readonly Change[]): void {
    for (const { sensor, ranges } of changes) {
      this.#changes.add(sensor, ranges);
      const topic = sensor === INFLUX_TOPIC ? this.#engine.sensors.find(sensor) : undefined;
      if (topic !== undefined) this.#show(topic);
      this.#makeDue(sensor);
    }
  }

  /** To clients that keep up, the newest of them; who missed one sees it by `alerts.told`. */
  #tellAlerts(events: readonly AlertEvent[]): void {
    const now = performance.now();
    const texts = events.slice(-LIVE_ALERTS_MAX).map((event) => {
      const text = `event: alert\ndata: ${JSON.stringify(shownEvent(event))}\n\n`;
      return { sensor: event.alert.sensor, text };
    });
    for (const client of this.#clients) {
      const own = texts.filter(({ sensor }) => client.sensors?.has(sensor) !== false);
      if (own.length === 0 || client.isFull(now)) continue;
      client.tell(own.map(({ text }) => text).join(""), client.frame, now);
    }
  }

  #makeDue(sensor: string): void {
    if (!this.#clients.watches(sensor)) return;
    this.#due.add(sensor);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#frameTimer !== null || this.#due.size === 0) return;
    const waitMs = Math.max(0, this.#nextFrameAt - performance.now());
    this.#frameTimer = setTimeout(() => this.#sendFrame(), waitMs);
  }

  #sendFrame(): void {
    this.#frameTimer = null;
    const startedAt = performance.now();
    this.#guarded(() => this.#tell(this.#takeDue(startedAt), startedAt));
    const costMs = performance.now() - startedAt;
    const pauseMs = Math.max(FRAME_INTERVAL_MS_MIN, costMs * FRAME_COST_FACTOR);
    this.#nextFrameAt = startedAt + Math.min(pauseMs, FRAME_INTERVAL_MS_MAX);
    this.#schedule();
  }

  /** Makes the rows of a new frame: of those that have waited longest, as many as there is time for. @returns their sensors */
  #takeDue(startedAt: number): string[] {
    const sensors: string[] = [];
    this.#frame++;
    for (const sensor of this.#due) {
      this.#due.delete(sensor);
      this.#rows.make(sensor, secondsOfAll(this.#changes.waiting(sensor)));
      this.#changes.told(sensor, this.#frame);
      this.#frameOf.set(sensor, this.#frame);
      sensors.push(sensor);
      if (performance.now() - startedAt > FRAME_COMPUTE_MS_MAX) break;
    }
    return sensors;
  }

  /** Sends the frame to clients that keep up, and to those that do so again what they have missed, too. */
  #tell(sensors: readonly string[], now: number): void {
    const rows = this.#finished(sensors, (sensor) => this.#changes.since(sensor, this.#frame - 1));
    const forAll = this.#update(rows, this.#shown);
    for (const client of this.#clients) {
      if (client.isFull(now)) this.#counts.framesDropped++;
      else if (client.frame < this.#frame - 1) this.#catchUp(client, now);
      else client.tell(client.sensors === null ? forAll : this.#update(rows, client.sensors), this.#frame, now);
    }
  }

  /** Sends all that frames told since the client was last sent one, as it is now. */
  #catchUp(client: LiveClient, now: number): void {
    const sensors = this.#clients.sensorsOf(client);
    const missed = [...sensors].filter((sensor) => (this.#frameOf.get(sensor) ?? 0) > client.frame);
    const rows = this.#finished(missed, (sensor) => this.#since(sensor, client.frame));
    client.tell(this.#update(rows, sensors), this.#frame, now);
  }

  /** The event for who is shown these sensors; null when none of them has a row. */
  #update(rows: ReadonlyMap<string, string>, shown: ReadonlySet<string>): string | null {
    const own = [...rows].filter(([sensor]) => shown.has(sensor));
    return own.length === 0 ? null : this.#event("update", new Map(own));
  }

  /** Each second: what moves by itself has moved on, the quiet get a heartbeat, the stuck are cut. */
  #tick(): void {
    const now = performance.now();
    this.#guarded(() => {
      const { trouble, notices } = this.#engine;
      const told = this.#alerts?.told ?? 0;
      const hasNews = trouble !== this.#trouble || notices.join() !== this.#notices || told !== this.#told;
      this.#told = told;
      this.#trouble = trouble;
      this.#notices = notices.join();
      for (const sensor of this.#clients.watched()) {
        if (hasNews || this.#rows.kept(sensor)?.moving === true) this.#makeDue(sensor);
      }
      for (const client of this.#clients) {
        if (client.isFull(now)) this.#cutWhenStuck(client, now);
        else if (client.frame < this.#frame) this.#catchUp(client, now);
        else if (hasNews || now - client.sentAt >= HEARTBEAT_MS - LIVE_TICK_MS) {
          client.tell(this.#event("update", new Map()), this.#frame, now);
        }
      }
    });
  }

  #cutWhenStuck({ response, behindSince }: LiveClient, now: number): void {
    if (behindSince === null || now - behindSince <= STUCK_CLIENT_MS_MAX) return;
    this.#counts.cut++;
    response.destroy();
  }

  /** What frames after this one have told of a sensor, and the next one will. */
  #since(sensor: string, frame: number): readonly CausedRange[] {
    return unionByCause(this.#changes.since(sensor, frame), this.#changes.waiting(sensor));
  }

  /** Rows as they are now, all of one moment. */
  #finished(
    sensors: Iterable<string>,
    rangesOf: (sensor: string) => readonly CausedRange[],
  ): ReadonlyMap<string, string> {
    const time = this.#clock.now();
    const rows = new Map<string, string>();
    for (const sensor of sensors) rows.set(sensor, this.#rows.finish(this.#fresh(sensor), time, rangesOf(sensor)));
    return rows;
  }

  #fresh(sensor: string): LiveRow {
    const kept = this.#rows.kept(sensor);
    if (kept?.second === this.#rows.second && !this.#changes.waits(sensor)) return kept;
    return this.#rows.make(sensor, secondsOfAll(this.#changes.waiting(sensor)));
  }

  #event(name: "snapshot" | "update", rows: ReadonlyMap<string, string>, more: object = {}): string {
    const sensorsTotal = this.#shown.size + this.#left.size;
    const alerts = this.#alerts === null ? {} : { alerts: { on: this.#alerts.counts.on, told: this.#alerts.told } };
    const own = { time: this.#clock.now(), trouble: this.#engine.trouble, sensorsTotal, ...alerts, ...more };
    const head = JSON.stringify(own);
    const data = `${head.slice(0, -1)},"sensors":[${[...rows.values()].join(",")}]}`;
    return `id: ${this.#run}-${this.#frame}\nevent: ${name}\ndata: ${data}\n\n`;
  }

  /** The frame of an event's id; null when it is none of this process. */
  #frameOfId(id: string): number | null {
    const [run, frame] = id.split("-");
    return run === this.#run && /^\d{1,15}$/.test(frame ?? "") && Number(frame) <= this.#frame ? Number(frame) : null;
  }

  /** A timer has no caller: when the engine cannot be read the clients are cut (they get the reason when they return), and the failure is passed on. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      for (const { response } of this.#clients) response.destroy();
      this.#stop();
      this.#onFailure(error);
    }
  }
}
