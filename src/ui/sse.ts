/** Server-sent events out of bytes (WHATWG HTML, "Server-sent events", 9.2.6), and the one connection that brings them. */

import type { IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";
import { TidemarkError } from "../core/errors.ts";
import { request } from "../core/node-http.ts";

/** One event of a stream. */
export interface SentEvent {
  readonly name: string;
  readonly data: string;
}

/** An event of the largest stream there is: a thousand sensors are 2 MB. */
const EVENT_CHARACTERS_MAX = 16_777_216;

/** The server says something every 15 s at least; twice that and it is gone. */
const SILENCE_MS_MAX = 35_000;

/** What is read of an answer that is no stream. */
const REFUSAL_CHARACTERS_MAX = 2000;

/**
 * Lines → events. Text may be cut anywhere between two calls.
 * @example
 * ```ts
 * const parser = new EventParser();
 * assert.deepEqual(parser.push("event: tick\nda"), []);
 * assert.equal(parser.push("ta: 1\n\n")[0].data, "1");
 * ```
 */
export class EventParser {
  #rest = "";
  #name = "";
  #data: string[] = [];
  #size = 0;

  /** @throws Error when an event exceeds what a client should hold */
  push(text: string): SentEvent[] {
    const events: SentEvent[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") this.#dispatch(events);
      else this.#field(line);
    }
    if (this.#rest.length + this.#size > EVENT_CHARACTERS_MAX) {
      throw new Error(`an event must be <= ${EVENT_CHARACTERS_MAX} characters`);
    }
    return events;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#name = value;
    if (field !== "data") return;
    this.#data.push(value);
    this.#size += value.length;
  }

  #dispatch(events: SentEvent[]): void {
    if (this.#data.length > 0) events.push({ name: this.#name || "message", data: this.#data.join("\n") });
    this.#name = "";
    this.#data = [];
    this.#size = 0;
  }
}

/**
 * Events until the stream ends, which it does normally only when `signal` aborts.
 * @throws TidemarkError "server-unreachable", or "not-authorized" | "not-found" when trying again is of no use
 */
export async function* readEvents(
  url: URL,
  token: string | null,
  signal: AbortSignal,
): AsyncGenerator<SentEvent, void, undefined> {
  const response = await open(url, token, signal);
  const parser = new EventParser();
  const decoder = new TextDecoder();
  for await (const chunk of response) yield* parser.push(decoder.decode(chunk, { stream: true }));
  throw new TidemarkError("server-unreachable", "the server ended the stream");
}

async function open(url: URL, token: string | null, signal: AbortSignal): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = {
      accept: "text/event-stream",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    const send = url.protocol === "https:" ? tlsRequest : request;
    const outgoing = send(url, { headers, signal, agent: false }, resolve);
    outgoing.setTimeout(SILENCE_MS_MAX, () => outgoing.destroy(new Error(`silent for ${SILENCE_MS_MAX / 1000} s`)));
    outgoing.on("error", reject);
    outgoing.end();
  });
  if (response.statusCode === 200) return response;
  const text = await refusal(response);
  const code =
    response.statusCode === 401 || response.statusCode === 403
      ? "not-authorized"
      : response.statusCode === 404
        ? "not-found"
        : "server-unreachable";
  throw new TidemarkError(code, `Cannot watch ${url.origin}: ${response.statusCode} ${text}`);
}

async function refusal(response: IncomingMessage): Promise<string> {
  let text = "";
  response.setEncoding("utf8");
  for await (const chunk of response) {
    text += chunk;
    if (text.length > REFUSAL_CHARACTERS_MAX) break;
  }
  const detail = /"detail":("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  return detail === undefined ? text.slice(0, 200).replace(/\s+/g, " ") : String(JSON.parse(detail));
}
