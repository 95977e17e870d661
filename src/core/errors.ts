/** The three kinds of failure: operating errors are `TidemarkError`s, our bugs fail `assert`, rejections are values (rejections.ts). */

/** Every operating error there is: whether trying again can help, and the HTTP status it becomes. Each has a heading in docs/ERRORS.md. */
export const ERRORS = {
  "config-invalid": { retryable: false, status: 500 },
  "data-dir-unusable": { retryable: false, status: 500 },
  "data-dir-owned": { retryable: true, status: 500 },
  "thread-failed": { retryable: false, status: 500 },
  "history-corrupt": { retryable: false, status: 500 },
  "history-too-new": { retryable: false, status: 500 },
  "history-too-old": { retryable: false, status: 500 },
  "port-in-use": { retryable: true, status: 500 },
  "address-unusable": { retryable: false, status: 500 },
  "bind-refused": { retryable: false, status: 500 },
  "log-unreachable": { retryable: true, status: 503 },
  "log-refused": { retryable: false, status: 502 },
  "log-full": { retryable: true, status: 429 },
  "log-sync-failed": { retryable: true, status: 503 },
  "log-corrupt": { retryable: false, status: 500 },
  "log-too-old": { retryable: false, status: 500 },
  "log-closed": { retryable: true, status: 503 },
  "sensor-taken": { retryable: false, status: 409 },
  "too-many-sensors": { retryable: false, status: 409 },
  "correction-refused": { retryable: false, status: 409 },
  "topic-missing": { retryable: true, status: 503 },
  "topic-recreated": { retryable: true, status: 503 },
  "record-too-large": { retryable: false, status: 413 },
  "request-invalid": { retryable: false, status: 400 },
  "request-too-large": { retryable: false, status: 413 },
  "no-device-series": { retryable: false, status: 404 },
  "not-found": { retryable: false, status: 404 },
  "revision-gone": { retryable: false, status: 410 },
  "method-not-allowed": { retryable: false, status: 405 },
  "not-authorized": { retryable: false, status: 401 },
  "too-many-requests": { retryable: true, status: 429 },
  "role-missing": { retryable: false, status: 403 },
  "origin-refused": { retryable: false, status: 403 },
  "too-busy": { retryable: true, status: 503 },
  "not-ready": { retryable: true, status: 503 },
  "catching-up": { retryable: true, status: 503 },
  "server-unreachable": { retryable: true, status: 503 },
  "disk-full": { retryable: true, status: 503 },
  internal: { retryable: false, status: 500 },
} as const satisfies Record<string, { retryable: boolean; status: number }>;

/** The codes of ERRORS. */
export type ErrorCode = keyof typeof ERRORS;

/**
 * An operating error: the environment or a caller did something that tidemark names and survives, or ends on with one clear line.
 * @example
 * ```ts
 * const error = new TidemarkError("record-too-large", 'Cannot append to "t": payload must be <= 1048576 bytes, was 2097152');
 * assert.deepEqual([error.status, error.retryable], [413, false]);
 * ```
 */
export class TidemarkError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly status: number;

  /** @param message what could not be done to what, colon, wanted and actual */
  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "TidemarkError";
    this.code = code;
    this.retryable = ERRORS[code].retryable;
    this.status = ERRORS[code].status;
  }
}

/** Fails when our own code is wrong; `message` is only built then. @throws Error "BUG: …", never caught: the process stops and recovers from its last commit. */
export function assert(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new Error(`BUG: ${message()}`);
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
