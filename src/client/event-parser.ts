/** Server-sent events out of text (WHATWG HTML, "Server-sent events", 9.2.6). */

/** One event of a stream. */
export interface SentEvent {
  readonly name: string;
  readonly data: string;
  /** The last id that the stream has said: what to come back with. */
  readonly id: string;
}

/** An event of the largest stream there is: a thousand sensors are 2 MB. */
const EVENT_CHARACTERS_MAX = 16_777_216;

/**
 * Lines → events. Text may be cut anywhere between two calls.
 * @example
 * ```ts
 * const parser = new EventParser();
 * assert.deepEqual(parser.push("id: 7\nevent: tick\nda"), []);
 * assert.deepEqual(parser.push("ta: 1\n\n"), [{ name: "tick", data: "1", id: "7" }]);
 * ```
 */
export class EventParser {
  #rest = "";
  #name = "";
  #data: string[] = [];
  #size = 0;
  #id = "";
  /** How long the server asks to wait before coming back, ms; null: it has not said. */
  retryMs: number | null = null;

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
    if (field === "id" && !value.includes("\0")) this.#id = value;
    if (field === "retry" && /^\d{1,9}$/.test(value)) this.retryMs = Number(value);
    if (field !== "data") return;
    this.#data.push(value);
    this.#size += value.length;
  }

  #dispatch(events: SentEvent[]): void {
    if (this.#data.length > 0) {
      events.push({ name: this.#name || "message", data: this.#data.join("\n"), id: this.#id });
    }
    this.#name = "";
    this.#data = [];
    this.#size = 0;
  }
}
