/** CONTRIBUTING's commands, as they stand there. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { launch, ROOT } from "./cli.ts";

/** What stands in blocks of no language takes too long here; package.test.ts makes the package. */
const NOT_RUN: readonly RegExp[] = [
  /^npm test$/,
  /^npm run (torture|soak|fuzz|flips|planted)/,
  /^npm run build$/,
  /^npm pack /,
];

const text = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
const commands = [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, language, block]) =>
  block
    .trimEnd()
    .split("\n")
    .map((command) => ({ language, command })),
);

describe("CONTRIBUTING", () => {
  for (const { language, command } of commands) {
    const left = NOT_RUN.some((pattern) => pattern.test(command));
    test(command, { timeout: 300_000 }, async () => {
      assert.equal(language, left ? "" : "sh", "sh is run, other blocks are named here as not run");
      if (left) return;
      const env = { NODE_TEST_CONTEXT: "", CI: "false" };
      const child = launch("sh", ["-ec", `exec ${command.replace("--inspect-brk", "--inspect-brk=0")}`], {
        cwd: ROOT,
        env,
      });
      if (command.includes("--inspect-brk")) {
        await child.until(/Debugger listening on ws:/);
        child.kill("SIGKILL");
        return;
      }
      const { code, stdout, stderr } = await child.ended;
      assert.equal(code, 0, `${stdout}${stderr}`);
      if (command.startsWith("npm test")) assert.match(stdout, /^[1-9]\d* passed, 0 failed/m);
    });
  }
});
