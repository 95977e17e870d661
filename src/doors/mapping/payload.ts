/** The bytes of a message → JSON, a text, or fields of a form. */
import { isUtf8 } from "node:buffer";
import { messageOf } from "../../core/errors.ts";
import type { PayloadFormat } from "./map-spec.ts";
import { PathFault } from "./pattern.ts";
import { resolveSenml } from "./senml.ts";

/** What is in a message. `isText`: its numbers are texts, as in a form. */
export type Payload =
  | { readonly kind: "value"; readonly value: unknown; readonly isText: boolean }
  | { readonly kind: "nothing" }
  | { readonly kind: "fault"; readonly fault: string };

const FORM = /^application\/x-www-form-urlencoded\b/i;

/** @param type its media type, where it says one */
export function payloadOf(body: Uint8Array, type: string | undefined): Payload {
  if (!isUtf8(body)) return { kind: "fault", fault: "expected JSON or text in UTF-8, were other bytes" };
  const text = Buffer.from(body.buffer, body.byteOffset, body.length)
    .toString("utf8")
    .replace(/^\uFEFF/, "")
    .trim();
  if (text === "") return { kind: "nothing" };
  if (type !== undefined && FORM.test(type) && !/^[[{]/.test(text)) {
    return { kind: "value", value: fieldsOf(new URLSearchParams(text)), isText: true };
  }
  try {
    const value: unknown = JSON.parse(text);
    return { kind: "value", value, isText: typeof value === "string" };
  } catch (error) {
    if (!/^[[{]/.test(text)) return { kind: "value", value: text, isText: true };
    return { kind: "fault", fault: `expected JSON, ${messageOf(error)}` };
  }
}

/** Of a form or a query; of fields given twice the first. */
export function fieldsOf(parameters: URLSearchParams): Readonly<Record<string, string>> {
  return Object.fromEntries([...parameters].reverse());
}

/** What a map's format makes of it. */
export function formatted(payload: Payload, format: PayloadFormat): Payload {
  if (format === "auto" || payload.kind !== "value") return payload;
  try {
    return { kind: "value", value: resolveSenml(payload.value), isText: false };
  } catch (error) {
    if (error instanceof PathFault) return { kind: "fault", fault: `expected ${error.message}` };
    throw error;
  }
}

/** Header names of CloudEvents in binary mode (HTTP protocol binding 1.0.2, section 3.1). */
const CE = /^ce-([a-z0-9]{1,20})$/;

/**
 * An event whose attributes are headers as one whose attributes stand beside its data: what the specification calls structured mode.
 * The payload itself where it is no event.
 */
export function withEventHeaders(
  payload: Payload,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Payload {
  if (payload.kind === "fault") return payload;
  if (headers["ce-specversion"] !== undefined && headers["ce-id"] !== undefined) {
    const attributes = Object.entries(headers).flatMap(([name, value]): [string, string][] => {
      const match = CE.exec(name);
      return match === null || typeof value !== "string" ? [] : [[match[1], percentDecoded(value)]];
    });
    const data = payload.kind === "value" ? payload.value : null;
    const isText = payload.kind === "value" && payload.isText;
    return { kind: "value", value: { ...Object.fromEntries(attributes), data }, isText };
  }
  return payload;
}

/** Header values are percent-encoded there; one that is not is as it is. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
