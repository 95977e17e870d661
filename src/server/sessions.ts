/**
 * Sessions of browsers: a cookie in place of a token, as an EventSource cannot send a header, and a page should not keep a token where
 * its scripts can read it. The cookie is `EXPIRY.NONCE.MAC` (HMAC-SHA-256, RFC 2104, under a key made of the token): nothing is kept
 * of it here, it outlives a restart, may what its token may, and ends with it.
 */
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Clock } from "../core/clock.ts";
import type { Token, Tokens } from "../core/tokens.ts";
import { SESSION_MS_MAX } from "./limits.ts";

/** What the keys are for: a key for one purpose only (RFC 5869, 3.2). */
const PURPOSE = "tidemark session 1";

const FORM = /^(\d{1,15})\.([\w-]{16,64})\.([\w-]{43})$/;

/** What the names of all cookies begin with. */
const COOKIE_PREFIX = "tidemark-";

/** A new session: the value of `Set-Cookie`, and when it ends, ms. */
export interface NewSession {
  readonly cookie: string;
  readonly expires: number;
}

/** Of a token: what signs its cookies, and what they are called. Cookies are shared by all ports of a host: those of another token have another name. */
interface Signing {
  readonly key: Buffer;
  readonly name: string;
}

/** Makes and knows the cookies of the tokens. */
export class Sessions {
  readonly #tokens: Tokens;
  readonly #clock: Clock;
  readonly #signings = new WeakMap<Token, Signing>();

  constructor(tokens: Tokens, clock: Clock) {
    this.#tokens = tokens;
    this.#clock = clock;
  }

  /** What the cookies of the first token are called. */
  get name(): string {
    return this.#signingOf(this.#tokens.all[0]).name;
  }

  /** Begins one. @param secure the browser is to send it over TLS only */
  begin(token: Token, secure: boolean): NewSession {
    const { key, name } = this.#signingOf(token);
    const expires = this.#clock.now() + SESSION_MS_MAX;
    const claim = `${expires}.${randomBytes(16).toString("base64url")}`;
    return { cookie: cookieOf(name, `${claim}.${macOf(key, claim)}`, SESSION_MS_MAX, secure), expires };
  }

  /** What makes a browser forget all that it has. */
  end(secure: boolean): string[] {
    return this.#tokens.all.map((token) => cookieOf(this.#signingOf(token).name, "", 0, secure));
  }

  /** The tokens for which the request brings a session that has not ended. */
  of({ headers }: IncomingMessage): Token[] {
    const { cookie } = headers;
    if (cookie === undefined || !cookie.includes(COOKIE_PREFIX)) return [];
    const pairs = cookie.split(/; */);
    return this.#tokens.all.filter((token) => {
      const { key, name } = this.#signingOf(token);
      const start = `${name}=`;
      const pair = pairs.find((one) => one.startsWith(start));
      const match = pair === undefined ? null : FORM.exec(pair.slice(start.length));
      if (match === null) return false;
      const [, expires, nonce, mac] = match;
      const wanted = Buffer.from(macOf(key, `${expires}.${nonce}`));
      return timingSafeEqual(Buffer.from(mac), wanted) && Number(expires) > this.#clock.now();
    });
  }

  #signingOf(token: Token): Signing {
    const known = this.#signings.get(token);
    if (known !== undefined) return known;
    const keys = Buffer.from(hkdfSync("sha256", token.text, "", PURPOSE, 36));
    const signing = { key: keys.subarray(0, 32), name: COOKIE_PREFIX + keys.subarray(32).toString("hex") };
    this.#signings.set(token, signing);
    return signing;
  }
}

function macOf(key: Buffer, claim: string): string {
  return createHmac("sha256", key).update(claim).digest("base64url");
}

function cookieOf(name: string, value: string, ageMs: number, secure: boolean): string {
  const age = `Max-Age=${Math.floor(ageMs / 1000)}`;
  return `${name}=${value}; Path=/; ${age}; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;
}
