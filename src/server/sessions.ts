/**
 * Sessions of browsers: a cookie in place of the token, as an EventSource cannot send a header, and a page should not keep a token where
 * its scripts can read it. The cookie is `EXPIRY.NONCE.MAC` (HMAC-SHA-256, RFC 2104, under a key made of the token): nothing is kept
 * of it here, it outlives a restart, and another token ends all of them.
 */
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Clock } from "../core/clock.ts";
import { SESSION_MS_MAX } from "./limits.ts";

/** What the keys are for: a key for one purpose only (RFC 5869, 3.2). */
const PURPOSE = "tidemark session 1";

const FORM = /^(\d{1,15})\.([\w-]{16,64})\.([\w-]{43})$/;

/** A new session: the value of `Set-Cookie`, and when it ends, ms. */
export interface NewSession {
  readonly cookie: string;
  readonly expires: number;
}

/** Makes and knows the cookies of one token. */
export class Sessions {
  readonly #key: Buffer;
  /** Cookies are shared by all ports of a host: that of another tidemark there has another name. */
  readonly name: string;
  readonly #clock: Clock;

  constructor(token: string, clock: Clock) {
    const keys = Buffer.from(hkdfSync("sha256", token, "", PURPOSE, 36));
    this.#key = keys.subarray(0, 32);
    this.name = `tidemark-${keys.subarray(32).toString("hex")}`;
    this.#clock = clock;
  }

  /** Begins one. @param secure the browser is to send it over TLS only */
  begin(secure: boolean): NewSession {
    const expires = this.#clock.now() + SESSION_MS_MAX;
    const claim = `${expires}.${randomBytes(16).toString("base64url")}`;
    return { cookie: this.#cookie(`${claim}.${this.#mac(claim)}`, SESSION_MS_MAX, secure), expires };
  }

  /** What makes a browser forget its own. */
  end(secure: boolean): string {
    return this.#cookie("", 0, secure);
  }

  /** Whether the request brings a session that has not ended. */
  isOf({ headers }: IncomingMessage): boolean {
    const start = `${this.name}=`;
    const pair = headers.cookie?.split(/; */).find((one) => one.startsWith(start));
    const match = pair === undefined ? null : FORM.exec(pair.slice(start.length));
    if (match === null) return false;
    const [, expires, nonce, mac] = match;
    const wanted = Buffer.from(this.#mac(`${expires}.${nonce}`));
    return timingSafeEqual(Buffer.from(mac), wanted) && Number(expires) > this.#clock.now();
  }

  #mac(claim: string): string {
    return createHmac("sha256", this.#key).update(claim).digest("base64url");
  }

  #cookie(value: string, ageMs: number, secure: boolean): string {
    const age = `Max-Age=${Math.floor(ageMs / 1000)}`;
    return `${this.name}=${value}; Path=/; ${age}; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
  }
}
