/** How many requests a second: of those who guess tokens always, of all where it was asked for. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../core/clock.ts";
import { TidemarkError } from "../core/errors.ts";
import { networkOf } from "../core/loopback.ts";
import type { Token } from "../core/tokens.ts";
import { RATE_KEYS_MAX, WRONG_TOKENS_BURST, WRONG_TOKENS_PER_SECOND } from "./limits.ts";

/** What was refused since the start. */
export interface RateCounts {
  /** Requests with a token that is none. */
  readonly wrongTokens: number;
  /** Requests with a token that was not looked at. */
  readonly blocked: number;
  /** Requests past --rate-limit. */
  readonly limited: number;
  /** Addresses forgotten as there were too many. */
  readonly forgotten: number;
}

/** Token buckets by key (of the classic kind: so many at once, so many a second). Bounded: the one that was used least lately is forgotten. */
class Buckets {
  readonly #buckets = new Map<string, { level: number; at: number }>();
  readonly #most: number;
  readonly #perMs: number;
  readonly #clock: Clock;
  forgotten = 0;

  constructor(most: number, perSecond: number, clock: Clock) {
    this.#most = most;
    this.#perMs = perSecond / 1000;
    this.#clock = clock;
  }

  /** Whether nothing was taken from any. */
  get isUnused(): boolean {
    return this.#buckets.size === 0;
  }

  /** Whether one is left. */
  has(key: string): boolean {
    return this.#level(key) >= 1;
  }

  /** Takes one. @returns false when none was left */
  take(key: string): boolean {
    const level = this.#level(key);
    if (level < 1) return false;
    this.#buckets.delete(key); // to the end of the order
    this.#buckets.set(key, { level: level - 1, at: this.#clock.steady() });
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= RATE_KEYS_MAX) break;
      this.#buckets.delete(oldest);
      this.forgotten++;
    }
    return true;
  }

  #level(key: string): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return this.#most;
    const level = Math.min(this.#most, bucket.level + (this.#clock.steady() - bucket.at) * this.#perMs);
    if (level === this.#most) this.#buckets.delete(key); // as good as new
    return level;
  }
}

/** Both limits, and who is known. */
export class RateLimit {
  readonly #wrong: Buckets;
  readonly #all: Buckets | null;
  readonly #perSecond: number;
  /** The token that a connection was let in with. */
  readonly #letIn = new WeakMap<Socket, Token>();
  /** Tokens that were let in from an address, while that is remembered. */
  readonly #known = new Map<string, Set<Token>>();
  #counts = { wrongTokens: 0, blocked: 0, limited: 0 };

  /** @param perSecond requests of all kinds, from each address and of each token; null: as many as come */
  constructor(perSecond: number | null, clock: Clock) {
    this.#wrong = new Buckets(WRONG_TOKENS_BURST, WRONG_TOKENS_PER_SECOND, clock);
    this.#perSecond = perSecond ?? 0;
    this.#all = perSecond === null ? null : new Buckets(Math.max(1, perSecond), perSecond, clock);
  }

  get counts(): RateCounts {
    return { ...this.#counts, forgotten: this.#wrong.forgotten + (this.#all?.forgotten ?? 0) };
  }

  /**
   * Judges a token that was found, or not (null). Where too many were wrong none of that address is looked at, the right one neither, as
   * whoever guesses would learn which it is; but those that had been let in from there are. @returns why it is not looked at
   */
  judge({ socket }: Pick<IncomingMessage, "socket">, token: Token | null): TidemarkError | null {
    if (token !== null && this.#letIn.get(socket) === token) return null;
    const address = networkOf(socket.remoteAddress ?? "");
    if (!this.#wrong.isUnused && !this.#wrong.has(address) && !(token && this.#known.get(address)?.has(token))) {
      this.#counts.blocked++;
      const wanted = `expected <= ${WRONG_TOKENS_PER_SECOND} wrong ones a second from one address, were more`;
      return new TidemarkError("too-many-requests", `Cannot look at the token: ${wanted}`);
    }
    if (token === null) {
      this.#counts.wrongTokens++;
      this.#wrong.take(address);
      return null;
    }
    this.#letIn.set(socket, token);
    this.#remember(address, token);
    return null;
  }

  #remember(address: string, token: Token): void {
    const tokens = this.#known.get(address) ?? new Set();
    this.#known.delete(address);
    this.#known.set(address, tokens.add(token));
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= RATE_KEYS_MAX) break;
      this.#known.delete(oldest);
    }
  }

  /** Counts a request that may come in. @returns why it may not now */
  count({ socket }: IncomingMessage, tokens: readonly Token[]): TidemarkError | null {
    if (this.#all === null) return null;
    const keys = [networkOf(socket.remoteAddress ?? ""), ...tokens.map(({ digest }) => digest.toString("base64"))];
    const over = keys.find((key) => this.#all?.take(key) === false);
    if (over === undefined) return null;
    this.#counts.limited++;
    const whose = over === keys[0] ? "from one address" : "with one token";
    const wanted = `expected <= ${this.#perSecond} requests a second ${whose} (--rate-limit), were more`;
    return new TidemarkError("too-many-requests", `Cannot serve another request: ${wanted}`);
  }
}
