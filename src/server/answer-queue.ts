/** Answers that were made in one turn of the event loop, written together at its end. */
import { TURN_ANSWERS_MAX, TURN_LATE_MS, TURN_MS_MAX, TURN_SKIPS, TURN_VAIN_TURNS_MAX } from "./limits.ts";

/** The part of a response that it needs; its head is written. */
export interface OpenResponse {
  end(body: string): unknown;
}

/**
 * A write to a client that sleeps wakes it, which costs the writer as much as all the rest of an answer; writes that follow find it
 * awake. So what is ready waits for the other requests that the same poll of the sockets brought. Where that wins nothing (one client
 * that asks one thing at a time) or costs something (slices of ingest come before the turns' ends), the next answers go at once.
 */
export class AnswerQueue {
  readonly #nowMs: () => number;
  #responses: OpenResponse[] = [];
  #texts: string[] = [];
  #firstMs = 0;
  #newestMs = 0;
  #scheduled = false;
  /** Answers of this turn, written already or not. */
  #inTurn = 0;
  #vainTurns = 0;
  #skips = 0;

  /** @param nowMs a clock that never goes back, of any origin */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Ends a response with its body, at the end of this turn at the latest. */
  end(response: OpenResponse, text: string): void {
    if (this.#skips > 0) {
      this.#skips--;
      response.end(text);
      return;
    }
    const now = this.#nowMs();
    this.#newestMs = now;
    this.#inTurn++;
    if (this.#responses.length === 0) this.#firstMs = now;
    this.#responses.push(response);
    this.#texts.push(text);
    if (this.#responses.length === TURN_ANSWERS_MAX || now - this.#firstMs > TURN_MS_MAX) this.#write();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#endTurn);
    }
  }

  readonly #endTurn = (): void => {
    this.#scheduled = false;
    const late = this.#nowMs() - this.#newestMs > TURN_LATE_MS;
    this.#vainTurns = late || this.#inTurn === 1 ? this.#vainTurns + 1 : 0;
    if (this.#vainTurns >= TURN_VAIN_TURNS_MAX) this.#skips = TURN_SKIPS;
    this.#inTurn = 0;
    this.#write();
  };

  #write(): void {
    const [responses, texts] = [this.#responses, this.#texts];
    this.#responses = [];
    this.#texts = [];
    for (let i = 0; i < responses.length; i++) responses[i].end(texts[i]);
  }
}
