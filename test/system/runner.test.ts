/** test/run.ts itself: what it counts, what it shows, and that nothing makes it hang or pass by mistake. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { launch, ROOT } from "./cli.ts";

const directory = mkdtempSync(join(tmpdir(), "tidemark-runner-"));
after(() => rmSync(directory, { recursive: true }));

async function run(
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
) {
  const paths = Object.entries(files).map(([name, content]) => {
    const path = join(directory, `${name}.test.ts`);
    writeFileSync(path, `import { describe, test } from "node:test";\n${content}`);
    return path;
  });
  // NODE_TEST_CONTEXT would make the inner tests report to this one.
  const { code, stdout } = await launch(process.execPath, ["test/run.ts", ...paths, ...args], {
    cwd: ROOT,
    env: { CI: "false", NODE_TEST_CONTEXT: "", ...env },
  }).ended;
  return { code, stdout, last: stdout.trimEnd().split("\n").at(-1) };
}

test("passed ones", async () => {
  const { code, last } = await run({ good: 'describe("a", () => { test("b", () => {}); test("c", () => {}); });' });
  assert.equal(last, "2 passed, 0 failed");
  assert.equal(code, 0);
});

test("a failure in full, with what its file wrote", async () => {
  const { code, stdout, last } = await run({
    bad: 'console.log("seed 7"); test("a", () => {}); test("b", (t) => t.test("c", () => { throw new Error("because"); }));',
  });
  assert.equal(last, "1 passed, 1 failed");
  assert.equal(code, 1);
  assert.match(stdout, /bad\.test\.ts: c\n.*\n.*Error: because[\s\S]*wrote:\n {2}seed 7/);
});

test("a file that hangs, one without tests, one that cannot be loaded, one that exits early", async () => {
  const { code, stdout, last } = await run(
    {
      hangs: 'test("ok", () => {}); test("stuck", () => new Promise(() => setInterval(() => {}, 1000)));',
      none: "export {};",
      broken: 'throw new Error("top");',
      early: 'test("a", () => process.exit(3));',
    },
    { TIDEMARK_TEST_FILE_MS: "3000" },
  );
  assert.equal(last, "1 passed, 4 failed");
  assert.equal(code, 1);
  assert.match(stdout, /hangs\.test\.ts: still ran after 3 s, in "stuck"/);
  assert.match(stdout, /none\.test\.ts: has no test/);
  assert.match(stdout, /broken\.test\.ts: exit code 1\n[\s\S]*Error: top/);
  assert.match(stdout, /early\.test\.ts: exit code 3/);
});

test("a skipped test is told, and is a failure in CI", async () => {
  const files = { skips: 'test("a", () => {}); test("b", { skip: "no such thing here" }, () => {});' };
  const here = await run(files);
  assert.equal(here.last, "1 passed, 0 failed, 1 skipped");
  assert.equal(here.code, 0);
  assert.match(here.stdout, /skipped .*skips\.test\.ts: b \(no such thing here\)/);
  const ci = await run(files, { CI: "true" });
  assert.equal(ci.last, "1 passed, 1 failed, 1 skipped");
  assert.equal(ci.code, 1);
  assert.match(ci.stdout, /skips\.test\.ts: b \(no such thing here\): skipped, which CI does not allow/);
});

test("only the tests of a name, and only of the files named", async () => {
  const files = {
    named: 'test("a", () => {}); describe("b", () => { test("a c", () => {}); test("d", () => {}); });',
    other: 'test("e", () => { throw new Error("not asked for"); });',
  };
  const { code, stdout, last } = await run(files, { CI: "true" }, ["--name", "^b a"]);
  assert.equal(last, "1 passed, 0 failed");
  assert.equal(code, 0);
  assert.doesNotMatch(stdout, /other/);
});

test("no test at all is no success", async () => {
  const nowhere = await launch(process.execPath, ["test/run.ts", join(directory, "nowhere")], { cwd: ROOT }).ended;
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stdout, /^no test file: .*nowhere$/m);
  assert.match(nowhere.stdout, /^0 passed, 0 failed$/m);
  const unnamed = await run({ good: 'test("a", () => {});' }, {}, ["--name", "z"]);
  assert.equal(unnamed.last, "0 passed, 0 failed");
  assert.equal(unnamed.code, 1);
});

test("npm test -- FILE runs that file only", async () => {
  const { code, stdout } = await launch("npm", ["test", "--", "test/core/time.test.ts"], {
    cwd: ROOT,
    env: { NODE_TEST_CONTEXT: "" },
  }).ended;
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^1 files in/m);
});

test("a simulation that is interrupted says how often each thing occurred so far", async () => {
  const args = ["test/simulate.ts", "--histories", "100000", "--seed", "5"];
  const simulation = launch(process.execPath, args, { cwd: ROOT });
  await simulation.until(/^simulating, seeds from 5 on\n/m);
  simulation.kill("SIGINT");
  simulation.kill("SIGINT");
  const { code, stdout } = await simulation.ended;
  if (/needs a C compiler/.test(stdout)) return;
  assert.equal(code, 1);
  assert.match(
    stdout,
    /^ +\d+ {2}power-loss$[\s\S]*\d+ histories \(seeds 5 to \d+\), \d+ readings, 0 failed, .*, interrupted\n$/m,
  );
});
