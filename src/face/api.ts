/** Asks the server, on behalf of all pages. */

/** What the server (or the way to it) says went wrong, in words for people. */
export class ApiError extends Error {
  /** 0: there was no answer. */
  readonly status: number;
  /** The problem's code (docs/ERRORS.md), or "server-unreachable". */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A request's body, and what ends it early. */
export interface Asked {
  readonly method?: "POST" | "DELETE";
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Of another form than JSON: the `Accept` of the request. */
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

/** Paths have no slash in front, so that the page works below another path, too. */
export class Api {
  readonly #onRefused: () => Promise<void>;

  /** @param onRefused asks for the token: resolves when there is a session */
  constructor(onRefused: () => Promise<void>) {
    this.#onRefused = onRefused;
  }

  /** The JSON of an answer. @throws ApiError, or the signal's reason */
  async json<T>(path: string, asked: Asked = {}): Promise<T> {
    return (await this.fetch(path, asked)).json() as Promise<T>;
  }

  /** An answer whose status is good. Where a token is wanted, it is asked for and the request sent again. @throws ApiError */
  async fetch(path: string, asked: Asked = {}): Promise<Response> {
    for (;;) {
      const response = await this.#send(path, asked);
      if (response.ok) return response;
      if (response.status !== 401 || path === "session") throw await errorOf(response);
      await this.#onRefused();
    }
  }

  async #send(path: string, { method, body, accept, signal }: Asked): Promise<Response> {
    try {
      return await fetch(path, {
        cache: "no-store",
        ...(method === undefined ? {} : { method }),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(accept === undefined ? {} : { headers: { accept } }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new ApiError(0, "server-unreachable", `No answer from ${location.host}`);
    }
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const problem: unknown = await response.json().catch(() => null);
  const fields = new Map(Object.entries(problem ?? {}));
  const detail = fields.get("detail") ?? fields.get("errors");
  const text = Array.isArray(detail)
    ? detail.join("\n")
    : String(detail ?? `${response.status} ${response.statusText}`);
  return new ApiError(response.status, String(fields.get("code") ?? "internal"), text);
}
