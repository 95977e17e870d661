/** Tokens of the settings: texts and files that hold them, of a server and of its clients. Under src/config/config.ts. */
import { resolve } from "node:path";
import { type GivenToken, ROLES, type Role, TOKENS_MAX } from "../core/tokens.ts";
import { readSecretFile } from "./secret-file.ts";
import { invalid, type Settings } from "./settings.ts";
import { type Parsed, parseText, parseToken } from "./values.ts";

/** Options that give tokens, and what the tokens are for. */
const OPTIONS_OF = [
  { id: "token", file: "token-file", roles: ROLES },
  { id: "token-read", file: "token-read-file", roles: ["read"] },
  { id: "token-write", file: "token-write-file", roles: ["write"] },
  { id: "token-admin", file: "token-admin-file", roles: ["admin"] },
] as const;

/** Where tokens of some roles come from. */
export interface TokenSource {
  readonly roles: readonly Role[];
  readonly texts: readonly string[];
  /** A token a line; read again when it changes. */
  readonly file: { readonly path: string; readonly by: string } | null;
}

/** All that are given; none: nothing is required of clients. */
export function tokenSources(settings: Settings, cwd: string): TokenSource[] {
  return OPTIONS_OF.flatMap(({ id, file, roles }) => {
    const texts = settings.optional(id, parseTokens) ?? [];
    const path = settings.optional(file, parseText);
    if (texts.length === 0 && path === null) return [];
    const by = settings.given(file)?.by ?? file;
    return [{ roles, texts, file: path === null ? null : { path: resolve(cwd, path), by } }];
  });
}

/** Reads the files. @throws TidemarkError "config-invalid", which holds no token */
export function readTokens(sources: readonly TokenSource[]): GivenToken[] {
  const tokens = sources.flatMap(({ roles, texts, file }) =>
    [...texts, ...(file === null ? [] : tokensOfFile(file))].map((text) => ({ text, roles })),
  );
  if (tokens.length > TOKENS_MAX) {
    throw invalid(`Cannot use the tokens: expected <= ${TOKENS_MAX} at one time, were ${tokens.length}`);
  }
  return tokens;
}

/** Which token a client sends with a request of each kind; null: none. */
export type ClientTokens = Readonly<Record<Role, string | null>>;

/** The first that has the role; else any, so that the server says what it is not for. */
export function clientTokens(tokens: readonly GivenToken[]): ClientTokens {
  const allows = (text: string, role: Role): boolean =>
    tokens.some(
      (token) =>
        token.text === text && (token.roles.includes(role) || (role === "read" && token.roles.includes("admin"))),
    );
  const of = (role: Role): string | null => (tokens.find(({ text }) => allows(text, role)) ?? tokens[0])?.text ?? null;
  return { read: of("read"), write: of("write"), admin: of("admin") };
}

/** With which a program beside a server asks it; null: it needs none. @throws TidemarkError "config-invalid" */
export function readingToken({ tokens }: { readonly tokens: readonly TokenSource[] }): string | null {
  return clientTokens(readTokens(tokens)).read;
}

/** `a,b` → tokens. */
function parseTokens(text: string): Parsed<readonly string[]> {
  const tokens: string[] = [];
  for (const part of text.split(",")) {
    const token = parseToken(part.trim());
    if ("expected" in token) return token;
    tokens.push(token.value);
  }
  return { value: tokens };
}

function tokensOfFile({ path, by }: { readonly path: string; readonly by: string }): string[] {
  const lines = readSecretFile(path, by)
    .split("\n")
    .map((line) => line.trim());
  const filled = lines.flatMap((line, i) => (line === "" || line.startsWith("#") ? [] : [{ line, number: i + 1 }]));
  if (filled.length === 0) throw invalid(`Cannot use ${by}: expected a token a line in ${path}, it has none`);
  return filled.map(({ line, number }) => {
    const token = parseToken(line);
    if ("value" in token) return token.value;
    throw invalid(`Cannot use ${by}: line ${number} of ${path} must be ${token.expected}`);
  });
}
