/** `GET /live` as an iterator of events that comes back after every loss of the connection. docs/formats/live.md has the fields. */
import { messageOf, TidemarkError } from "../core/errors.ts";
import type { LiveData } from "../core/live-event.ts";
import { EventParser, type SentEvent } from "./event-parser.ts";
import { pause, refusalOf, request, type ServerAddress } from "./server-request.ts";

/** The server says something every 15 s at least; twice that and it is gone. */
const SILENCE_MS_MAX = 35_000;

/** Pauses between tries grow from the first to this. */
const RETRY_MS_FIRST = 250;
const RETRY_MS_MAX = 5000;

/** All sensors (`snapshot`: forget what was known), or those that changed. */
export interface LiveEvent extends LiveData {
  readonly kind: "snapshot" | "update";
}

/** What to follow, and until when. */
export interface LiveOptions {
  /** Only these; all if not given. */
  readonly sensors?: readonly string[] | undefined;
  /** Ends it; so does leaving the loop. */
  readonly signal?: AbortSignal | undefined;
}

/** @throws TidemarkError when trying again is of no use ("not-authorized", "not-found" …) */
export async function* live(server: ServerAddress, options: LiveOptions): AsyncGenerator<LiveEvent, void, undefined> {
  const { sensors, signal } = options;
  const only = new URLSearchParams(sensors?.map((name): [string, string] => ["sensor", name])).toString();
  const path = `live${only === "" ? "" : `?${only}`}`;
  const isOver = () => signal?.aborted === true;
  let lastId = "";
  let retryMs = 0;
  let tries = 0;
  while (!isOver()) {
    const ended = new AbortController();
    const events = eventsOf(server, path, lastId, ended, signal, (ms) => {
      retryMs = ms;
    });
    try {
      for await (const event of events) {
        tries = 0;
        lastId = event.id;
        if (event.name === "snapshot" || event.name === "update") yield parsed(event);
      }
    } catch (error) {
      if (isOver()) return;
      if (!(error instanceof TidemarkError) || !error.retryable) throw error;
    } finally {
      ended.abort();
    }
    const waitMs = tries === 0 ? retryMs : 0;
    await pause(Math.max(waitMs, Math.min(RETRY_MS_FIRST * 2 ** tries, RETRY_MS_MAX)), signal);
    tries++;
  }
}

/** Events of one connection, until it ends. @throws TidemarkError "server-unreachable" when it fails */
async function* eventsOf(
  server: ServerAddress,
  path: string,
  lastId: string,
  ended: AbortController,
  signal: AbortSignal | undefined,
  onRetry: (ms: number) => void,
): AsyncGenerator<SentEvent, void, undefined> {
  const listened = signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]);
  let timer = setTimeout(() => ended.abort(), SILENCE_MS_MAX);
  try {
    const headers = { accept: "text/event-stream", ...(lastId === "" ? {} : { "last-event-id": lastId }) };
    const response = await request(server, path, { headers, signal: listened, limited: false });
    if (!response.ok) throw refusalOf(response, await response.text());
    const parser = new EventParser();
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      clearTimeout(timer);
      timer = setTimeout(() => ended.abort(), SILENCE_MS_MAX);
      yield* parser.push(decoder.decode(chunk, { stream: true }));
      if (parser.retryMs !== null) onRetry(parser.retryMs);
    }
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError("server-unreachable", `Lost ${server.url.origin}: ${messageOf(error)}`, error);
  } finally {
    clearTimeout(timer);
  }
}

function parsed({ name, data }: SentEvent): LiveEvent {
  const event: unknown = JSON.parse(data);
  if (typeof event !== "object" || event === null || !("sensors" in event) || !Array.isArray(event.sensors)) {
    throw new TidemarkError("request-invalid", "Cannot follow the live stream: an event holds no sensors");
  }
  return { ...event, kind: name } as unknown as LiveEvent;
}
