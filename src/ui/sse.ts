/** The one connection that brings the events of the live stream. */

import type { IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";
import { EventParser, type SentEvent } from "../client/event-parser.ts";
import { TidemarkError } from "../core/errors.ts";
import { request } from "../core/node-http.ts";
import { trustOf } from "../core/trusted-servers.ts";

/** The server says something every 15 s at least; twice that and it is gone. */
const SILENCE_MS_MAX = 35_000;

/** What is read of an answer that is no stream. */
const REFUSAL_CHARACTERS_MAX = 2000;

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
    const outgoing = send(url, { ...trustOf(url), headers, signal, agent: false }, resolve);
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
