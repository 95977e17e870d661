/** Sends an event to a webhook, signed as standardwebhooks.com has it (Standard Webhooks 1.0): HMAC-SHA256 over id, time and body. */
import { createHmac } from "node:crypto";
import { request as tlsRequest } from "node:https";
import { rootCertificates } from "node:tls";
import type { Delivery } from "../alerts/alert-store.ts";
import { request as plainRequest } from "../core/node-http.ts";
import type { TargetSettings } from "./target-settings.ts";

/** Time for the whole answer, ms: a receiver puts what it gets aside, and works later. */
const ANSWER_MS_MAX = 10_000;

/** `v1,` and the signature in base64. */
function signatureOf(key: Buffer, id: string, seconds: number, body: string): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64")}`;
}

/** Resolves when the receiver has it: a status of 200 to 299. Redirects are not followed. @throws Error that says why, without path and query, which may be secret */
export function postEvent(
  { url, key, ca }: TargetSettings & { readonly kind: "webhook" },
  { event, body }: Delivery,
  nowMs: number,
  signal: AbortSignal,
): Promise<void> {
  const seconds = Math.floor(nowMs / 1000);
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "user-agent": "tidemark",
    "webhook-id": event,
    "webhook-timestamp": String(seconds),
    "webhook-signature": signatureOf(key, event, seconds, body),
  };
  const trust = ca === null ? {} : { ca: [...rootCertificates, ca] };
  const send = url.protocol === "https:" ? tlsRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`no delivery to ${url.origin}: ${why}`));
    const patience = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]);
    const options = { method: "POST", headers, agent: false, signal: patience, ...trust };
    const outgoing = send(url, options, (response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      response.on("error", (error) => fail(error.message));
      if (status >= 200 && status < 300) response.on("end", resolve);
      else fail(`it answers ${status}`);
    });
    outgoing.on("error", (error) => {
      const isLate = patience.aborted && !signal.aborted;
      const code = "code" in error ? String(error.code) : error.message;
      fail(isLate ? `no answer within ${ANSWER_MS_MAX / 1000} s` : code);
    });
    outgoing.end(body);
  });
}
