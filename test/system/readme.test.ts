/** The README's commands, as they stand there, one after the other, from a copy of the tree (on a free port). */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { eventually, freePort, inTerminal, launch, linkPackages, ROOT, skipWithoutTerminal } from "./cli.ts";

const readme = readFileSync(join(ROOT, "README.md"), "utf8");

interface Block {
  readonly language: string;
  readonly text: string;
}

const blocks: readonly Block[] = [...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, text]) => ({
  language,
  text,
}));

/** What stands in blocks of no language is not run, for these reasons. */
const NOT_RUN: readonly RegExp[] = [
  /^tidemark http/, // a picture of the table
  /^make run LOG=kafka/, // compose.test.ts runs the server on a Kafka
  /^docker compose/, // there is no engine
  /^TIDEMARK_TOKEN=.* --host 0\.0\.0\.0/, // opens a port to the network; cli-serve.test.ts does it on loopback
  /^make test/, // this
];

describe("README", { skip: skipWithoutTerminal() }, () => {
  const tree = mkdtempSync(join(tmpdir(), "tidemark-readme-"));
  for (const name of ["Makefile", "package.json", "package-lock.json", "bin", "scripts", "src"]) {
    cpSync(join(ROOT, name), join(tree, name), { recursive: true });
  }
  linkPackages(tree);
  after(async () => {
    await launch("make", ["stop"], { cwd: tree }).ended;
    rmSync(tree, { recursive: true, force: true });
  });

  test("every block is run, or named as one that is not", () => {
    for (const { language, text } of blocks) {
      if (language === "")
        assert.ok(
          NOT_RUN.some((pattern) => pattern.test(text)),
          text,
        );
      else assert.ok(["sh", "json", "python", "cpp", "mermaid"].includes(language), language);
    }
  });

  test("in order, they do what it says", { timeout: 600_000 }, async () => {
    const port = await freePort();
    const env = { TIDEMARK_PORT: String(port) };
    let printed = "";
    for (const { language, text } of blocks) {
      const here = text.replaceAll("localhost:5000", `localhost:${port}`);
      if (language === "json") {
        // Data goes from the log into the history right after it is acknowledged, not before.
        const expected: unknown = JSON.parse(text);
        const question = blocks.find((block) => block.text.includes("compute/metrics"))?.text ?? assert.fail();
        await eventually(async () => {
          const again = await launch("sh", ["-ec", question.replaceAll("localhost:5000", `localhost:${port}`)], {
            cwd: tree,
            env,
          }).ended;
          assert.deepEqual(JSON.parse(again.stdout), expected, printed);
        });
      } else if (language === "python") {
        const { code, stdout, stderr } = await launch("python3", ["-c", here], { cwd: tree }).ended;
        assert.equal(code, 0, stderr);
        assert.equal(stdout, "{'appended': 1}\n".repeat(3));
      } else if (here.startsWith("make run") && language === "sh") {
        const terminal = inTerminal(`${here.trim()}; echo "exit=$?"`, tree, env);
        await terminal.until(/pressure +[1-9]/);
        terminal.write("\x03");
        await terminal.until(/exit=0/);
        await terminal.ended;
      } else if (language === "sh") {
        const { code, stdout, stderr } = await launch("sh", ["-ec", here], { cwd: tree, env }).ended;
        assert.equal(code, 0, `${here}\n${stdout}${stderr}`);
        printed = stdout;
      }
    }
  });
});
