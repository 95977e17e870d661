/** Tokens of clients: what each is for. Several are valid at once, so that a new one can be handed out before the old one ends. */
import { hash, timingSafeEqual } from "node:crypto";

/** What a request is for: to ask; to append readings; to decide over what is not counted, and to see paths and addresses of the server. */
export const ROLES = ["read", "write", "admin"] as const;

/** One of them. */
export type Role = (typeof ROLES)[number];

/** A token as it was given. */
export interface GivenToken {
  readonly text: string;
  readonly roles: readonly Role[];
}

/** A token that is let in. The same one for as long as it is. */
export interface Token extends GivenToken {
  readonly digest: Buffer;
}

/** Tokens at one time: two of each role and device class are far fewer. Past it the settings are refused; all are compared with each request. */
export const TOKENS_MAX = 64;

/** The tokens that are valid now. */
export class Tokens {
  #all: readonly Token[] = [];

  constructor(given: readonly GivenToken[]) {
    this.replace(given);
  }

  /** From now on these and no others. One that is given for several roles has all of them. */
  replace(given: readonly GivenToken[]): void {
    const roles = new Map<string, Set<Role>>();
    for (const token of given) {
      const its = roles.get(token.text) ?? new Set();
      roles.set(token.text, its);
      for (const role of token.roles) its.add(role);
      if (its.has("admin")) its.add("read"); // who decides over readings has to see them
    }
    this.#all = [...roles].map(([text, its]) => {
      const inOrder = ROLES.filter((role) => its.has(role));
      const known = this.#all.find((token) => token.text === text && String(token.roles) === String(inOrder));
      return known ?? { text, roles: inOrder, digest: digestOf(text) };
    });
  }

  get all(): readonly Token[] {
    return this.#all;
  }

  /**
   * The token with this text; null: none. In a time that tells nothing of how alike they are, nor of lengths: digests are compared, all of them.
   * @example
   * ```ts
   * const tokens = new Tokens([{ text: "sixteen-or-more-characters", roles: ["write"] }]);
   * assert.deepEqual(tokens.find("sixteen-or-more-characters")?.roles, ["write"]);
   * assert.equal(tokens.find("another"), null);
   * ```
   */
  find(text: string): Token | null {
    const digest = digestOf(text);
    let found: Token | null = null;
    for (const token of this.#all) if (timingSafeEqual(digest, token.digest)) found = token;
    return found;
  }
}

function digestOf(text: string): Buffer {
  return hash("sha256", text, "buffer");
}
