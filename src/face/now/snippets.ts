/** Lines that send one reading, for whoever has nothing else yet. Pure; test/face/snippets.test.ts runs each of them. */

/** Languages by their name in the address. */
export const LANGUAGES = { curl: "curl", python: "Python", node: "Node.js" } as const;

/** A key of LANGUAGES. */
export type Language = keyof typeof LANGUAGES;

/** The language that an address names; curl when it names none. */
export function languageOf(text: string | null): Language {
  return Object.keys(LANGUAGES).find((key): key is Language => key === text) ?? "curl";
}

/** @param url of the sensor's readings @param token whether the server wants one: it is read from the environment */
export function snippet(language: Language, url: string, token: boolean): string {
  return WRITERS[language](url, token);
}

const WRITERS: Readonly<Record<Language, (url: string, token: boolean) => string>> = {
  curl: (url, token) => `curl ${token ? '--header "Authorization: Bearer $TIDEMARK_TOKEN" ' : ""}--data 21.5 ${url}`,
  python: (url, token) =>
    [
      "python3 - <<'END'",
      `import ${token ? "os, " : ""}urllib.request`,
      `url = "${url}"`,
      ...(token ? ['headers = {"Authorization": "Bearer " + os.environ["TIDEMARK_TOKEN"]}'] : []),
      `request = urllib.request.Request(url, data=b"21.5"${token ? ", headers=headers" : ""})`,
      "print(urllib.request.urlopen(request).read().decode())",
      "END",
    ].join("\n"),
  node: (url, token) =>
    [
      "node --input-type=module - <<'END'",
      `const url = "${url}";`,
      ...(token ? ['const headers = { authorization: "Bearer " + process.env.TIDEMARK_TOKEN };'] : []),
      `const answer = await fetch(url, { method: "POST", body: "21.5"${token ? ", headers" : ""} });`,
      "console.log(await answer.text());",
      "END",
    ].join("\n"),
};
