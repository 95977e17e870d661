/** A typed client of a server's HTTP API: for Node and browsers, on nothing but `fetch`. */
import { TidemarkError } from "../core/errors.ts";
import { type LiveEvent, type LiveOptions, live } from "./live.ts";
import { Outbox, type SendOptions, type Sent } from "./outbox.ts";
import {
  type Asked,
  type Bounds,
  type Computed,
  type ComputedByDevice,
  computeBody,
  type DevicesAsked,
  type MetricAsked,
  momentText,
  type Reading,
  type Series,
  type SeriesQuestion,
  seriesParameters,
} from "./questions.ts";
import { requestJson, type ServerAddress } from "./server-request.ts";

export { type ErrorCode, TidemarkError } from "../core/errors.ts";
export type { LiveChange, LiveSensor, Moments } from "../core/live-event.ts";
export type { LiveEvent, LiveOptions } from "./live.ts";
export { type Problem, type SendOptions, type Sent, UnsentError } from "./outbox.ts";
export type {
  Asked,
  Bounds,
  Computed,
  ComputedByDevice,
  DevicesAsked,
  MetricAsked,
  Moment,
  Reading,
  Series,
  SeriesQuestion,
} from "./questions.ts";

/** Items of one page of a list: the most there are. */
const LIST_ITEMS_MAX = 1000;

/** Drawn at random where nothing is said, bytes. */
const NAME_BYTES = 8;

/** How to connect. */
export interface ConnectOptions {
  /** What the server wants (`--token`). */
  readonly token?: string | undefined;
  /** Whose readings `send` sends; drawn at random if not given, which is one more device each time. */
  readonly device?: string | undefined;
}

/** A device as `GET /devices` lists it; times are UTC. */
export interface DeviceInfo {
  /** "": of readings that name none. */
  readonly device: string;
  /** What is odd about it: stuck, held-back, conflicts, simulated. */
  readonly flags: readonly string[];
  readonly lastHeard: string | null;
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  readonly lastValue: number | null;
  readonly readings: number;
  readonly duplicates: number;
  readonly conflicts: number;
  readonly late: number;
  readonly heldBack: number;
  /** Questions can name it. */
  readonly hasSeries: boolean;
  /** Its series lacks what was taken in before; null: nothing. */
  readonly since: string | null;
}

/** A sensor as `GET /sensors` lists it; times are UTC. */
export interface SensorInfo {
  readonly sensor: string;
  readonly followed: boolean;
  readonly received: number;
  readonly counted: number;
  readonly duplicates: number;
  readonly quarantined: number;
  readonly rejected: number;
  readonly late: number;
  readonly devices: number;
  readonly lag: number;
  readonly lastValue: number | null;
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  readonly completeUntil: string | null;
  /** Further fields, as docs/HTTP.md has them. */
  readonly [more: string]: unknown;
}

/** A server. It holds no connection that would have to be closed. Every method throws TidemarkError, whose `code` is a heading of docs/ERRORS.md. */
export class Connection {
  readonly #server: ServerAddress;
  readonly #outbox: Outbox;

  /** @throws TidemarkError "config-invalid" */
  constructor(url: string | URL, { token, device }: ConnectOptions = {}) {
    this.#server = { url: baseOf(url), token: token ?? null };
    this.#outbox = new Outbox(this.#server, device ?? `client-${drawn()}`, drawn(), () => Date.now());
  }

  /**
   * Metrics of a window.
   * @throws TidemarkError "request-invalid" when any of it is not understood, in the server's words
   */
  async compute<const Q extends Asked>(asked: Q, bounds: Bounds = {}): Promise<Computed<Q>> {
    return ((await this.#compute(asked, bounds, {})) as { readonly result: Computed<Q> }).result;
  }

  /**
   * Metrics of each device by itself: of those that have a series of their own (docs/HTTP.md, "Devices").
   * @throws TidemarkError "request-invalid" when any of it is not understood, in the server's words
   */
  async computeByDevice<const Q extends Asked>(
    asked: Q,
    bounds: Omit<Bounds, "device"> = {},
    devices: DevicesAsked = {},
  ): Promise<ComputedByDevice<Q>> {
    const given = Object.entries(devices).filter(([, value]) => value !== undefined);
    const parameters = Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
    const answer = await this.#compute(asked, bounds, { by: "device", ...parameters });
    const { result, devices: shown } = answer as ComputedByDevice<Q>;
    return { result, devices: shown };
  }

  async #compute(asked: Asked, bounds: Bounds, more: Readonly<Record<string, string>>): Promise<unknown> {
    const { timezone, device, asOf } = bounds;
    const parameters = new URLSearchParams({
      ...(timezone === undefined ? {} : { timezone }),
      ...(asOf === undefined ? {} : { asOf: String(momentText(asOf)) }),
      ...(device === undefined ? {} : { device }),
      ...more,
    });
    const answer = await requestJson(this.#server, `compute/metrics${parameters.size === 0 ? "" : `?${parameters}`}`, {
      body: computeBody(asked, bounds),
      headers: { "content-type": "application/json" },
    });
    const { errors } = answer as { readonly errors: readonly string[] };
    if (errors.length > 0) throw new TidemarkError("request-invalid", errors.join("; "));
    return answer;
  }

  /** The devices of a sensor, by name. */
  async devices(sensor: string): Promise<DeviceInfo[]> {
    const all: DeviceInfo[] = [];
    for (let after: string | null | undefined; after !== null; ) {
      const limit = String(LIST_ITEMS_MAX);
      const parameters = new URLSearchParams({ sensor, limit, ...(after === undefined ? {} : { after }) });
      const part = await requestJson(this.#server, `devices?${parameters}`);
      const { items, next } = part as { readonly items: DeviceInfo[]; readonly next: string | null };
      for (const item of items) all.push(item);
      after = next;
    }
    return all;
  }

  /** Metrics in buckets of a calendar, for a chart. */
  async series<const M extends MetricAsked = "mean" | "min" | "max">(question: SeriesQuestion<M>): Promise<Series<M>> {
    const parameters = new URLSearchParams(seriesParameters(question));
    return (await requestJson(this.#server, `series?${parameters}`)) as Series<M>;
  }

  /** All sensors, in the order they were added. */
  async sensors(): Promise<SensorInfo[]> {
    const all: SensorInfo[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const path = `sensors?limit=${LIST_ITEMS_MAX}${after === 0 ? "" : `&after=${after}`}`;
      const page = (await requestJson(this.#server, path)) as { items: SensorInfo[]; next: number | null };
      for (const item of page.items) all.push(item);
      after = page.next;
    }
    return all;
  }

  /** Everything as it changes, from a snapshot on; comes back by itself when the connection is lost. */
  live(options: LiveOptions = {}): AsyncGenerator<LiveEvent, void, undefined> {
    return live(this.#server, options);
  }

  /**
   * Sends readings until the server has them on its disk. What has no identity gets one, so that what is sent again counts once.
   * @throws UnsentError with what to send again
   */
  send(
    sensor: string,
    readings: number | Reading | readonly (number | Reading)[],
    options?: SendOptions,
  ): Promise<Sent> {
    return this.#outbox.send(sensor, Array.isArray(readings) ? readings : [readings as number | Reading], options);
  }
}

/**
 * The server at an address such as `http://localhost:5000`. Nothing is sent before it is asked for something.
 * @throws TidemarkError "config-invalid"
 */
export function connect(url: string | URL, options: ConnectOptions = {}): Connection {
  return new Connection(url, options);
}

function baseOf(url: string | URL): URL {
  const text = String(url);
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new TidemarkError(
      "config-invalid",
      `Cannot connect: expected a URL such as http://localhost:5000, was ${text}`,
    );
  }
  const base = new URL(text);
  base.search = "";
  base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

function drawn(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(NAME_BYTES)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
