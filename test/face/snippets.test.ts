/** The lines that the page gives for the first reading, run as a person runs them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { LANGUAGES, type Language, snippet } from "../../src/face/now/snippets.ts";
import { startTidemark } from "./browser.ts";

const run = promisify(execFile);

const PROGRAMS: Readonly<Record<Language, string>> = { curl: "curl", python: "python3", node: "node" };
const TOKEN = "a-token-of-some-length";

for (const language of Object.keys(LANGUAGES) as Language[]) {
  for (const token of [null, TOKEN]) {
    test(`${LANGUAGES[language]}, ${token === null ? "without" : "with"} a token`, async (t) => {
      const program = PROGRAMS[language];
      const has = await run("sh", ["-c", `command -v ${program}`]).then(
        () => true,
        () => false,
      );
      if (!has) return t.skip(`there is no ${program}`);
      const tidemark = await startTidemark(t, ...(token === null ? [] : ["--token", token]));
      const lines = snippet(language, `${tidemark.url}readings/temperature`, token !== null);
      const env = { ...process.env, ...(token === null ? {} : { TIDEMARK_TOKEN: token }) };
      const { stdout } = await run("sh", ["-c", lines], { env });
      assert.equal(stdout.trim(), '{"appended":1}');
    });
  }
}
