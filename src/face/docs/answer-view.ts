/** What came back: status, time, size, headers, body. A stream is shown as it comes. */
import { element, setText } from "../dom.ts";
import { jsonLines } from "./json-lines.ts";

/** Of a body so much is shown, characters: more makes a page slow. */
const SHOWN_MAX = 200_000;

/** Part of the form; hidden until something was sent. */
export class AnswerView {
  readonly root: HTMLElement;
  /** Ends a stream. */
  readonly stop: HTMLButtonElement;
  readonly #head = element("p", { class: "status", role: "status" });
  readonly #headers = element("dl", { class: "headers" });
  readonly #body = element("code");
  #sending: AbortController | null = null;

  constructor() {
    this.stop = element("button", { class: "quiet", type: "button", hidden: true }, "Stop");
    this.stop.addEventListener("click", () => this.#sending?.abort());
    this.root = element(
      "div",
      { class: "came", hidden: true },
      this.#head,
      element("details", {}, element("summary", {}, "Headers"), this.#headers),
      element("pre", { tabindex: 0, "aria-label": "Body of the answer" }, this.#body),
    );
  }

  /** Sends a request and shows its answer; the one before is given up. */
  async show(path: string, request: RequestInit): Promise<void> {
    this.#sending?.abort();
    const sending = new AbortController();
    this.#sending = sending;
    this.root.hidden = false;
    this.root.dataset["kind"] = "waiting";
    this.#headers.replaceChildren();
    setText(this.#body, "");
    setText(this.#head, "Sent …");
    const start = performance.now();
    try {
      const response = await fetch(path, { ...request, cache: "no-store", signal: sending.signal });
      const head = `${response.status} ${response.statusText} · ${Math.round(performance.now() - start)} ms`;
      this.root.dataset["kind"] = response.ok ? "good" : "bad";
      this.#headers.replaceChildren(
        ...[...response.headers].flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
      );
      setText(this.#head, head);
      this.stop.hidden = false;
      const bytes = await this.#read(response);
      setText(this.#head, `${head} · ${bytes.toLocaleString("en")} bytes`);
    } catch (error) {
      if (this.#sending !== sending) return;
      if (sending.signal.aborted) setText(this.#head, `${this.#head.textContent} · stopped`);
      else {
        this.root.dataset["kind"] = "bad";
        setText(
          this.#head,
          `No answer from ${location.host}: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    } finally {
      if (this.#sending === sending) this.stop.hidden = true;
    }
  }

  /** Shows a body as it comes. @returns its bytes */
  async #read(response: Response): Promise<number> {
    const decoder = new TextDecoder();
    const reader = response.body?.getReader();
    let text = "";
    let bytes = 0;
    for (;;) {
      const { value, done } = (await reader?.read()) ?? { value: undefined, done: true };
      if (done) break;
      bytes += value?.length ?? 0;
      text += decoder.decode(value, { stream: true });
      setText(this.#body, cut(text));
    }
    setText(this.#body, cut(pretty(text, response.headers.get("content-type") ?? "")));
    return bytes;
  }
}

function cut(text: string): string {
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}\n… (${text.length} characters in all)`;
}

function pretty(text: string, type: string): string {
  if (!/\bjson\b|\+json/.test(type) || /ndjson/.test(type)) return text;
  try {
    return jsonLines(JSON.parse(text));
  } catch {
    return text;
  }
}
